"""A frozen table of rows: its canonical form, its digest, and where the holdout is cut.

The digest is taken over values, not over the bytes of a file: another parquet writer, another order of rows or columns
and another text dtype give the same digest; another value gives another one.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.problem import Column, Problem, Split
from ds_workflow.errors import InvalidInput
from registry.records import SnapshotRecord, canonical_json, utc_text

__all__ = [
    "HOLDOUT",
    "SPLIT_COLUMN",
    "TRAIN",
    "Snapshot",
    "SnapshotRecord",
    "check_name",
    "conform",
    "dates",
    "describe",
    "digest",
    "from_plain",
    "hashed_holdout",
    "held_out",
    "holdout_mask",
    "stratified_holdout",
    "to_plain",
]

SPLIT_COLUMN = "split"  # of a problem whose source fixes the split: it holds TRAIN or HOLDOUT
TRAIN, HOLDOUT = "train", "holdout"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Snapshot:
    """A verified snapshot: all rows in time order, and its two parts, dealt as `split` says."""

    record: SnapshotRecord
    rows: pd.DataFrame
    train: pd.DataFrame
    holdout: pd.DataFrame
    split: Split


def check_name(dataset_version: str) -> str:
    """The name, if it can be one of a folder; InvalidInput otherwise."""
    if not _NAME.fullmatch(dataset_version):
        raise InvalidInput(
            f"'{dataset_version}' can't name a snapshot: allowed are letters, digits, '.', '_' and '-', at most 64, "
            "beginning with a letter or digit.",
            hint="For example 'dof-2024' or 'sim-v1'.",
        )
    return dataset_version


def conform(problem: Problem, rows: pd.DataFrame) -> pd.DataFrame:
    """The declared columns in their declared order and one dtype per kind, sorted by time (or what orders rows that
    have no dates) then row id.

    Numbers and integers become float64 (as in a prediction request), dates datetime64[us], the others text. Raises
    InvalidInput for a missing or undeclared column, a value of another type, and an id that is absent or given twice.
    """
    declared = [c.name for c in problem.columns]
    lacking = [name for name in declared if name not in rows]
    unknown = [str(name) for name in rows.columns if name not in declared]
    if lacking or unknown:
        said = [f"lack {', '.join(lacking)}"] if lacking else []
        said += [f"hold the undeclared {', '.join(unknown)}"] if unknown else []
        raise InvalidInput(f"The rows of {problem.name} {' and '.join(said)}. Declared: {', '.join(declared)}.")
    if rows.empty:
        raise InvalidInput(f"There are no rows of {problem.name} to freeze.")
    frame = pd.DataFrame({c.name: _as_declared(problem, c, rows[c.name]) for c in problem.columns})
    ids = frame[problem.row_id]
    if ids.isna().any():
        raise InvalidInput(f"{problem.name}: {int(ids.isna().sum()):,} rows have no '{problem.row_id}'.")
    if not ids.is_unique:
        again = ids[ids.duplicated()].iloc[0]
        raise InvalidInput(f"{problem.name}: '{problem.row_id}' {again!r} stands on more than one row.")
    order = [problem.order_column, problem.row_id] if problem.order_column else [problem.row_id]
    return frame.sort_values(order, kind="stable").reset_index(drop=True)


def _as_declared(problem: Problem, column: Column, values: pd.Series[Any]) -> Any:
    plain = values.reset_index(drop=True)
    try:
        if column.kind in ("number", "integer"):
            return plain.astype("float64")
        if column.kind == "date":
            return pd.to_datetime(plain).astype("datetime64[us]")
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{problem.name}: column '{column.name}' is not all of kind {column.kind}: {error}"
        ) from error
    return plain.astype("str")


def digest(problem: Problem, rows: pd.DataFrame) -> str:
    """SHA-256, 64 hex digits, of the values of conformed rows in the order of their ids.

    Per column: float64 little-endian bytes (one NaN, no negative zero), microseconds of dates, or for text the lengths
    (-1: missing) and the characters.
    """
    order = rows[problem.row_id].argsort().to_numpy()
    parts = []
    for column in problem.columns:
        values = rows[column.name]
        if column.kind in ("number", "integer"):
            number = values.to_numpy(dtype="<f8")[order] + 0.0
            content = [np.where(np.isnan(number), np.nan, number).astype("<f8").tobytes()]
        elif column.kind == "date":
            content = [values.to_numpy(dtype="datetime64[us]")[order].astype("<i8").tobytes()]
        else:
            content = _text_bytes(values, order)
        parts.append([column.name, column.kind, hashlib.sha256(b"".join(content)).hexdigest()])
    return hashlib.sha256(canonical_json([problem.name, len(rows), sorted(parts)]).encode()).hexdigest()


def _text_bytes(values: pd.Series[Any], order: NDArray[Any]) -> list[bytes]:
    present = values.notna().to_numpy()[order]
    texts: list[str] = values.fillna("").astype(object).to_numpy()[order].tolist()
    lengths = np.where(present, np.fromiter(map(len, texts), dtype="<i8", count=len(texts)), -1)
    return [lengths.astype("<i8").tobytes(), "".join(texts).encode()]


def holdout_mask(problem: Problem, rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Which of the conformed rows are the holdout.

    Chronological: everything from one day on, the day whose share is nearest to the declared one (the earlier of
    two equally near). Given: where SPLIT_COLUMN says so. Hash: see `hashed_holdout`, by cluster. Ordered: everything
    from one number of the split's column on, found likewise. Stratified: see `stratified_holdout`. Last month:
    everything from the first day of the newest row's calendar month on. All: every row.
    Raises InvalidInput when one side would be empty.
    """
    if problem.split.method == "all":
        return np.ones(len(rows), dtype=np.bool_)
    if problem.split.method == "given":
        if SPLIT_COLUMN not in rows:
            raise InvalidInput(f"{problem.name} declares a given split but no column '{SPLIT_COLUMN}'.")
        mask = (rows[SPLIT_COLUMN] == HOLDOUT).to_numpy(dtype=bool)
    elif problem.split.method == "hash":
        mask = hashed_holdout(rows[problem.cluster_column], problem.split.holdout_share)
    elif problem.split.method == "stratified":
        target = rows[problem.target].to_numpy(dtype=np.float64)
        mask = stratified_holdout(rows[problem.cluster_column], target, problem.split.holdout_share)
    elif problem.split.method == "ordered":
        mask = _last(problem, problem.split.by, rows[problem.split.by].to_numpy(dtype=np.float64), "numbers")
    elif problem.split.method == "last_month":
        mask = _last_month(problem, rows[problem.time_column].to_numpy(dtype="datetime64[D]"))
    else:
        day = rows[problem.time_column].to_numpy(dtype="datetime64[D]")
        mask = _last(problem, problem.time_column, day, "days")
    if mask.all() or not mask.any():
        raise InvalidInput(
            f"The split of {problem.name} leaves its {'training' if mask.all() else 'holdout'} part empty."
        )
    return np.asarray(mask, dtype=np.bool_)


