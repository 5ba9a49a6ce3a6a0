"""Reading the event table from CSV, parquet or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.code_suggestions.source import (
    ALIASES,
    CATEGORIES,
    COLUMNS,
    FLAG_WORDS,
    FLAGS,
    NUMBERS,
    REQUIRED,
)

HINT = (
    "Give the event table as .csv, .parquet or .jsonl, one row per suggestion shown, with at least the columns "
    f"{', '.join(REQUIRED)}."
)
_READABLE = (".csv", ".parquet", ".jsonl", ".ndjson")


def load(path: Path, *, references: Sequence[Path] = ()) -> pd.DataFrame:
    """The events of a file with COLUMNS: texts, float64 numbers, flags as 1.0 and 0.0, times in UTC without a zone.

    Other names of the same columns are known (`source.ALIASES`), further columns are left out, and an optional column
    that the file lacks is missing throughout. The length of a text is in the unit of the file. Raises InvalidInput
    naming the column, the row (counted from 1, the header not) and the value of what can't be read.
    """
    if references:
        raise InvalidInput("code_suggestions is one table; it takes no --reference.")
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.", hint=HINT)
    readers = {".csv": _csv, ".parquet": _parquet, ".jsonl": _json_lines, ".ndjson": _json_lines}
    kind = path.suffix.lower()
    if kind not in readers:
        raise InvalidInput(f"{path.name} is none of {', '.join(_READABLE)}.", hint=HINT)
    if not path.stat().st_size:
        raise InvalidInput(f"{path.name} is empty.", hint=HINT)
    return _typed(readers[kind](path), path.name)


def _csv(path: Path) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False, na_values=[""])
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InvalidInput(f"{path.name} is not a readable CSV: {error}", hint=HINT) from error
    return table


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path.name} is not a readable parquet file: {error}", hint=HINT) from error


def _json_lines(path: Path) -> pd.DataFrame:
    records: list[dict[str, Any]] = []
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    records.append(_event(json.loads(line), path, number))
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{path.name}, line {number}: not JSON: {error.msg}.", hint=HINT) from error
    return pd.DataFrame(records)


def _event(found: Any, path: Path, number: int) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise InvalidInput(f"{path.name}, line {number}: an object of column and value is wanted.", hint=HINT)
    return found


def _not_text(path: Path, error: UnicodeDecodeError) -> InvalidInput:
    said = f"{path.name} is not UTF-8 text (byte {error.start}: {error.object[error.start]:#04x})."
    return InvalidInput(said, hint="Save it as UTF-8.")


def _typed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    given = [str(c) for c in table.columns]
    called = [ALIASES.get(c.strip().lower(), c.strip().lower()) for c in given]
    lost = [c for c in REQUIRED if c not in called]
    if lost:
        raise InvalidInput(f"{name} lacks the columns {', '.join(lost)}; it has {', '.join(given)[:300]}.", hint=HINT)
    twice = sorted({c for c in called if c in COLUMNS and called.count(c) > 1})
    if twice:
        both = ", ".join(g for g, c in zip(given, called, strict=True) if c == twice[0])
        raise InvalidInput(f"{name}: the columns {both} all mean '{twice[0]}'.", hint="Keep one of them.")
    if not len(table):
        raise InvalidInput(f"{name} holds a header and no rows.", hint=HINT)
    table = table.set_axis(called, axis="columns")
    made: dict[str, Any] = {}
    for column in COLUMNS:
        if column not in table:
            made[column] = np.nan if column in (*NUMBERS, *FLAGS) else pd.Series(pd.NA, table.index, dtype="str")
        elif column == "shown_at":
            made[column] = _times(table[column], name)
        elif column in FLAGS:
            made[column] = _flags(table[column], column, name)
        elif column in NUMBERS:
            made[column] = _numbers(table[column], column, name)
        else:
            text = table[column].astype("str").str.strip()
            made[column] = text.str.lower() if column in CATEGORIES else text
    return pd.DataFrame(made, index=table.index)


def _numbers(values: pd.Series[Any], column: str, name: str) -> pd.Series[float]:
    found = pd.to_numeric(values, errors="coerce").astype("float64")
    _refuse(found.isna() & values.notna(), values, column, name, "which is no number")
    return found


def _flags(values: pd.Series[Any], column: str, name: str) -> pd.Series[float]:
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        found = values.astype("float64")
    else:
        found = values.astype("str").str.strip().str.lower().map(FLAG_WORDS).astype("float64")
    _refuse(~found.isin((0.0, 1.0)) & values.notna(), values, column, name, "which is neither true nor false")
    return found


def _times(values: pd.Series[Any], name: str) -> pd.Series[Any]:
    known = values if pd.api.types.is_datetime64_any_dtype(values) else values.astype("str").str.strip()
    found = pd.to_datetime(known, errors="coerce", format="ISO8601", utc=True)
    _refuse(found.isna() & values.notna(), values, "shown_at", name, "which is no time such as 2025-01-06T14:02:11")
    return found.dt.tz_localize(None).astype("datetime64[us]")


def _refuse(bad: pd.Series[bool], values: pd.Series[Any], column: str, name: str, why: str) -> None:
    if bad.any():
        at = int(bad.to_numpy().argmax())
        sent = values.iloc[at]
        shown = repr(sent.item() if isinstance(sent, np.generic) else sent)
        more = f" ({int(bad.sum()):,} rows such)" if bad.sum() > 1 else ""
        raise InvalidInput(f"{name}, row {at + 1}: column '{column}' holds {shown}, {why}{more}.", hint=HINT)
