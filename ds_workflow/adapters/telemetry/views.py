"""The views that every query reads, made anew for one connection and cut to what is looked at.

No query names a filter: `log`, `events`, `suggestions` and `sessions` are temporary views, and a filter is a condition
of theirs. So one text serves a page with any filter, and DuckDB and PostgreSQL alike. `log` reaches one day past the
last day that is looked at, for outcomes after midnight; `events` does not.
"""

from __future__ import annotations

from datetime import timedelta

from ds_workflow.adapters.telemetry import catalog
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.domain.telemetry.schema import NAMES

COLUMNS = (*NAMES, "received_at", "day")


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def statements(source: str, filters: Filters) -> list[str]:
    """The statements that make the views over `source`, in order. Both databases run them as they are."""
    by = (("language", filters.language), ("developer_segment", filters.segment), ("model_version", filters.version))
    cut = [f"{column} = {literal(value)}" for column, value in by if value]
    if filters.first:
        cut.append(f"day >= date '{filters.first}'")
    if filters.last:
        cut.append(f"day <= date '{filters.last + timedelta(days=1)}'")
    within = f" where day <= date '{filters.last}'" if filters.last else ""
    shown = "count(case when event_type = 'shown' then 1 end) > 0"
    if filters.last:
        end = filters.last + timedelta(days=1)
        shown = f"min(case when event_type = 'shown' then occurred_at end) < timestamp '{end}'"
    where = f" where {' and '.join(cut)}" if cut else ""
    return [
        f"create temporary view log as select {', '.join(COLUMNS)} from {source}{where}",
        f"create temporary view events as select * from log{within}",
        f"create temporary view suggestions as {catalog.view('suggestions').replace('{shown}', shown)}",
        f"create temporary view sessions as {catalog.view('sessions')}",
    ]
