"""One gradient-boosted classifier: the probability of class 1 from numbers and categories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quick import Answers, CompiledModel, FeatureRows
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._tuning import last_rows, study

Floats = NDArray[np.float64]

DEFAULTS: Mapping[str, Any] = {
    "rounds": 400,
    "max_depth": 5,
    "eta": 0.06,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "min_child_weight": 5.0,
    "reg_lambda": 3.0,
    "positive_weight": 1.0,
}
LEAST_ROWS = 50
_FEW_ROWS = 2_000  # to answer: below, handing work to a second thread costs more than it saves
_BINS = 256
_SUREST = 35.0  # log odds; beyond, a float64 probability would be 1
_PRIOR_ROWS = 20.0  # a category's rate is drawn to the overall one as by so many rows, before categories are ordered


class BoostedClassifier(BaseEstimator):  # type: ignore[misc]
    """XGBoost with the logistic loss; `predict` answers with the probability of class 1.

    `features` are the columns it sees. A column of text becomes its category's place in the order of training rates, so
    that a tree can part high from low with one cut (Fisher 1958); a category that training never saw is missing.
    `params` overrides DEFAULTS; a `positive_weight` other than 1 multiplies the weight of class 1, and the
    probabilities are then not calibrated any more.
    """

    contribution_unit = "log odds"
    importance_kind = "total gain of the trees"

    def __init__(
        self, features: tuple[str, ...], *, params: Mapping[str, Any] | None = None, seed: int = 42, threads: int = 2
    ) -> None:
        self.features = features
        self.params = params
        self.seed = seed
        self.threads = threads

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> BoostedClassifier:
        """Learn from features (n), classes (n,) of 0 and 1, and weights (n,), default 1.

        Raises InvalidInput on other targets, missing columns, unknown hyperparameters, or fewer than 50 rows.
        """
        import xgboost

        settings = settings_of(self.params)
        target, weight = classes(y, len(X)), weights_of(sample_weight, len(X))
        self.codes_ = {
            name: _by_rate(X[name], target, weight)
            for name in require(X, self.features)
            if not pd.api.types.is_numeric_dtype(X[name])
        }
        weight = weight * np.where(target == 1, float(settings["positive_weight"]), 1.0)
        table = xgboost.QuantileDMatrix(self._matrix(X), target, weight=weight, max_bin=_BINS, nthread=self.threads)
        grown = {name: value for name, value in settings.items() if name not in ("rounds", "positive_weight")}
        grown |= {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "max_bin": _BINS,
            "base_score": float(np.average(target, weights=weight)),
            "seed": self.seed,
            "nthread": self.threads,
        }
        self.booster_ = xgboost.train(grown, table, int(settings["rounds"]))
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Probabilities of class 1, float64 of shape (n,)."""
        return probability(self.log_odds(X))

    def log_odds(self, X: pd.DataFrame) -> Floats:
        """Log odds of class 1, float64 of shape (n,)."""
        check_is_fitted(self, "booster_")
        matrix = self._matrix(X)
        self.booster_.set_param({"nthread": 1 if len(matrix) < _FEW_ROWS else self.threads})
        return np.asarray(self.booster_.inplace_predict(matrix, predict_type="margin"), dtype=np.float64)

    def compiled(self, names: Sequence[str], *, coverage: float) -> CompiledModel:
        """`predict` for few rows at a time, on one thread, from features in the order `names`; without intervals."""
        check_is_fitted(self, "booster_")
        booster = self.booster_.copy()  # its own: the one that `predict` uses changes its threads
        booster.set_param({"nthread": 1})
        unseen = float("nan")
        plan = [(names.index(name), self.codes_.get(name)) for name in self.features]

        def coded(row: Sequence[Any]) -> list[Any]:
            return [row[at] if codes is None else codes.get(row[at], unseen) for at, codes in plan]

        def answer(rows: FeatureRows) -> Answers:
            matrix = np.array([coded(row) for row in rows.values], dtype=np.float32)
            margin = np.asarray(booster.inplace_predict(matrix, predict_type="margin"), dtype=np.float64)
            return Answers(probability(margin).tolist())

        return answer

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Exact tree SHAP values in log odds, one column per feature (Lundberg et al. 2020); with `expected_value_` a
        row's values add up to its log odds."""
        values = self._shap(self._matrix(X))[:, :-1]
        return pd.DataFrame(values, columns=list(self.features), index=X.index)

    @property
    def expected_value_(self) -> float:
        """The log odds before any feature is looked at."""
        return float(self._shap(np.full((1, len(self.features)), np.nan, dtype=np.float32))[0, -1])

    @property
    def feature_names_(self) -> list[str]:
        """Names of the columns that the trees see."""
        return list(self.features)

    @property
    def feature_importances_(self) -> Floats:
        """Share of the trees' total gain by feature, shape (p,)."""
        gain = self.booster_.get_score(importance_type="total_gain")
        shares = np.array([gain.get(f"f{i}", 0.0) for i in range(len(self.features))], dtype=np.float64)
        return shares / shares.sum() if shares.sum() > 0 else shares

    def _shap(self, matrix: NDArray[np.float32]) -> Floats:
        import xgboost

        check_is_fitted(self, "booster_")
        return np.asarray(self.booster_.predict(xgboost.DMatrix(matrix), pred_contribs=True), dtype=np.float64)

    def _matrix(self, X: pd.DataFrame) -> NDArray[np.float32]:
        matrix = np.empty((len(X), len(self.features)), dtype=np.float32)
        for i, name in enumerate(require(X, self.features)):
            codes = self.codes_.get(name)
            matrix[:, i] = X[name] if codes is None else X[name].map(codes)
        return matrix


