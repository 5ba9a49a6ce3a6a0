"""A model per route: every market segment, or segment and foreseen price tier, is learned by trees of its own.

All routes share a general model. A route with enough rows grows its own trees on top of it, so that it learns what
is different there and does not start from nothing; a route with few rows, or one never seen, gets the general model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quick import Answers, CompiledModel, FeatureRows
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.strategies import _tuning, global_model
from ds_workflow.strategies._boosting import BoostedRegressor, Floats, early_rows, settings_of

TRUSTED_TYPES = ("ds_workflow.strategies.segmented_router.SegmentedRouter",)

SEGMENT_ONLY, SEGMENT_PLUS_TIER = "segment_only", "segment_plus_tier"
TIER = "price_tier_proxy"
MIN_SEGMENT_ROWS = 2_000
_ROUTE_SHARE = 0.25  # of the general model's rounds: grown on a route's own rows


class SegmentedRouter(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Routes rows by the columns `keys` to submodels on top of the fitted `general` model, which is also the fallback.

    A route gets its submodel from `min_rows` training rows on. After fitting, `routes_` maps every route seen in
    training to its rows and whether it has a submodel. Rows must come in the order of time.
    """

    contribution_unit = BoostedRegressor.contribution_unit
    importance_kind = f"{BoostedRegressor.importance_kind}, mean over models"

    def __init__(self, general: BoostedRegressor, keys: tuple[str, ...], min_rows: int = MIN_SEGMENT_ROWS) -> None:
        self.general = general
        self.keys = keys
        self.min_rows = min_rows

    def fit(self, X: pd.DataFrame, y: Any) -> SegmentedRouter:
        """Learn from features (n) and targets (n,); raises what BoostedRegressor.fit raises."""
        target = np.asarray(y, dtype=np.float64)
        seen = early_rows(len(X))
        self.general_ = self._new(self.general.params)
        early = self.general_.fit_upon(X, target, seen=seen)
        rounds = max(1, round(settings_of(self.general.params)["rounds"] * _ROUTE_SHARE))
        routes = self.routes_of(X)
        names, counts = np.unique(routes, return_counts=True)
        self.submodels_: dict[str, BoostedRegressor] = {}
        self.routes_: dict[str, dict[str, Any]] = {}
        for name, rows in zip(names.tolist(), counts.tolist(), strict=True):
            inside = routes == name
            # A route that appeared only lately has nothing to grow from before the calibration rows.
            own = rows >= self.min_rows and bool(seen[inside].any()) and not bool(seen[inside].all())
            if own:
                submodel = self._new({**(self.general.params or {}), "rounds": rounds})
                submodel.fit_upon(X[inside], target[inside], seen=seen[inside], upon=early)
                self.submodels_[name] = submodel
            self.routes_[name] = {"rows": rows, "submodel": own}
        return self

    def routes_of(self, X: pd.DataFrame) -> NDArray[Any]:
        """The route of every row as text, shape (n,), such as 'ELEVATOR' or 'ELEVATOR/T3'."""
        missing = [name for name in self.keys if name not in X]
        if missing:
            raise InvalidInput(f"The features lack {', '.join(missing)}, by which rows are routed.")
        segment, *tiers = (X[name].to_numpy() for name in self.keys)
        if not tiers:
            return np.array([str(s) for s in segment], dtype=object)
        return np.array([f"{s}/T{int(t) + 1}" for s, t in zip(segment, tiers[0], strict=True)], dtype=object)

    def predict(self, X: pd.DataFrame) -> Floats:
        """Answers in the target's unit, float64 of shape (n,)."""
        answer = np.empty(len(X))
        for model, rows in self._parts(X):
            answer[rows] = model.predict(X.iloc[rows])
        return answer

    def predict_interval(
        self, X: pd.DataFrame, coverage: float = 0.8, *, answers: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Lower and upper bound in the target's unit, each (n,), calibrated on each submodel's own late rows.

        `answers` are those of `predict`, where they are known already.
        """
        lower, upper = np.empty(len(X)), np.empty(len(X))
        for model, rows in self._parts(X):
            lower[rows], upper[rows] = model.predict_interval(
                X.iloc[rows], coverage, answers=None if answers is None else answers[rows]
            )
        return lower, upper

    def compiled(self, names: Sequence[str], *, coverage: float) -> CompiledModel:
        """`predict` and `predict_interval` for few rows at a time, from features in the order `names`."""
        check_is_fitted(self, "general_")
        general = self.general_.compiled(names, coverage=coverage)
        own = {name: model.compiled(names, coverage=coverage) for name, model in self.submodels_.items()}
        tiers = [names.index(name) for name in self.keys[1:]]

        def answer(rows: FeatureRows) -> Answers:
            values = np.asarray(rows.values, dtype=np.float32)
            routes: Sequence[str] = rows.groups
            for at in tiers:
                routes = [f"{route}/T{int(tier) + 1}" for route, tier in zip(routes, values[:, at], strict=True)]
            places: dict[str, list[int]] = {}
            for place, route in enumerate(routes):
                places.setdefault(route if route in own else "", []).append(place)
            out = np.empty((3, len(values)))
            for route, where in places.items():
                part = FeatureRows(values[where], [rows.groups[place] for place in where])
                found = own.get(route, general)(part)
                out[:, where] = found.values, found.lower or np.nan, found.upper or np.nan
            value, lower, upper = out.tolist()
            return Answers(value, lower, upper)

        return answer

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Exact tree SHAP values in log target by the model of each row's route, one column per feature."""
        values = np.empty((len(X), len(self.feature_names_)))
        for model, rows in self._parts(X):
            values[rows] = model.contributions(X.iloc[rows]).to_numpy()
        return pd.DataFrame(values, columns=self.feature_names_, index=X.index)

    @property
    def settings(self) -> dict[str, Any]:
        """Every hyperparameter in force, and the rows a route needs."""
        return {**self.general.settings, "min_segment_rows": self.min_rows}

    @property
    def feature_names_(self) -> list[str]:
        """Names of the columns that the trees see."""
        return list(self.general.features)

    @property
    def feature_importances_(self) -> Floats:
        """Share of total gain by feature, shape (p,): the mean over models, weighted by the rows they answer for."""
        check_is_fitted(self, "general_")
        total = np.zeros(len(self.feature_names_))
        for name, route in self.routes_.items():
            total += route["rows"] * self.submodels_.get(name, self.general_).feature_importances_
        return total / total.sum() if total.sum() > 0 else total

    def _parts(self, X: pd.DataFrame) -> list[tuple[BoostedRegressor, NDArray[np.int64]]]:
        check_is_fitted(self, "general_")
        routes = self.routes_of(X)
        own = np.array([name if name in self.submodels_ else "" for name in routes], dtype=object)
        return [(self.submodels_.get(name, self.general_), np.flatnonzero(own == name)) for name in set(own.tolist())]

    def _new(self, params: Mapping[str, Any] | None) -> BoostedRegressor:
        return BoostedRegressor(**{**self.general.get_params(deep=False), "params": params})


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> SegmentedRouter:
    """The unfitted estimator; without --router-mode it routes by segment only.

    Raises UnknownName on a router mode the problem doesn't have, InvalidInput when the mode's routing key is not among
    the features, LeakageRefused when a routing key is cut from the target.
    """
    mode = options.router_mode or SEGMENT_ONLY
    known = tuple(m for m in problem.router_modes if m in (SEGMENT_ONLY, SEGMENT_PLUS_TIER))
    if mode not in known:
        problem.refuse_leak(mode.removeprefix("segment_plus_"), role="a routing key")
        raise UnknownName("router mode", mode, known)
    keys: tuple[str, ...] = (problem.segment_column,)
    if mode == SEGMENT_PLUS_TIER:
        keys += (TIER,)
    for name in keys:
        problem.refuse_leak(name, role="a routing key")
    if TIER in keys and TIER not in features:
        holders = [fs.version for fs in problem.feature_sets if TIER in fs.features]
        raise InvalidInput(
            f"--router-mode {mode} routes by {TIER}, which the feature set does not hold.",
            hint=f"Use a feature set that does: {', '.join(holders) or 'none is declared'}.",
        )
    least = MIN_SEGMENT_ROWS if options.min_segment_rows is None else options.min_segment_rows
    return SegmentedRouter(global_model.regressor(problem, options, features), keys, least)


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
    """Hyperparameters of the general model, which the routes share, see `_tuning.search`."""
    router = build(problem, options, features)
    return _tuning.search(router.general, X, y, trials=trials, seed=options.seed, say=say)
