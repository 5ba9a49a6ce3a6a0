"""Fitting a model on rows at hand: features, tuning, estimator, answers on the holdout. One way for all who train."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ds_workflow import plugins
from ds_workflow.adapters import engine as engines
from ds_workflow.adapters import models
from ds_workflow.domain.metrics import Floats, Scored
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.scorecard import Scorecard, scorecard
from ds_workflow.domain.strategy import StrategyOptions, spread_by
from ds_workflow.errors import InvalidInput, UnknownName


@dataclass(frozen=True)
class Recipe:
    """How a model is made: its features, its strategy with options, and the trials of a search for hyperparameters,
    which the `engine` of that name works on (see adapters.engine)."""

    feature_set_version: str
    strategy: str
    options: StrategyOptions = field(default_factory=StrategyOptions)
    trials: int = 0
    engine: str = engines.LOCAL


@dataclass(frozen=True)
class Fitted:
    """A fitted model and how it answers on the holdout. `options` hold what a search found; `features` are the
    featurizer's table of the training rows; `fit_seconds` went into features, search and fit."""

    model: Pipeline
    options: StrategyOptions
    features: pd.DataFrame
    holdout_features: pd.DataFrame
    scored: Scored
    card: Scorecard
    fit_seconds: float


def check(problem: Problem, recipe: Recipe) -> None:
    """Refuse what can't be trained, before anything is done: UnknownName, LeakageRefused, InvalidInput."""
    names = problem.feature_set(recipe.feature_set_version).features
    if recipe.strategy not in problem.strategies:
        raise UnknownName(f"strategy for {problem.name}", recipe.strategy, problem.strategies)
    if recipe.trials < 0:
        raise InvalidInput(f"--optuna-trials must be 0 or more, not {recipe.trials}.")
    if engines.require(recipe.engine) != engines.LOCAL and not recipe.trials:
        raise InvalidInput(
            f"--engine {recipe.engine} works on the trials of a search, and there is none.",
            hint="Give --optuna-trials.",
        )
    plugins.load("strategies", recipe.strategy).build(problem, recipe.options, names)


def fit(
    plugin: ModuleType,
    recipe: Recipe,
    *,
    rows: pd.DataFrame,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    say: Callable[[str], None],
) -> Fitted:
    """Fit on `train` and answer for `holdout`; `rows` are both, the history that the model keeps for later answers.

    All three are conformed rows of the plug-in's problem (domain.snapshot.conform).
    """
    problem: Problem = plugin.PROBLEM
    names = problem.feature_set(recipe.feature_set_version).features
    truth = train[problem.target].to_numpy(dtype=np.float64)
    started = time.perf_counter()
    featurizer = plugin.featurizer(recipe.feature_set_version, seed=recipe.options.seed)
    features = featurizer.fit_transform(train, truth)
    say(f"{features.shape[1]} feature columns in {time.perf_counter() - started:.1f} s")
    strategy = plugins.load("strategies", recipe.strategy)
    options = recipe.options
    estimator = strategy.build(problem, options, names)
    weights = _weights(problem, strategy, train, truth, features=features, estimator=estimator)
    beside = {} if weights is None else {"sample_weight": weights}
    if recipe.trials:
        told = beside if hasattr(strategy, "weights") else {}
        with engines.start(recipe.engine) as engine, spread_by(engine.map):
            found = strategy.tune(problem, options, names, features, truth, trials=recipe.trials, say=say, **told)
        options = replace(options, params=found)
        estimator = strategy.build(problem, options, names)
    if getattr(strategy, "BY_CLUSTER", False):
        beside["clusters"] = train[problem.cluster_column].astype(str).to_numpy(dtype=object)
    estimator = estimator.fit(features, truth, **beside)
    fit_seconds = time.perf_counter() - started
    say(f"features and fit took {fit_seconds:.1f} s")

    everything = rows[problem.target].to_numpy(dtype=np.float64)
    model = models.with_history(models.assemble(featurizer, estimator), rows, everything)
    holdout_features = model["features"].transform(holdout)
    scored = models.score(model, problem, holdout, features=holdout_features, past=train)
    card = scorecard(problem.metrics, scored, slices=problem.slices)
    return Fitted(model, options, features, holdout_features, scored, card, fit_seconds)


def _weights(
    problem: Problem,
    strategy: ModuleType,
    train: pd.DataFrame,
    truth: Floats,
    *,
    features: pd.DataFrame,
    estimator: Any,
) -> Floats | None:
    """The weight of every training row: how many it stands for, times what the strategy gives it. None: all alike."""
    own = train[problem.weight_column].to_numpy(dtype=np.float64) if problem.weight_column else None
    if not hasattr(strategy, "weights"):
        return own
    given: Floats = strategy.weights(problem, train, truth, X=features, estimator=estimator)
    return given if own is None else own * given


def naive(plugin: ModuleType, train: pd.DataFrame, holdout: pd.DataFrame) -> Scored:
    """The naive baseline's answers on the holdout, fitted on the training rows."""
    problem: Problem = plugin.PROBLEM
    baseline = plugin.naive().fit(train, train[problem.target].to_numpy(dtype=np.float64))
    if hasattr(baseline, "with_history"):  # it answers as of each row's day, as models with a history do
        rows = pd.concat([train, holdout], ignore_index=True)
        baseline = baseline.with_history(rows, rows[problem.target].to_numpy(dtype=np.float64))
    answers = np.asarray(baseline.predict(holdout), dtype=np.float64)
    return replace(models.unanswered(problem, holdout, past=train), prediction=answers)
