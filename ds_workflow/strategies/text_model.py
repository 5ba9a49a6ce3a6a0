"""Words of a text, weighted by TF-IDF, in a logistic regression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.strategies._boosted_classifier import Floats
from ds_workflow.strategies._text import Counts, TextClassifier, build_text, tune_text

BY_CLUSTER = True
TRUSTED_TYPES = (
    "ds_workflow.strategies._text.Vocabulary",
    "ds_workflow.strategies.text_model.TfidfClassifier",
)


class TfidfClassifier(TextClassifier):
    """A run counts 1 + log of how often it stands in the text, times 1 + log((1 + n) / (1 + texts that have it)): the
    smoothed inverse document frequency of scikit-learn (G. Salton, C. Buckley 1988, on weighting terms)."""

    defaults: Mapping[str, Any] = {"C": 3.0, "least_rows": 5, "longest": 1}

    @staticmethod
    def _values(counts: Floats) -> Floats:
        return np.asarray(1.0 + np.log(counts), dtype=np.float64)

    @staticmethod
    def _weights(counts: Counts, target: Floats) -> Floats:
        having = np.bincount(counts.indices, minlength=counts.shape[1])
        return np.asarray(1.0 + np.log((1 + counts.shape[0]) / (1 + having)), dtype=np.float64)


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> TextClassifier:
    """The unfitted estimator; raises as `_text.build_text`."""
    return build_text(TfidfClassifier, "text", problem, options, features)


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
    """The best settings on the last 15 % of the training rows, starting from the defaults."""
    return tune_text(build(problem, options, features), X, y, trials=trials, seed=options.seed, say=say)
