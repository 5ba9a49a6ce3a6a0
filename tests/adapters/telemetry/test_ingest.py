"""The door of the warehouse: what comes in, what is set aside and why, and that nothing is counted twice or lost."""

from __future__ import annotations

import csv
import fcntl
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ds_workflow.adapters.telemetry import ingest as door
from ds_workflow.adapters.telemetry import log, warehouse
from ds_workflow.adapters.telemetry.ingest import Batch
from ds_workflow.adapters.telemetry.warehouse import Warehouse
from ds_workflow.domain.telemetry import schema
from ds_workflow.errors import InvalidInput, StateConflict

ARRIVED = datetime(2025, 8, 1, 12, tzinfo=UTC)
CONTEXT = {
    "session_id": "1",
    "developer_id": "7",
    "developer_segment": "expert",
    "language": "python",
    "task_id": "3",
    "task": "test",
    "model_version": "assistant-1",
}
MEASURED: dict[str, dict[str, Any]] = {
    "shown": {"suggestion_id": "1-1", "latency_ms": 410.5, "prompt_length": 300, "suggestion_length": 20},
    "accepted": {"suggestion_id": "1-1", "hallucination": False},
    "ignored": {"suggestion_id": "1-1", "hallucination": True},
    "edited": {"suggestion_id": "1-1", "edit_distance": 4, "final_length": 22},
    "compiled": {"suggestion_id": "1-1", "compiled": True, "error_type": "none"},
    "tested": {"suggestion_id": "1-1", "tests_passed": False, "error_type": "logical_bug"},
    "session": {"duration_seconds": 61.5},
}


def event(kind: str, name: str = "", **changed: Any) -> dict[str, Any]:
    known = {"event_id": name or f"{kind}-1", "event_type": kind, "occurred_at": "2025-03-04T10:11:12Z"}
    return {**known, **CONTEXT, **MEASURED[kind], **changed}


EACH = [event(kind) for kind in schema.KINDS]


def lines(path: Path, events: list[Any]) -> Path:
    path.write_text("".join(f"{e if isinstance(e, str) else json.dumps(e)}\n" for e in events), "utf-8")
    return path


def take(made: Warehouse, source: Path, at: datetime = ARRIVED) -> Batch:
    return door.ingest(made, source, received_at=at, say=lambda _: None)


@pytest.fixture
def empty(tmp_path: Path) -> Warehouse:
    return warehouse.of(tmp_path / "data")


def held(made: Warehouse) -> list[dict[str, Any]]:
    with made.session() as session:
        return session.ask("select * from events order by event_id").records()


def set_aside(made: Warehouse) -> dict[int, set[str]]:
    """Reasons by line of the one file that was taken in."""
    found: dict[int, set[str]] = {}
    for path in made.root.glob("quarantine/*.parquet"):
        for line, reasons in duckdb.connect().execute(f"select line, reasons from '{path}'").fetchall():
            found[line] = set(reasons.split(";"))
    return found


# --- sound events ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "csv", "csv.gz", "parquet"])
def test_every_kind_of_file_gives_the_same_events(kind: str, empty: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / f"events.{kind}"
    if kind.startswith("jsonl"):
        text = "".join(json.dumps(e) + "\n" for e in EACH)
    else:
        with (tmp_path / "plain.csv").open("w", newline="") as out:
            writer = csv.DictWriter(out, schema.NAMES)
            writer.writeheader()
            writer.writerows(EACH)
        text = (tmp_path / "plain.csv").read_text()
    if kind == "parquet":
        plain = lines(tmp_path / "plain.jsonl", EACH)
        duckdb.connect().execute(f"copy (select * from read_json('{plain}')) to '{path}' (format parquet)")
    elif kind.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, "utf-8")
    taken = take(empty, path)
    assert (taken.accepted, taken.refused, taken.kinds) == (len(EACH), 0, dict.fromkeys(sorted(schema.KINDS), 1))
    rows = {r["event_type"]: r for r in held(empty)}
    for wanted in EACH:
        found = rows[wanted["event_type"]]
        assert found.pop("occurred_at") == datetime(2025, 3, 4, 10, 11, 12, tzinfo=UTC).replace(tzinfo=None)
        assert found.pop("received_at") == ARRIVED.replace(tzinfo=None)
        assert str(found.pop("day")) == "2025-03-04"
        assert {k: v for k, v in found.items() if v is not None} == {
            k: v for k, v in wanted.items() if k != "occurred_at"
        }


def test_a_day_is_a_partition(empty: Warehouse, tmp_path: Path) -> None:
    days = ["2025-03-04T23:59:59Z", "2025-03-05T00:00:00Z", "2025-03-05T01:30:00+02:00"]
    take(empty, lines(tmp_path / "e.jsonl", [event("ignored", f"e{k}", occurred_at=d) for k, d in enumerate(days)]))
    by_day = {p.parent.name: len(duckdb.connect().execute(f"from '{p}'").fetchall()) for p in empty.files()}
    assert by_day == {"day=2025-03-04": 2, "day=2025-03-05": 1}


