"""The warehouse: events in parquet files, partitioned by day, asked by DuckDB inside this process.

    telemetry/events/day=2025-03-31/<batch>-0001-0.parquet    the events of one batch on one day
    telemetry/quarantine/<batch>-0001.parquet                 what that batch could not take in, with reasons
    telemetry/batches/<batch>.json                            what the batch was; its files count from here on
    telemetry/suggestions/                                    what the events say of each suggestion: `suggestions.py`

A batch is one file of names in `batches`, renamed into place when all else is written, so a reader sees a batch whole
or not at all and nobody is ever locked out of reading. Files of a batch that was not finished are not read, and are
written over when it is taken in again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ds_workflow.adapters.telemetry import views
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.errors import InvalidInput

MEMORY = "4GB"
EMPTY_HINT = "Run 'telemetry-simulate' for a log with known effects, then 'telemetry-ingest --input' its folder."


@dataclass(frozen=True)
class Table:
    """What a query answered: names of columns, and rows of plain values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        """One mapping per row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def column(self, name: str) -> list[Any]:
        """The values of one column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


class Session(Protocol):
    """A connection on which the views stand; the same for DuckDB and PostgreSQL."""

    def ask(self, sql: str) -> Table: ...


class Source(Protocol):
    """Where events are: a warehouse of files, or a database."""

    def session(self, filters: Filters = ..., *, keep: bool = ...) -> AbstractContextManager[Session]: ...

    @property
    def state(self) -> str: ...


@dataclass(frozen=True)
class DuckSession:
    """A connection of DuckDB in memory; the files are only read."""

    connection: Any

    def ask(self, sql: str) -> Table:
        """Run one statement and fetch all of it."""
        answer = self.connection.execute(sql)
        columns = tuple(d[0] for d in answer.description)
        return Table(columns, tuple(tuple(map(plain, row)) for row in answer.fetchall()))


def plain(value: Any) -> Any:
    """A value of a database as text, number, flag, day or nothing: decimals as floats, NaN as nothing."""
    from decimal import Decimal

    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def connect(*, memory: str = MEMORY, spill: Path | None = None) -> Any:
    """A DuckDB of this process, in memory, in UTC; it fetches nothing from outside and installs nothing."""
    import duckdb

    settings = {"memory_limit": memory, "autoinstall_known_extensions": "false", "TimeZone": "UTC"}
    if spill is not None:
        settings["temp_directory"] = str(spill)
    connection = duckdb.connect(":memory:", config={k: v for k, v in settings.items() if k != "TimeZone"})
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    return connection


@dataclass(frozen=True)
class Kept:
    """The files of the table of suggestions, below the warehouse; `before` is the state that they were made from."""

    rows: tuple[str, ...]
    odd: tuple[str, ...]
    before: str


@dataclass(frozen=True)
class Warehouse:
    """The warehouse in a folder, which may not be there yet."""

    root: Path

    @property
    def batches_folder(self) -> Path:
        """One file per batch that was taken in."""
        return self.root / "batches"

    def batches(self) -> list[dict[str, Any]]:
        """What was taken in, oldest first."""
        found = [json.loads(path.read_text("utf-8")) for path in self.batches_folder.glob("*.json")]
        return sorted(found, key=lambda b: (b["received_at"], b["batch"]))

    def files(self) -> list[Path]:
        """The parquet files of all batches."""
        return [self.root / name for batch in self.batches() for name in batch["files"]]

    @property
    def state(self) -> str:
        """Names what the warehouse holds: it changes when a batch is taken in, and never otherwise."""
        return _state(path.stem for path in self.batches_folder.glob("*.json"))

    def state_with(self, batch: str) -> str:
        """The state once `batch` is taken in."""
        return _state((*(path.stem for path in self.batches_folder.glob("*.json")), batch))

    @property
    def suggestions_folder(self) -> Path:
        """The table of suggestions, and for which state each of its files holds."""
        return self.root / "suggestions"

    def manifest(self, state: str) -> Path:
        """The file that names the files of the table of suggestions in a state."""
        return self.suggestions_folder / f"{state}.json"

    def kept(self, state: str) -> Kept | None:
        """The table of suggestions in a state; None where it was not put together."""
        try:
            told = json.loads(self.manifest(state).read_text("utf-8"))
        except FileNotFoundError:
            return None
        return Kept(tuple(told["rows"]), tuple(told["odd"]), told["before"])

    def source(self, files: Sequence[Path] | None = None) -> str:
        """The files as a table of SQL. InvalidInput when there are none."""
        chosen = self.files() if files is None else list(files)
        if not chosen:
            raise InvalidInput(f"The warehouse in {self.root} holds no events.", hint=EMPTY_HINT)
        listed = ", ".join(views.literal(str(path)) for path in chosen)
        return f"read_parquet([{listed}], hive_partitioning = true, hive_types = {{'day': date}})"

    @contextmanager
    def session(self, filters: Filters = Filters(), *, keep: bool = False) -> Iterator[DuckSession]:  # noqa: B008
        """A connection with the views over what `filters` leave. With `keep` the suggestions are put together once and
        held in memory, which pays from the second query on."""
        batches = self.batches()  # looked at once: events and suggestions are of one state
        source = self.source([self.root / name for batch in batches for name in batch["files"]])
        kept = self.kept(_state(batch["batch"] for batch in batches))
        table = self.source([self.root / name for name in kept.rows]) if kept and kept.rows else ""
        odd = views.parquet([self.root / name for name in kept.odd]) if kept and kept.odd else ""
        connection = connect()
        try:
            for statement in views.statements(source, filters, table=table, odd=odd):
                held = keep and statement.startswith("create temporary view s")
                connection.execute(statement.replace("temporary view", "temporary table", 1) if held else statement)
            yield DuckSession(connection)
        finally:
            connection.close()


def _state(batches: Iterable[str]) -> str:
    return hashlib.sha256(",".join(sorted(batches)).encode()).hexdigest()[:16]


def of(data: Path) -> Warehouse:
    """The warehouse of a workspace's data folder."""
    return Warehouse(data / "telemetry")


def write_whole(path: Path, text: str) -> None:
    """All of the text or none of it, whenever the machine stops."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    with waiting.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    waiting.replace(path)
