"""Files of rows larger than memory: read a part at a time, written whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.domain.contract import typed
from ds_workflow.domain.problem import Column
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

PART_ROWS = 20_000
SUFFIXES = (".csv", ".parquet")
_BLOCK = 8 << 20


@dataclass(frozen=True)
class Part:
    """Rows of a file: all their columns as a table, and the number of the first, from 1."""

    first: int
    table: pa.Table

    def rows(
        self, columns: Mapping[str, Column], *, as_text: bool, missing: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """The values of `columns` as JSON would have brought them; the texts `missing` are nothing."""
        some = self.table.select([name for name in self.table.column_names if name in columns]).to_pylist()
        if as_text:
            return [
                {n: typed(columns[n], v, missing=missing) if v is not None else None for n, v in row.items()}
                for row in some
            ]
        return [{n: _plain(v, missing) for n, v in row.items()} for row in some]

    def __reduce__(self) -> tuple[Any, tuple[int, bytes]]:
        """On its way to a worker: a slice by itself would take along all of the table that it was cut from."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.table.schema) as stream:
            stream.write_table(self.table)
        return _received, (self.first, sink.getvalue().to_pybytes())


def _received(first: int, content: bytes) -> Part:
    import pyarrow as pa

    return Part(first, pa.ipc.open_stream(content).read_all())


def _plain(value: Any, missing: Collection[str]) -> Any:
    """A typed file's value as JSON would have brought it."""
    if isinstance(value, str):
        return None if value.strip() in missing else value
    return float(value) if isinstance(value, Decimal) else value


class RowFile:
    """A CSV or parquet file by its suffix. Raises InvalidInput for another, an empty, or an unreadable one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.as_text = _suffix(path) == ".csv"
        if not path.is_file():
            raise InvalidInput(f"There is no file {path}.", hint="Name a csv or parquet file of rows.")
        self.columns = self._columns()
        if len(set(self.columns)) < len(self.columns):
            twice = next(name for name in self.columns if self.columns.count(name) > 1)
            raise InvalidInput(f"{path} has two columns named '{twice}'.")

    def parts(self) -> Iterator[Part]:
        """The rows in order, at most PART_ROWS at a time."""
        import pyarrow as pa

        first = 1
        try:
            for batch in self._batches():
                table = pa.Table.from_batches([batch])
                for start in range(0, len(table), PART_ROWS):
                    part = table.slice(start, PART_ROWS)
                    yield Part(first, part)
                    first += len(part)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise InvalidInput(f"{self.path} can't be read after row {first - 1:,}: {error}") from error

    def _columns(self) -> list[str]:
        if not self.as_text:
            return [str(name) for name in self._parquet().schema_arrow.names]
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as stream:
                header = next(csv.reader(stream), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise InvalidInput(f"{self.path} can't be read as a CSV in UTF-8: {error}") from error
        if not header:
            raise InvalidInput(f"{self.path} is empty; a header and rows were expected.")
        return [name.strip() for name in header]  # as in 'age, education'

    def _parquet(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidInput(f"{self.path} can't be read as parquet: {error}") from error

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if not self.as_text:
            yield from self._parquet().iter_batches(batch_size=PART_ROWS)
            return
        import pyarrow as pa
        import pyarrow.csv as pc

        # Every cell as text: what type it has is said by the declaration, not guessed from a file's beginning.
        yield from pc.open_csv(
            self.path,
            read_options=pc.ReadOptions(block_size=_BLOCK, column_names=self.columns, skip_rows=1),
            parse_options=pc.ParseOptions(newlines_in_values=True),
            convert_options=pc.ConvertOptions(
                column_types=dict.fromkeys(self.columns, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )


class RowWriter:
    """Parts go in, a CSV or parquet file comes out, its columns as the first part has them."""

    def __init__(self, path: Path, *, suffix: str) -> None:
        self._path, self._csv = path, suffix == ".csv"
        self._writer: Any = None

    def write(self, table: pa.Table) -> None:
        """Add a part."""
        if self._csv:
            with self._path.open("a", encoding="utf-8", newline="") as stream:
                table.to_pandas().to_csv(stream, index=False, header=stream.tell() == 0)
            return
        import pyarrow.parquet as pq

        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to, put in the place of `path` when all went well and removed when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    unfinished.unlink(missing_ok=True)
    try:
        yield unfinished
        if unfinished.exists():
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[RowWriter]:
    """A writer of a csv or parquet file that appears whole or not at all."""
    suffix = _suffix(path)
    with whole(path) as unfinished:
        writer = RowWriter(unfinished, suffix=suffix)
        try:
            yield writer
        finally:
            writer.close()


@contextmanager
def listing(path: Path, header: Sequence[str]) -> Iterator[Callable[[Sequence[Any]], None]]:
    """A function that adds one line to a CSV, which appears only if a line was added."""
    with whole(path) as unfinished:
        streams: list[Any] = []

        def add(cells: Sequence[Any]) -> None:
            if not streams:
                streams.append(unfinished.open("w", encoding="utf-8", newline=""))
                csv.writer(streams[0]).writerow(header)
            csv.writer(streams[0]).writerow(cells)

        try:
            yield add
        finally:
            for stream in streams:
                stream.close()


def _suffix(path: Path) -> str:
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInput(f"{path.name} is neither .csv nor .parquet.", hint=f"Known: {', '.join(SUFFIXES)}.")
    return path.suffix.lower()
