"""What everybody knows without a model: as many as in the same hour a week ago."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.forecasting import Known, seasonal_naive
from ds_workflow.domain.scored import Floats
from ds_workflow.problems.taxi_demand.declaration import SERIES


class SeasonalNaive(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Forecasts the newest known count of the zone at the same hour of an earlier week; where the last eight weeks hold
    none, the zone's training mean."""

    def fit(self, rows: pd.DataFrame, y: Any) -> SeasonalNaive:
        """Remember the counts `y` (n,) of cleaned rows (n), and each zone's mean."""
        count = np.asarray(y, dtype=np.float64)
        means = pd.Series(count).groupby(rows[SERIES.column].to_numpy(dtype=object)).mean()
        self.means_ = {str(zone): float(mean) for zone, mean in means.items()}
        self.overall_ = float(count.mean())
        return self.with_history(rows, count)

    def with_history(self, rows: pd.DataFrame, y: Any) -> SeasonalNaive:
        """The same baseline knowing the counts `y` (n,) of `rows` (n); a row is answered from whole weeks before it."""
        check_is_fitted(self, "means_")
        other = SeasonalNaive()
        other.means_, other.overall_ = self.means_, self.overall_
        name = rows[SERIES.column].to_numpy(dtype=object)
        other._known = Known(name, SERIES.moment(rows, "day"), np.asarray(y, dtype=np.float64))
        return other

    def predict(self, rows: pd.DataFrame) -> Floats:
        """Pick-ups, shape (n,)."""
        name = rows[SERIES.column].to_numpy(dtype=object)
        answer = seasonal_naive(self._known, name, SERIES.moment(rows, "day"), season=SERIES.season)
        mean = pd.Series(name).map(self.means_).fillna(self.overall_).to_numpy(dtype=np.float64)
        return np.where(np.isnan(answer), mean, answer)
