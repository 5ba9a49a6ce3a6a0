"""Class weights: in training rows of the rarer class weigh so much more that both classes weigh the same.

The probabilities are put back to the true base rate, and the threshold follows from the problem's costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.strategies._adjusted_classifier import TRUSTED_TYPES, AdjustedClassifier, adjusted, searched

__all__ = ["TRUSTED_TYPES", "build", "tune"]


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> AdjustedClassifier:
    """The unfitted estimator. Raises InvalidInput on another task than binary and on a router's options, LeakageRefused
    on a feature cut from the target."""
    return adjusted(problem, options, features, name="weighted", balance="weights", calibrate="prior")


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
    """As for the strategy 'global': the search neither balances nor calibrates."""
    return searched(build(problem, options, features), X, y, trials=trials, seed=options.seed, say=say)
