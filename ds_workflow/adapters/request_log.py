"""The log of requests: what was asked, what answered, how long it took; and labels that come later.

Rows are kept as a digest; of those in a trial the segment is kept too.

A request is handed over in memory and written by a thread, many at a time. What can't be written in time is counted,
and the count is written as soon as anything can be: nothing is lost silently. A process that is killed loses what it
was handed in the last half second.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ds_workflow.adapters.sqlite_file import SqliteFile, StoreUnusable

FILE = "requests.db"
MOST_WAITING = 200_000  # rows in memory; beyond, requests are counted instead of kept
EVERY_SECONDS = 0.5
KEEP_DAYS = 90
_PRUNE_SECONDS = 3_600.0
_LOG = logging.getLogger(__name__)
SegmentOf = Callable[[str, Mapping[str, Any]], str]

schema = sa.MetaData()
requests = sa.Table(
    "requests",
    schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("experiment", sa.Text, nullable=False),  # "" outside of one
    sa.Column("arm", sa.Text, primary_key=True),  # champion, challenger, or shadow beside one of them
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("milliseconds", sa.Float, nullable=False),
    sqlite_with_rowid=False,
)
answers = sa.Table(
    "answers",
    schema,
    sa.Column("request", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("row_digest", sa.Text, nullable=False),
    sa.Column("answer", sa.Float, nullable=False),
    sqlite_with_rowid=False,
)
labels = sa.Table(
    "labels",
    schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("label", sa.Float, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("labels_by_row", "request", "row"),
)
segments = sa.Table(  # of rows that a trial compares, where a row tells its segment
    "segments",
    schema,
    sa.Column("request", sa.Text, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("segment", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
refusals = sa.Table(
    "refusals",
    schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
lost = sa.Table(
    "lost",
    schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that was answered: its parsed rows and the answers, in the same order."""

    id: str
    at: datetime
    problem: str
    version: int
    digest: str
    arm: str
    rows: Sequence[Mapping[str, Any]]
    answers: Sequence[float]
    milliseconds: float
    experiment: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """One request that was not answered."""

    at: datetime
    path: str
    status: int
    reason: str


@dataclass
class Counts:
    """Rows since the start of this process."""

    written: int = 0
    lost: int = 0
    waiting: int = 0


def row_digest(row: Mapping[str, Any]) -> str:
    """32 hex digits of a parsed row's values, in the order of the declaration: however it was sent, the same row has
    the same digest."""
    return hashlib.blake2b(repr([*row.values()]).encode("utf-8", "replace"), digest_size=16).hexdigest()


