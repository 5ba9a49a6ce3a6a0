"""One gradient-boosted model of counts for all series: what lags and calendar add to the usual count.

Trees are grown on the Poisson likelihood, from the log of an as-of estimate that the features hold: they learn by which
factor it misses, and that is alike in busy and quiet series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from ds_workflow.strategies._tuning import last_rows, study

TRUSTED_TYPES = (
    "ds_workflow.strategies.forecaster.CountBooster",
    "ds_workflow.strategies._count_intervals.CountIntervals",
    "ds_workflow.strategies._intervals.Conformal",
)

DEFAULTS: Mapping[str, Any] = {
    "rounds": 60,
    "max_depth": 4,
    "eta": 0.05,
    "subsample": 0.7,
    "colsample_bytree": 0.6,
    "min_child_weight": 100.0,
    "reg_lambda": 20.0,
}
CALIBRATION_SHARE = 0.4  # of the rows, the newest: days differ, so many of them are wanted
LEAST_ROWS = 50
_FEW_ROWS = 2_000  # to answer: below, handing work to a second thread costs more than it saves
_BINS = 64
_LEAST_ANSWER = 1e-6


class CountBooster(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """XGBoost of counts with the Poisson loss; `predict` answers with the expected count.

    `features` are the columns it sees, numbers all; `offset` is one of them, the log of an estimate that the trees
    start from ("": none); `group` is the column by which intervals are calibrated. Rows whose offset is not known teach
    nothing. `params` overrides DEFAULTS. Rows must come in the order of time: the last two fifths calibrate.
    """

    contribution_unit = "log count"
    importance_kind = "total gain of the trees"

    def __init__(
        self,
        features: tuple[str, ...],
        *,
        offset: str = "",
        group: str = "segment",
        params: Mapping[str, Any] | None = None,
        seed: int = 42,
        threads: int = 2,
    ) -> None:
        self.features = features
        self.offset = offset
        self.group = group
        self.params = params
        self.seed = seed
        self.threads = threads

    def fit(self, X: pd.DataFrame, y: Any) -> CountBooster:
        """Learn from features (n) and counts (n,). Raises InvalidInput on counts that are negative or missing, absent
        columns, unknown hyperparameters, or fewer than 50 rows of known offset."""
        settings = settings_of(self.params)
        target = counts_of(y, len(X))
        matrix = self._matrix(X)
        taught = (
            np.isfinite(X[self.offset].to_numpy(dtype=np.float64)) if self.offset else np.full(len(X), fill_value=True)
        )
        if int(taught.sum()) < LEAST_ROWS:
            raise InvalidInput(
                f"Training needs at least {LEAST_ROWS} rows whose usual count is known, and of {len(X)} rows it is of "
                f"{int(taught.sum())}.",
                hint="Give a longer period: what is usual is known a week after the first day.",
            )
        matrix, target = matrix[taught], target[taught]
        self.start_ = float(np.log(max(target.mean(), _LEAST_ANSWER)))
        start = self._start(X)[taught]
        self.start_mean_ = float(start.mean())
        early = np.arange(len(target)) < len(target) - int(len(target) * CALIBRATION_SHARE)
        self.booster_ = self._grow(matrix[early], target[early], start[early], settings)
        self.intervals_ = CountIntervals().fit(
            target[~early], self._answer(matrix[~early], start[~early]), self._groups(X)[taught][~early]
        )
        self.booster_ = self._grow(matrix, target, start, settings)
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Expected counts, float64 of shape (n,)."""
        check_is_fitted(self, "booster_")
        return self._answer(self._matrix(X), self._start(X))

    def predict_interval(
        self, X: pd.DataFrame, coverage: float = 0.8, *, answers: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Lower and upper bound of the count, each (n,): split-conformal by level, see `CountIntervals`."""
        return self.intervals_.around(self.predict(X) if answers is None else answers, self._groups(X), coverage)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Exact tree SHAP values in log count, one column per feature (Lundberg et al. 2020).

        A row's values and `expected_value_` add up to the log of its answer. The estimate that the trees start from
        counts as a contribution of the offset feature, measured from its training mean.
        """
        frame = pd.DataFrame(self._shap(self._matrix(X))[:, :-1], columns=list(self.features), index=X.index)
        if self.offset:
            frame[self.offset] += self._start(X) - self.start_mean_
        return frame

    @property
    def expected_value_(self) -> float:
        """The log count before any feature is looked at."""
        blank = np.full((1, len(self.features)), np.nan, dtype=np.float32)
        return float(self._shap(blank)[0, -1]) + self.start_mean_

    @property
    def settings(self) -> dict[str, Any]:
        """Every hyperparameter in force, given or default."""
        return settings_of(self.params)

    @property
    def feature_names_(self) -> list[str]:
        """Names of the columns that the trees see."""
        return list(self.features)

    @property
    def feature_importances_(self) -> Floats:
        """Share of the trees' total gain by feature, shape (p,); it does not count the estimate they start from."""
        gain = self.booster_.get_score(importance_type="total_gain")
        shares = np.array([float(gain.get(f"f{i}", 0.0)) for i in range(len(self.features))])
        return shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1.0 / len(shares))

    def _matrix(self, X: pd.DataFrame) -> NDArray[np.float32]:
        lost = [name for name in (*self.features, self.group) if name not in X]
        if lost:
            raise InvalidInput(f"The features lack {', '.join(lost)}, which the model was built for.")
        return np.asarray(X[list(self.features)].to_numpy(dtype=np.float32))

    def _groups(self, X: pd.DataFrame) -> NDArray[np.object_]:
        return np.asarray(X[self.group].to_numpy(dtype=object))

    def _start(self, X: pd.DataFrame) -> Floats:
        if not self.offset:
            return np.full(len(X), self.start_)
        start = X[self.offset].to_numpy(dtype=np.float64)
        return np.where(np.isfinite(start), start, self.start_)

    def _answer(self, matrix: NDArray[np.float32], start: Floats) -> Floats:
        self.booster_.set_param({"nthread": 1 if len(matrix) < _FEW_ROWS else self.threads})
        # The start is added here in float64: the booster would round it to float32.
        margin = np.asarray(self.booster_.inplace_predict(matrix, predict_type="margin"), dtype=np.float64)
        return np.maximum(np.exp(margin + start), _LEAST_ANSWER)

    def _shap(self, matrix: NDArray[np.float32]) -> Floats:
        import xgboost

        check_is_fitted(self, "booster_")
        self.booster_.set_param({"nthread": self.threads})
        return np.asarray(self.booster_.predict(xgboost.DMatrix(matrix), pred_contribs=True), dtype=np.float64)

    def _grow(self, matrix: NDArray[np.float32], target: Floats, start: Floats, settings: Mapping[str, Any]) -> Any:
        """Trees for what the start misses."""
        import xgboost

        params = {name: value for name, value in settings.items() if name != "rounds"}
        params |= {
            "objective": "count:poisson",
            "tree_method": "hist",
            "max_bin": _BINS,
            "base_score": 1.0,  # its log, 0, is where every margin begins
            "seed": self.seed,
            "nthread": self.threads,
        }
        table = xgboost.QuantileDMatrix(matrix, target, base_margin=start, max_bin=_BINS, nthread=self.threads)
        return xgboost.train(params, table, int(settings["rounds"]))


