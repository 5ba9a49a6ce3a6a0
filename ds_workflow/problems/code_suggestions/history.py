"""Suggestions shown and accepted under a key, read strictly before a day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DAYS = 1 << 15  # days since 1970 that a key has room for


class Tally:
    """Counts of a history by key and day. A figure is the difference of two running totals, one at the beginning of the
    days that count and one before the day that is asked about; whole counts are exact, so nothing of that day or later
    can show."""

    def __init__(self, key: Integers, day: Integers, shown: Floats, accepted: Floats) -> None:
        packed = key * DAYS + day
        order = np.argsort(packed, kind="stable")
        self._packed = packed[order]
        self._shown = np.concatenate([[0.0], np.cumsum(shown[order])])
        self._accepted = np.concatenate([[0.0], np.cumsum(accepted[order])])

    def before(self, key: Integers, day: Integers, window: int) -> tuple[Floats, Floats]:
        """Shown and accepted under `key` (n,) on the `window` days before `day` (n,), each (n,); nothing was under an
        unknown key, -1."""
        low = np.searchsorted(self._packed, key * DAYS + np.clip(day - window, 0, DAYS - 1))
        high = np.searchsorted(self._packed, key * DAYS + np.clip(day, 0, DAYS - 1))
        return self._shown[high] - self._shown[low], self._accepted[high] - self._accepted[low]


def by_day(rows: pd.DataFrame, keys: list[str], accepted: Floats) -> pd.DataFrame:
    """One row per day and distinct `keys`, sorted: those columns, `day`, and the counts `shown` and `accepted`."""
    table = pd.DataFrame({name: rows[name].astype("str").to_numpy() for name in keys})
    counted = table.assign(day=days(rows["shown_at"]), shown=1.0, accepted=accepted)
    return counted.groupby([*keys, "day"], sort=True, as_index=False)[["shown", "accepted"]].sum()


def days(times: pd.Series[Any]) -> Integers:
    """Whole days since 1970, (n,)."""
    return np.asarray(times.to_numpy(dtype="datetime64[D]").astype(np.int64))
