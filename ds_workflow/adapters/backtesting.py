"""A fitted model's recipe, refitted from earlier and earlier starts, beside the naive baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ds_workflow import plugins
from ds_workflow.adapters import fitting, models
from ds_workflow.domain.backtest import FOLDS, Fold, folds
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.problem import Problem

MOST_ROWS = 150_000  # that a fold learns from: the newest whole days


@dataclass(frozen=True)
class Rolled:
    """One fold: the refitted model's answers and the naive baseline's on the same rows."""

    fold: Fold
    model: Scored
    naive: Scored


def rolling(
    model: Pipeline, problem: Problem, rows: pd.DataFrame, features: pd.DataFrame, *, count: int = FOLDS
) -> tuple[Rolled, ...]:
    """Refit the estimator of `model` for each fold of `rows` (n, in the order of time) and answer for its days.

    `features` is the featurizer's table of `rows`; each of its rows is as of its own day, so it need not be made again.
    Raises InvalidInput when the rows leave no fold.
    """
    day = rows[problem.time_column].to_numpy(dtype="datetime64[D]")
    truth = rows[problem.target].to_numpy(dtype=np.float64)
    plugin = plugins.load("problems", problem.name)
    found = []
    for fold in folds(day, count=count):
        newest = fold.train[-MOST_ROWS:]
        if len(newest) < len(fold.train):
            newest = newest[day[newest] > day[newest[0]]]
        estimator = clone(model["model"]).fit(features.iloc[newest], truth[newest])
        past, ahead = rows.iloc[fold.train], rows.iloc[fold.test]
        answers = models.score(
            models.assemble(model["features"], estimator), problem, ahead, features=features.iloc[fold.test], past=past
        )
        found.append(Rolled(fold, answers, fitting.naive(plugin, past, ahead)))
    return tuple(found)
