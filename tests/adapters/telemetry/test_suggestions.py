"""The table of suggestions beside the events: the same answers as from the events themselves, whenever they came, on
DuckDB and on PostgreSQL."""

from __future__ import annotations

import itertools
import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ds_workflow.adapters.telemetry import ingest as door
from ds_workflow.adapters.telemetry import suggestions, warehouse
from ds_workflow.adapters.telemetry.database import Database
from ds_workflow.adapters.telemetry.warehouse import Session, Source, Warehouse
from ds_workflow.domain.telemetry.filters import Filters

ARRIVED = datetime(2025, 8, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2025, 3, 4, tzinfo=UTC)
MEASURED: dict[str, dict[str, Any]] = {
    "accepted": {"hallucination": False},
    "edited": {"edit_distance": 4, "final_length": 22},
    "compiled": {"compiled": True, "error_type": "none"},
    "tested": {"tests_passed": False, "error_type": "logical_bug"},
}
SHOWN = {"latency_ms": 410.5, "prompt_length": 300, "suggestion_length": 20}
FILTERS = (
    Filters(),
    Filters(first=date(2025, 3, 5)),
    Filters(last=date(2025, 3, 4)),
    Filters(date(2025, 3, 4), date(2025, 3, 5), language="go"),
    Filters(last=date(2025, 3, 6), segment="expert", version="m-2"),
)


def events(number: int, seed: int) -> list[dict[str, Any]]:
    """Suggestions of all sorts: most are plain, some come to an end days later or earlier, are shown twice, change
    their language on the way, or were never shown."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    made = []
    for k in range(number):
        day = rng.randrange(4)
        lasting = rng.choice([0, 0, 0, 0, 1, 1, 3, -1])
        place = {"language": rng.choice(["go", "python"]), "model_version": rng.choice(["m-1", "m-2"])}
        steps: list[tuple[str, int, dict[str, Any]]] = [("shown", day, SHOWN)] * rng.choice([0, 1, 1, 1, 1, 1, 1, 2])
        steps += [(kind, day + rng.choice([0, lasting]), MEASURED[kind]) for kind in MEASURED if rng.random() < 0.7]
        for j, (kind, on, measured) in enumerate(steps):
            if rng.random() < 0.03:
                place = place | {"language": "rust"}
            again = int(j == 1 and kind == "shown" and rng.random() < 0.5)
            at = MIDNIGHT + timedelta(days=on + again, seconds=rng.randrange(86_400))
            event = {"event_id": f"{k}-{j}", "event_type": kind, "occurred_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
            who = {"session_id": f"s{k // 5}", "suggestion_id": f"g{k}", "developer_id": f"d{k // 9}"}
            rest = {"developer_segment": rng.choice(["expert"] * 40 + ["beginner"]), "task_id": "3", "task": "test"}
            made.append({**event, **who, **rest, **place, **measured})
    rng.shuffle(made)
    return made


def take(made: Warehouse, path: Path, batch: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(e) + "\n" for e in batch), "utf-8")
    door.ingest(made, path, received_at=ARRIVED, say=lambda _: None)


def told(session: Session) -> list[list[tuple[Any, ...]]]:
    return [list(session.ask(f"select * from {view} order by 1").rows) for view in ("suggestions", "sessions")]


def answers(source: Source) -> list[list[list[tuple[Any, ...]]]]:
    found = []
    for filters in FILTERS:
        with source.session(filters) as session:
            found.append(told(session))
    return found


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse that took its events in by five batches, in no order of time."""
    folder = tmp_path_factory.mktemp("grown")
    made = warehouse.of(folder / "data")
    log = events(400, seed=1)
    cuts = [0, 300, 301, 600, 1_000, len(log)]
    for k, (first, last) in enumerate(itertools.pairwise(cuts)):
        take(made, folder / f"{k}.jsonl", log[first:last])
    return made


def test_the_table_says_what_the_events_say(grown: Warehouse) -> None:
    kept = grown.kept(grown.state)
    assert kept is not None and kept.rows and kept.odd
    by_table = answers(grown)
    aside = grown.manifest(grown.state).rename(grown.root / "aside")  # as in a warehouse without a table
    by_events = answers(grown)
    aside.rename(grown.manifest(grown.state))
    assert by_table == by_events
    assert all(len(found[0]) > 10 for found in by_table)


def test_postgresql_says_the_same(grown: Warehouse, postgres_url: str) -> None:
    database = Database(postgres_url)
    database.load(grown, say=lambda _: None)
    for ours, theirs in zip(answers(grown), answers(database), strict=True):
        assert sorted(map(str, ours[0])) == sorted(map(str, theirs[0]))
        assert len(ours[1]) == len(theirs[1])


def test_a_day_is_written_whole_however_many_batches_told_of_it(grown: Warehouse) -> None:
    kept = grown.kept(grown.state)
    assert kept is not None
    writers = {(Path(name).parent.name, Path(name).name.split("-")[0]) for name in kept.rows}
    assert len(writers) == len({day for day, _ in writers}), "one batch wrote all of it"
    assert len(kept.odd) == 1


def test_a_table_is_of_one_state_and_is_made_again_where_it_is_lost(tmp_path: Path) -> None:
    made, log = warehouse.of(tmp_path / "data"), events(60, seed=2)
    take(made, tmp_path / "a.jsonl", log[:100])
    first, before = made.state, answers(made)
    records = set(made.batches_folder.iterdir())
    take(made, tmp_path / "b.jsonl", log[100:])
    (record,) = set(made.batches_folder.iterdir()) - records
    record.unlink()  # as if killed between the table and the record
    assert made.state == first and answers(made) == before, "nothing of the attempt is read"
    made.manifest(first).unlink()  # as in a warehouse of an earlier release
    assert answers(made) == before
    take(made, tmp_path / "b.jsonl", log[100:])
    assert made.kept(made.state) is not None and made.kept(first) is None
    whole = warehouse.of(tmp_path / "whole")
    take(whole, tmp_path / "all.jsonl", log)
    assert answers(made) == answers(whole)
    suggestions.tidy(made)
    kept = made.kept(made.state)
    assert kept is not None
    files = {path.relative_to(made.root).as_posix() for path in made.suggestions_folder.rglob("*.parquet")}
    assert files == {*kept.rows, *kept.odd}, "what nobody needs is gone"


def test_a_few_suggestions_at_a_time_make_the_same_table(tmp_path: Path) -> None:
    made = warehouse.of(tmp_path / "data")
    take(made, tmp_path / "a.jsonl", events(60, seed=3))
    before, state, files = answers(made), made.state, made.files()
    (record,) = made.batches_folder.iterdir()
    aside = record.rename(tmp_path / record.name)
    suggestions.tidy(made)
    assert not list(made.suggestions_folder.rglob("*.parquet"))
    connection = warehouse.connect()
    suggestions.put_together(connection, made, record.stem, files, at_once=5)
    connection.close()
    aside.rename(record)
    kept = made.kept(state)
    assert kept is not None and kept.rows
    assert answers(made) == before
