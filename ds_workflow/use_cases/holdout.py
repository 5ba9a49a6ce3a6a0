"""The account of every holdout, and a fresh window when one is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import datasets, policies, snapshots
from ds_workflow.domain.holdout_spending import (
    REGISTERED,
    Account,
    Spending,
    account,
    candidates_scored,
    scored_words,
)
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
    plan: Spending
    scored: int  # candidates whose training showed their figures on it

    @property
    def told(self) -> dict[str, Any]:
        """The figures of its spending."""
        return self.plan.told(self.account.taken)

    def to_dict(self) -> dict[str, Any]:
        """One entry of `holdout-status --json`."""
        return {
            "digest": self.digest,
            "dataset_versions": list(self.dataset_versions),
            "rows": self.record.holdout_rows,
            "from": self.record.holdout_from,
            "to": self.record.last,
            "spending": self.told,
            "candidates_scored": self.scored,
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
            lines += [head, f"  {len(one.account.counted)} comparisons; {spending.words(one.told)}"]
            if said := scored_words(one.scored, one.account.taken):
                lines.append(f"  {said}")
            rows = [
                [c.use.at[:19], c.use.proposal_id or "(stopped before one)", str(one.account.number_of(c.question)),
                 f"{c.use.alpha:.3g}"]
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
            _account(work, digest),
            plan,
            candidates_scored(work.registry.events(kind=REGISTERED), digest),
        )
        for digest, records in by_digest.items()
    )
    return Status(name, windows)


def _account(work: Workspace, digest: str) -> Account:
    uses, reserved = work.registry.holdout_uses(digest), work.registry.holdout_reserved(digest)
    return account(uses, work.registry.proposal, reserved)


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
            "spending": self.plan.told(0),
        }

    def text(self) -> str:
        """For the terminal."""
        r = self.record
        return "\n".join(
            [
                f"A fresh window of {r.problem}: {r.dataset_version} holds out {r.holdout_rows:,} rows "
                f"({r.holdout_digest[:12]}), {self.seen:.1%} of them seen before.",
                spending.words(self.plan.told(0)),
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
    plan = policies.load(work.settings.policy(problem.name), problem).spending
    return Frozen(record, plan, seen, store.folder(problem.name, dataset_version))


def _require_unseen(work: Workspace, problem: Problem, frame: pd.DataFrame, mask: Any) -> float:
    """The share of the window's rows that were seen before; StateConflict when it is more than chance repeats."""
    window = _prints(frame[mask])
    asked, trained, last = _seen(work)
    old = {"asked in a comparison before": asked, "trained on by the champion": trained}
    shares = {what: len(window & prints) / max(1, len(window)) for what, prints in old.items()}
    worst = max(shares, key=lambda what: shares[what])
    if shares[worst] > MOST_SEEN:
        raise StateConflict(
            f"{shares[worst]:.1%} of the rows that this window would hold out were {worst}, so it is not a fresh one.",
            hint=_advice(problem, frame, last),
        )
    return len(window & (asked | trained)) / max(1, len(window))


def _advice(problem: Problem, frame: pd.DataFrame, last: str) -> str:
    if problem.split.method == "chronological" and problem.time_column and last:
        later = float((frame[problem.time_column].astype(str).str[:10] > last[:10]).mean())
        if 0 < later < 1:
            return f"Rows after {last[:10]} are fresh: hold out just them with --share {later:.4f}."
        return f"Bring rows of after {last[:10]}."
    return "Bring rows that were not there before."


def _seen(work: Workspace) -> tuple[set[int], set[int], str]:
    """Fingerprints of the rows of every asked holdout and of the champion's training rows, and the newest date."""
    store, registry, name = snapshots.SnapshotStore(work.settings.data), work.registry, work.problem.name
    asked: set[int] = set()
    trained: set[int] = set()
    last = ""
    champion = registry.champion(name)
    done: set[str] = set()
    for record in registry.snapshots(name):
        mine = champion is not None and champion.lineage.dataset_version == record.dataset_version
        digest = record.holdout_digest
        looked = bool(registry.holdout_uses(digest) or registry.holdout_reserved(digest)) and digest not in done
        if not (mine or looked):
            continue
        found = store.load(work.problem, record.dataset_version)
        if looked:
            asked |= _prints(found.holdout)
            done.add(record.holdout_digest)
        if mine:
            trained |= _prints(found.train)
        last = max(last, record.last)
    return asked, trained, last


def _prints(rows: pd.DataFrame) -> set[int]:
    """One number per row, the same for the same values."""
    import pandas as pd

    return set(pd.util.hash_pandas_object(rows, index=False).tolist())
