"""Reading the published table: creditcard.csv, a zip that holds it, or a parquet file, whole or a subset of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.credit_card_fraud.source import COLUMNS, FRAUDS, ROWS, SAMPLE, WEIGHT

HINT = "Give creditcard.csv as published, the zip that holds it, or a parquet file with the same columns."


def load(path: Path, *, references: Sequence[Path] = ()) -> pd.DataFrame:
    """The published rows: COLUMNS as float64, and `weight`, how many published rows each stands for.

    The whole table stands for itself. Of a subset that says in column `in_random_sample` which rows chance alone chose,
    and that holds every fraud, frauds weigh 1, the other chosen rows share what is left of the 284,807 published rows,
    and rows that were chosen otherwise weigh 0. Raises InvalidInput naming column, row and value for whatever is no
    such table.
    """
    if references:
        raise InvalidInput("credit_card_fraud is one table; it takes no --reference.")
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.", hint=HINT)
    table = _parquet(path) if path.suffix.lower() == ".parquet" else _text(_content(path), path.name)
    lost = [c for c in COLUMNS if c not in table]
    if lost:
        named = ", ".join(map(str, table.columns))[:200]
        raise InvalidInput(f"{path.name} lacks the columns {', '.join(lost)}; it names {named}.", hint=HINT)
    if table.empty:
        raise InvalidInput(f"{path.name} holds a header and no rows.", hint=HINT)
    rows = pd.DataFrame({c: _numbers(table[c], c, path.name) for c in COLUMNS})
    if WEIGHT in table:
        return rows.assign(**{WEIGHT: _numbers(table[WEIGHT], WEIGHT, path.name)})
    return rows.assign(**{WEIGHT: _weights(rows, table[SAMPLE], path.name) if SAMPLE in table else 1.0})


def _weights(rows: pd.DataFrame, sampled: pd.Series[bool], name: str) -> pd.Series[float]:
    """Frauds 1, honest rows of the sample what is left, others 0."""
    odd = (rows["Class"].notna() & ~rows["Class"].isin((0, 1))).to_numpy().nonzero()[0]
    if len(odd):
        raise InvalidInput(
            f"{name}, row {odd[0] + 1}: column 'Class' holds {rows['Class'].iloc[odd[0]]:g} ({len(odd):,} rows such). "
            "Known: 0 (honest) and 1 (fraud).",
            hint="Map it to 0 or 1 in the file; rows of a sample are weighed by it.",
        )
    fraud, chosen = rows["Class"] == 1, sampled.astype(bool) & (rows["Class"] == 0)
    if int(fraud.sum()) != FRAUDS or not chosen.any():
        raise InvalidInput(
            f"{name} marks a sample in '{SAMPLE}' but holds {int(fraud.sum())} frauds and {int(chosen.sum()):,} honest "
            f"rows of the sample; rows can be weighed only when all {FRAUDS} frauds and some such rows are there.",
            hint="Give the whole subset, or the whole published table.",
        )
    return chosen * (ROWS - FRAUDS) / int(chosen.sum()) + fraud.astype("float64")


def _content(path: Path) -> bytes:
    """The bytes of the table; of a zip those of its one CSV, which is read and never written anywhere."""
    if path.suffix.lower() != ".zip":
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            found = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if len(found) != 1:
                raise InvalidInput(f"{path.name} holds {len(found)} CSV files; one is wanted.", hint=HINT)
            return archive.read(found[0])
    except zipfile.BadZipFile as error:
        raise InvalidInput(f"{path.name} is not a readable zip file: {error}", hint=HINT) from error


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path.name} is not a readable parquet file: {error}", hint=HINT) from error


def _text(content: bytes, name: str) -> pd.DataFrame:
    if not content.strip():
        raise InvalidInput(f"{name} is empty.", hint=HINT)
    try:
        return pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", low_memory=False)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{name} is not UTF-8 text (byte {error.start}: {error.object[error.start]:#04x}).",
            hint="Save it as UTF-8; the published file is plain ASCII.",
        ) from error
    except pd.errors.ParserError as error:
        raise InvalidInput(f"{name} is no table of commas: {error}", hint=HINT) from error


def _numbers(values: pd.Series[float], column: str, name: str) -> pd.Series[float]:
    found = pd.to_numeric(values, errors="coerce")
    bad = (found.isna() & values.notna()).to_numpy().nonzero()[0]
    if len(bad):
        at = int(bad[0])
        raise InvalidInput(
            f"{name}, row {at + 1}: column '{column}' holds {values.iloc[at]!r}, which is no number.", hint=HINT
        )
    return found.astype("float64")
