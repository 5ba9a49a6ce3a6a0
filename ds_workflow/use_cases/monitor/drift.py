"""Has a new table moved away from the one a model was trained on?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import run_files, tables
from ds_workflow.domain import drift_table
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import drift as report

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_workflow.domain.drift_table import TableDrift


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
) -> Found:
    """Compare two files column by column; write the verdict as JSON to `out` and a page beside it.

    Raises InvalidInput for a file or column that is not there; nothing is written then.
    """
    if out.suffix.lower() != ".json":
        raise InvalidInput(f"--out {out} must name a .json file.", hint="artifacts/drift_report.json, for example.")
    old, fresh = tables.read(reference), tables.read(new)
    if columns:
        lost = [c for c in columns if c not in old.columns]
        if lost:
            raise InvalidInput(
                f"The reference has no column {', '.join(lost)}.", hint=f"It has {', '.join(old.columns)}."
            )
        old = old[list(columns)]
    say(f"{len(old):,} reference rows, {len(fresh):,} new rows, {len(old.columns)} columns")
    found = drift_table.compare(old, fresh, threshold=threshold)
    page = out.with_suffix(".html")
    out.parent.mkdir(parents=True, exist_ok=True)
    run_files.write_json(out, found.to_dict())
    page.write_text(report.html(found, reference=reference.name, new=new.name), "utf-8")
    return Found(found, out, page)
