"""Files of events as relations of DuckDB, with the number of every line: parquet, JSON lines, CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ds_workflow.adapters.telemetry.views import literal
from ds_workflow.domain.telemetry.schema import IDENTITY, NAMES
from ds_workflow.errors import InvalidInput

ENDINGS = (".parquet", ".jsonl", ".jsonl.gz", ".ndjson", ".csv", ".csv.gz")
HINT = (
    f"Give a file, or a folder of files, that end in {', '.join(ENDINGS)}: one event a row, with at least the columns "
    f"{', '.join(IDENTITY)}. docs/telemetry.md lists them all."
)


@dataclass(frozen=True)
class Raw:
    """One file: a relation with `line` (from 1) and its columns by DuckDB's types; `as_json` gives a row as it came."""

    path: Path
    relation: str
    columns: Mapping[str, str]
    as_json: str
    unreadable_rows: str = ""

    @property
    def strange(self) -> tuple[str, ...]:
        """Columns that are no field of an event; they are left out."""
        return tuple(c for c in self.columns if c not in NAMES)

    def unreadable(self, connection: Any) -> int:
        """How many lines are no event at all."""
        if not self.unreadable_rows:
            return 0
        (found,) = connection.execute(f"select count(*) from ({self.unreadable_rows})").fetchone()
        return int(found)


def files_in(source: Path) -> list[Path]:
    """The file, or the files of events below the folder, by name. InvalidInput where there is none."""
    if source.is_dir():
        found = sorted(p for p in source.rglob("*") if p.is_file() and p.name.lower().endswith(ENDINGS))
        if not found:
            raise InvalidInput(f"The folder {source} holds no file of events.", hint=HINT)
    elif source.is_file():
        found = [source]
    else:
        raise InvalidInput(f"There is no file or folder {source}.", hint=HINT)
    for path in found:
        if not path.name.lower().endswith(ENDINGS):
            raise InvalidInput(f"{path.name} is no file of events.", hint=HINT)
        if not path.stat().st_size:
            raise InvalidInput(f"{path.name} is empty.", hint=HINT)
    return found


def opened(connection: Any, path: Path) -> Raw:
    """The relation of one file. Raises InvalidInput for a file that can't be read or lacks the columns of an event."""
    import duckdb

    kind = path.name.lower()
    try:
        if kind.endswith(".parquet"):
            raw = _parquet(connection, path)
        elif kind.endswith((".csv", ".csv.gz")):
            raw = _csv(connection, path)
        else:
            raw = _json_lines(path)
    except (duckdb.Error, UnicodeDecodeError) as error:
        said = str(error).splitlines()[0][:200]
        raise InvalidInput(f"{path.name} can't be read: {said}", hint=HINT) from error
    lost = [c for c in IDENTITY if c not in raw.columns]
    if lost:
        have = ", ".join(raw.columns)[:300]
        raise InvalidInput(f"{path.name} lacks the columns {', '.join(lost)}; it has {have}.", hint=HINT)
    return raw


def _described(connection: Any, relation: str) -> dict[str, str]:
    rows = connection.execute(f"describe select * from {relation}").fetchall()
    return {str(name): str(kind) for name, kind, *_ in rows}


def _parquet(connection: Any, path: Path) -> Raw:
    inner = f"read_parquet({literal(str(path))}, file_row_number = true, hive_partitioning = false)"
    columns = {c: k for c, k in _described(connection, inner).items() if c != "file_row_number"}
    relation = f"(select * exclude (file_row_number), file_row_number + 1 as line from {inner})"
    return Raw(path, relation, columns, _object(columns))


def _csv(connection: Any, path: Path) -> Raw:
    """CSV with a header, separated by commas. A line with too many or too few fields, or a quote that is never closed,
    is unreadable, and kept."""
    lines = _lines(path)
    with _text(path) as stream:
        header = stream.readline()
    import csv

    names = [name.strip().lstrip("\ufeff") for name in next(csv.reader([header]), [])]
    if not any(names) or len(set(names)) != len(names):
        raise InvalidInput(f"{path.name}: the first line must name each column once.", hint=HINT)
    (most,) = connection.execute(f"select count(*) from {lines}").fetchone()
    if most < 2:
        raise InvalidInput(f"{path.name} holds a header and no events.", hint=HINT)
    # DuckDB's own reader drops broken lines, and not always tells all of one; counted fields are certain. The comma put
    # before the line makes every field begin with one.
    fields = ", ".join(f"fields[{k}] as {_quoted(name)}" for k, name in enumerate(names, start=1))
    one = 'regexp_extract_all(\',\' || text, \',("(?:[^"]|"")*"|[^,"]*)\', 1)'
    bare = "case when starts_with(f, '\"') then replace(f[2:-2], '\"\"', '\"') else f end"
    parts = (
        f"case when contains(text, '\"') then list_transform({one}, lambda f: {bare}) else string_split(text, ',') end"
    )
    split = f"(select line, text, {parts} as fields from {lines} where line > 1)"
    relation = f"(select line, {fields} from {split} where len(fields) = {len(names)})"
    broken = (
        f"select {literal(path.name)} as source, line, 'unreadable' as reasons, text as raw from {split} "
        f"where len(fields) <> {len(names)}"
    )
    columns = dict.fromkeys(names, "VARCHAR")
    return Raw(path, relation, columns, _object(columns), broken)


def _json_lines(path: Path) -> Raw:
    lines = _lines(path)
    # json_type is asked of valid JSON only, which a CASE sees to and an AND does not
    whole = "coalesce(case when json_valid(text) then json_type(text) = 'OBJECT' end, false)"
    fields = ", ".join(f"json_extract_string(text, '$.{name}') as {name}" for name in NAMES)
    relation = f"(select line, text, {fields} from {lines} where {whole})"
    broken = (
        f"select {literal(path.name)} as source, line, 'unreadable' as reasons, text as raw from {lines} "
        f"where not {whole}"
    )
    return Raw(path, relation, dict.fromkeys(NAMES, "VARCHAR"), "w.text", broken)


def _lines(path: Path) -> str:
    """The lines of a text that are not blank, numbered."""
    read = (
        f"read_csv({literal(str(path))}, columns = {{'text': 'VARCHAR'}}, header = false, delim = '\\x01', "
        "quote = '', escape = '', auto_detect = false, max_line_size = 10000000, parallel = false)"
    )
    return f"(select line, text from (select text, row_number() over () as line from {read}) where trim(text) <> '')"


def _text(path: Path) -> Any:
    import gzip

    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _object(columns: Mapping[str, str]) -> str:
    """The row as JSON text."""
    return f"cast(to_json(struct_pack({', '.join(f'{_quoted(c)} := w.{_quoted(c)}' for c in columns)})) as varchar)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
