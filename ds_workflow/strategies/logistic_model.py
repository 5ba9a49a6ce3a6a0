"""Logistic regression: the probability of class 1, and an odds ratio with its intervals for every term.

What answers is fitted with a ridge penalty, which steadies it and draws its ratios towards 1. The ratios for people
come from a second fit without it, on the same standardised columns and rows; each stands beside the penalised one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.odds import OddsRatios, Term, odds_ratios
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quick import Answers, CompiledModel, FeatureRows
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._boosted_classifier import (
    Floats,
    classes,
    for_binary,
    log_loss,
    probability,
    require,
    weights_of,
)
from ds_workflow.strategies._design import Design
from ds_workflow.strategies._tuning import last_rows, study

TRUSTED_TYPES = (
    "ds_workflow.strategies._design.Design",
    "ds_workflow.strategies.logistic_model.LogisticClassifier",
)

DEFAULTS: Mapping[str, Any] = {"C": 1.0}  # inverse strength of the ridge penalty, on scaled columns
_MOST_STEPS = 1_000


class LogisticClassifier(BaseEstimator):  # type: ignore[misc]
    """Ridge-penalised logistic regression on a `Design`; `predict` answers with the probability of class 1."""

    contribution_unit = "log odds"
    importance_kind = "spread of the log-odds contribution"

    def __init__(self, features: tuple[str, ...], *, params: Mapping[str, Any] | None = None) -> None:
        self.features = features
        self.params = params

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> LogisticClassifier:
        """Learn from features (n), classes (n,) of 0 and 1, and weights (n,), default 1.

        Raises InvalidInput on other targets, missing columns, unknown hyperparameters, fewer than 50 rows, and when
        the fit does not settle.
        """
        from sklearn.linear_model import LogisticRegression

        settings = settings_of(self.params)
        target, weight = classes(y, len(X)), weights_of(sample_weight, len(X))
        self.design_ = Design().fit(X, require(X, self.features))
        matrix = self.design_.transform(X)
        fitted = LogisticRegression(C=float(settings["C"]), solver="newton-cholesky", max_iter=_MOST_STEPS)
        fitted.fit(matrix, target, sample_weight=weight)
        if int(fitted.n_iter_[0]) >= _MOST_STEPS:
            raise InvalidInput(f"The logistic regression did not settle within {_MOST_STEPS} steps.")
        self.coefficients_ = np.asarray(fitted.coef_[0], dtype=np.float64)
        self.intercept_ = float(fitted.intercept_[0])
        self.centre_ = np.average(matrix, axis=0, weights=weight)
        spread = self._by_feature((matrix - self.centre_) * self.coefficients_).std(axis=0)
        self.importances_ = spread / spread.sum() if spread.sum() > 0 else spread
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Probabilities of class 1, float64 of shape (n,)."""
        check_is_fitted(self, "coefficients_")
        require(X, self.features)
        return self._probability(self.design_.transform(X))

    def compiled(self, names: Sequence[str], *, coverage: float) -> CompiledModel:
        """`predict` for few rows at a time, from features in the order `names`; there are no intervals."""
        check_is_fitted(self, "coefficients_")
        addends = self.design_.addends(self.coefficients_)
        plan = [(names.index(name), addends[name]) for name in self.features]

        def answer(rows: FeatureRows) -> Answers:
            odds = [self.intercept_ + sum(add(row[at]) for at, add in plan) for row in rows.values]
            return Answers(probability(np.array(odds, dtype=np.float64)).tolist())

        return answer

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Coefficient times distance from the training mean, in log odds, one column per feature (the SHAP values of a
        linear model when features are taken as independent); with `expected_value_` they add up to a row's log odds."""
        values = self._by_feature((self.design_.transform(X) - self.centre_) * self.coefficients_)
        return pd.DataFrame(values, columns=list(self.features), index=X.index)

    def odds_ratios(
        self, X: pd.DataFrame, y: Any, *, clusters: Any = None, weights: Any = None, coverage: float = 0.95
    ) -> OddsRatios:
        """The ratio of every term of the design, fitted without a penalty on features X (n) and classes y (n,).

        X, y and the sampling `weights` (n,), default 1, are those that this model was fitted on. Rows with one value of
        `clusters` (n,) may be alike. One step of a number is one standard deviation; one of a category is from its most
        frequent level to the term's. Raises InvalidInput as `domain.odds` does.
        """
        check_is_fitted(self, "coefficients_")
        require(X, self.features)
        terms = [Term(t["term"], t["feature"], t["per"]) for t in self.design_.terms]
        labels = None if clusters is None else np.asarray(clusters)
        target = classes(y, len(X))
        weight = None if weights is None else weights_of(weights, len(X))
        found = odds_ratios(
            self.design_.transform(X), target, terms=terms, clusters=labels, weights=weight, coverage=coverage
        )
        shrunk = np.exp(self.coefficients_)
        return replace(
            found, terms=tuple(replace(t, penalised=float(r)) for t, r in zip(found.terms, shrunk, strict=True))
        )

    @property
    def expected_value_(self) -> float:
        """The log odds at the training means."""
        return float(self.intercept_ + self.centre_ @ self.coefficients_)

    @property
    def feature_names_(self) -> list[str]:
        """Names of the columns that the model sees."""
        return list(self.features)

    @property
    def feature_importances_(self) -> Floats:
        """Spread over training rows of each feature's log-odds contribution, as shares, shape (p,)."""
        return np.asarray(self.importances_, dtype=np.float64)

    def _probability(self, matrix: Floats) -> Floats:
        # Row by row sums: a matrix product may round one row by itself otherwise than among others.
        odds = np.einsum("nk,k->n", matrix, self.coefficients_) + self.intercept_
        return probability(odds)

    def _by_feature(self, parts: Floats) -> Floats:
        place = {name: i for i, name in enumerate(self.features)}
        summed = np.zeros((len(parts), len(self.features)))
        for column, term in enumerate(self.design_.terms):
            summed[:, place[term["feature"]]] += parts[:, column]
        return summed


def settings_of(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """DEFAULTS with `params` on top. Raises InvalidInput on a name that is not among them."""
    unknown = sorted(set(params or {}) - set(DEFAULTS))
    if unknown:
        raise InvalidInput(f"Unknown hyperparameter '{unknown[0]}'; known: {', '.join(DEFAULTS)}.")
    return {**DEFAULTS, **(params or {})}


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> LogisticClassifier:
    """The unfitted estimator. Raises InvalidInput on another task than binary and on a router's options, LeakageRefused
    on a feature cut from the target."""
    if options.router_mode or options.min_segment_rows is not None:
        raise InvalidInput(
            "--router-mode and --min-segment-rows have no meaning for the strategy 'logistic', which has no routes.",
            hint="Leave them out.",
        )
    for_binary(problem, features)
    settings_of(options.params)
    return LogisticClassifier(features, params=dict(options.params))


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
    """The penalty with the least log loss on the last 15 % of the training rows, starting from DEFAULTS."""
    estimator = build(problem, options, features)
    target, cut = classes(y, len(X)), last_rows(len(X))

    def error(trial: Any) -> float:
        draft = LogisticClassifier(estimator.features, params={"C": trial.suggest_float("C", 1e-3, 1e3, log=True)})
        return log_loss(target[cut:], draft.fit(X.iloc[:cut], target[:cut]).predict(X.iloc[cut:]))

    return study(error, first=DEFAULTS, trials=trials, seed=options.seed, say=say, what="log loss")
