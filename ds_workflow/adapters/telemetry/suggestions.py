"""The table of suggestions beside the events: put together once when events come in, not at every question.

    telemetry/suggestions/day=2025-03-31/<batch>-0.parquet    the suggestions that were shown on that day
    telemetry/suggestions/odd/<batch>.parquet                 events of suggestions that a filter may cut in two
    telemetry/suggestions/<state>.json                        which of those files hold for a state of the warehouse

The rows are those of `sql/views/suggestions.sql` without a filter. They are right under every filter for a suggestion
that was shown on one day, whose other events came on that day or the next one, and whose events agree on what filters
look at. Any other is odd: its events are kept, and the view puts it together when it is asked. A state is named by its
batches, so the table changes in the very moment in which a batch counts, and a warehouse without one is still read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ds_workflow.adapters.telemetry import catalog, views
from ds_workflow.adapters.telemetry.warehouse import Kept, Warehouse, write_whole

AT_ONCE = 500_000  # suggestions put together at a time, which bounds the memory
_TOLD = """
create temporary table told as
select
    suggestion_id,
    min(case when event_type = 'shown' then day end) as day,
    not (
        min(hash(language, developer_segment, model_version)) = max(hash(language, developer_segment, model_version))
        and max(case when event_type = 'shown' then day end) = min(case when event_type = 'shown' then day end)
        and min(day) >= min(case when event_type = 'shown' then day end)
        and max(day) <= min(case when event_type = 'shown' then day end) + 1
    ) as odd
from {events}
where event_type <> 'session'
group by suggestion_id
having count(case when event_type = 'shown' then 1 end) > 0
"""


def tidy(warehouse: Warehouse) -> None:
    """Take away what no state needs: the leftovers of attempts, and what was replaced before the last batch. What the
    last batch replaced stays for those who read it now."""
    now = warehouse.kept(warehouse.state)
    before = warehouse.kept(now.before) if now else None
    known = {warehouse.manifest(warehouse.state)} if now else set()
    if now and before:
        known.add(warehouse.manifest(now.before))
    known |= {warehouse.root / name for kept in (now, before) if kept for name in (*kept.rows, *kept.odd)}
    for path in warehouse.suggestions_folder.rglob("*"):
        if path.is_file() and path not in known:
            path.unlink()


def put_together(
    connection: Any, warehouse: Warehouse, batch: str, made: list[Path], *, at_once: int = AT_ONCE
) -> None:
    """Write the table that holds once `batch`, whose events are in the files `made`, is recorded: the days with a
    suggestion that the batch tells of are written anew, the others stay as they are. `at_once` suggestions are put
    together at a time, or those of one day."""
    kept = warehouse.kept(warehouse.state)
    held = warehouse.files()
    if kept is None:  # of an earlier release, or the first batch: everything is new
        kept, held, made = Kept((), (), ""), [], [*held, *made]
    rows, odd = list(kept.rows), list(kept.odd)
    if made:
        _tell(connection, warehouse, held, made)
        events = warehouse.source([*held, *made])
        rows = _days(connection, warehouse, kept, events, batch, at_once=at_once)
        odd = _odd(connection, warehouse, kept, events, batch)
    state = warehouse.state_with(batch)
    document = asdict(Kept(tuple(rows), tuple(odd), warehouse.state))
    write_whole(warehouse.manifest(state), json.dumps(document, indent=1) + "\n")


def _tell(connection: Any, warehouse: Warehouse, held: list[Path], made: list[Path]) -> None:
    """Table told(suggestion_id, day, odd): the suggestions that the new files tell of, by all that is known of them."""
    connection.execute("drop table if exists told; drop table if exists named")
    events = warehouse.source([*held, *made])
    if held:
        new = warehouse.source(made)
        connection.execute(f"create temporary table named as select distinct suggestion_id from {new}")
        events = f"(select * from {events} semi join named using (suggestion_id))"
    connection.execute(_TOLD.replace("{events}", events))


def _days(connection: Any, warehouse: Warehouse, kept: Kept, events: str, batch: str, *, at_once: int) -> list[str]:
    """Write the days that changed; the files of all days."""
    folder = warehouse.suggestions_folder
    folder.mkdir(parents=True, exist_ok=True)
    changed = "select day, count(*) as n from told where not odd group by day"
    old = ""
    if kept.rows:  # a suggestion may also leave the day on which it stood
        old = warehouse.source([warehouse.root / name for name in kept.rows])
        changed += f" union all select distinct day, 0 from {old} semi join told using (suggestion_id)"
    days = connection.execute(f"select day, sum(n) from ({changed}) group by day order by day").fetchall()
    put = catalog.view("suggestions").replace("{shown}", "true")
    for first, last in _stretches(days, at_once):
        within = f"day between date '{first}' and date '{last}'"
        log = (
            f"(select * from {events} semi join (select suggestion_id from told where not odd and {within}) "
            f"using (suggestion_id) where day between date '{first}' and date '{last}' + 1)"
        )
        query = f"select *, cast(shown_at as date) as day from ({put.replace('{log}', log)})"
        if old:
            query += (
                f" union all select * from {old} anti join told using (suggestion_id) "
                f"where day in (select day from ({changed})) and {within}"
            )
        connection.execute(
            f"copy ({query}) to {views.literal(str(folder))} (format parquet, partition_by (day), compression zstd, "
            f"overwrite_or_ignore, filename_pattern {views.literal(batch + '-{i}')})"
        )
    fresh = [path.relative_to(warehouse.root).as_posix() for path in sorted(folder.glob(f"day=*/{batch}-*.parquet"))]
    anew = {f"day={day}" for day, _ in days}
    return sorted([*fresh, *(name for name in kept.rows if Path(name).parent.name not in anew)])


def _odd(connection: Any, warehouse: Warehouse, kept: Kept, events: str, batch: str) -> list[str]:
    """Write the events of odd suggestions; the file of them, if there are any."""
    columns = ", ".join(views.COLUMNS)
    query = f"select {columns} from {events} semi join (select suggestion_id from told where odd) using (suggestion_id)"
    if kept.odd:
        old = views.parquet([warehouse.root / name for name in kept.odd])
        query += f" union all select {columns} from {old} anti join told using (suggestion_id)"
    elif not connection.execute("select count(*) from told where odd").fetchone()[0]:
        return []
    path = warehouse.suggestions_folder / "odd" / f"{batch}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(f"copy ({query}) to {views.literal(str(path))} (format parquet, compression zstd)")
    return [path.relative_to(warehouse.root).as_posix()]


def _stretches(days: list[tuple[Any, int]], at_once: int) -> Iterator[tuple[Any, Any]]:
    """First and last day of stretches with at most `at_once` suggestions, or of one day."""
    first, many = None, 0
    last = None
    for day, n in days:
        if first is not None and many + n > at_once:
            yield first, last
            first, many = None, 0
        first = day if first is None else first
        last, many = day, many + n
    if first is not None:
        yield first, last
