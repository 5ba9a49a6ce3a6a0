"""A boosted classifier for unequal classes: rows balanced in training or not, probabilities put right afterwards, and a
threshold that follows from what errors cost.

Balancing changes what the model takes for the base rate, and calibration and the threshold need rows that the model has
not learned from. So everything is cross-fitted: three parts of the training rows, each with its share of either class
in the order given (for rows in the order of time, blocks of time), are answered by models of the other two; what those
answers show about probabilities and costs is applied to the model of all rows. The holdout is never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain import calibration
from ds_workflow.domain.costs import Costs
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quick import Answers, CompiledModel, FeatureRows
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.domain.thresholds import cheapest_threshold
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._boosted_classifier import (
    BoostedClassifier,
    Floats,
    classes,
    for_binary,
    probability,
    search_classes,
    settings_of,
    weights_of,
)

PARTS = 3
NEGATIVES = 10  # rows of class 0 that resampling keeps for each of class 1
BALANCES = ("none", "weights", "resampling")
CALIBRATIONS = ("prior", "platt", "isotonic")
TRUSTED_TYPES = (
    "ds_workflow.domain.costs.Costs",
    "ds_workflow.strategies._adjusted_classifier.AdjustedClassifier",
    "ds_workflow.strategies._boosted_classifier.BoostedClassifier",
)


class AdjustedClassifier(BaseEstimator):  # type: ignore[misc]
    """Class 1 by gradient boosting, balanced by `balance`, calibrated by `calibrate`, cut at `threshold_`.

    `balance`: `none`; `weights` (rows of class 1 weigh so much more that both classes weigh the same); `resampling`
    (all rows of class 1 and 10 of class 0 for each, drawn without replacement). `calibrate`: `prior` takes back what
    balancing did to the base rate, and nothing else; `platt` and `isotonic` learn from cross-fitted answers as well
    (`domain.calibration`). `threshold_` is the cheapest on the cross-fitted answers by `costs`; without costs 0.5.
    `out_of_fold_` says how the cross-fitted answers did before and after: log loss and Brier score.
    """

    contribution_unit = "log odds"
    importance_kind = BoostedClassifier.importance_kind

    def __init__(
        self,
        features: tuple[str, ...],
        *,
        balance: str = "none",
        calibrate: str = "prior",
        costs: Costs | None = None,
        params: Mapping[str, Any] | None = None,
        seed: int = 42,
        threads: int = 2,
    ) -> None:
        self.features = features
        self.balance = balance
        self.calibrate = calibrate
        self.costs = costs
        self.params = params
        self.seed = seed
        self.threads = threads

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> AdjustedClassifier:
        """Learn from features (n), classes (n,) of 0 and 1, and weights (n,), default 1.

        Raises InvalidInput on other targets, missing columns, unknown hyperparameters, too few rows of a class, and
        when cross-fitted answers do not rise with the truth at all.
        """
        target, weight = classes(y, len(X)), weights_of(sample_weight, len(X))
        self.model_, self.shift_ = self._balanced(X, target, weight)
        self.line_ = {"intercept": 0.0, "slope": 1.0}
        self.knots_: dict[str, Floats] = {}
        self.threshold_ = 0.5
        self.out_of_fold_: dict[str, dict[str, float]] = {}
        if self.calibrate == "prior" and self.costs is None:
            return self
        odds = self._cross_fitted(X, target, weight)
        if self.calibrate == "platt":
            line = calibration.platt(odds, target, weight)
            self.line_ = {"intercept": line.intercept, "slope": line.slope}
        elif self.calibrate == "isotonic":
            at, share = calibration.isotonic(odds, target, weight)
            self.knots_ = {"log_odds": at, "probability": share}
        answers = probability(self._put_right(odds))
        self.out_of_fold_ = {
            "before": _errors(probability(odds), target, weight),
            "after": _errors(answers, target, weight),
        }
        if self.costs is not None:
            self.threshold_ = cheapest_threshold(answers, target, weight, self.costs)
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Probabilities of class 1, float64 of shape (n,)."""
        check_is_fitted(self, "model_")
        return probability(self._put_right(self.model_.log_odds(X) + self.shift_))

    def compiled(self, names: Sequence[str], *, coverage: float) -> CompiledModel:
        """`predict` for few rows at a time, on one thread, from features in the order `names`; without intervals."""
        check_is_fitted(self, "model_")
        inside = self.model_.compiled(names, coverage=coverage)

        def answer(rows: FeatureRows) -> Answers:
            odds = calibration.log_odds(np.asarray(inside(rows).values, dtype=np.float64)) + self.shift_
            return Answers(probability(self._put_right(odds)).tolist())

        return answer

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """SHAP values of the calibrated log odds, one column per feature; with `expected_value_` they add up to a row's
        log odds. Tree SHAP of the booster, stretched by row by as much as calibration stretches the row's way from the
        expected value: the chain rule for one number (H. Chen, S. Lundberg, S.-I. Lee 2022, "Explaining a series of
        models by propagating Shapley values")."""
        check_is_fitted(self, "model_")
        values = self.model_.contributions(X)
        start = self.model_.expected_value_ + self.shift_
        way = self.model_.log_odds(X) + self.shift_ - start
        moved = self._put_right(start + way) - self.expected_value_
        stretch = np.divide(moved, way, out=np.zeros_like(way), where=np.abs(way) > 1e-12)
        return values.mul(stretch, axis=0)

    @property
    def expected_value_(self) -> float:
        """The calibrated log odds before any feature is looked at."""
        return float(self._put_right(np.array([self.model_.expected_value_ + self.shift_]))[0])

    @property
    def feature_names_(self) -> list[str]:
        """Names of the columns that the trees see."""
        return list(self.features)

    @property
    def feature_importances_(self) -> Floats:
        """Share of the trees' total gain by feature, shape (p,)."""
        return self.model_.feature_importances_

    def _put_right(self, odds: Floats) -> Floats:
        """Calibrated log odds of log odds whose base rate is right already."""
        if self.knots_:
            share = np.interp(odds, self.knots_["log_odds"], self.knots_["probability"])
            return calibration.log_odds(share)
        return np.asarray(self.line_["intercept"] + self.line_["slope"] * odds, dtype=np.float64)

    def _balanced(self, X: pd.DataFrame, target: Floats, weight: Floats) -> tuple[BoostedClassifier, float]:
        """A booster of balanced rows, and what to add to its log odds for the base rate of the rows as they were."""
        rows, used = np.arange(len(X)), weight
        if self.balance == "weights":
            zeros, ones = _mass(target, weight)
            used = np.where(target == 1, weight * zeros / ones, weight)
        elif self.balance == "resampling":
            rows = _resampled(target, seed=self.seed)
        model = BoostedClassifier(self.features, params=self.params, seed=self.seed, threads=self.threads)
        model.fit(X.iloc[rows], target[rows], sample_weight=used[rows])
        zeros, ones = _mass(target[rows], used[rows])
        trained = (zeros, ones * float(settings_of(self.params)["positive_weight"]))
        return model, calibration.prior_shift(trained, _mass(target, weight))

    def _cross_fitted(self, X: pd.DataFrame, target: Floats, weight: Floats) -> Floats:
        """Log odds of every row, shape (n,), by a model of the parts that the row is not in; base rate right."""
        part = parts(target)
        odds = np.empty(len(target))
        for k in range(int(part.max()) + 1):
            held = part == k
            model, shift = self._balanced(X[~held], target[~held], weight[~held])
            odds[held] = model.log_odds(X[held]) + shift
        return odds


