"""A Parquet file as a view of a DuckDB in memory, and the SQL that names its columns."""
# ruff: noqa: S608 - columns are quoted by `quoted`, and no other text of a stranger gets into a query

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

THREADS = 2


@dataclass(frozen=True)
class Session:
    """A database, and the statements asked of it so far."""

    db: DuckDBPyConnection
    said: list[str]

    def execute(self, query: str) -> DuckDBPyConnection:
        """Run a statement and remember it."""
        self.said.append(query)
        return self.db.execute(query)


@contextmanager
def opened(path: Path) -> Iterator[Session]:
    """A database in memory with the file as a view; it reads nothing else and fetches nothing."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "autoinstall_known_extensions": "false",
    }
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute(view_of(str(path)))
        yield Session(connection, [])


def view_of(path: str) -> str:
    """The statement that makes the file the view `file`."""
    name = path.replace("'", "''")
    return f"CREATE TEMP VIEW file AS SELECT * FROM read_parquet('{name}')"


def kinds_of(db: Session) -> dict[str, str]:
    """The columns of the file and their SQL types."""
    return {str(row[0]): str(row[1]) for row in db.execute("DESCRIBE file").fetchall()}


def first_row(db: Session, query: str) -> tuple[Any, ...]:
    """The first row of an answer; empty where there is none."""
    found = db.execute(query).fetchone()
    return found if found is not None else ()


def quoted(column: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'


def number_of(column: str) -> str:
    """A column's values as numbers."""
    return f"CAST({quoted(column)} AS DOUBLE)"


def finite(column: str) -> str:
    """A value, or nothing where it is no finite number: those are counted, and refused after the pass."""
    return f"CASE WHEN isfinite({number_of(column)}) THEN {number_of(column)} END"
