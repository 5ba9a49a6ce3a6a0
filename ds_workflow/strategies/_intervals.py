"""Prediction intervals from errors that the model made on rows it had not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]
LEAST = 100  # errors of a group, to have a width of its own


class Conformal(BaseEstimator):  # type: ignore[misc]
    """Split-conformal widths by group (Vovk et al. 2005; Mondrian form), from absolute errors in the log target.

    For new rows exchangeable with the calibration rows of their group, an interval covers with at least the asked
    probability. Market drift between calibration and use is outside that promise: watch the measured coverage.
    """

    def fit(self, error: Floats, group: NDArray[Any]) -> Conformal:
        """Keep the sorted absolute `error` (n,) of every `group` (n,) that has enough, and of all together."""
        size = np.abs(error)
        self.everyone_ = np.sort(size)
        self.groups_ = {
            str(name): np.sort(size[group == name]) for name in np.unique(group) if (group == name).sum() >= LEAST
        }
        return self

    def reach(self, group: NDArray[Any], coverage: float) -> Floats:
        """Half the width in log target for every row of `group` (n,); infinite where too few errors are known."""
        widths, other = self.widths(coverage)
        return np.array([widths.get(str(name), other) for name in group], dtype=np.float64)

    def widths(self, coverage: float) -> tuple[dict[str, float], float]:
        """Half the width in log target by group, and that of every other group."""
        if not 0 < coverage < 1:
            raise InvalidInput(f"coverage must lie between 0 and 1, not {coverage}.")
        widths = {name: conformal_quantile(sizes, coverage) for name, sizes in self.groups_.items()}
        return widths, conformal_quantile(self.everyone_, coverage)


def conformal_quantile(ordered: Floats, coverage: float) -> float:
    """The ceil((n + 1) * coverage)-th smallest of n sorted scores; infinite when there is none so high."""
    place = int(np.ceil((len(ordered) + 1) * coverage - 1e-9))
    return float(ordered[place - 1]) if place <= len(ordered) else float("inf")