# --- once each -------------------------------------------------------------------------------------------------------


def test_the_same_files_again_change_nothing(empty: Warehouse, tmp_path: Path) -> None:
    path = lines(tmp_path / "e.jsonl", EACH)
    first = take(empty, path)
    before = {p: p.stat().st_mtime_ns for p in empty.root.rglob("*")}
    again = take(empty, path, datetime(2025, 9, 1, tzinfo=UTC))
    assert again.repeated and again.accepted == first.accepted and again.received_at == first.received_at
    assert {p: p.stat().st_mtime_ns for p in empty.root.rglob("*")} == before


def test_an_event_that_comes_again_is_counted_once_and_one_that_changed_is_set_aside(
    empty: Warehouse, tmp_path: Path
) -> None:
    take(empty, lines(tmp_path / "one.jsonl", EACH))
    second = [EACH[0], event("ignored", "new"), event("ignored", "new"), event("shown", latency_ms=1.0)]
    taken = take(empty, lines(tmp_path / "two.jsonl", [*second, event("ignored", "new", hallucination=False)]))
    assert (taken.rows, taken.accepted, taken.duplicates, taken.refused) == (5, 1, 2, 2)
    assert taken.quarantined == {"conflict:event_id": 2}
    assert len(held(empty)) == len(EACH) + 1
    (kept,) = (r for r in held(empty) if r["event_id"] == "shown-1")
    assert kept["latency_ms"] == MEASURED["shown"]["latency_ms"], "what was there first stays"


