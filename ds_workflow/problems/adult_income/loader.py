"""Reading the UCI files: a folder with adult.data and adult.test, one of them alone, a zip of them, or a copy as CSV or
parquet."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ds_workflow.domain.snapshot import HOLDOUT, SPLIT_COLUMN, TRAIN
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.adult_income.source import ALIASES, COLUMNS, MISSING, NUMBERS

OFFICIAL = {"adult.data": TRAIN, "adult.test": HOLDOUT}
HINT = "Give the folder that holds adult.data and adult.test as the UCI repository publishes them, or one file of them."


def load(path: Path, *, references: Sequence[Path] = ()) -> pd.DataFrame:
    """The published rows: COLUMNS as text or numbers, and `split`.

    A folder or zip with both official files keeps the official split, and a copy the one in a column of that name; of
    anything else `split` is missing, and cleaning deals the rows. Raises InvalidInput naming file, line and column for
    whatever is no such table.
    """
    if references:
        raise InvalidInput("adult_income is one table; it takes no --reference.")
    path = Path(path)
    if path.is_dir():
        parts = {name: (path / name).read_bytes() for name in OFFICIAL if (path / name).is_file()}
        return _official(parts, str(path))
    if not path.is_file():
        raise InvalidInput(f"There is no file or folder {path}.", hint=HINT)
    if path.suffix.lower() == ".zip":
        return _official(_unzipped(path), str(path))
    if path.suffix.lower() == ".parquet":
        return _parquet(path)
    return _table(path.read_bytes(), path.name)


def _official(parts: dict[str, bytes], where: str) -> pd.DataFrame:
    if not parts:
        raise InvalidInput(f"{where} holds neither adult.data nor adult.test.", hint=HINT)
    both = len(parts) == len(OFFICIAL)
    tables = [
        _table(content, name).assign(**{SPLIT_COLUMN: OFFICIAL[name] if both else None})
        for name, content in parts.items()
    ]
    return pd.concat(tables, ignore_index=True)


def _unzipped(path: Path) -> dict[str, bytes]:
    """The official files of a zip, by their names alone: nothing is written, so no path can lead out of a folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = {Path(name).name: name for name in archive.namelist()}
            return {name: archive.read(found[name]) for name in OFFICIAL if name in found}
    except zipfile.BadZipFile as error:
        raise InvalidInput(f"{path} is not a readable zip file: {error}", hint=HINT) from error


def _table(content: bytes, name: str) -> pd.DataFrame:
    text = _text(content, name)
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("|")  # adult.test begins with such a remark
    ]
    if not lines:
        raise InvalidInput(f"{name} holds no rows.", hint=HINT)
    header = _header(lines[0][1], name)
    rows = lines[1:] if header else lines
    columns = header or list(COLUMNS)
    if not rows:
        raise InvalidInput(f"{name} holds a header and no rows.", hint=HINT)
    separator = _separator(rows[0][1])
    for number, line in rows:
        fields = _fields(line, separator)
        if fields != len(columns):
            raise InvalidInput(
                f"{name}, line {number}: {fields} fields, {len(columns)} are wanted.",
                hint=f"Mend or leave out line {number}: a '{separator}' within a value needs double quotes around the "
                "value, and a row stands on one line.",
            )
    joined = io.StringIO("\n".join(line for _, line in rows))
    table = pd.read_csv(joined, sep=separator, names=columns, dtype=str, skipinitialspace=True, keep_default_na=False)
    return _typed(table, name, [f"line {number}" for number, _ in rows])


def _fields(line: str, separator: str) -> int:
    """How many fields a line has; a separator within double quotes parts nothing."""
    if '"' not in line:
        return line.count(separator) + 1
    return len(next(csv.reader([line], delimiter=separator, skipinitialspace=True)))


def _parquet(path: Path) -> pd.DataFrame:
    try:
        cells = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise InvalidInput(f"{path.name} is not a whole parquet file: {error}", hint=HINT) from error
    if cells.empty:
        raise InvalidInput(f"{path.name} holds no rows.", hint=HINT)
    cells = cells.set_axis(_columns([str(c) for c in cells.columns], path.name), axis="columns")
    text = cells.astype("str").astype(object).where(cells.notna(), "").reset_index(drop=True)
    return _typed(text, path.name, [f"row {number}" for number in range(1, len(text) + 1)])


def _typed(text: pd.DataFrame, name: str, places: list[str]) -> pd.DataFrame:
    """The declared columns of a table of text; `places` name its rows in messages."""
    if SPLIT_COLUMN not in text:
        text = text.assign(**{SPLIT_COLUMN: ""})
    table = text[[*COLUMNS, SPLIT_COLUMN]].astype("str").apply(lambda c: c.str.strip())
    table = table.mask(table.isin([*MISSING, ""]))
    table["income"] = table["income"].str.rstrip(".")
    for column in NUMBERS:
        table[column] = _numbers(table[column], column, name, places)
    return table


def _text(content: bytes, name: str) -> str:
    if not content.strip():
        raise InvalidInput(f"{name} is empty.", hint=HINT)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{name} is not UTF-8 text (byte {error.start}: {content[error.start]:#04x}).",
            hint="Save it as UTF-8; the published files are plain ASCII.",
        ) from error


def _separator(line: str) -> str:
    return ";" if ";" in line and "," not in line else ","


def _header(line: str, name: str) -> list[str] | None:
    """The columns that a first line names, or None when it is a row already. Raises InvalidInput on a part of them."""
    words = [w.strip().strip('"') for w in line.split(_separator(line))]
    return None if re.fullmatch(r"\d+(\.\d+)?", words[0]) else _columns(words, name)


def _columns(words: list[str], name: str) -> list[str]:
    """The names of a header as the source's description has them. Raises InvalidInput when one is not there."""
    named = [re.sub(r"[^a-z0-9]+", "_", w.lower()).strip("_") for w in words]
    named = [ALIASES.get(w, w) for w in named]
    lost = [c for c in COLUMNS if c not in named]
    if lost:
        raise InvalidInput(f"{name} lacks the columns {', '.join(lost)}; it names {', '.join(words)[:200]}.", hint=HINT)
    return named


def _numbers(values: pd.Series[str], column: str, name: str, places: list[str]) -> pd.Series[float]:
    found = pd.to_numeric(values, errors="coerce")
    bad = (found.isna() & values.notna()).to_numpy().nonzero()[0]
    if len(bad):
        at = int(bad[0])
        raise InvalidInput(
            f"{name}, {places[at]}: column '{column}' holds {values.iloc[at]!r}, which is no number.", hint=HINT
        )
    return found.astype("float64")
