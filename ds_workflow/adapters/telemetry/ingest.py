"""Taking a batch of events into the warehouse: every event is accepted, known already, or in quarantine with its
reasons; their numbers add up to what came, or nothing is taken in.

The same files again change nothing (a batch is named by the digest of its bytes), and an event that comes again in
another batch is counted as a duplicate and left out. One with a known id and another content goes to quarantine, since
nobody can tell which of the two is true. A late event goes to the day on which it happened.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ds_workflow.adapters.telemetry import checks, reading, suggestions, views
from ds_workflow.adapters.telemetry.warehouse import Warehouse, connect, write_whole
from ds_workflow.domain.telemetry.schema import NAMES
from ds_workflow.errors import StateConflict

CONTENT = f"hash({', '.join(NAMES)})"


@dataclass(frozen=True)
class Batch:
    """What became of one batch. `late` events are of days before the newest day that the warehouse already had.
    `quarantined` counts events by reason (an event may have several); `refused` counts the events. `repeated`: this
    very batch was already there, and nothing was done."""

    batch: str
    received_at: str
    sources: tuple[str, ...]
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    late: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    ignored_columns: tuple[str, ...] = ()
    first_day: str = ""
    last_day: str = ""
    files: tuple[str, ...] = ()
    quarantine: tuple[str, ...] = ()
    repeated: bool = False


def ingest(warehouse: Warehouse, source: Path, *, received_at: datetime, say: Callable[[str], None]) -> Batch:
    """Take in a file or a folder of files of events. Raises InvalidInput for what is no file of events, StateConflict
    while another process takes events in; either way nothing is changed."""
    files = reading.files_in(source)
    with _alone(warehouse):
        name = _digest(files)
        record = warehouse.batches_folder / f"{name}.json"
        if record.exists():
            known = json.loads(record.read_text("utf-8"))
            return Batch(**{**known, "repeated": True})
        connection = connect(spill=warehouse.root / "spill")
        try:
            intake = _Intake(warehouse, connection, name, received_at)
            opened = [reading.opened(connection, path) for path in files]  # all are looked at before one is taken in
            for number, raw in enumerate(opened, start=1):
                came, taken = intake.take(raw, number)
                if len(opened) > 1:
                    say(f"{raw.path.name}: {taken:,} of {came:,} events ({number} of {len(opened)} files)")
            intake.put_together()
        finally:
            connection.close()
        made = intake.batch(files)
        document = {k: v for k, v in asdict(made).items() if k != "repeated"}
        write_whole(record, json.dumps(document, indent=2) + "\n")
        return made


class _Intake:
    """One batch on its way in, file by file, on one connection. What it writes is read by nobody before the batch is
    recorded."""

    def __init__(self, warehouse: Warehouse, connection: Any, name: str, received_at: datetime) -> None:
        known = warehouse.batches()
        self._warehouse, self._connection, self._name, self._received_at = warehouse, connection, name, received_at
        self._at = f"timestamp '{received_at:%Y-%m-%d %H:%M:%S}'"
        self._newest = max((b["last_day"] for b in known if b["last_day"]), default="")
        self._held = [warehouse.root / f for b in known for f in b["files"]]
        self._count: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._days: list[date] = []
        self._strange: set[str] = set()
        self._made: list[Path] = []
        self._bad: list[Path] = []
        for left in (*warehouse.root.glob(f"events/day=*/{name}-*"), *warehouse.root.glob(f"quarantine/{name}-*")):
            left.unlink()  # of an attempt that was not finished; read by nobody
        suggestions.tidy(warehouse)

    def take(self, raw: reading.Raw, number: int) -> tuple[int, int]:
        """Take in one file: how many events came, and how many were accepted."""
        part = f"{self._name}-{number:04d}"
        self._check(raw)
        self._judge()
        refused = self._quarantine(raw, part)
        fresh = "from checked where sound and line not in (select line from judged)"
        late = f"date {views.literal(self._newest)}" if self._newest else "null"
        taken, behind, first, last = self._row(
            f"select count(*), count(*) filter (where cast(occurred_at as date) < {late}), "
            f"min(cast(occurred_at as date)), max(cast(occurred_at as date)) {fresh}"
        )
        (rows,) = self._row("select count(*) from checked")
        (repeated,) = self._row("select count(*) from judged where verdict = 'duplicate'")
        came = rows + raw.unreadable(self._connection)
        if came != taken + repeated + refused:
            raise RuntimeError(f"{raw.path.name}: {came} events came, and not all of them are accounted for")
        if taken:
            self._kinds.update(dict(self._rows(f"select event_type, count(*) {fresh} group by 1")))
            self._write(fresh, part)
            self._days += [first, last]
        self._count.update(rows=came, accepted=taken, duplicates=repeated, refused=refused, late=behind)
        self._strange |= set(raw.strange)
        return came, taken

    def put_together(self) -> None:
        """The table of suggestions as it is with this batch; it holds from the batch's record on."""
        self._run("drop table if exists checked; drop table if exists faulty; drop table if exists judged")
        suggestions.put_together(self._connection, self._warehouse, self._name, self._made)

    def batch(self, files: list[Path]) -> Batch:
        """What became of all files together."""
        root, count = self._warehouse.root, self._count
        return Batch(
            batch=self._name,
            received_at=f"{self._received_at:%Y-%m-%dT%H:%M:%SZ}",
            sources=tuple(p.name for p in files),
            rows=count["rows"],
            accepted=count["accepted"],
            duplicates=count["duplicates"],
            refused=count["refused"],
            late=count["late"],
            quarantined=dict(self._reasons.most_common()),
            kinds=dict(sorted(self._kinds.items())),
            ignored_columns=tuple(sorted(self._strange)),
            first_day=str(min(self._days, default="")),
            last_day=str(max(self._days, default="")),
            files=tuple(p.relative_to(root).as_posix() for p in self._made),
            quarantine=tuple(p.relative_to(root).as_posix() for p in self._bad),
        )

    def _check(self, raw: reading.Raw) -> None:
        """Tables checked(line, the fields, sound) and faulty(line, reasons) of one file."""
        self._run("drop table if exists checked; drop table if exists faulty; drop table if exists judged")
        typed = f"select line, {checks.typed(raw.columns)} from {raw.relation}"
        self._run(
            f"create temporary table checked as select line, {', '.join(NAMES)}, {checks.sound(self._at)} as sound "
            f"from ({typed})"
        )
        self._run(
            f"create temporary table faulty as select line, {checks.reasons(self._at)} as reasons "
            f"from ({typed} where line in (select line from checked where not sound))"
            if self._row("select count(*) from checked where not sound")[0]
            else "create temporary table faulty (line bigint, reasons varchar)"
        )

    def _judge(self) -> None:
        """Table judged(line, verdict): sound events that are a `duplicate` of a known one or a `conflict` with it."""
        self._run("drop table if exists twice; drop table if exists before")
        self._run(
            "create temporary table twice as select event_id from checked where sound group by 1 having count(*) > 1"
        )
        known = [*self._held, *self._made]
        content = CONTENT.replace("hash(event_id", "hash(k.event_id")
        self._run(
            "create temporary table before as "
            + (
                f"select k.event_id, {content} as content from {self._warehouse.source(known)} k "
                "semi join (select event_id from checked where sound) using (event_id)"
                if known
                else "select cast(null as varchar) as event_id, cast(null as ubigint) as content where false"
            )
        )
        self._run(
            f"""
            create temporary table judged as
            with suspect as (
                select line, event_id, {CONTENT} as content
                from checked
                where sound and (event_id in (select event_id from twice) or event_id in (select event_id from before))
            ),
            first_seen as (
                select event_id, content, cast(-1 as bigint) as line from before
                union all
                (select distinct on (event_id) event_id, content, line from suspect
                 where event_id not in (select event_id from before) order by event_id, line)
            )
            select s.line, case when s.content = f.content then 'duplicate' else 'conflict' end as verdict
            from suspect s join first_seen f using (event_id)
            where s.line <> f.line
            """
        )

    def _quarantine(self, raw: reading.Raw, part: str) -> int:
        """Write what can't be taken in, as it came; how many events those are."""
        refused = (
            "select line, reasons from faulty "
            "union all select line, 'conflict:event_id' from judged where verdict = 'conflict'"
        )
        each = f"select unnest(string_split(reasons, ';')) as reason from ({refused})"
        self._reasons.update(dict(self._rows(f"select reason, count(*) from ({each}) group by 1")))
        (many,) = self._row(f"select count(*) from ({refused})")
        parts = []
        if many:
            source = views.literal(raw.path.name)
            parts.append(
                f"(select {source} as source, r.line, r.reasons, {raw.as_json} as raw "
                f"from {raw.relation} w join ({refused}) r using (line) order by r.line)"
            )
        if without := raw.unreadable(self._connection):
            self._reasons.update({"unreadable": without})
            parts.append(f"({raw.unreadable_rows})")
        if parts:
            path = self._warehouse.root / "quarantine" / f"{part}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            target = views.literal(str(path))
            self._run(f"copy ({' union all '.join(parts)}) to {target} (format parquet, compression zstd)")
            self._bad.append(path)
        return int(many) + without

    def _write(self, fresh: str, part: str) -> None:
        """The accepted events into the partitions of their days."""
        folder = self._warehouse.root / "events"
        folder.mkdir(parents=True, exist_ok=True)
        self._run(
            f"copy (select {', '.join(NAMES)}, {self._at} as received_at, cast(occurred_at as date) as day {fresh}) "
            f"to {views.literal(str(folder))} (format parquet, partition_by (day), compression zstd, "
            f"overwrite_or_ignore, filename_pattern {views.literal(part + '-{i}')})"
        )
        self._made += sorted(folder.glob(f"day=*/{part}-*.parquet"))

    def _run(self, sql: str) -> None:
        self._connection.execute(sql)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
        return found

    def _row(self, sql: str) -> tuple[Any, ...]:
        return self._rows(sql)[0]


def _digest(files: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()[:16]


@contextmanager
def _alone(warehouse: Warehouse) -> Iterator[None]:
    """One writer at a time; readers need no lock. The system lets go of it when the process dies."""
    warehouse.root.mkdir(parents=True, exist_ok=True)
    handle = os.open(warehouse.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateConflict(
                "Another process takes events into this warehouse.",
                hint="Nothing was changed; run it again afterwards.",
            ) from None
        yield
    finally:
        os.close(handle)
