"""Past sales under a key, in the order of days: what was known strictly before a day, and nothing else.

Every figure is read from a prefix of the sales of one key, cut before the day that is asked about. What happened on
that day or later can't reach the figure, whether the sales are asked in one table or one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.problems.nyc_sales.attributes import DAYS, Floats, Integers, Keys

_REFERENCE_DAY = 18_000.0  # days since 1970; only keeps the exponents near 0

Positions = NDArray[np.int64]


class Shelf:
    """The sales at `positions` of a history (sorted by day), grouped by key and sorted by day within it."""

    def __init__(self, key: Keys, day: Integers, positions: Positions) -> None:
        packed = _pack(key[positions], day[positions])
        order = np.argsort(packed, kind="stable")  # sales of one day keep the order of the history
        self.positions = positions[order]
        self.packed = packed[order]
        self._group = self.packed // np.uint64(DAYS)
        self._day = day[self.positions].astype(np.float64)
        self._running: dict[tuple[str, float], tuple[Floats, Floats]] = {}

    def span(self, key: Keys, before: Integers) -> tuple[Positions, Positions]:
        """First and past-the-last place on the shelf of the sales under `key` strictly before a day, each (n,)."""
        low = np.searchsorted(self.packed, _pack(key, np.zeros_like(before)))
        high = np.searchsorted(self.packed, _pack(key, np.clip(before, 0, DAYS - 1)))
        return low, high

    def follow(self, name: str, values: Floats, half_life: float) -> None:
        """Prepare running means of `values` (one per sale of the history), recent sales weighing more."""
        weight = np.exp2((self._day - _REFERENCE_DAY) / half_life)
        frame = pd.DataFrame({"weight": weight, "sum": weight * values[self.positions]})
        sums = frame.groupby(self._group, sort=False).cumsum()  # starts again at every key: no cancellation
        self._running[name, half_life] = (sums["weight"].to_numpy(), sums["sum"].to_numpy())

    def mean(
        self, name: str, half_life: float, span: tuple[Positions, Positions], before: Integers
    ) -> tuple[Floats, Floats]:
        """Recency-weighted mean (0 where there is no sale) and recency-weighted number of sales, each (n,)."""
        weights, sums = self._running[name, half_life]
        low, high = span
        some = high > low
        if not len(weights):
            return np.zeros(len(low)), np.zeros(len(low))
        last = np.maximum(high - 1, 0)
        number = np.exp2((_REFERENCE_DAY - before) / half_life) * weights[last]
        return np.where(some, sums[last] / weights[last], 0.0), np.where(some, number, 0.0)

    def recent(self, span: tuple[Positions, Positions], count: int) -> tuple[Positions, NDArray[np.bool_]]:
        """Positions in the history of the last `count` sales of each span, newest first, and which of them exist;
        both (n, count)."""
        low, high = span
        places = high[:, None] - 1 - np.arange(count)[None]
        there = places >= low[:, None]
        if not len(self.positions):
            return np.zeros_like(places), there
        return self.positions[np.where(there, places, 0)], there


def _pack(key: Keys, day: Integers) -> Keys:
    """Key and day in one number that sorts by key, then day: 49 bits of the key, 15 bits of the day."""
    return (key & ~np.uint64(DAYS - 1)) | day.astype(np.uint64)


def weighted_median(values: NDArray[Any], weights: NDArray[Any]) -> Floats:
    """Row-wise weighted median of (n, k) arrays; NaN where all weights of the row are 0."""
    shown = np.where(weights > 0, values, np.inf)
    order = np.argsort(shown, axis=1, kind="stable")
    ordered = np.take_along_axis(shown, order, axis=1)
    heaped = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    middle = (heaped >= 0.5 * heaped[:, -1:]).argmax(axis=1)
    answer = ordered[np.arange(len(values)), middle].astype(np.float64)
    return np.where(heaped[:, -1] > 0, answer, np.nan)


def bulk_sales(homes_block: Keys, day: Integers, price: Floats, *, least: int = 3) -> NDArray[np.bool_]:
    """Sales recorded `least` times or more on one block and day at one price: one deal, not prices of homes."""
    same = pd.DataFrame({"block": homes_block, "day": day, "price": price})
    return np.asarray(same.groupby(["block", "day", "price"])["price"].transform("size").to_numpy() >= least)
