"""Has a new table moved away from the one a model was trained on?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import engine as engines
from ds_workflow.adapters import run_files, tables
from ds_workflow.domain import drift_table
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import drift as report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ds_workflow.domain.drift_table import Measured, TableDrift

_TURNS = 2  # of columns for each worker: the quick ones take from the slow


@dataclass(frozen=True)
class Found:
    """The comparison and where its files are."""

    table: TableDrift
    json: Path
    html: Path

    def to_dict(self) -> dict[str, Any]:
        """The verdict document."""
        return self.table.to_dict()

    def text(self) -> str:
        """For the terminal."""
        return f"{report.text(self.table)}\n\nVerdict: {self.json}\nPage:    {self.html}"


def compare(
    reference: Path,
    new: Path,
    *,
    out: Path,
    threshold: float,
    say: Callable[[str], None],
    columns: tuple[str, ...] = (),
    engine: str = engines.LOCAL,
) -> Found:
    """Compare two files column by column; write the verdict as JSON to `out` and a page beside it.

    The workers of the `engine` of that name (see adapters.engine) read and measure some of the columns each, so that
    neither table need fit into one machine's memory; the figures are the same to the bit.

    Raises InvalidInput for a file or column that is not there; nothing is written then.
    """
    if out.suffix.lower() != ".json":
        raise InvalidInput(f"--out {out} must name a .json file.", hint="artifacts/drift_report.json, for example.")
    engines.require(engine)
    names, there = tables.columns(reference), tables.columns(new)
    lost = [c for c in columns if c not in names]
    if lost:
        raise InvalidInput(f"The reference has no column {', '.join(lost)}.", hint=f"It has {', '.join(names)}.")
    chosen = [name for name in names if name in columns] if columns else names
    with engines.start(engine) as working:
        each = max(1, -(-len(chosen) // (_TURNS * working.width))) if working.width > 1 else len(chosen)
        some = [chosen[at : at + each] for at in range(0, len(chosen), each)]
        measured = working.fold(partial(_measured, reference, new, there), drift_table.Measured.beside, some)
    strangers = {name: "not in the reference" for name in there if name not in chosen}
    measured = replace(measured, skipped={**measured.skipped, **strangers})
    for figures in list(measured.figures.values())[:1]:
        old, fresh = figures["n_reference"], figures["n_new"]
        say(f"{old:,} reference rows, {fresh:,} new rows, {len(chosen)} columns")
    found = drift_table.conclude(measured, threshold=threshold)
    page = out.with_suffix(".html")
    out.parent.mkdir(parents=True, exist_ok=True)
    run_files.write_json(out, found.to_dict())
    page.write_text(report.html(found, reference=reference.name, new=new.name), "utf-8")
    return Found(found, out, page)


def _measured(reference: Path, new: Path, there: Sequence[str], names: Sequence[str]) -> Measured:
    """These columns of both files."""
    shared = [name for name in names if name in there]
    return drift_table.measure(tables.read(reference, names), tables.read(new, shared or None))