def test_two_files_of_one_batch_know_of_one_another(empty: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    folder.mkdir()
    lines(folder / "a.jsonl", EACH)
    lines(folder / "b.jsonl", [*EACH, event("ignored", "more")])
    taken = take(empty, folder)
    assert (taken.accepted, taken.duplicates) == (len(EACH) + 1, len(EACH))


def test_a_late_event_goes_to_its_own_day_and_is_told(empty: Warehouse, tmp_path: Path) -> None:
    take(empty, lines(tmp_path / "one.jsonl", [event("ignored", "a", occurred_at="2025-03-10T09:00:00Z")]))
    late = take(empty, lines(tmp_path / "two.jsonl", [event("ignored", "b", occurred_at="2025-03-08T09:00:00Z")]))
    assert (late.accepted, late.late) == (1, 1)
    assert sorted(str(r["day"]) for r in held(empty)) == ["2025-03-08", "2025-03-10"]


# --- set aside -------------------------------------------------------------------------------------------------------

NASTY: tuple[Any, ...] = (
    *(None, "", "  ", "x", "x" * 121, 0, 1, -1, 0.5, 1e7, 1e300, "12", " 7 ", "1_000", "0x10", "nan", "-inf", "1e3"),
    *(True, False, "TRUE", "no", [1], {"a": 1}, "cobol", "python", "none", "logical_bug", "shown", "2025-03-04"),
    *("2025-02-30T00:00:00Z", "2025-03-04T10:00", "2025-03-04 10:00:00", "2025-03-04T25:00:00Z"),
    *("1999-12-31T23:59:59Z", "2025-08-02T11:59:59Z", "2025-08-02T12:00:01Z", "2025-08-02T14:30:00+05:00"),
)


def test_sql_and_python_find_the_same_faults(empty: Warehouse, tmp_path: Path) -> None:
    base = [event(kind) for kind in schema.KINDS]
    events = [{**e, name: value} for e in base for name in schema.NAMES for value in NASTY]
    for k, e in enumerate(events):  # ids must differ, but where the id itself is looked at
        if isinstance(e["event_id"], str) and e["event_id"].endswith("-1"):
            e["event_id"] += f"-{k}"
    take(empty, lines(tmp_path / "nasty.jsonl", events))
    found = set_aside(empty)
    for number, e in enumerate(events, start=1):
        wanted = set(schema.faults(e, received_at=ARRIVED))
        assert found.get(number, set()) - {"conflict:event_id"} == wanted, e
    reasons = {r.split(":")[0] for told in found.values() for r in told}
    assert reasons == set(schema.REASONS) - {"unreadable"}, "every reason is met"


def test_lines_that_are_no_events_are_kept_as_they_came(empty: Warehouse, tmp_path: Path) -> None:
    broken = ['{"event_id": "a", ', "[1, 2]", '"text"', "null", json.dumps(event("shown"))[:-1]]
    taken = take(empty, lines(tmp_path / "e.jsonl", [*broken, EACH[1]]))
    assert (taken.rows, taken.accepted, taken.quarantined) == (6, 1, {"unreadable": 5})
    (path,) = empty.root.glob("quarantine/*.parquet")
    assert [r for (r,) in duckdb.connect().execute(f"select raw from '{path}' order by line").fetchall()] == broken


def test_broken_lines_of_a_csv_are_kept(empty: Warehouse, tmp_path: Path) -> None:
    head, good = ",".join(schema.NAMES), ",".join(str(EACH[1].get(n, "")) for n in schema.NAMES)
    path = tmp_path / "e.csv"
    path.write_text(f"{head}\n{good}\n{good},one more\ntoo,few\n", "utf-8")
    taken = take(empty, path)
    assert (taken.rows, taken.accepted, taken.quarantined) == (3, 1, {"unreadable": 2})


def test_every_reason_of_a_spoilt_log_is_told(empty: Warehouse, log_folder: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "log"
    shutil.copytree(log_folder, folder)
    spoilt = log.spoil(folder, events=3)
    taken = take(empty, folder)
    told = {reason.split(":")[0]: n for reason, n in taken.quarantined.items()}
    assert told | {"duplicate": taken.duplicates} == spoilt
    assert taken.rows == taken.accepted + taken.duplicates + taken.refused


def test_columns_that_are_no_fields_are_named(empty: Warehouse, tmp_path: Path) -> None:
    plain = lines(tmp_path / "plain.jsonl", [event("ignored", colour="red")])
    path = tmp_path / "e.parquet"
    duckdb.connect().execute(f"copy (select * from read_json('{plain}')) to '{path}' (format parquet)")
    assert take(empty, path).ignored_columns == ("colour",)


# --- refused, and nothing changed ------------------------------------------------------------------------------------


BAD_FILES = [
    ("e.txt", b"x", "no file of events"),
    ("e.jsonl", b"", "empty"),
    ("e.parquet", b"PAR1 and no more", "can't be read"),
    ("e.csv", b"a,b\n1,2\n", "lacks the columns event_id"),
    ("e.csv", b"event_id,event_id\n1,2\n", "name each column once"),
    ("e.csv", b"event_id,event_type,occurred_at\n", "header and no events"),
]


@pytest.mark.parametrize(("name", "content", "said"), BAD_FILES)
def test_a_file_of_something_else_is_refused(
    name: str, content: bytes, said: str, empty: Warehouse, tmp_path: Path
) -> None:
    take(empty, lines(tmp_path / "good.jsonl", EACH))
    before, state = sorted(empty.root.rglob("*")), empty.state
    folder = tmp_path / "batch"
    folder.mkdir()
    lines(folder / "a.jsonl", [event("ignored", "another")])  # a sound file before the bad one
    (folder / name.replace("e.", "z.")).write_bytes(content)
    target = folder / "z.txt" if name == "e.txt" else folder
    with pytest.raises(InvalidInput, match=said):
        take(empty, target)
    assert empty.state == state
    assert [p for p in sorted(empty.root.rglob("*")) if "spill" not in p.name] == before


def test_nowhere_and_nothing_are_refused(empty: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file or folder"):
        take(empty, tmp_path / "absent")
    (tmp_path / "void").mkdir()
    with pytest.raises(InvalidInput, match="holds no file of events"):
        take(empty, tmp_path / "void")


def test_a_batch_that_was_not_finished_is_not_read_and_comes_whole_the_next_time(
    empty: Warehouse, tmp_path: Path
) -> None:
    path = lines(tmp_path / "e.jsonl", EACH)
    taken = take(empty, path)
    (empty.batches_folder / f"{taken.batch}.json").unlink()  # as if killed before the last step
    with pytest.raises(InvalidInput, match="holds no events"):
        held(empty)
    again = take(empty, path)
    assert (again.repeated, again.accepted, again.duplicates) == (False, len(EACH), 0)
    assert len(held(empty)) == len(EACH)


def test_what_an_unfinished_attempt_left_is_not_taken_for_part_of_the_batch(empty: Warehouse, tmp_path: Path) -> None:
    path = lines(tmp_path / "e.jsonl", [*EACH, "no event"])
    taken = take(empty, path)
    (empty.batches_folder / f"{taken.batch}.json").unlink()
    (left,) = empty.root.glob("events/day=*/*.parquet")
    left.rename(left.with_name(f"{taken.batch}-0001-7.parquet"))  # the attempt had more threads, so more files
    assert take(empty, path).accepted == len(EACH)
    assert len(held(empty)) == len(EACH)


def test_quoted_fields_of_a_csv(empty: Warehouse, tmp_path: Path) -> None:
    names = ["suggestion_id", *(n for n in schema.NAMES if n != "suggestion_id")]  # empty where a session ended
    said = 'say "no", twice'
    with (tmp_path / "e.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, names)
        writer.writeheader()
        writer.writerows([event("session", task_id=said), event("shown", task_id=said)])
    assert take(empty, tmp_path / "e.csv").accepted == 2
    assert {r["task_id"] for r in held(empty)} == {said}


def test_two_writers_at_once_are_one_too_many(empty: Warehouse, tmp_path: Path) -> None:
    path = lines(tmp_path / "e.jsonl", EACH)
    empty.root.mkdir(parents=True)
    with (empty.root / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StateConflict, match="Another process"):
            take(empty, path)
    assert take(empty, path).accepted == len(EACH)
