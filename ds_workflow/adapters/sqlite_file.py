"""A SQLite file of our own, shared by processes: readers never wait, writers take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from ds_workflow.errors import WorkflowError

BUSY_SECONDS = 20.0
_OPENINGS = 100  # tries, a tenth of a second apart: two processes that create one file refuse each other


class StoreUnusable(WorkflowError):
    """The file can't be opened, is locked for too long, is no database, or its disk is full."""


class SqliteFile:
    """The tables of `schema` in a file, made on first use.

    It keeps a write-ahead log and does not wait for the disk at each write: what a power cut may take is the last
    moment, never the file.
    """

    def __init__(self, path: Path, schema: sa.MetaData) -> None:
        self.path, self._schema = path, schema
        self._engine: sa.Engine | None = None
        self._opening = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that no other writer comes between, committed at the end. Raises StoreUnusable."""
        with self._translated(), self._opened().begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent look. Raises StoreUnusable."""
        with self._translated(), self._opened().connect().execution_options(reading=True) as connection:
            yield connection

    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists()

    def close(self) -> None:
        """Close what is open; the next use opens again."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _opened(self) -> sa.Engine:
        with self._opening:
            if self._engine is None:
                self._engine = self._open()
            return self._engine

    def _open(self) -> sa.Engine:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(f"sqlite:///{self.path}", connect_args={"timeout": BUSY_SECONDS})
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
        for left in reversed(range(_OPENINGS)):
            try:
                with engine.begin() as connection:
                    self._schema.create_all(connection)
                return engine
            except OperationalError as error:
                if not left or "locked" not in str(error.orig):
                    engine.dispose()
                    raise
                time.sleep(0.1)
        raise AssertionError("unreachable")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise StoreUnusable(
                f"{self.path} can't be used: {error.orig}.", hint="Check its disk and permissions, and who holds it."
            ) from error


def _prepare(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