def parts(target: Floats) -> NDArray[np.int64]:
    """Which of three parts every row (n,) is in: of either class, the first third of its rows, the next, the last.

    Raises InvalidInput where a class has fewer than three rows."""
    part = np.empty(len(target), dtype=np.int64)
    for c in (0, 1):
        rows = np.flatnonzero(target == c)
        if len(rows) < PARTS:
            raise InvalidInput(f"Class {c} has {len(rows)} training rows; {PARTS} at least are wanted to cross-fit.")
        part[rows] = np.arange(len(rows)) * PARTS // len(rows)
    return part


def _mass(target: Floats, weight: Floats) -> tuple[float, float]:
    """Weight of both classes."""
    return float(weight[target == 0].sum()), float(weight[target == 1].sum())


def _resampled(target: Floats, *, seed: int) -> NDArray[np.int64]:
    """Positions, ascending, of all rows of class 1 and of NEGATIVES times as many of class 0, or all there are."""
    ones, zeros = np.flatnonzero(target == 1), np.flatnonzero(target == 0)
    kept = np.random.default_rng(seed).permutation(zeros)[: NEGATIVES * len(ones)]
    return np.sort(np.concatenate([ones, kept]))


def _errors(p: Floats, target: Floats, weight: Floats) -> dict[str, float]:
    surprise = -np.where(target == 1, np.log(p), np.log1p(-p))
    squared = (p - target) ** 2
    return {name: float(np.average(v, weights=weight)) for name, v in (("log_loss", surprise), ("brier", squared))}


class Build(Protocol):
    """How a strategy makes its unfitted estimator."""

    def __call__(
        self, problem: Problem, options: StrategyOptions, features: tuple[str, ...], /
    ) -> AdjustedClassifier: ...


class Tune(Protocol):
    """How a strategy searches hyperparameters."""

    def __call__(
        self,
        problem: Problem,
        options: StrategyOptions,
        features: tuple[str, ...],
        X: pd.DataFrame,
        y: Any,
        /,
        *,
        trials: int,
        say: Callable[[str], None],
    ) -> dict[str, Any]: ...


def strategy(name: str, *, balance: str, calibrate: str) -> tuple[Build, Tune]:
    """`build` and `tune` of the strategy `name`, for its module to offer.

    `build` raises InvalidInput on another task than binary and on a router's options, LeakageRefused on a feature cut
    from the target. `tune` searches as for the strategy 'global': the search neither balances nor calibrates.
    """

    def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> AdjustedClassifier:
        if options.router_mode or options.min_segment_rows is not None:
            raise InvalidInput(
                f"--router-mode and --min-segment-rows have no meaning for the strategy '{name}', which has no routes.",
                hint="Leave them out.",
            )
        for_binary(problem, features)
        settings_of(options.params)
        return AdjustedClassifier(
            features,
            balance=balance,
            calibrate=calibrate,
            costs=problem.costs,
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
        made = build(problem, options, features)
        plain = BoostedClassifier(made.features, params=made.params, seed=made.seed)
        return search_classes(plain, X, y, trials=trials, seed=options.seed, say=say)

    return build, tune
