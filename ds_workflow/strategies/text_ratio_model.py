"""Runs of up to three words, weighted by how much more often they stand in texts of class 1 than of class 0."""

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
    "ds_workflow.strategies.text_ratio_model.RatioClassifier",
)


class RatioClassifier(TextClassifier):
    """A run that stands in a text counts its log-count ratio, however often it stands there: the log of its share among
    all runs in texts of class 1 over that in texts of class 0, with 1 added to each count, which is the weight that
    naive Bayes gives it (S. Wang, C. Manning 2012, "Baselines and Bigrams"). The regression then learns how far to
    trust it: a ridge penalty lets a run that tells the classes apart weigh more than one that does not."""

    defaults: Mapping[str, Any] = {"C": 40.0, "least_rows": 3, "longest": 3}

    @staticmethod
    def _values(counts: Floats) -> Floats:
        return np.ones_like(counts)

    @staticmethod
    def _weights(counts: Counts, target: Floats) -> Floats:
        one = np.repeat(target == 1, np.diff(counts.indptr))
        having = [1.0 + np.bincount(counts.indices[side], minlength=counts.shape[1]) for side in (one, ~one)]
        return np.asarray(np.log(having[0] / having[0].sum()) - np.log(having[1] / having[1].sum()), dtype=np.float64)


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> TextClassifier:
    """The unfitted estimator; raises as `_text.build_text`."""
    return build_text(RatioClassifier, "text_ratio", problem, options, features)


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
