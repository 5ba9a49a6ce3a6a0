"""A database behind a SQLAlchemy URL: turns for writers, errors in words, and the chain of events.

SQLite runs in WAL mode with foreign keys on, and every write is one `BEGIN IMMEDIATE`, so writers take turns and what
one reads inside does not change under it. PostgreSQL takes an advisory lock for the same turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, OperationalError

from registry import chain, refusals, sql_rows
from registry import sql_schema as db
from registry.errors import InvalidRecord, Unavailable, Unreadable
from registry.files import file_lock
from registry.records import Event
from registry.signing import Signature
from registry.sql_upgrade import bring_up
from registry.stored import PAGE, StoredEvent

_URL = "For example: postgresql://arena@localhost/arena; the password comes from PGPASSWORD."
_EDITED = "Somebody edited it round the ledger. 'arena-verify' says which one; restore the database from a backup."
T = TypeVar("T")
WRITERS_TURN = 0x617265_6E61  # one key for every ledger's advisory locks


class SqlStore:
    """What every keeper of arena.db shares.

    `busy_seconds` is how long a write waits for another writer, `lease_seconds` how long applying waits for another
    applying. Nothing is opened before the first use.
    """

    def __init__(self, url: str, *, busy_seconds: float = 20.0, lease_seconds: float = 60.0) -> None:
        self._url = address(url)
        self._busy_seconds, self._lease_seconds = busy_seconds, lease_seconds
        self._open = threading.local()

    @classmethod
    def at(cls, where: Path | str, *, busy_seconds: float = 20.0, lease_seconds: float = 60.0) -> Self:
        """The same in a SQLite file, made on first use, or at the URL of a database."""
        url = where if isinstance(where, str) else f"sqlite:///{where}"
        return cls(url, busy_seconds=busy_seconds, lease_seconds=lease_seconds)

    def close(self) -> None:
        """Close what is open; the next use opens again."""
        if (engine := self.__dict__.pop("_engine", None)) is not None:
            engine.dispose()

    # -- transactions --------------------------------------------------------------------------------------------

    @cached_property
    def _engine(self) -> sa.Engine:
        with self._translated():
            if self._url.get_backend_name() != "sqlite":
                return self._with_schema(self._other())
            path = Path(str(self._url.database))
            engine = sa.create_engine(self._url, connect_args={"timeout": self._busy_seconds})
            sa.event.listen(engine, "connect", _prepare)
            sa.event.listen(engine, "begin", _begin)
            busy = f"Another process is creating {path}."
            with file_lock(path.with_suffix(".lock"), seconds=self._busy_seconds, busy=busy):
                return self._with_schema(engine)

    def _other(self) -> sa.Engine:
        try:
            return sa.create_engine(self._url, pool_pre_ping=True)
        except ModuleNotFoundError as error:
            raise Unavailable(
                f"The driver of {self._url.drivername} is not installed ({error.name}).",
                hint="For PostgreSQL install the extra 'postgres'.",
            ) from error

    def _with_schema(self, engine: sa.Engine) -> sa.Engine:
        try:
            if engine.dialect.name == "sqlite":
                with engine.connect() as connection:  # the mode stays with the file
                    connection.connection.cursor().execute("PRAGMA journal_mode = WAL")
            self._create(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _create(self, engine: sa.Engine) -> None:
        """Make the tables that are not there yet, or bring those of an earlier release up to this one's."""
        with engine.connect() as connection:
            if db.version_of(connection) == db.SCHEMA_VERSION:
                return
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            self._take_turn(connection)
            bring_up(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as error:
            raise refusals.no_text() from error
        except OperationalError as error:
            if "Could not decode" in str(error.orig):
                raise Unreadable(f"A row of the ledger holds what is no text: {error.orig}.", hint=_EDITED) from error
            where = self._url.render_as_string(hide_password=True)
            locked = any(word in str(error.orig) for word in ("locked", "busy", "lock timeout"))
            if locked:
                raise Unavailable(
                    f"The ledger {where} stayed locked for {self._busy_seconds:g} s by another process.",
                    hint="Nothing was written. End the process that holds it, then repeat the command.",
                ) from error
            if any(word in str(error.orig) for word in ("disk is full", "disk I/O error")):
                raise Unavailable(
                    f"The ledger {where} can't be written: {error.orig}.",
                    hint="Nothing was written. Free some space on its disk, then repeat the command.",
                ) from error
            raise Unavailable(
                f"The ledger {where} can't be opened: {error.orig}.",
                hint="Check that its folder exists and is writable."
                if self._url.get_backend_name() == "sqlite"
                else "Check that the server runs, and that PGPASSWORD holds the password.",
            ) from error
        except (IntegrityError, DataError) as error:
            raise InvalidRecord(f"The ledger refuses this record: {error.orig}.") from error
        except DatabaseError as error:
            where = self._url.render_as_string(hide_password=True)
            raise Unavailable(
                f"The ledger {where} can't be read: {error.orig}.", hint="Restore the file from a backup."
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, serialised against every other writer; one inside another joins it."""
        if getattr(self._open, "connection", None) is not None:
            yield
            return
        engine = self._engine
        with self._translated(), engine.connect().execution_options(writes=True) as connection, connection.begin():
            self._take_turn(connection)
            self._open.connection = connection
            try:
                yield
            finally:
                self._open.connection = None

    @contextmanager
    def reading(self, *, faults: list[str] | None = None, any_text: bool = False) -> Iterator[None]:
        """What is read inside is all of one moment; others go on writing.

        With `faults` a row that no record can be made of is told there and left out, instead of Unreadable being
        raised; with `any_text` even one with text that is none, which takes longer to read.
        """
        if getattr(self._open, "connection", None) is not None:
            yield
            return
        engine = self._engine
        level = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        with self._translated(), engine.connect().execution_options(**level) as connection, connection.begin():
            driver = connection.connection.driver_connection if any_text else None
            if engine.dialect.name == "sqlite" and driver is not None:
                driver.text_factory = lambda text: text.decode(errors="surrogateescape")
            self._open.connection, self._open.faults = connection, faults
            try:
                yield
            finally:
                self._open.connection = self._open.faults = None
                if engine.dialect.name == "sqlite" and driver is not None:
                    driver.text_factory = str

    def _made(self, rows: Iterable[Any], make: Callable[[Any], T]) -> Iterator[T]:
        """The record of each row; see `reading` for one that is none."""
        for row in rows:
            try:
                yield make(row)
            except Unreadable as error:
                faults: list[str] | None = getattr(self._open, "faults", None)
                if faults is None:
                    raise
                faults.append(str(error))

    def _take_turn(self, connection: sa.Connection) -> None:
        """Wait for the writers before; SQLite's `BEGIN IMMEDIATE` has done so already."""
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(self._busy_seconds * 1000)}")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITERS_TURN)))

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self.transaction():
            yield self._open.connection

    def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        inside: sa.Connection | None = getattr(self._open, "connection", None)
        if inside is not None:
            return [dict(row._mapping) for row in inside.execute(query)]
        engine = self._engine
        with self._translated(), engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def _pages(self, query: sa.Select[Any], *, size: int) -> Iterator[Sequence[sa.Row[Any]]]:
        """The rows, `size` of them in memory at a time: PostgreSQL keeps the rest until it is asked."""
        inside: sa.Connection | None = getattr(self._open, "connection", None)
        with (
            self._translated(),
            nullcontext(inside) if inside is not None else self._engine.connect() as connection,
            connection.execute(query, execution_options={"yield_per": size}) as rows,
        ):
            yield from rows.partitions()

    # -- the chain -----------------------------------------------------------------------------------------------

    def add_event(self, *, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """Append to the chain."""
        with self._write():
            return self._tell(at, kind, subject, body)

    def events(
        self, *, after: int = 0, kind: str | None = None, subject: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Oldest first, those numbered above `after`."""
        query = db.events.select().where(db.events.c.seq > after).order_by(db.events.c.seq).limit(limit)
        if kind is not None:
            query = query.where(db.events.c.kind == kind)
        if subject is not None:
            query = query.where(db.events.c.subject == subject)
        return [sql_rows.to_event(row) for row in self._rows(query)]

    def subjects(self, kind: str) -> list[str]:
        """Of every event of a kind, oldest first."""
        query = sa.select(db.events.c.subject).where(db.events.c.kind == kind).order_by(db.events.c.seq)
        return [str(row["subject"]) for row in self._rows(query)]

    def stored_events(self, *, after: int = 0) -> Iterator[Sequence[StoredEvent]]:
        """The chain, page by page."""
        columns = [db.events.c[name] for name in StoredEvent._fields]
        query = sa.select(*columns).where(db.events.c.seq > after).order_by(db.events.c.seq)
        # the database's rows are tuples of these very fields, and making another of each takes as long as reading it
        yield from cast("Iterator[Sequence[StoredEvent]]", self._pages(query, size=PAGE))

    def event(self, seq: int) -> Event | None:
        """The event of that number, or None."""
        rows = self._rows(db.events.select().where(db.events.c.seq == seq))
        return sql_rows.to_event(rows[0]) if rows else None

    def head(self) -> Event | None:
        """The last event."""
        last = self._rows(db.events.select().order_by(db.events.c.seq.desc()).limit(1))
        return sql_rows.to_event(last[0]) if last else None

    def add_signature(self, signature: Signature) -> None:
        """Keep the signature of an event that has none."""
        with self._write() as connection:
            connection.execute(db.signatures.insert().values(asdict(signature)))

    def signatures(self, *, after: int = 0) -> list[Signature]:
        """In the order of their events."""
        query = db.signatures.select().where(db.signatures.c.seq > after).order_by(db.signatures.c.seq)
        return list(self._made(self._rows(query), sql_rows.to_signature))

    def _tell(self, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        said = partial(self.events, kind=chain.CLOCK)
        told = list(chain.next_events(self.head(), at=at, kind=kind, subject=subject, body=body, clock_events=said))
        for event in told:
            self._open.connection.execute(db.events.insert().values(sql_rows.from_event(event)))
        return told[-1]


def address(url: str) -> sa.URL:
    """The address of a SQLite file or a PostgreSQL database. Raises InvalidRecord for any other."""
    try:
        found = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidRecord("The URL of the ledger is none.", hint=_URL) from error
    if found.drivername in ("postgres", "postgresql"):  # the driver that comes with the extra 'postgres'
        found = found.set(drivername="postgresql+psycopg")
    if found.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidRecord(f"No ledger can be kept in {found.get_backend_name()}.", hint=_URL)
    return found


def _prepare(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver would begin late and not immediately; `_begin` does it
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
