"""Answer with the same hour a week before: the plainest forecast that knows the season, and the bar for all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.scored import Floats
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._count_intervals import CountIntervals
from ds_workflow.strategies.forecaster import CALIBRATION_SHARE, counts_of, require_forecast

TRUSTED_TYPES = (
    "ds_workflow.strategies.seasonal_naive.LastSeason",
    "ds_workflow.strategies._count_intervals.CountIntervals",
    "ds_workflow.strategies._intervals.Conformal",
)


class LastSeason(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """`predict` answers with the feature `lag`, the count one season before; where it is not known, with the training
    mean. `group` is the column by which intervals are calibrated, on the last two fifths of the rows in time."""

    contribution_unit = "count"
    importance_kind = "the one feature it repeats"

    def __init__(self, lag: str, *, group: str = "segment") -> None:
        self.lag = lag
        self.group = group

    def fit(self, X: pd.DataFrame, y: Any) -> LastSeason:
        """Keep the mean of counts (n,) and how far the lag in X (n) was off. Raises InvalidInput if no lag is known."""
        target, lag = counts_of(y, len(X)), self._lag(X)
        known = np.flatnonzero(np.isfinite(lag))
        if not len(known):
            raise InvalidInput(
                f"'{self.lag}' is known for none of {len(X)} rows.", hint="Give a period longer than one season."
            )
        self.mean_ = float(target.mean())
        self.lag_mean_ = float(lag[known].mean())
        late = known[len(known) - max(1, int(len(known) * CALIBRATION_SHARE)) :]
        self.intervals_ = CountIntervals().fit(target[late], lag[late], self._groups(X)[late])
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Counts, float64 of shape (n,)."""
        check_is_fitted(self, "mean_")
        lag = self._lag(X)
        return np.where(np.isfinite(lag), lag, self.mean_)

    def predict_interval(
        self, X: pd.DataFrame, coverage: float = 0.8, *, answers: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Lower and upper bound of the count, each (n,): split-conformal by level, see `CountIntervals`."""
        return self.intervals_.around(self.predict(X) if answers is None else answers, self._groups(X), coverage)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """The answer's distance from the mean lag: all of it is the lag's, (n, 1)."""
        return pd.DataFrame({self.lag: self.predict(X) - self.lag_mean_}, index=X.index)

    @property
    def expected_value_(self) -> float:
        """The mean lag of training."""
        return self.lag_mean_

    @property
    def feature_names_(self) -> list[str]:
        """The one column that it sees."""
        return [self.lag]

    @property
    def feature_importances_(self) -> Floats:
        """1 for the lag, shape (1,)."""
        return np.ones(1)

    def _groups(self, X: pd.DataFrame) -> NDArray[np.object_]:
        return np.asarray(X[self.group].to_numpy(dtype=object))

    def _lag(self, X: pd.DataFrame) -> Floats:
        lost = [name for name in (self.lag, self.group) if name not in X]
        if lost:
            raise InvalidInput(f"The features lack {', '.join(lost)}, which the model was built for.")
        return np.asarray(X[self.lag].to_numpy(dtype=np.float64))


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> LastSeason:
    """The unfitted estimator. Raises InvalidInput on another task than forecast, on options, and when the feature set
    does not hold the problem's seasonal naive; LeakageRefused on a feature cut from the target."""
    require_forecast(problem, options, features, "seasonal_naive")
    if options.params:
        raise InvalidInput("The strategy 'seasonal_naive' has no hyperparameters.", hint="Leave them out.")
    assert problem.series is not None  # noqa: S101 - a forecast declares one
    lag = problem.series.naive_feature
    if lag not in features:
        raise InvalidInput(f"The feature set does not hold '{lag}', which is all that 'seasonal_naive' answers with.")
    return LastSeason(lag, group=problem.segment_column)


def tune(
    problem: Problem,
    options: StrategyOptions,
    features: tuple[str, ...],
    X: pd.DataFrame,
    y: Any,
    *,
    trials: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """There is nothing to search for. Raises InvalidInput, so that nobody thinks there was."""
    raise InvalidInput(
        "The strategy 'seasonal_naive' has no hyperparameters to search for.", hint="Leave --optuna-trials out."
    )
