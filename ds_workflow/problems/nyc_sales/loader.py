"""Reading the Department of Finance's files: csv, xlsx, parquet, a zip of them, or a folder of them."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.nyc_sales import references as geography
from ds_workflow.problems.nyc_sales.source import header_row, typed

READABLE = (".csv", ".txt", ".xlsx", ".parquet", ".zip")
_TITLE_ROWS = 40  # the header is looked for this far down
_WHOLE = "Download or copy it again."
_SOURCE = f"Give a file of the Department of Finance's sales, or a folder of them ({', '.join(READABLE)})."


@dataclass(frozen=True)
class _Table:
    """One table as it stands in a file: cells untouched, and the number of its first data row."""

    where: str
    cells: pd.DataFrame
    first_row: int


def load(path: Path, *, references: Sequence[Path] = ()) -> pd.DataFrame:
    """Raw sales of the source under canonical names (source.RAW_COLUMNS), one row per line of the files.

    `path` is a csv, xlsx, parquet or zip file, or a folder of these. `references` are tables of coordinates,
    recognised by their columns: (borough, block, latitude, longitude) and, as the fallback, (zip_code, latitude,
    longitude); a folder may hold them beside the sales. The shares of rows that each one located stand in
    `.attrs["coordinates"]`, the files in `.attrs["files"]`.

    Raises InvalidInput: no such file, empty, unreadable, missing columns, or a value of the wrong type with its row.
    """
    sales: list[pd.DataFrame] = []
    files: list[str] = []
    places: list[tuple[str, pd.DataFrame]] = []
    for table in _tables(Path(path)):
        if geography.recognised(table.cells):
            places.append((table.where, table.cells))
            continue
        files.append(table.where)
        sales.append(typed(table.cells, where=table.where, first_row=table.first_row))
    rows = pd.concat(sales, ignore_index=True) if sales else pd.DataFrame()
    if rows.empty:
        raise InvalidInput(
            f"{path} holds no sales{': all its tables are references' if places else ''}.",
            hint=_SOURCE,
        )
    for reference in references:
        for table in _tables(Path(reference)):
            if not geography.recognised(table.cells):
                raise InvalidInput(
                    f"{table.where} is not a table of places: found {', '.join(map(str, table.cells.columns))}. "
                    "Needed: borough, block, latitude, longitude; or zip_code, latitude, longitude.",
                    hint="Give sales as the input, and tables of coordinates as references.",
                )
            places.append((table.where, table.cells))
    rows, shares = geography.locate(rows, places)
    rows.attrs = {"files": files, "coordinates": shares}
    return rows


def _tables(path: Path) -> Iterator[_Table]:
    if not path.exists():
        raise InvalidInput(f"There is no file or folder {path}.", hint="Check the path given as the input.")
    if path.is_dir():
        inside = [
            p for p in sorted(path.iterdir()) if p.suffix.lower() in READABLE and not p.name.startswith((".", "~"))
        ]
        if not inside:
            raise InvalidInput(f"The folder {path} holds no file that can be read.", hint=_SOURCE)
        for file in inside:
            yield from _tables(file)
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.", hint="Check its permissions.") from error
    yield from _read(path.name, content)


def _read(name: str, content: bytes) -> Iterator[_Table]:
    suffix = PurePath(name).suffix.lower()
    if suffix not in READABLE:
        hint = "Save it as .xlsx or .csv." if suffix in (".xls", ".xlsb", ".ods") else _SOURCE
        raise InvalidInput(f"{name} is not of a readable kind; allowed: {', '.join(READABLE)}.", hint=hint)
    if not content.strip():
        raise InvalidInput(f"{name} is empty.", hint=_WHOLE)
    if suffix == ".zip":
        yield from _unzip(name, content)
    elif suffix == ".parquet":
        yield _parquet(name, content)
    elif suffix == ".xlsx":
        yield _xlsx(name, content)
    else:
        yield _csv(name, content)


def _unzip(name: str, content: bytes) -> Iterator[_Table]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [n for n in sorted(archive.namelist()) if PurePath(n).suffix.lower() in READABLE]
            inside = [n for n in inside if not n.startswith("__MACOSX")]
            if not inside:
                raise InvalidInput(f"{name} holds no file that can be read.", hint=_SOURCE)
            for member in inside:
                for table in _read(PurePath(member).name, archive.read(member)):
                    yield _Table(f"{name}:{table.where}", table.cells, table.first_row)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, EOFError) as error:
        raise InvalidInput(f"{name} is not a whole zip file: {error}.", hint=_WHOLE) from error


def _parquet(name: str, content: bytes) -> _Table:
    try:
        return _Table(name, pd.read_parquet(io.BytesIO(content)), 1)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise InvalidInput(f"{name} is not a whole parquet file: {error}", hint=_WHOLE) from error


def _xlsx(name: str, content: bytes) -> _Table:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl doesn't keep don't matter here
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            rows = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
            book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError, IndexError) as error:
        raise InvalidInput(f"{name} is not a whole xlsx workbook: {error}.", hint="Save it again as .xlsx.") from error
    if not rows:
        raise InvalidInput(f"The first sheet of {name} is empty.", hint="Put the sales on the first sheet.")
    at = header_row(rows[:_TITLE_ROWS])
    width = max((i + 1 for i, cell in enumerate(rows[at]) if cell is not None), default=0)
    header = [str(c) for c in rows[at][:width]]
    cells = pd.DataFrame([row[:width] for row in rows[at + 1 :]], columns=header, dtype=object)
    return _Table(name, cells.where(cells.notna(), None), at + 2)


def _csv(name: str, content: bytes) -> _Table:
    text = _decoded(name, content)
    first_line = max(text[:20_000].splitlines()[:_TITLE_ROWS], key=len, default="")
    delimiter = max(",;\t|", key=first_line.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        top, ends = [], []
        for row in islice(reader, _TITLE_ROWS):
            top.append(row)
            ends.append(reader.line_num)  # in lines of the file: a header cell may hold line breaks
        at = header_row(top)
        body = io.StringIO(text, newline="")
        for _ in range(ends[at]):
            body.readline()
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the header
            cells = pd.read_csv(
                body,
                sep=delimiter,
                header=None,
                names=list(range(len(top[at]))),
                index_col=False,
                dtype=str,
                keep_default_na=False,
                na_values=[""],
                skip_blank_lines=False,
            )
    except (csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise InvalidInput(f"{name} is not a regular csv table: {error}.", hint=_WHOLE) from error
    except pd.errors.EmptyDataError:
        cells = pd.DataFrame(columns=list(range(len(top[at]))), dtype=str)
    return _Table(name, cells.set_axis(top[at], axis="columns"), ends[at] + 1)


def _decoded(name: str, content: bytes) -> str:
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInput(
        f"{name} is text in none of the encodings UTF-8, UTF-16 and Windows-1252.", hint="Save it as UTF-8."
    )