def _last(problem: Problem, column: str, at: NDArray[Any], what: str) -> NDArray[np.bool_]:
    """The last rows by their place `at` (n,), cut between two different places, the nearest to the declared share."""
    if pd.isna(at).any():
        raise InvalidInput(f"{problem.name}: {int(pd.isna(at).sum()):,} rows have no '{column}'.")
    places, counts = np.unique(at, return_counts=True)
    share = np.cumsum(counts[::-1])[::-1] / len(at)
    if len(places) < 2:
        raise InvalidInput(
            f"All rows of {problem.name} are of {places[0]}; a {problem.split.method} split needs two {what}."
        )
    first = places[1:][np.abs(share[1:] - problem.split.holdout_share).argmin()]
    return np.asarray(at >= first, dtype=np.bool_)


def _last_month(problem: Problem, day: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """The rows of the newest calendar month; InvalidInput, with the number of rows that would do, when that is all."""
    month = day.astype("datetime64[M]")
    mask = month == month.max()  # a row without a day would make the maximum NaT, and the mask empty
    if mask.all():
        of_day = len(day) / len(np.unique(day))
        enough = of_day * ((day.max() - month.max().astype("datetime64[D]")).astype(int) + 1)
        raise InvalidInput(
            f"All {len(day):,} rows of {problem.name} lie in {month.max()}, and the last month is the holdout: nothing "
            "is left to train on.",
            hint=f"Give a longer file or a greater --rows: at {of_day:,.0f} rows a day, {enough:,.0f} fill that month.",
        )
    return np.asarray(mask, dtype=np.bool_)


def stratified_holdout(names: pd.Series[Any], target: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Which rows (n,) fall into a holdout that holds `share` of the names with a row of class 1 in `target` (n,), and
    `share` of the other names, each rounded: those whose CRC-32 come first. The order of rows does not matter."""
    codes, distinct = pd.factorize(names.astype(str))
    has_one = np.zeros(len(distinct), dtype=np.bool_)
    has_one[codes[target == 1]] = True
    hashed = np.array([zlib.crc32(name.encode()) for name in distinct], dtype=np.int64)
    order = np.lexsort([np.asarray(distinct, dtype=object).astype(str), hashed])  # names settle equal hashes
    inside = np.zeros(len(distinct), dtype=np.bool_)
    for stratum in (has_one, ~has_one):
        members = order[stratum[order]]
        inside[members[: round(share * len(members))]] = True
    return np.asarray(inside[codes], dtype=np.bool_)


def hashed_holdout(names: pd.Series[Any], share: float) -> NDArray[np.bool_]:
    """Which names (n,) fall into a holdout of about `share`: those whose CRC-32 lies in the first `share` of its range.

    It depends on nothing but the name, so it is the same on every machine and in every later snapshot.
    """
    codes, distinct = pd.factorize(names.astype(str))
    inside = np.array([zlib.crc32(name.encode()) < share * 2**32 for name in distinct], dtype=np.bool_)
    return np.asarray(inside[codes], dtype=np.bool_)


def describe(
    problem: Problem,
    rows: pd.DataFrame,
    *,
    dataset_version: str,
    source: str,
    licence: str,
    dropped: Mapping[str, int],
    created_at: datetime,
) -> SnapshotRecord:
    """The record of conformed rows: both digests, counts and dates."""
    mask = holdout_mask(problem, rows)
    first = last = holdout_from = ""
    if problem.time_column:
        time = rows[problem.time_column]
        first, last, holdout_from = (str(t.date()) for t in (time.min(), time.max(), time[mask].min()))
    return SnapshotRecord(
        problem=problem.name,
        dataset_version=check_name(dataset_version),
        digest=digest(problem, rows),
        holdout_digest=digest(problem, rows[mask]),
        rows=len(rows),
        columns=tuple(rows.columns),
        first=first,
        last=last,
        holdout_from=holdout_from,
        holdout_rows=int(mask.sum()),
        source=source,
        licence=licence,
        created_at=utc_text(created_at),
        dropped={str(k): int(v) for k, v in dropped.items()},
    )


def dates(record: SnapshotRecord) -> str:
    """From when to when the rows are, or that they have no dates."""
    return f"{record.first} to {record.last}" if record.first else "no dates"


def held_out(problem: Problem, record: SnapshotRecord, split: Split | None = None) -> str:
    """How many rows were held out and by what, in words; `split` is the one they were frozen with, where it is known
    to differ from the declared one."""
    how = split or problem.split
    words = {
        "given": f"as the column {SPLIT_COLUMN} says",
        "hash": f"by hash of {problem.cluster_column}",
        "stratified": f"by hash of {problem.cluster_column}, alike with and without a row of class 1",
        "ordered": f"the last by {how.by}",
        "all": "which is every row",
    }
    return f"{record.holdout_rows:,} rows held out, {words.get(how.method) or f'from {record.holdout_from} on'}"


def to_plain(record: SnapshotRecord) -> dict[str, Any]:
    """The record as JSON keeps it."""
    return asdict(record) | {"columns": list(record.columns), "dropped": dict(record.dropped)}


def from_plain(content: Mapping[str, Any]) -> SnapshotRecord:
    """The inverse of `to_plain`; InvalidInput when a field is missing or unknown."""
    try:
        return SnapshotRecord(**{**content, "columns": tuple(content["columns"])})
    except (TypeError, KeyError) as error:
        raise InvalidInput(f"This is not the record of a snapshot: {error}.") from error