class RequestLog:
    """Takes what happened and writes it off the request's path. One a process."""

    def __init__(
        self,
        store: Path,
        *,
        clock: Callable[[], datetime],
        most_waiting: int = MOST_WAITING,
        segment_of: SegmentOf | None = None,
    ) -> None:
        """`segment_of` names the segment of a problem's parsed row, "" where it can't; asked for rows of trials."""
        self._file = SqliteFile(store / FILE, schema)
        self._segment_of = segment_of
        self._clock, self._most = clock, most_waiting
        self._queue: deque[Asked | Refused] = deque()
        self._turn = threading.Lock()  # one flush at a time
        self._guard = threading.Lock()  # of the counts
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._unwritten_loss = 0
        self._why = ""
        self.counts = Counts()

    def add(self, happened: Asked | Refused) -> None:
        """Take it; counted as lost when too much waits already. Never waits."""
        rows = len(happened.rows) if isinstance(happened, Asked) else 1
        with self._guard:
            if self.counts.waiting + rows > self._most:
                self.counts.lost += rows
                self._unwritten_loss += rows
                self._why = "more requests than could be written"
                return
            self.counts.waiting += rows
        self._queue.append(happened)

    def start(self) -> None:
        """Write from now on, twice a second."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="request log", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None
        self.flush()
        self._file.close()

    def flush(self) -> None:
        """Write what waits. What can't be written is kept for the next time."""
        with self._turn:
            batch = []
            while self._queue:
                batch.append(self._queue.popleft())
            if not batch and not self._unwritten_loss:
                return
            try:
                written = self._write(batch)
            except StoreUnusable as error:
                _LOG.warning("the request log can't be written: %s", error)
                self._queue.extendleft(reversed(batch))
                return
            with self._guard:
                self.counts.waiting -= written
                self.counts.written += written

    def _run(self) -> None:
        pruned = 0.0
        while not self._stop.wait(EVERY_SECONDS):
            self.flush()
            pruned += EVERY_SECONDS
            if pruned >= _PRUNE_SECONDS:
                pruned = 0.0
                self.prune(self._clock() - timedelta(days=KEEP_DAYS))

    def _write(self, batch: Sequence[Asked | Refused]) -> int:
        asked = [one for one in batch if isinstance(one, Asked)]
        told = [one for one in batch if isinstance(one, Refused)]
        with self._guard:
            loss, why, self._unwritten_loss = self._unwritten_loss, self._why, 0
        try:
            with self._file.writing() as connection:
                _many(connection, requests, (_request(one) for one in asked))
                _many(connection, answers, (row for one in asked for row in _answers(one)))
                _many(connection, segments, self._segments(asked), words="INSERT OR IGNORE")
                _many(connection, refusals, ((None, _text(r.at), r.path, r.status, r.reason) for r in told))
                if loss:
                    _many(connection, lost, [(None, _text(self._clock()), loss, why)])
        except BaseException:
            with self._guard:
                self._unwritten_loss += loss
            raise
        return sum(len(one.rows) for one in asked) + len(told)

    def _segments(self, asked: Sequence[Asked]) -> Iterator[tuple[str, int, str]]:
        """The segments of rows in trials; both arms of a shadow say the same, so that the second is ignored."""
        if self._segment_of is None:
            return
        for one in (one for one in asked if one.experiment):
            for place, row in enumerate(one.rows):
                if segment := self._segment_of(one.problem, row):
                    yield one.id, place, segment

    def prune(self, before: datetime) -> int:
        """Delete requests from before that time, with their answers and labels; returns the requests deleted."""
        try:
            with self._file.writing() as connection:
                old = sa.select(requests.c.id).where(requests.c.at < _text(before))
                for table in (answers, labels, segments):
                    connection.execute(table.delete().where(table.c.request.in_(old)))
                connection.execute(refusals.delete().where(refusals.c.at < _text(before)))
                return connection.execute(requests.delete().where(requests.c.at < _text(before))).rowcount
        except StoreUnusable as error:
            _LOG.warning("the request log can't be pruned: %s", error)
            return 0

    # -- labels --------------------------------------------------------------------------------------------------

    def known(self, ids: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Problem and number of rows of those requests that were written."""
        wanted = sorted(set(ids))
        found: dict[str, tuple[str, int]] = {}
        if not self._file.exists():
            return found
        with self._file.reading() as connection:
            for start in range(0, len(wanted), 500):
                some = requests.c.id.in_(wanted[start : start + 500])
                query = sa.select(requests.c.id, requests.c.problem, requests.c.rows).where(some)
                found |= {ident: (problem, rows) for ident, problem, rows in connection.execute(query)}
        return found

    def label(self, given: Sequence[tuple[str, int, float]], *, at: datetime) -> dict[str, int]:
        """Keep labels, each (request, row, label): how many were new, repeated what was known, or corrected it.

        A correction is kept beside what it corrects; the newest counts.
        """
        counts = {"new": 0, "repeated": 0, "corrected": 0}
        with self._file.writing() as connection:
            for ident, row, label in given:
                query = (
                    sa.select(labels.c.label)
                    .where(labels.c.request == ident, labels.c.row == row)
                    .order_by(labels.c.seq.desc())
                )
                before = connection.execute(query.limit(1)).scalar()
                kind = "new" if before is None else "repeated" if before == label else "corrected"
                counts[kind] += 1
                if kind != "repeated":
                    connection.execute(labels.insert().values(request=ident, row=row, label=label, at=_text(at)))
        return counts

    def trial_rows(self, trial: str) -> Iterator[dict[str, Any]]:
        """One line per row that an arm of a trial answered: arm, unit, request, row, answer, milliseconds, at, the
        newest label and the segment (None: not known)."""
        newest = sa.select(sa.func.max(labels.c.seq)).group_by(labels.c.request, labels.c.row)
        known = sa.select(labels).where(labels.c.seq.in_(newest)).subquery()
        r, a = requests.c, answers.c
        query = (
            sa.select(
                r.arm,
                r.unit,
                r.id.label("request"),
                a.row,
                a.answer,
                r.milliseconds,
                r.at,
                known.c.label,
                segments.c.segment,
            )
            .join(answers, sa.and_(a.request == r.id, a.arm == r.arm))
            .outerjoin(known, sa.and_(known.c.request == r.id, known.c.row == a.row))
            .outerjoin(segments, sa.and_(segments.c.request == r.id, segments.c.row == a.row))
            .where(r.experiment == trial)
            .order_by(r.id, r.arm, a.row)
        )
        if self._file.exists():
            with self._file.reading() as connection:
                for row in connection.execute(query):
                    yield dict(row._mapping)


def _many(
    connection: sa.Connection, table: sa.Table, rows: Iterable[tuple[Any, ...]], *, words: str = "INSERT"
) -> None:
    """Plain tuples straight to the driver: SQLAlchemy's own way costs three times as much."""
    listed = list(rows)
    if listed:
        marks = ",".join("?" * len(table.columns))
        connection.exec_driver_sql(f"{words} INTO {table.name} VALUES ({marks})", listed)


def _request(one: Asked) -> tuple[Any, ...]:
    return (
        one.id, _text(one.at), one.problem, one.version, one.digest, one.experiment, one.arm, one.unit, len(one.rows),
        one.milliseconds,
    )  # fmt: skip


def _answers(one: Asked) -> Iterable[tuple[Any, ...]]:
    for place, (row, answer) in enumerate(zip(one.rows, one.answers, strict=True)):
        yield one.id, one.arm, place, row_digest(row), answer


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
