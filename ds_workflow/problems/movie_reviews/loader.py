"""Reading reviews: the packed archive, the folder unpacked from it, or one table of reviews."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.movie_reviews.archive import HINT, PACKED, read_folder, read_packed
from ds_workflow.problems.movie_reviews.source import ALIASES, COLUMNS, NEEDED


def load(path: Path, *, references: Sequence[Path] = ()) -> pd.DataFrame:
    """The reviews as published: COLUMNS, the rating as a number, the others as text.

    A table (.csv or .parquet) must have a text and a label; rating, film and part are missing where it has none.
    Raises InvalidInput naming file, column and row for whatever is no such source.
    """
    if references:
        raise InvalidInput("movie_reviews is one table; it takes no --reference.", hint="Leave --reference out.")
    path = Path(path)
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file or folder {path}.", hint=HINT)
    name = path.name.lower()
    if not path.stat().st_size:
        raise InvalidInput(f"{path.name} is empty.", hint=HINT)
    if name.endswith(PACKED):
        return read_packed(path)
    if name.endswith(".parquet"):
        return _named(_parquet(path), path.name)
    if name.endswith(".csv"):
        return _named(_csv(path), path.name)
    raise InvalidInput(f"{path.name} is not of a readable kind ({', '.join(PACKED)}, .csv, .parquet).", hint=HINT)


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise InvalidInput(f"{path.name} is not a whole parquet file: {error}", hint=HINT) from error


def _csv(path: Path) -> pd.DataFrame:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{path.name} is not UTF-8 text (byte {error.start}: {content[error.start]:#04x}).",
            hint="Save it as UTF-8.",
        ) from error
    try:
        return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError as error:
        raise InvalidInput(f"{path.name} is empty.", hint=HINT) from error
    except pd.errors.ParserError as error:
        raise InvalidInput(f"{path.name} is not a regular csv table: {error}", hint=HINT) from error


def _named(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """COLUMNS of a table under whatever header names go round for them."""
    words = {str(c): re.sub(r"[^a-z0-9]+", "_", str(c).lower()).strip("_") for c in table.columns}
    called = {c: ALIASES.get(word, word) for c, word in words.items()}
    lost = [c for c in NEEDED if c not in called.values()]
    if lost:
        raise InvalidInput(
            f"{name} has no column {', '.join(lost)}; it names {', '.join(words)[:200]}.",
            hint="Name the reviews 'text' and their class 'label' (neg or pos).",
        )
    twice = [c for c in COLUMNS if list(called.values()).count(c) > 1]
    if twice:
        raise InvalidInput(f"{name} has two columns for '{twice[0]}'.", hint="Leave one of them out.")
    if not len(table):
        raise InvalidInput(f"{name} holds no rows.", hint=HINT)
    table = table.rename(columns={c: called[str(c)] for c in table.columns}).reindex(columns=list(COLUMNS))
    made = {c: table[c].astype("str").where(table[c].notna() & (table[c] != "")) for c in COLUMNS}
    return pd.DataFrame(made | {"rating": _stars(made["rating"], name)})


def _stars(values: pd.Series[str], name: str) -> pd.Series[float]:
    found = pd.to_numeric(values, errors="coerce")
    bad = (found.isna() & values.notna()).to_numpy().nonzero()[0]
    if len(bad):
        at = int(bad[0])
        raise InvalidInput(
            f"{name}, row {at + 1}: column 'rating' holds {values.iloc[at]!r}, which is no number.",
            hint="Write a whole number of stars from 1 to 10, or leave it empty.",
        )
    return found.astype("float64")
