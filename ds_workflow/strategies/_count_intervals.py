"""Prediction intervals of counts: split-conformal, by the level of the forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ds_workflow.domain.scored import Floats
from ds_workflow.strategies._intervals import Conformal

_PER_DECADE = 4  # levels, each with a width of its own where it has errors enough
_ONE = 1.0  # pick-up: the deviation of a count whose mean is near 0 is not


class CountIntervals(BaseEstimator):  # type: ignore[misc]
    """Conformal widths from errors over the root of forecast + 1, by level of the forecast.

    The deviation of a count grows with the root of its mean, faster where days differ; the levels catch what the root
    leaves. A count is a whole number, so where forecasts are small an interval covers more than asked.
    """

    def fit(self, truth: Floats, forecast: Floats) -> CountIntervals:
        """Learn from counts (n,) and the forecasts (n,) of a model that had not seen them."""
        self.conformal_ = Conformal().fit((truth - forecast) / np.sqrt(forecast + _ONE), level_names(forecast))
        return self

    def around(self, forecast: Floats, coverage: float) -> tuple[Floats, Floats]:
        """Lower bound, never below 0, and upper bound, each (n,)."""
        names, place = np.unique(level_names(forecast), return_inverse=True)
        reach = self.conformal_.reach(names, coverage)[place] * np.sqrt(forecast + _ONE)
        return np.maximum(forecast - reach, 0.0), forecast + reach


def level_names(forecast: Floats) -> NDArray[Any]:
    """The level of every forecast as text, (n,): a quarter of a decade of forecast + 0.1."""
    level = np.floor(_PER_DECADE * np.log10(forecast + 0.1)).astype(np.int64)
    names, place = np.unique(level, return_inverse=True)
    return names.astype(str).astype(object)[place]
