"""Freeze, list, check and fetch data."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import asked_before, datasets, snapshots
from ds_workflow.domain.snapshot import held_out
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import quality, tables
from registry.records import SnapshotRecord

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Frozen:
    """One snapshot, as commands show it."""

    record: SnapshotRecord
    folder: Path | None = None
    held_out: str = ""  # how many rows, and by what, in words

    def to_dict(self) -> dict[str, Any]:
        """The document of `data-snapshot --json`."""
        r = self.record
        return {
            "problem": r.problem,
            "dataset_version": r.dataset_version,
            "digest": r.digest,
            "rows": r.rows,
            "columns": list(r.columns),
            "from": r.first,
            "to": r.last,
            "dropped": dict(r.dropped),
            "holdout": {
                "digest": r.holdout_digest,
                "rows": r.holdout_rows,
                "from": r.holdout_from,
                "words": self.held_out,
            },
            "source": r.source,
            "licence": r.licence,
            "created_at": r.created_at,
        }

    def text(self) -> str:
        """For the terminal."""
        where = f"\nQuality report: {self.folder / 'quality.md'}" if self.folder else ""
        return quality.text(self.to_dict()).rstrip() + where


def snapshot(
    work: Workspace,
    dataset_version: str,
    *,
    source: Path | None,
    references: Sequence[Path],
    simulate: bool,
    seed: int,
    rows: int | None = None,
    split: str = "",
) -> Frozen:
    """Read or simulate rows, clean them and freeze them under a name that never changes its meaning.

    `split` is another method to cut the holdout by than the one that the problem declares."""
    if not hasattr(work.plugin, "clean"):
        raise InvalidInput(
            f"{work.problem.name} is a contest: its rows are frozen by the command that compares in it.",
            hint="For programs that models wrote, that is 'codeeval-compare'.",
        )
    store = snapshots.SnapshotStore(work.settings.data)
    record = datasets.freeze(
        store,
        work.plugin,
        dataset_version,
        created_at=work.clock(),
        source=source,
        references=references,
        simulate=simulate,
        rows=rows,
        seed=seed,
        split=split,
        say=work.say,
    )
    work.registry.record_snapshot(record)
    asked_before.join(work.registry, store, work.problem, record, say=work.say)
    words = held_out(work.problem, record, store.split(work.problem, dataset_version))
    return Frozen(record, store.folder(work.problem.name, dataset_version), words)


def listed(work: Workspace) -> list[Frozen]:
    """The snapshots of the workspace's problem, oldest first."""
    store = snapshots.SnapshotStore(work.settings.data)
    split = {r.dataset_version: store.split(work.problem, r.dataset_version) for r in store.listed(work.problem.name)}
    return [
        Frozen(record, held_out=held_out(work.problem, record, split[record.dataset_version]))
        for record in store.listed(work.problem.name)
    ]


def table(found: Sequence[Frozen]) -> str:
    """For the terminal."""
    if not found:
        return "No snapshots yet. Freeze one: ds-workflow data-snapshot --dataset-version sim-v1 --simulate"
    head = ["dataset version", "rows", "from", "to", "held out", "from", "digest", "holdout digest", "source"]
    body = [
        [
            f.record.dataset_version,
            f"{f.record.rows:,}",
            f.record.first[:10],
            f.record.last[:10],
            f"{f.record.holdout_rows:,}",
            f.record.holdout_from[:10],
            f.record.digest[:12],
            f.record.holdout_digest[:12],
            f.record.source,
        ]
        for f in found
    ]
    return "\n".join(tables.text_table(head, body, align="lrllrllll"))


@dataclass(frozen=True)
class Checked:
    """What `data-check` found."""

    problem: str
    dataset_version: str
    checks: tuple[Any, ...]

    @property
    def ok(self) -> bool:
        """Whether every check is green; unknown is not."""
        return all(check.status == "pass" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The document of `data-check --json`."""
        return {
            "problem": self.problem,
            "dataset_version": self.dataset_version,
            "ok": self.ok,
            "checks": [{"name": c.name, "status": c.status, "detail": c.detail, "fix": c.fix} for c in self.checks],
        }

    def text(self) -> str:
        """For the terminal."""
        lines = [f"{self.dataset_version} ({self.problem}): {'every check is green' if self.ok else 'not green'}"]
        rows = [[c.status, c.name, c.detail + (f" To mend: {c.fix}" if c.fix else "")] for c in self.checks]
        return "\n".join([*lines, *tables.text_table(["status", "check", "detail"], rows, limit=90)])


def check(work: Workspace, dataset_version: str | None, *, max_age_days: float | None = None) -> Checked:
    """Check a snapshot (default: the newest) against the data contract; beyond `max_age_days` rows are not fresh."""
    store = snapshots.SnapshotStore(work.settings.data)
    name = dataset_version or _newest(store, work.problem.name)
    found = store.check(work.problem, name, now=work.clock(), max_age_days=max_age_days)
    return Checked(work.problem.name, name, tuple(found))


def _newest(store: snapshots.SnapshotStore, problem: str) -> str:
    found = store.listed(problem)
    if not found:
        raise InvalidInput(f"{problem} has no snapshot yet.", hint="Run 'data-snapshot' first.")
    return found[-1].dataset_version


def fetch(work: Workspace, out: Path, *, first: date | None = None, last: date | None = None) -> dict[str, Any]:
    """Fetch the problem's real source into a file; goes on where an interrupted fetch stopped.

    A source of many days is fetched from `first` to `last`, both included; one that comes whole takes no days.
    """
    if not hasattr(work.plugin, "fetch"):
        raise InvalidInput(
            f"{work.problem.name} can't be fetched by this command.",
            hint=f"Its source is: {work.problem.source}. Download it and give it to 'data-snapshot --input'.",
        )
    by_days = "first" in inspect.signature(work.plugin.fetch).parameters
    if by_days and (first is None or last is None):
        raise InvalidInput(f"{work.problem.name} is fetched day by day.", hint="Give --from and --to.")
    if not by_days and not (first is None and last is None):
        raise InvalidInput(f"{work.problem.name} is fetched whole.", hint="Leave --from and --to out.")
    days = {"first": first, "last": last} if by_days else {}
    rows = work.plugin.fetch(out, **days, progress=work.say)
    return {"problem": work.problem.name, "source": work.problem.source, "rows": rows, "path": str(out)}
