"""The log of requests: nothing is lost silently, labels come later, and old lines go."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ds_workflow.adapters.request_log import FILE, Asked, Refused, RequestLog, row_digest
from ds_workflow.adapters.sqlite_file import StoreUnusable

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def asked(
    ident: str, *, rows: int = 1, at: datetime = AT, arm: str = "champion", trial: str = "", unit: str = ""
) -> Asked:
    return Asked(
        ident,
        at,
        "adult_income",
        1,
        "d" * 64,
        arm,
        [{"age": 30.0 + i} for i in range(rows)],
        [0.25] * rows,
        1.5,
        trial,
        unit,
    )


def log_of(folder: Path, **options: Any) -> RequestLog:
    return RequestLog(folder, clock=lambda: AT, **options)


def table(folder: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / FILE)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_requests_and_their_rows_are_written(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.add(asked("Q-1", rows=3))
    log.add(Refused(AT, "/predict", 413, "too much"))
    assert log.counts.waiting == 4
    log.flush()
    assert (log.counts.waiting, log.counts.written, log.counts.lost) == (0, 4, 0)
    ((ident, at, version, rows, took),) = table(tmp_path, "SELECT id, at, version, rows, milliseconds FROM requests")
    assert (ident, at, version, rows, took) == ("Q-1", "2026-03-01T12:00:00.000Z", 1, 3, 1.5)
    assert [place for (place,) in table(tmp_path, "SELECT row FROM answers ORDER BY row")] == [0, 1, 2]
    assert table(tmp_path, "SELECT path, status, reason FROM refusals") == [("/predict", 413, "too much")]
    log.close()


def test_a_row_has_one_digest_however_it_was_sent() -> None:
    assert row_digest({"age": 30.0, "job": "Sales"}) == row_digest({"age": 30.0, "job": "Sales"})
    assert row_digest({"age": 30.0, "job": "Sales"}) != row_digest({"age": 30.0, "job": None})
    assert len(row_digest({"name": "\ud800"})) == 32


def test_what_does_not_fit_is_counted_and_the_count_is_written(tmp_path: Path) -> None:
    log = log_of(tmp_path, most_waiting=5)
    for number in range(4):
        log.add(asked(f"Q-{number}", rows=2))
    assert (log.counts.waiting, log.counts.lost) == (4, 4)
    log.flush()
    assert table(tmp_path, "SELECT rows, why FROM lost") == [(4, "more requests than could be written")]
    log.add(asked("Q-9", rows=2))
    log.flush()
    assert len(table(tmp_path, "SELECT id FROM requests")) == 3
    assert len(table(tmp_path, "SELECT rows FROM lost")) == 1  # told once
    log.close()


def test_what_can_not_be_written_now_is_written_later(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.add(asked("Q-0"))
    log.flush()
    holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    holder.execute("DROP TABLE answers")
    log.add(asked("Q-1"))
    log.flush()  # says so in the log, keeps the line
    assert log.counts.waiting == 1
    log.close()
    holder.execute(
        "CREATE TABLE answers (request TEXT, arm TEXT, row INTEGER, row_digest TEXT, answer REAL, "
        "PRIMARY KEY (request, arm, row)) WITHOUT ROWID"
    )
    holder.close()
    log.flush()
    assert log.counts.waiting == 0
    assert [i for (i,) in table(tmp_path, "SELECT id FROM requests ORDER BY id")] == ["Q-0", "Q-1"]
    log.close()


def test_two_processes_worth_of_writers_take_turns(tmp_path: Path) -> None:
    logs = [log_of(tmp_path) for _ in range(4)]

    def write(number: int) -> None:
        for i in range(25):
            logs[number].add(asked(f"Q-{number}-{i}", rows=2))
            logs[number].flush()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert table(tmp_path, "SELECT count(*) FROM requests") == [(100,)]
    assert table(tmp_path, "SELECT count(*) FROM answers") == [(200,)]
    for log in logs:
        log.close()


def test_labels_are_new_repeated_or_corrected(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.add(asked("Q-1", rows=2))
    log.flush()
    assert log.known(["Q-1", "Q-2"]) == {"Q-1": ("adult_income", 2)}
    assert log.label([("Q-1", 0, 1.0), ("Q-1", 1, 0.0)], at=AT) == {"new": 2, "repeated": 0, "corrected": 0}
    assert log.label([("Q-1", 0, 1.0), ("Q-1", 1, 1.0)], at=AT) == {"new": 0, "repeated": 1, "corrected": 1}
    assert table(tmp_path, "SELECT row, label FROM labels ORDER BY seq") == [(0, 1.0), (1, 0.0), (1, 1.0)]
    log.close()


def test_a_trial_s_rows_come_with_their_newest_label(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.add(asked("Q-1", rows=2, arm="champion", trial="T-1", unit="u1"))
    log.add(asked("Q-1", rows=2, arm="shadow", trial="T-1", unit="u1"))
    log.add(asked("Q-2", arm="challenger", trial="T-2", unit="u2"))
    log.flush()
    log.label([("Q-1", 1, 0.0)], at=AT)
    log.label([("Q-1", 1, 1.0)], at=AT)
    found = list(log.trial_rows("T-1"))
    assert [(r["arm"], r["row"], r["label"]) for r in found] == [
        ("champion", 0, None), ("champion", 1, 1.0), ("shadow", 0, None), ("shadow", 1, 1.0),
    ]  # fmt: skip
    log.close()


def test_rows_of_trials_keep_the_segment_that_they_tell(tmp_path: Path) -> None:
    """Both arms say the same of a shadowed row; a row that tells nothing, and one outside of trials, keep nothing."""
    told = iter(["A", "", "A", ""])
    log = RequestLog(tmp_path, clock=lambda: AT, segment_of=lambda problem, row: next(told))
    log.add(asked("Q-1", rows=2, arm="champion", trial="T-1", unit="u1"))
    log.add(asked("Q-1", rows=2, arm="shadow", trial="T-1", unit="u1"))
    log.add(asked("Q-2"))
    log.flush()
    assert [r["segment"] for r in log.trial_rows("T-1")] == ["A", None, "A", None]
    assert table(tmp_path, "SELECT request, row, segment FROM segments") == [("Q-1", 0, "A")]
    log.prune(AT + timedelta(days=1))
    assert table(tmp_path, "SELECT request FROM segments") == []
    log.close()


def test_old_lines_go_with_their_answers_and_labels(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.add(asked("Q-old", at=AT - timedelta(days=100)))
    log.add(asked("Q-new"))
    log.flush()
    log.label([("Q-old", 0, 1.0), ("Q-new", 0, 1.0)], at=AT)
    assert log.prune(AT - timedelta(days=90)) == 1
    assert log.known(["Q-old", "Q-new"]) == {"Q-new": ("adult_income", 1)}
    assert table(tmp_path, "SELECT request FROM labels") == [("Q-new",)]
    assert table(tmp_path, "SELECT request FROM answers") == [("Q-new",)]
    log.close()


def test_a_started_log_writes_by_itself_and_at_the_end(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.start()
    log.add(asked("Q-1"))
    log.close()
    assert table(tmp_path, "SELECT id FROM requests") == [("Q-1",)]


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("this is no database, and long enough to be looked at" * 50, "utf-8")
    log = log_of(tmp_path)
    with pytest.raises(StoreUnusable, match=r"requests\.db can't be used"):
        log.known(["Q-1"])