def settings_of(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """DEFAULTS with `params` on top. Raises InvalidInput on a name that is not among them."""
    unknown = sorted(set(params or {}) - set(DEFAULTS))
    if unknown:
        raise InvalidInput(f"Unknown hyperparameter '{unknown[0]}'; known: {', '.join(DEFAULTS)}.")
    return {**DEFAULTS, **(params or {})}


def counts_of(y: Any, rows: int) -> Floats:
    """Counts as float64 of shape (n,), none negative or missing."""
    target = np.asarray(y, dtype=np.float64)
    if len(target) != rows or not rows:
        raise InvalidInput(f"Training needs rows and a count for each; got {rows} rows and {len(target)} counts.")
    bad = int((~(np.isfinite(target) & (target >= 0))).sum())
    if bad:
        raise InvalidInput(f"{bad} of {rows} counts are missing or negative.")
    return target


def poisson_deviance(target: Floats, answer: Floats) -> float:
    """Mean Poisson deviance of expected counts above 0 (McCullagh and Nelder 1989)."""
    part = np.where(target > 0, target * np.log(np.where(target > 0, target, 1.0) / answer), 0.0)
    return float(2 * np.mean(part - target + answer))


def require_forecast(problem: Problem, options: StrategyOptions, features: tuple[str, ...], strategy: str) -> None:
    """Refuse another task, a router's options, and features that may never be inputs."""
    for name in features:
        problem.refuse_leak(name)
    if problem.task != "forecast":
        raise InvalidInput(f"{problem.name} is a {problem.task} problem, and this strategy forecasts counts only.")
    if options.router_mode or options.min_segment_rows is not None:
        raise InvalidInput(
            f"--router-mode and --min-segment-rows have no meaning for the strategy '{strategy}', which has no routes.",
            hint="Leave them out.",
        )


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> CountBooster:
    """The unfitted estimator. Raises InvalidInput on another task than forecast and on a router's options,
    LeakageRefused on a feature cut from the target."""
    require_forecast(problem, options, features, "forecaster")
    settings_of(options.params)
    return CountBooster(
        features,
        offset=problem.offset_feature if problem.offset_feature in features else "",
        group=problem.segment_column,
        params=dict(options.params),
        seed=options.seed,
    )


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
    """The settings with the least Poisson deviance on the last 15 % of the training rows, starting from DEFAULTS."""
    estimator = build(problem, options, features)
    target, cut = counts_of(y, len(X)), last_rows(len(X))

    def error(trial: Any) -> float:
        draft = CountBooster(**{**estimator.get_params(deep=False), "params": {**options.params, **_suggest(trial)}})
        return poisson_deviance(target[cut:], draft.fit(X.iloc[:cut], target[:cut]).predict(X.iloc[cut:]))

    best = study(error, first=DEFAULTS, trials=trials, seed=options.seed, say=say, what="Poisson deviance")
    return {**options.params, **best}


def _suggest(trial: Any) -> dict[str, Any]:
    return {
        "rounds": trial.suggest_int("rounds", 40, 300, step=20),
        "max_depth": trial.suggest_int("max_depth", 2, 7),
        "eta": trial.suggest_float("eta", 0.02, 0.15, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "min_child_weight": trial.suggest_float("min_child_weight", 10.0, 1_000.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1.0, 100.0, log=True),
    }
