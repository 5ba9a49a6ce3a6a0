"""Whether two tables hold the same rows, though some values were touched or the rows were numbered anew.

A row is known again
* under the same id, with at least ALIKE of its columns equal (missing equals missing), or
* under any id, with all columns equal, or
* under any id, with all columns but one equal, where the others tell rows apart by themselves (an id may be made of the
  values, so that one touched value gives another id; a class and a band alone make no two rows the same).

Numbers are equal when they agree to DIGITS significant digits. Whoever makes up rows, or touches two columns and the
ids, makes new rows of them, as far as anything that reads the rows alone can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ALIKE = 0.8  # of a row's columns
DIGITS = 5
DISTINCT = 0.99  # share of rows that columns must tell apart to say by themselves which row it is
SAMPLE = 5_000  # rows; a share of one in ten is told to a percent

Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Prints:
    """Fingerprints of n rows: `ids` (n,), and of every other column's value `cells` (n, columns)."""

    columns: tuple[str, ...]
    ids: Keys
    cells: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.ids)

    def mixed(self, columns: tuple[str, ...]) -> Keys:
        """One number per value of these columns, (n, columns): the same value in another column is another number."""
        place = [self.columns.index(name) for name in columns]
        salt = np.arange(1, len(columns) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return _mix(self.cells[:, place].astype(np.uint64) + salt)


def prints(rows: pd.DataFrame, *, row_id: str) -> Prints:
    """The fingerprints of a table's rows."""
    columns = tuple(str(name) for name in rows.columns if name != row_id)
    cells = np.empty((len(rows), len(columns)), dtype=np.uint32)
    for place, name in enumerate(columns):
        cells[:, place] = (_hashed(rows[name]) >> np.uint64(32)).astype(np.uint32)
    return Prints(columns, _hashed(rows[row_id].astype(str)), cells)


def known(new: Prints, old: Prints) -> NDArray[np.bool_]:
    """Which rows of `new`, shape (n,), stand in `old`, by the columns that both have."""
    columns = tuple(name for name in new.columns if name in old.columns)
    found = np.zeros(len(new), dtype=np.bool_)
    if not columns or not len(new) or not len(old):
        return found
    mine, theirs = new.mixed(columns), old.mixed(columns)
    order = np.argsort(old.ids, kind="stable")
    at = order[np.minimum(np.searchsorted(old.ids[order], new.ids), len(old) - 1)]
    alike = (mine == theirs[at]).mean(axis=1)
    found |= (old.ids[at] == new.ids) & (alike >= ALIKE)
    whole_mine, whole_theirs = _sum(mine), _sum(theirs)
    found |= np.isin(whole_mine, whole_theirs)
    enough = DISTINCT * len(np.unique(whole_theirs))
    for place in range(len(columns)):
        if found.all():
            break
        rest = whole_theirs - theirs[:, place]
        if len(np.unique(rest)) >= enough:
            open_ = np.flatnonzero(~found)
            found[open_] = np.isin(whole_mine[open_] - mine[open_, place], rest)
    return found


def share_known(new: Prints, olds: Sequence[Prints]) -> float:
    """The share of the rows of `new` that stand in any of the old tables."""
    found = np.zeros(len(new), dtype=np.bool_)
    for old in olds:
        found |= known(new, old)
    return float(found.mean()) if len(new) else 0.0


def overlap(one: Prints, other: Prints) -> float:
    """The share of the smaller table's rows that stand in the other, by at most SAMPLE of them: near 1 for a copy, a
    part or a whole of it."""
    small, large = (one, other) if len(one) <= len(other) else (other, one)
    some = np.argsort(small.ids, kind="stable")[:SAMPLE]
    small = Prints(small.columns, small.ids[some], small.cells[some])
    return float(known(small, large).mean()) if len(small) else 0.0


def _sum(mixed: Keys) -> Keys:
    return np.asarray(mixed.sum(axis=1, dtype=np.uint64), dtype=np.uint64)


def _mix(x: Keys) -> Keys:
    """SplitMix64's finaliser: every bit of the result hangs on every bit of `x`."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), dtype=np.uint64)


def _hashed(values: pd.Series[object]) -> Keys:
    """One number per value, the same for numbers equal to DIGITS digits and for all that are missing."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        number = values.to_numpy(dtype=np.float64, na_value=np.nan)
        plain = np.where(np.isfinite(number) & (number != 0), number, 1.0)
        scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(plain))))
        rounded = np.where(plain == number, np.round(plain * scale) / scale, number)
        return np.asarray(pd.util.hash_array(rounded + 0.0), dtype=np.uint64)
    text = values.astype(str).to_numpy(dtype=object)
    return np.asarray(pd.util.hash_array(np.where(values.isna().to_numpy(), "", text)), dtype=np.uint64)
