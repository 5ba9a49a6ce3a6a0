"""The account of every holdout, and a fresh window when one is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import asked_before, datasets, holdout_account, policies, snapshots
from ds_workflow.domain.holdout_spending import NOTHING, Account, Spending
from ds_workflow.domain.same_rows import Prints, overlap, prints, share_known
from ds_workflow.domain.snapshot import conform, holdout_mask
from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.reports import spending, tables

if TYPE_CHECKING:
    import pandas as pd

    from ds_workflow.domain.problem import Problem
    from ds_workflow.workspace import Workspace
    from registry.records import SnapshotRecord

MOST_SEEN = 0.01  # share of a fresh window's rows that may have been asked or trained on before


@dataclass(frozen=True)
class Window:
    """One holdout and what it has left. Several snapshots may hold the same rows out."""

    digest: str
    dataset_versions: tuple[str, ...]
    record: SnapshotRecord
    account: Account
    plan: Spending  # the policy's; the account's own is told
    shared: tuple[str, ...] = ()  # snapshots whose other holdouts hold these rows, and so share the account

    @property
    def told(self) -> dict[str, Any]:
        """The figures of its spending by challengers."""
        return self.account.told(self.plan)

    @property
    def trials(self) -> dict[str, Any]:
        """The figures of its spending by trials of a first champion."""
        return self.account.told(self.plan, trial=True)

    def to_dict(self) -> dict[str, Any]:
        """One entry of `holdout-status --json`."""
        return {
            "digest": self.digest,
            "dataset_versions": list(self.dataset_versions),
            "rows": self.record.holdout_rows,
            "from": self.record.holdout_from,
            "to": self.record.last,
            "shares_account_with": list(self.shared),
            "spending": self.told,
            "first_champion_trials": self.trials,
            "candidates_scored": self.told["scored"],
            "comparisons": [
                {
                    "proposal": one.use.proposal_id,
                    "at": one.use.at,
                    "look": self.account.number_of(one.question),
                    "round": one.round,
                    "level": one.use.alpha,
                }
                for one in self.account.counted
            ],
        }


@dataclass(frozen=True)
class Status:
    """All holdouts of one problem, oldest first."""

    problem: str
    windows: tuple[Window, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of `holdout-status --json`."""
        return {"problem": self.problem, "holdouts": [one.to_dict() for one in self.windows]}

    def text(self) -> str:
        """For the terminal."""
        if not self.windows:
            return "No holdout is frozen yet. Run 'data-snapshot' first."
        lines = []
        for one in self.windows:
            head = f"{', '.join(one.dataset_versions)}   {one.digest[:12]}   {one.record.holdout_rows:,} rows"
            many = len(one.account.counted)
            lines += [head, f"  {many} comparison{'' if many == 1 else 's'}; {spending.words(one.told)}"]
            shared = f"It shares one account with {', '.join(one.shared)}, which hold the same rows."
            said = (shared if one.shared else "", spending.scored_words(one.told), spending.plan_words(one.told))
            lines += [f"  {line}" for line in said if line]
            rows = [
                [c.use.at[:19], c.use.proposal_id or "(stopped before one)", str(one.account.number_of(c.question)),
                 f"{c.use.alpha:.3g}" if c.use.alpha > NOTHING else "none left"]
                for c in one.account.counted
            ]  # fmt: skip
            if rows:
                table = tables.text_table(["when", "proposal", "look", "level"], rows, align="llrr")
                lines += ["", *(f"  {line}" for line in table)]
            lines.append("")
        return "\n".join(lines).rstrip()


def status(work: Workspace) -> Status:
    """The account of every holdout of the workspace's problem; nothing is written."""
    name = work.problem.name
    plan = policies.load(work.settings.policy(name), work.problem).spending
    by_digest: dict[str, list[SnapshotRecord]] = {}
    for record in sorted(work.registry.snapshots(name), key=lambda r: r.created_at):
        by_digest.setdefault(record.holdout_digest, []).append(record)
    windows = tuple(
        Window(
            digest,
            tuple(r.dataset_version for r in records),
            records[0],
            holdout_account.read(work.registry, digest),
            plan,
            tuple(r.dataset_version for other in work.registry.holdouts_sharing(digest) if other != digest
                  for r in by_digest.get(other, ())),
        )
        for digest, records in by_digest.items()
    )  # fmt: skip
    return Status(name, windows)


