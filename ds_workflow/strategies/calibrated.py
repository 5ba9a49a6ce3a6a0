"""Platt scaling: boosted trees whose log odds are put right by a line that cross-fitted answers call for.

The threshold follows from the problem's costs.
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
    return adjusted(problem, options, features, name="calibrated", balance="none", calibrate="platt")


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
