"""Prediction intervals of counts: split-conformal, by the level of the forecast and the group of its series."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ds_workflow.domain.scored import Floats
from ds_workflow.strategies._intervals import LEAST, Conformal

_PER_DECADE = 4  # levels
_ONE = 1.0  # pick-up: the deviation of a count whose mean is near 0 is not


class CountIntervals(BaseEstimator):  # type: ignore[misc]
    """Conformal widths from errors over the root of forecast + 1, by group and level; where a group has too few errors
    at a level, by level alone.

    The deviation of a count grows with the root of its mean, faster where days differ; levels catch what the root
    leaves, and groups that their days do not differ alike. A count is a whole number, so where forecasts are small an
    interval can't cover exactly what is asked.
    """

    def fit(self, truth: Floats, forecast: Floats, group: NDArray[Any]) -> CountIntervals:
        """Learn from counts (n,), the forecasts (n,) of a model that had not seen them, and groups (n,) of text."""
        level, both = _names(forecast, group)
        names, counts = np.unique(both.astype(str), return_counts=True)
        self.known_ = [str(name) for name in names[counts >= LEAST]]
        error = (truth - forecast) / np.sqrt(forecast + _ONE)
        self.by_level_ = Conformal().fit(error, level)
        self.by_both_ = Conformal().fit(error, both)
        return self

    def around(self, forecast: Floats, group: NDArray[Any], coverage: float) -> tuple[Floats, Floats]:
        """Lower bound, never below 0, and upper bound, each (n,)."""
        level, both = _names(forecast, group)
        names, first, place = np.unique(both.astype(str), return_index=True, return_inverse=True)
        own = self.by_both_.reach(names, coverage)
        shared = self.by_level_.reach(level[first], coverage)
        reach = np.where(np.isin(names, self.known_), own, shared)[place] * np.sqrt(forecast + _ONE)
        return np.maximum(forecast - reach, 0.0), forecast + reach


def _names(forecast: Floats, group: NDArray[Any]) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The level of every forecast (a quarter of a decade of forecast + 0.1), and group and level; text, (n,) each."""
    level = np.floor(_PER_DECADE * np.log10(forecast + 0.1)).astype(np.int64)
    numbers, place = np.unique(level, return_inverse=True)
    text = numbers.astype(str).astype(object)[place]
    return text, group.astype(object) + "/" + text
