"""The same events in PostgreSQL, and the same SQL asked there.

What the two databases would read differently is settled in one place each: the views (`views.statements`, which both
run as they are), the types of the table below, and `plain`, which makes numerics floats. Batches are copied from the
warehouse of files, which is where events are checked; a batch is copied whole, in one transaction, once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ds_workflow.adapters.telemetry import views
from ds_workflow.adapters.telemetry.warehouse import Table, Warehouse, connect, plain
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.domain.telemetry.schema import FIELDS
from ds_workflow.errors import InvalidInput, SourceUnavailable

_TYPES = {"text": "text", "number": "double precision", "integer": "integer", "flag": "boolean", "time": "timestamp"}
_ALWAYS = {"event_id", "event_type", "occurred_at", "session_id", "developer_id"}
_ROWS = 50_000


def _schema() -> list[str]:
    columns = [f"{f.name} {_TYPES[f.type]}{' not null' if f.name in _ALWAYS else ''}" for f in FIELDS]
    table = ", ".join((*columns, "received_at timestamp not null", "day date not null", "primary key (event_id)"))
    return [
        f"create table if not exists telemetry_events ({table})",
        "create index if not exists telemetry_events_day on telemetry_events (day)",
        "create index if not exists telemetry_events_suggestion on telemetry_events (suggestion_id)",
        "create table if not exists telemetry_batches (batch text primary key, events bigint not null)",
    ]


@dataclass(frozen=True)
class DatabaseSession:
    """A transaction on which the views stand; nothing of it stays."""

    connection: sa.Connection

    def ask(self, sql: str) -> Table:
        """Run one statement and fetch all of it."""
        answer = self.connection.exec_driver_sql(sql.replace("%", "%%"))
        return Table(tuple(answer.keys()), tuple(tuple(map(plain, row)) for row in answer.fetchall()))


@dataclass(frozen=True)
class Database:
    """A PostgreSQL database by its SQLAlchemy address (postgresql+psycopg://...)."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith("postgresql"):
            raise InvalidInput(
                f"'{self.url.split(':')[0][:30]}' is no PostgreSQL address.",
                hint="Write it as postgresql+psycopg://user@host/database.",
            )

    @property
    def state(self) -> str:
        """Names what the table holds."""
        with self._connected() as connection:
            rows = connection.exec_driver_sql("select batch from telemetry_batches order by batch").fetchall()
        return ",".join(batch for (batch,) in rows)

    def reach(self) -> None:
        """Raises SourceUnavailable when the database does not answer."""
        with self._connected():
            pass

    def load(self, warehouse: Warehouse, *, say: Callable[[str], None]) -> int:
        """Copy the batches that are not there yet; how many events were new."""
        copied = 0
        for batch in warehouse.batches():
            with self._connected() as connection:
                for statement in _schema():
                    connection.exec_driver_sql(statement)
                known = connection.execute(
                    sa.text("select 1 from telemetry_batches where batch = :b"), {"b": batch["batch"]}
                ).first()
                if known:
                    continue
                new = self._copy(connection, warehouse, batch) if batch["files"] else 0
                connection.execute(
                    sa.text("insert into telemetry_batches values (:b, :n)"), {"b": batch["batch"], "n": new}
                )
                connection.commit()
            copied += new
            say(f"batch {batch['batch']}: {new:,} events copied")
        return copied

    def _copy(self, connection: sa.Connection, warehouse: Warehouse, batch: dict[str, Any]) -> int:
        connection.exec_driver_sql("create temporary table incoming (like telemetry_events) on commit drop")
        duck = connect()
        driver: Any = connection.connection.driver_connection
        try:
            names = ", ".join(views.COLUMNS)
            source = warehouse.source([warehouse.root / f for f in batch["files"]])
            answer = duck.execute(f"select {names} from {source}")
            with driver.cursor() as cursor, cursor.copy(f"copy incoming ({names}) from stdin (format csv)") as copy:
                while rows := answer.fetchmany(_ROWS):
                    text = io.StringIO()
                    csv.writer(text).writerows(rows)
                    copy.write(text.getvalue())
        finally:
            duck.close()
        done = connection.exec_driver_sql(
            "insert into telemetry_events select * from incoming on conflict (event_id) do nothing"
        )
        return int(done.rowcount)

    @contextmanager
    def session(self, filters: Filters = Filters(), *, keep: bool = False) -> Iterator[DatabaseSession]:  # noqa: B008
        """A transaction with the views over what `filters` leave; see `Warehouse.session`."""
        with self._connected() as connection:
            known = connection.exec_driver_sql("select to_regclass('telemetry_events')").scalar()
            if known is None:
                raise InvalidInput(
                    "The database holds no events.", hint="Run 'telemetry-ingest --database URL' to copy them there."
                )
            for statement in views.statements("telemetry_events", filters):
                held = keep and statement.startswith("create temporary view s")
                connection.exec_driver_sql(
                    (statement.replace("temporary view", "temporary table", 1) if held else statement).replace(
                        "%", "%%"
                    )
                )
            yield DatabaseSession(connection)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection whose work is thrown away unless it was committed."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool, connect_args={"options": "-c timezone=UTC"})
        try:
            connection = engine.connect()
        except sa.exc.OperationalError as error:
            said = str(error.orig).strip().splitlines()[0]
            raise SourceUnavailable(
                f"The database did not answer: {said}", hint="Check the address and that the server runs."
            ) from error
        try:
            yield connection
        finally:
            connection.rollback()
            connection.close()
            engine.dispose()
