"""The boosted classifier on rows weighted so that group and outcome are independent in training.

Reweighing (F. Kamiran and T. Calders 2012, "Data preprocessing techniques for classification without discrimination",
Knowledge and Information Systems 33): a row of group s and class y weighs P(s) P(y) / P(s, y). What tells the groups
apart then no longer tells the classes apart. The groups are those of the problem's fairness columns together; they give
weights to training rows only and are never inputs, in training or when it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._boosted_classifier import BoostedClassifier, classes, classifier, search_classes

MOST = 10.0  # no row counts for more than so many: a cell of a few rows would decide trees by itself


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> BoostedClassifier:
    """The unfitted estimator. Raises InvalidInput on another task than binary, on a router's options, and where the
    problem names no groups; LeakageRefused on a feature cut from the target."""
    if options.router_mode or options.min_segment_rows is not None:
        raise InvalidInput(
            "--router-mode and --min-segment-rows have no meaning for the strategy 'reweighted', which has no routes.",
            hint="Leave them out.",
        )
    made = classifier(problem, options, features)
    if not problem.groups:
        raise InvalidInput(f"{problem.name} declares no fairness and no sensitive columns, so there are no groups.")
    return made


def weights(
    problem: Problem, rows: pd.DataFrame, y: Any, *, X: pd.DataFrame | None = None, estimator: Any = None
) -> NDArray[np.float64]:
    """The weight of every cleaned training row, shape (n,): mean 1 up to the cap, group and class independent. Features
    and estimator don't matter to it."""
    target = classes(y, len(rows))
    names = rows[list(problem.groups)].astype(str)
    group = pd.factorize(names.iloc[:, 0].str.cat([names[c] for c in names.columns[1:]], sep="|"))[0]
    cells = pd.crosstab(group, target)
    share = cells.to_numpy(dtype=np.float64) / len(rows)
    with np.errstate(divide="ignore"):
        table = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True) / share
    return np.asarray(np.minimum(table[group, target.astype(np.int64)], MOST), dtype=np.float64)


def tune(
    problem: Problem,
    options: StrategyOptions,
    features: tuple[str, ...],
    X: pd.DataFrame,
    y: Any,
    *,
    trials: int,
    say: Callable[[str], None],
    sample_weight: Any = None,
) -> dict[str, Any]:
    """As for the strategy 'global', on rows weighted by `sample_weight`: the model that is wanted is one of those."""
    return search_classes(
        build(problem, options, features), X, y, trials=trials, seed=options.seed, say=say, sample_weight=sample_weight
    )
