"""One gradient-boosted regressor for positive targets, robust to answers that are no market prices.

Trees are grown on the log of the target with a redescending loss (Cauchy): a sale that no neighbour explains pulls
less the further off it is. They start from an estimate that the features already hold, where there is one, and so
learn only what that estimate misses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.quick import Answers, CompiledModel, FeatureRows
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._intervals import Conformal

Floats = NDArray[np.float64]

DEFAULTS: Mapping[str, Any] = {
    "rounds": 500,
    "max_depth": 8,
    "eta": 0.06,
    "subsample": 0.7,
    "colsample_bytree": 0.3,
    "min_child_weight": 10.0,
    "reg_lambda": 5.0,
    "loss_scale": 0.15,
}
CALIBRATION_SHARE = 0.1
LEAST_ROWS = 50
_FEW_ROWS = 2_000  # to answer: below, handing work to a second thread costs more than it saves
_BINS = 64  # per feature: 256 took twice the time and were no better
_LEAST_COLUMNS = 8  # a tree draws from at least so many features
_MORE_SHARE = 0.15  # of the rounds: grown on all rows after calibration


class BoostedRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """XGBoost on the log of a positive target.

    `features` are the columns it sees; `offset` is one of them that already estimates the log target ("": none);
    `group` is the column by which intervals are calibrated. `params` overrides DEFAULTS. Rows must come in the order of
    time: the last tenth calibrates the intervals. On a busy machine `threads` beyond one only help where
    OMP_WAIT_POLICY is passive, as the workspace sets it: spinning threads took four times as long.
    """

    contribution_unit = "log target"
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

    def fit(self, X: pd.DataFrame, y: Any) -> BoostedRegressor:
        """Learn from features (n) and targets (n,). Raises InvalidInput on targets that are not positive, missing
        columns, unknown hyperparameters, or fewer than 50 rows."""
        self.fit_upon(X, y, seen=early_rows(len(X)))
        return self

    def fit_upon(self, X: pd.DataFrame, y: Any, *, seen: NDArray[np.bool_], upon: Any = None) -> Any:
        """`fit` where the rows of `seen` (n,) grow most of the trees and the others calibrate, on top of the trees of
        the booster `upon`, if given. Returns the booster as it was before it saw the calibration rows."""
        settings = settings_of(self.params)
        target = log_target(y, len(X))
        matrix = self._matrix(X)
        self.start_ = float(np.median(target))
        start = self._start(X)
        self.start_mean_ = float(start.mean())
        rounds = int(settings["rounds"])
        early = self._grow(matrix[seen], (target - start)[seen], settings, rounds, upon)
        self.booster_ = early
        error = target[~seen] - self._log(matrix[~seen], start[~seen])
        self.intervals_ = Conformal().fit(error, X[self.group].to_numpy(dtype=object)[~seen])
        self.booster_ = self._grow(matrix, target - start, settings, max(1, round(rounds * _MORE_SHARE)), early)
        return early

    def predict(self, X: pd.DataFrame) -> Floats:
        """Answers in the target's unit, float64 of shape (n,)."""
        check_is_fitted(self, "booster_")
        return np.exp(self._log(self._matrix(X), self._start(X)))

    def predict_interval(
        self, X: pd.DataFrame, coverage: float = 0.8, *, answers: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Lower and upper bound in the target's unit, each (n,): split-conformal by group, see `Conformal`.

        `answers` are those of `predict`, where they are known already.
        """
        prediction = np.log(self.predict(X) if answers is None else answers)
        reach = self.intervals_.reach(X[self.group].to_numpy(dtype=object), coverage)
        return np.exp(prediction - reach), np.exp(prediction + reach)

    def compiled(self, names: Sequence[str], *, coverage: float) -> CompiledModel:
        """`predict` and `predict_interval` for few rows at a time, on one thread; their features stand in the order
        `names`."""
        check_is_fitted(self, "booster_")
        booster = self.booster_.copy()  # its own: the one that `predict` uses changes its threads
        booster.set_param({"nthread": 1})
        at = [names.index(name) for name in self.features]
        picked = None if at == list(range(len(names))) else at
        offset = names.index(self.offset) if self.offset else None
        widths, other = self.intervals_.widths(coverage)

        def answer(rows: FeatureRows) -> Answers:
            values = np.asarray(rows.values, dtype=np.float32)
            start = np.full(len(values), self.start_) if offset is None else values[:, offset].astype(np.float64)
            matrix = values if picked is None else values[:, picked]
            margin = np.asarray(booster.inplace_predict(matrix, predict_type="margin"), dtype=np.float64)
            prediction = np.exp(margin + np.where(np.isfinite(start), start, self.start_))
            logged = np.log(prediction)
            reach = np.array([widths.get(group, other) for group in rows.groups], dtype=np.float64)
            lower, upper = np.exp(logged - reach), np.exp(logged + reach)
            return Answers(prediction.tolist(), lower.tolist(), upper.tolist())

        return answer

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Exact tree SHAP values in log target, one column per feature (Lundberg et al. 2020).

        A row's values and `expected_value_` add up to its log answer. The estimate that the trees start from counts as
        a contribution of the offset feature, measured from its training mean.
        """
        import xgboost

        check_is_fitted(self, "booster_")
        self.booster_.set_param({"nthread": self.threads})
        values = self.booster_.predict(xgboost.DMatrix(self._matrix(X)), pred_contribs=True)[:, :-1].astype(np.float64)
        frame = pd.DataFrame(values, columns=list(self.features), index=X.index)
        if self.offset:
            frame[self.offset] += self._start(X) - self.start_mean_
        return frame

    @property
    def expected_value_(self) -> float:
        """The log answer before any feature is looked at."""
        import xgboost

        blank = np.full((1, len(self.features)), np.nan, dtype=np.float32)
        bias = self.booster_.predict(xgboost.DMatrix(blank), pred_contribs=True)[0, -1]
        return float(bias) + self.start_mean_

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
        return shares / shares.sum() if shares.sum() > 0 else shares

    def _matrix(self, X: pd.DataFrame) -> NDArray[np.float32]:
        missing = [name for name in (*self.features, self.group) if name not in X]
        if missing:
            raise InvalidInput(f"The features lack {', '.join(missing)}, which the model was built for.")
        return np.asarray(X[list(self.features)].to_numpy(dtype=np.float32))

    def _start(self, X: pd.DataFrame) -> Floats:
        if not self.offset:
            return np.full(len(X), self.start_)
        start = X[self.offset].to_numpy(dtype=np.float64)
        return np.where(np.isfinite(start), start, self.start_)

    def _log(self, matrix: NDArray[np.float32], start: Floats) -> Floats:
        self.booster_.set_param({"nthread": 1 if len(matrix) < _FEW_ROWS else self.threads})
        # The margin is added here in float64: the booster would round it to float32.
        return np.asarray(self.booster_.inplace_predict(matrix, predict_type="margin"), dtype=np.float64) + start

    def _grow(
        self, matrix: NDArray[np.float32], missed: Floats, settings: Mapping[str, Any], rounds: int, upon: Any
    ) -> Any:
        """`rounds` trees for what the start `missed`, on top of the booster `upon`, which stays as it is."""
        import xgboost

        params = {name: value for name, value in settings.items() if name not in ("rounds", "loss_scale")}
        params |= {
            "tree_method": "hist",
            "max_bin": _BINS,
            "base_score": 0.0,
            "seed": self.seed,
            "nthread": self.threads,
        }
        # A tree that sees but two or three features can't learn how they act together.
        params["colsample_bytree"] = max(params["colsample_bytree"], min(1.0, _LEAST_COLUMNS / matrix.shape[1]))
        table = xgboost.QuantileDMatrix(matrix, missed, max_bin=_BINS, nthread=self.threads)
        loss = CauchyLoss(float(settings["loss_scale"]))
        return xgboost.train(params, table, rounds, obj=loss, xgb_model=upon)


class CauchyLoss:
    """log(1 + (error / scale)^2) * scale^2 / 2: gradient and curvature for xgboost.

    Far from the answer every row would look like an outlier; so the scale is never below the median error of the
    moment and shrinks to its final value as the trees come close (as in iterated robust regression, Huber 1981).
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, predicted: NDArray[Any], table: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        error = predicted - table.get_label()
        scale = max(self.scale, float(np.median(np.abs(error))))
        weight = 1 / (1 + (error / scale) ** 2)
        return error * weight, np.maximum(weight, 0.05)


def early_rows(rows: int) -> NDArray[np.bool_]:
    """Which of `rows` rows in the order of time are before the calibration tenth, shape (rows,)."""
    if rows < LEAST_ROWS:
        raise InvalidInput(f"Training needs at least {LEAST_ROWS} rows, not {rows}.")
    return np.arange(rows) < rows - int(rows * CALIBRATION_SHARE)


def settings_of(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """DEFAULTS with `params` on top. Raises InvalidInput on a name that is not among them."""
    given = dict(params or {})
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise InvalidInput(f"Unknown hyperparameter '{unknown[0]}'; known: {', '.join(DEFAULTS)}.")
    return {**DEFAULTS, **given}


def log_target(y: Any, rows: int) -> Floats:
    """The log of the targets, float64 of shape (n,)."""
    target = np.asarray(y, dtype=np.float64)
    if len(target) != rows or not rows:
        raise InvalidInput(f"Training needs rows and a target for each; got {rows} rows and {len(target)} targets.")
    bad = int((~(np.isfinite(target) & (target > 0))).sum())
    if bad:
        raise InvalidInput(f"{bad} of {rows} targets are missing, zero or negative; the log needs positive ones.")
    return np.log(target)
