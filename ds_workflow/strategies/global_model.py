"""One gradient-boosted model for everything: of the log of a positive target, or of the probability of class 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies import _tuning
from ds_workflow.strategies._boosted_classifier import BoostedClassifier, classifier, search_classes
from ds_workflow.strategies._boosting import BoostedRegressor, settings_of

TRUSTED_TYPES = (
    "ds_workflow.strategies._boosted_classifier.BoostedClassifier",
    "ds_workflow.strategies._boosting.BoostedRegressor",
    "ds_workflow.strategies._intervals.Conformal",
)


def build(
    problem: Problem, options: StrategyOptions, features: tuple[str, ...]
) -> BoostedRegressor | BoostedClassifier:
    """The unfitted estimator. Raises InvalidInput on options that only a router has a use for."""
    if options.router_mode:
        raise InvalidInput(
            f"--router-mode {options.router_mode} has no meaning for the strategy 'global', which has no routes.",
            hint="Leave it out, or train with --strategy segmented_router.",
        )
    if options.min_segment_rows is not None:
        raise InvalidInput(
            "--min-segment-rows has no meaning for the strategy 'global', which has no routes.",
            hint="Leave it out, or train with --strategy segmented_router.",
        )
    if problem.task == "binary":
        return classifier(problem, options, features)
    return regressor(problem, options, features)


def regressor(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> BoostedRegressor:
    """The estimator of the global model, whatever the options of a router say.

    Raises InvalidInput on another task than regression and LeakageRefused on a feature cut from the target.
    """
    if problem.task != "regression":
        raise InvalidInput(f"{problem.name} is a {problem.task} problem, and this strategy answers regressions only.")
    for name in features:
        problem.refuse_leak(name)
    settings_of(options.params)
    return BoostedRegressor(
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
    """Hyperparameters that did best on the last training rows, see `_tuning.search` and `search_classes`."""
    estimator = build(problem, options, features)
    if isinstance(estimator, BoostedClassifier):
        return search_classes(estimator, X, y, trials=trials, seed=options.seed, say=say)
    return _tuning.search(estimator, X, y, trials=trials, seed=options.seed, say=say)