@dataclass(frozen=True)
class Frozen:
    """A fresh window."""

    record: SnapshotRecord
    plan: Spending
    seen: float
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        """The document of `holdout-freeze --json`."""
        r = self.record
        return {
            "problem": r.problem,
            "dataset_version": r.dataset_version,
            "digest": r.digest,
            "rows": r.rows,
            "holdout": {"digest": r.holdout_digest, "rows": r.holdout_rows, "from": r.holdout_from, "to": r.last},
            "seen_before": self.seen,
            "spending": Account(()).told(self.plan),
        }

    def text(self) -> str:
        """For the terminal."""
        r = self.record
        return "\n".join(
            [
                f"A fresh window of {r.problem}: {r.dataset_version} holds out {r.holdout_rows:,} rows "
                f"({r.holdout_digest[:12]}), {self.seen:.1%} of them seen before.",
                spending.words(Account(()).told(self.plan)),
                f"Next: ds-workflow --problem {r.problem} train-candidate --dataset-version {r.dataset_version} "
                "--hypothesis-id H-AREA-001 ... (candidates trained on the old snapshot are judged on the old window)",
            ]
        )


def freeze(
    work: Workspace,
    dataset_version: str,
    *,
    source: Path | None,
    references: Sequence[Path] = (),
    simulate: bool = False,
    seed: int = 42,
    rows: int | None = None,
    share: float | None = None,
) -> Frozen:
    """Freeze a snapshot whose holdout nobody has asked yet and the champion was not trained on.

    `share` of the rows is held out (default: what the problem declares). Raises StateConflict, before anything is
    written, when more than one row in a hundred of the window was seen before; InvalidInput for a contest or a share
    that can't be.
    """
    if not hasattr(work.plugin, "clean"):
        raise InvalidInput(
            f"{work.problem.name} is a contest: its window is a set of tasks.",
            hint="Give the comparing command another set of tasks (codeeval-compare --tasks FILE).",
        )
    if share is not None and not 0 < share < 1:
        raise InvalidInput(f"--share is {share:g}; it lies between 0 and 1, as in 0.1.")
    problem: Problem = work.problem
    if share is not None:
        problem = replace(problem, split=replace(problem.split, holdout_share=share))
    ready = datasets.prepare(
        work.plugin, source=source, references=references, simulate=simulate, rows=rows, seed=seed, say=work.say
    )
    frame = conform(problem, ready.rows)
    mask = holdout_mask(problem, frame)
    seen = _require_unseen(work, problem, frame, mask)
    store = snapshots.SnapshotStore(work.settings.data)
    record = store.create(
        problem,
        ready.rows,
        dataset_version,
        source=ready.source,
        licence=ready.licence,
        dropped=ready.dropped,
        created_at=work.clock(),
    )
    work.registry.record_snapshot(record)
    asked_before.join(work.registry, store, problem, record, say=work.say)
    plan = policies.load(work.settings.policy(problem.name), problem).spending
    return Frozen(record, plan, seen, store.folder(problem.name, dataset_version))


def _require_unseen(work: Workspace, problem: Problem, frame: pd.DataFrame, mask: Any) -> float:
    """The share of the window's rows that were seen before; StateConflict when it is more than chance repeats."""
    window = prints(frame[mask], row_id=problem.row_id)
    asked, trained, last = _seen(work)
    found = {
        "asked in a comparison or a training before": share_known(window, asked),
        "trained on by the champion": share_known(window, trained),
    }
    worst = max(found, key=lambda what: found[what])
    if found[worst] > MOST_SEEN:
        raise StateConflict(
            f"{found[worst]:.1%} of the rows that this window would hold out were {worst}, so it is not a fresh one.",
            hint=_advice(problem, frame, last),
        )
    for old in asked:
        if (share := overlap(window, old)) > asked_before.MOST:
            raise StateConflict(
                f"This window holds {share:.0%} of the {len(old):,} rows of a holdout that was asked before, so it "
                "would share its account.",
                hint=_advice(problem, frame, last),
            )
    return share_known(window, [*asked, *trained])


def _advice(problem: Problem, frame: pd.DataFrame, last: str) -> str:
    if problem.split.method == "chronological" and problem.time_column and last:
        later = float((frame[problem.time_column].astype(str).str[:10] > last[:10]).mean())
        if 0 < later < 1:
            return f"Rows after {last[:10]} are fresh: hold out just them with --share {later:.4f}."
        return f"Bring rows of after {last[:10]}."
    return "Bring rows that were not there before."


def _seen(work: Workspace) -> tuple[list[Prints], list[Prints], str]:
    """Fingerprints of the rows of every holdout that was asked, or that training showed figures on, and of the
    champion's training rows; and the newest date."""
    store, registry, problem = snapshots.SnapshotStore(work.settings.data), work.registry, work.problem
    asked: dict[str, Prints] = {}
    trained: list[Prints] = []
    last = ""
    champion = registry.champion(problem.name)
    for record in registry.snapshots(problem.name):
        digest = record.holdout_digest
        mine = champion is not None and champion.lineage.dataset_version == record.dataset_version
        found = holdout_account.read(registry, digest)
        looked = bool(found.counted or found.trained)
        if looked and digest not in asked:
            asked[digest] = asked_before.prints_of(store, problem, record)
        if mine:
            trained.append(prints(store.load(problem, record.dataset_version).train, row_id=problem.row_id))
        if mine or looked:
            last = max(last, record.last)
    return list(asked.values()), trained, last
