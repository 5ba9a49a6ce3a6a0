"""A simulated log on disk: rows of the simulator unfolded into events, in files as a service would write them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.adapters.telemetry.views import literal
from ds_workflow.adapters.telemetry.warehouse import connect
from ds_workflow.domain.telemetry.schema import NAMES

PER_FILE = 180_000  # suggestions, about 500,000 events
_ID = "session_id || '-' || suggestion_id"
_MOMENT = "cast(shown_at as timestamp) + to_milliseconds(cast(round(1000 * {0}) as bigint))"
# what stands in the fields of each kind of event, and which suggestions have one
_UNFOLDED = (
    ("s", "'shown'", "shown_at", "true", "latency_ms, cast(prompt_length as integer) as prompt_length, "
     "cast(suggestion_length as integer) as suggestion_length"),
    ("d", "case when accepted then 'accepted' else 'ignored' end", "decided_after", "true", "hallucination"),
    ("e", "'edited'", "edited_after", "edited", "cast(edit_distance as integer) as edit_distance, "
     "cast(final_length as integer) as final_length"),
    ("c", "'compiled'", "compiled_after", "accepted", "compiled, case when compiled then 'none' else error_type end "
     "as error_type"),
    ("t", "'tested'", "tested_after", "accepted and compiled", "tests_passed, error_type"),
)  # fmt: skip
_BY_SESSION = (
    "select session_id || '-end' as event_id, 'session' as event_type, max(finished) as occurred_at, "
    "session_id, cast(null as varchar) as suggestion_id, min(developer_id) as developer_id, "
    "min(developer_segment) as developer_segment, min(language) as language, min(task_id) as task_id, "
    "min(task) as task, min(model_version) as model_version, "
    "epoch(max(finished) - min(cast(shown_at as timestamp))) as duration_seconds from base group by session_id"
)
_CONTEXT = ("session_id", "developer_id", "developer_segment", "language", "task_id", "task", "model_version")


def write(rows: pd.DataFrame, folder: Path) -> tuple[int, list[Path]]:
    """Write the events of `rows` (with the moments of what came of them) as parquet files in the order of sessions.

    Returns the number of events and the files. The folder must be empty or absent, which the caller sees to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files, events = [], 0
    for number, (first, last) in enumerate(_blocks(rows["session_id"].to_numpy()), start=1):
        path = folder / f"events-{number:03d}.parquet"
        connection = connect()
        try:
            connection.register("rows", rows.iloc[first:last])
            connection.execute(f"copy ({_events()}) to {literal(str(path))} (format parquet, compression zstd)")
            (made,) = connection.execute(f"select count(*) from read_parquet({literal(str(path))})").fetchone()
        finally:
            connection.close()
        events += made
        files.append(path)
    return events, files


def _events() -> str:
    texts = ", ".join(f"cast({name} as varchar) as {name}" for name in (*_CONTEXT, "suggestion_id", "error_type"))
    last = _MOMENT.format("case when accepted then tested_after else decided_after end")
    finished = f"greatest(cast(shown_at as timestamp), {last})"
    parts = []
    for letter, kind, moment, which, measured in _UNFOLDED:
        at = "cast(shown_at as timestamp)" if moment == "shown_at" else _MOMENT.format(moment)
        parts.append(
            f"select {_ID} || '-{letter}' as event_id, {kind} as event_type, {at} as occurred_at, "
            f"{_ID} as suggestion_id, {', '.join(_CONTEXT)}, {measured} from base where {which}"
        )
    union = " union all by name ".join((*parts, _BY_SESSION))
    return (
        f"with base as materialized (select * replace ({texts}), {finished} as finished from rows) "
        f"select {', '.join(NAMES)} from ({union}) order by occurred_at, event_id"
    )


def _blocks(session: np.ndarray[Any, Any]) -> list[tuple[int, int]]:
    """Rows from and to, cut between sessions."""
    ends = np.flatnonzero(np.diff(session)) + 1
    wanted = np.arange(PER_FILE, len(session), PER_FILE)
    cuts = [int(ends[np.searchsorted(ends, w)]) for w in wanted if w <= (ends[-1] if len(ends) else 0)]
    edges = [0, *dict.fromkeys(cuts), len(session)]
    return list(pairwise(edges))


def spoil(folder: Path, *, events: int) -> dict[str, int]:
    """Write `events-again.jsonl` beside the log: `events` of its events in each of several states that ingestion must
    tell apart. Returns how many should be found of each: `duplicate`, or the reason of a quarantine."""
    first = sorted(folder.glob("events-*.parquet"))[0]
    connection = connect()
    try:
        rows = connection.execute(
            f"select cast(to_json(e) as varchar) from read_parquet({literal(str(first))}) e "
            f"where event_type = 'shown' order by event_id limit {int(events)}"
        ).fetchall()
    finally:
        connection.close()
    known = [json.loads(text) for (text,) in rows]

    def fresh(event: dict[str, Any], why: str, **changed: Any) -> str:
        return json.dumps({**event, "event_id": f"{event['event_id']}-{why}", **changed})

    lines = {
        "duplicate": [json.dumps(e) for e in known],
        "conflict": [json.dumps({**e, "latency_ms": e["latency_ms"] + 1}) for e in known],
        "missing": [fresh(e, "missing", developer_id=None) for e in known],
        "unknown_value": [fresh(e, "language", language="cobol") for e in known],
        "out_of_range": [fresh(e, "range", latency_ms=-5) for e in known],
        "not_a_number": [fresh(e, "number", prompt_length="many") for e in known],
        "in_the_future": [fresh(e, "future", occurred_at="2999-01-01T00:00:00Z") for e in known],
        "misplaced": [fresh(e, "misplaced", tests_passed=True) for e in known],
        "unreadable": [json.dumps(e)[:-9] for e in known],
    }
    text = "".join(f"{line}\n" for part in lines.values() for line in part)
    (folder / "events-again.jsonl").write_text(text, "utf-8")
    return {reason: len(part) for reason, part in lines.items()}
