"""One named question to the warehouse, or to a database that holds the same events."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.telemetry import catalog
from ds_workflow.adapters.telemetry import warehouse as stores
from ds_workflow.adapters.telemetry.catalog import NamedQuery
from ds_workflow.adapters.telemetry.database import Database
from ds_workflow.adapters.telemetry.warehouse import Table
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.reports import telemetry as report
from ds_workflow.reports.tables import number, paragraph, text_table

__all__ = ["Answer", "Filters", "answer", "listed", "named"]

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

SHOWN = 40  # rows on a terminal


@dataclass(frozen=True)
class Answer:
    """A query, what it was asked of, and what it answered."""

    query: NamedQuery
    filters: Filters
    table: Table

    def to_dict(self) -> dict[str, Any]:
        """The document of `telemetry-query --json`."""
        rows = [
            {k: v if v is None or isinstance(v, int | float) else str(v) for k, v in r.items()}
            for r in self.table.records()
        ]
        return {
            "name": self.query.name,
            "question": self.query.question,
            "grain": self.query.grain,
            "filters": self.filters.to_dict(),
            "columns": dict(self.query.columns),
            "rows": rows,
        }

    def text(self) -> str:
        """For the terminal."""
        rows = [[cell(v) for v in row] for row in self.table.rows[:SHOWN]]
        numeric = [
            all(isinstance(r[k], int | float | None) for r in self.table.rows) for k in range(len(self.table.columns))
        ]
        lines = [*paragraph(self.query.question), f"  {self.filters.words}; {self.query.grain}", ""]
        lines += text_table(list(self.table.columns), rows, align="".join("r" if n else "l" for n in numeric))
        more = len(self.table.rows) - SHOWN
        return "\n".join([*lines, *([f"  and {more:,} more rows: --csv FILE writes all of them"] if more > 0 else [])])

    def csv(self) -> str:
        """All rows, with a header."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.table.columns)
        writer.writerows(self.table.rows)
        return out.getvalue()


def cell(value: Any) -> str:
    """A value for people."""
    return "" if value is None else number(value, digits=4) if isinstance(value, int | float) else str(value)


def listed() -> tuple[NamedQuery, ...]:
    """Every named query."""
    return tuple(map(catalog.named, catalog.names()))


def named(name: str) -> NamedQuery:
    """The query of that name; UnknownName lists the known ones."""
    return catalog.named(name)


def page_rows(work: Workspace, name: str, filters: Filters) -> str:
    """The first rows of an answer as an HTML table; words where the warehouse is empty."""
    if not stores.of(work.settings.data).files():
        return "<p>The warehouse holds no events yet.</p>"
    found = answer(work, name, filters)
    return report.rows_table(found.table.records(), found.query.columns, limit=100)


def answer(work: Workspace, name: str, filters: Filters, *, database: str = "", out: Path | None = None) -> Answer:
    """Ask the query of that name; with `out`, write the rows there as CSV too."""
    query = catalog.named(name)
    source = Database(database) if database else stores.of(work.settings.data)
    with source.session(filters) as session:
        found = Answer(query, filters, session.ask(query.sql))
    if out is not None:
        stores.write_whole(out, found.csv())
    return found
