"""From an --input path or --simulate to cleaned rows, and on to a snapshot, through the problem's plug-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.snapshot import held_out
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    from ds_workflow.domain.snapshot import SnapshotRecord

Say = Callable[[str], None]
SIMULATED_ROWS = 40_000  # where the plug-in does not say SIMULATED_ROWS itself


class Freezer(Protocol):
    """What keeps cleaned rows under a name: snapshots.SnapshotStore."""

    def create(
        self,
        problem: Problem,
        rows: pd.DataFrame,
        dataset_version: str,
        *,
        source: str,
        licence: str,
        dropped: Mapping[str, int],
        created_at: datetime,
    ) -> SnapshotRecord: ...


@dataclass(frozen=True)
class Prepared:
    """Cleaned rows with where they come from and what cleaning dropped, by reason."""

    rows: pd.DataFrame
    dropped: Mapping[str, int]
    raw_rows: int
    source: str
    licence: str
    notes: tuple[str, ...] = ()


def _silent(_: str) -> None:
    """Progress that nobody reads."""


def prepare(
    plugin: ModuleType,
    *,
    source: Path | None = None,
    references: Sequence[Path] = (),
    simulate: bool = False,
    rows: int | None = None,
    seed: int = 42,
    say: Say = _silent,
) -> Prepared:
    """Read or simulate raw rows with the plug-in, and clean them. `rows` is for the simulator: without it, as many as
    the plug-in's SIMULATED_ROWS says.

    Raises InvalidInput unless exactly one of `source` and `simulate` is given, and what the plug-in raises.
    """
    problem: Problem = plugin.PROBLEM
    if (source is None) != simulate:
        raise InvalidInput(
            "Rows come either from a file or from the simulator, and "
            + ("both were asked for." if simulate else "neither was asked for."),
            hint="Give --input PATH, or --simulate.",
        )
    if source is None:
        if references:
            raise InvalidInput("References belong to rows of a file; simulated rows need none.")
        if rows is None:
            rows = int(getattr(plugin, "SIMULATED_ROWS", SIMULATED_ROWS))
        say(f"Simulating {rows:,} rows with seed {seed}")
        raw = plugin.simulate(rows=rows, seed=seed)
        origin, licence = f"simulated by {problem.name} ({rows:,} rows, seed {seed})", "simulated, no real rows"
    else:
        say(f"Reading {source}")
        raw = plugin.load(Path(source), references=[Path(r) for r in references])
        origin, licence = f"{problem.source}: {Path(source).name}", problem.licence
    say(f"Cleaning {len(raw):,} rows")
    cleaned, dropped = plugin.clean(raw)
    notes = _notes(raw)
    for note in notes:
        say(note)
    say(f"{len(cleaned):,} rows kept, {sum(dropped.values()):,} dropped")
    return Prepared(cleaned, dropped, len(raw), origin, licence, notes)


def _notes(raw: pd.DataFrame) -> tuple[str, ...]:
    """What a loader says of its reading: its own `notes`, and the shares of rows by what located them."""
    notes = tuple(raw.attrs.get("notes", ()))
    shares = raw.attrs.get("coordinates")
    if not shares:
        return notes
    return (*notes, "Coordinates: " + ", ".join(f"{share:.1%} {by}" for by, share in shares.items()))


def freeze(
    store: Freezer,
    plugin: ModuleType,
    dataset_version: str,
    *,
    created_at: datetime,
    source: Path | None = None,
    references: Sequence[Path] = (),
    simulate: bool = False,
    rows: int | None = None,
    seed: int = 42,
    split: str = "",
    say: Say = _silent,
) -> SnapshotRecord:
    """Prepare rows and freeze them in `store` under a name; `split` is another method to cut the holdout by than the
    declared one. Raises as `prepare`, `Problem.split_by` and the store do."""
    problem: Problem = plugin.PROBLEM.split_by(split)
    ready = prepare(plugin, source=source, references=references, simulate=simulate, rows=rows, seed=seed, say=say)
    record = store.create(
        problem,
        ready.rows,
        dataset_version,
        source=f"{ready.source}; {split} split" if split else ready.source,
        licence=ready.licence,
        dropped=ready.dropped,
        created_at=created_at,
    )
    say(f"Frozen as {dataset_version}: {record.rows:,} rows, {held_out(problem, record)}")
    return record
