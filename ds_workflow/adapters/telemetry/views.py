"""The views that every query reads, made anew for one connection and cut to what is looked at.

No query names a filter: `log`, `events`, `suggestions` and `sessions` are temporary views, and a filter is a condition
of theirs. So one text serves a page with any filter, and DuckDB and PostgreSQL alike. `log` reaches one day past the
last day that is looked at, for outcomes after midnight; `events` does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from ds_workflow.adapters.telemetry import catalog
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.domain.telemetry.schema import NAMES

COLUMNS = (*NAMES, "received_at", "day")


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def parquet(files: Sequence[Path]) -> str:
    """Parquet files, all of whose columns are inside, as a table of DuckDB."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in files)}], hive_partitioning = false)"


def statements(source: str, filters: Filters, *, table: str = "", odd: str = "") -> list[str]:
    """The statements that make the views over `source`, in order. Both databases run them as they are.

    With `table`, DuckDB reads the suggestions there instead of putting them together, but for the `odd` ones; see
    `adapters.telemetry.suggestions`.
    """
    by = (("language", filters.language), ("developer_segment", filters.segment), ("model_version", filters.version))
    cut = [f"{column} = {literal(value)}" for column, value in by if value]
    if filters.first:
        cut.append(f"day >= date '{filters.first}'")
    shown_then = [*cut, f"day <= date '{filters.last}'"] if filters.last else cut
    if filters.last:
        cut = [*cut, f"day <= date '{filters.last + timedelta(days=1)}'"]
    within = f" where day <= date '{filters.last}'" if filters.last else ""
    shown = "count(case when event_type = 'shown' then 1 end) > 0"
    if filters.last:
        end = filters.last + timedelta(days=1)
        shown = f"min(case when event_type = 'shown' then occurred_at end) < timestamp '{end}'"
    where = f" where {' and '.join(cut)}" if cut else ""
    together = catalog.view("suggestions").replace("{shown}", shown)
    suggestions = together.replace("{log}", "log")
    if table:
        suggestions = f"select * exclude (day) from {table}"
        suggestions += f" where {' and '.join(shown_then)}" if shown_then else ""
        if odd:
            suggestions += f" union all {together.replace('{log}', f'(select * from {odd}{where})')}"
    return [
        f"create temporary view log as select {', '.join(COLUMNS)} from {source}{where}",
        f"create temporary view events as select * from log{within}",
        f"create temporary view suggestions as {suggestions}",
        f"create temporary view sessions as {catalog.view('sessions')}",
    ]