def _by_rate(values: pd.Series[Any], target: Floats, weight: Floats) -> dict[str, float]:
    """Each category's place, from 0, in the order of its smoothed share of class 1; equal shares by name."""
    known = values.notna().to_numpy()
    grouped = pd.DataFrame({"n": weight[known], "hits": (weight * target)[known]}).groupby(
        values[known].astype(str).to_numpy()
    )
    sums = grouped.sum()
    overall = float(np.average(target, weights=weight))
    rate = (sums["hits"] + _PRIOR_ROWS * overall) / (sums["n"] + _PRIOR_ROWS)
    ordered = sorted(zip(rate.to_list(), map(str, rate.index), strict=True))
    return {name: float(place) for place, (_, name) in enumerate(ordered)}


def settings_of(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """DEFAULTS with `params` on top. Raises InvalidInput on a name that is not among them."""
    given = dict(params or {})
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise InvalidInput(f"Unknown hyperparameter '{unknown[0]}'; known: {', '.join(DEFAULTS)}.")
    return {**DEFAULTS, **given}


def require(X: pd.DataFrame, features: tuple[str, ...]) -> tuple[str, ...]:
    """The features, if all of them are there."""
    lost = [name for name in features if name not in X]
    if lost:
        raise InvalidInput(f"The features lack {', '.join(lost)}, which the model was built for.")
    return features


def classes(y: Any, rows: int) -> Floats:
    """Targets of 0 and 1, float64 of shape (n,), both of them there."""
    target = np.asarray(y, dtype=np.float64)
    if len(target) != rows or rows < LEAST_ROWS:
        raise InvalidInput(
            f"Training needs at least {LEAST_ROWS} rows and a class for each; got {rows} rows, {len(target)} classes."
        )
    bad = int((~np.isin(target, (0.0, 1.0))).sum())
    if bad:
        raise InvalidInput(f"{bad} of {rows} targets are neither 0 nor 1.")
    if target.min() == target.max():
        raise InvalidInput(f"All {rows} training rows are of class {target[0]:.0f}; there is nothing to tell apart.")
    return target


def weights_of(sample_weight: Any, rows: int) -> Floats:
    """Weights of shape (n,), 1 where none are given; InvalidInput unless all are positive."""
    if sample_weight is None:
        return np.ones(rows)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (rows,) or not (np.isfinite(weight) & (weight > 0)).all():
        raise InvalidInput(f"Weights must be {rows} positive numbers, one per row.")
    return weight


def probability(odds: Floats) -> Floats:
    """Log odds as probabilities, never 0 or 1 themselves: nothing is known so surely."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -_SUREST, _SUREST))), dtype=np.float64)


def log_loss(target: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Mean negative log-likelihood, weighted where weights are given."""
    p = np.clip(probability, 1e-15, 1 - 1e-15)
    return float(-np.average(np.where(target == 1, np.log(p), np.log1p(-p)), weights=weight))


def classifier(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> BoostedClassifier:
    """The unfitted estimator of a binary problem. Raises InvalidInput on another task and LeakageRefused on a feature
    cut from the target."""
    for_binary(problem, features)
    settings_of(options.params)
    return BoostedClassifier(features, params=dict(options.params), seed=options.seed)


def for_binary(problem: Problem, features: tuple[str, ...]) -> None:
    """Refuse another task, and features that may never be inputs."""
    for name in features:
        problem.refuse_leak(name)
    if problem.task != "binary":
        raise InvalidInput(f"{problem.name} is a {problem.task} problem, and this strategy tells two classes apart.")


def search_classes(
    estimator: BoostedClassifier,
    X: pd.DataFrame,
    y: Any,
    *,
    trials: int,
    seed: int,
    say: Callable[[str], None],
    sample_weight: Any = None,
) -> dict[str, Any]:
    """The best of `trials` settings by the log loss on the last 15 % of the rows, starting from DEFAULTS.

    Weights (n,), default 1, count in learning and in judging: it is the weighted rows that the model is to fit."""
    target, weight = classes(y, len(X)), weights_of(sample_weight, len(X))
    cut = last_rows(len(X))

    def error(trial: Any) -> float:
        params = {**(estimator.params or {}), **_suggest(trial)}
        draft = BoostedClassifier(**{**estimator.get_params(deep=False), "params": params})
        draft.fit(X.iloc[:cut], target[:cut], sample_weight=weight[:cut])
        return log_loss(target[cut:], draft.predict(X.iloc[cut:]), weight[cut:])

    first = {name: DEFAULTS[name] for name in _NAMES}
    best = study(error, first=first, trials=trials, seed=seed, say=say, what="log loss")
    return {**(estimator.params or {}), **best}


_NAMES = ("rounds", "max_depth", "eta", "subsample", "colsample_bytree", "min_child_weight", "reg_lambda")


def _suggest(trial: Any) -> dict[str, Any]:
    return {
        "rounds": trial.suggest_int("rounds", 200, 700, step=50),
        "max_depth": trial.suggest_int("max_depth", 3, 8),
        "eta": trial.suggest_float("eta", 0.02, 0.15, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 30.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.5, 30.0, log=True),
    }
