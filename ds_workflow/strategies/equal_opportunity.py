"""The boosted classifier on rows weighted until all groups' rows of class 1 are found equally often, by finding more.

Equal opportunity (M. Hardt, E. Price and N. Srebro 2016, "Equality of opportunity in supervised learning") asks that of
the rows of class 1 the same share be flagged in every group. Reweighing for independent group and outcome (strategy
'reweighted') aims at the share that is flagged among all, and comes past this only where both go together. Here the
rows of class 1 of a group that is found less often weigh more. How much is read off answers to the training rows
themselves, each by a model that has not seen the row: the multipliers rise until the groups are found alike there, the
answers would become too bad (their Brier score says so), or they reach their bound. It is the weighting that the
Lagrangian of the constraint asks for (A. Agarwal et al. 2018, "A reductions approach to fair classification"), without
its randomised models.

If class 1 as a whole kept its weight, the group that is found more often would pay with what it loses; if it kept none
of it, all probabilities would be too high. Half way, in logs, is kept. The groups are those of the problem's first
fairness column; they give weights to training rows and are never inputs, in training or when it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.classification import THRESHOLD
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._adjusted_classifier import parts
from ds_workflow.strategies._boosted_classifier import (
    BoostedClassifier,
    Floats,
    classes,
    classifier,
    search_classes,
    settings_of,
)

LEAST_POSITIVES = 100  # of a group with fewer, the share that is found is mostly chance, and weights would follow it
PASSES = 5
MOST = 4.0  # of the multipliers
PRICE = 0.01  # what the Brier score of the training answers may rise by, as a share of what it is without weights
_STEP = 4.0  # of the log multipliers, for each unit of difference in the log odds of being found
_DRAFT_ROUNDS = 0.4  # of the rounds: the models that judge weights grow fewer trees, each with a larger step


def build(problem: Problem, options: StrategyOptions, features: tuple[str, ...]) -> BoostedClassifier:
    """The unfitted estimator. Raises InvalidInput on another task than binary, on a router's options, and where the
    problem names no groups; LeakageRefused on a feature cut from the target."""
    if options.router_mode or options.min_segment_rows is not None:
        raise InvalidInput(
            "--router-mode and --min-segment-rows have no meaning for the strategy 'equal_opportunity', which has no "
            "routes.",
            hint="Leave them out.",
        )
    made = classifier(problem, options, features)
    if not problem.fairness_columns:
        raise InvalidInput(f"{problem.name} declares no fairness columns, so there are no groups.")
    return made


def weights(
    problem: Problem, rows: pd.DataFrame, y: Any, *, X: pd.DataFrame, estimator: BoostedClassifier
) -> NDArray[np.float64]:
    """The weight of every cleaned training row, shape (n,): 1 for class 0, more for class 1 where fewer are found.

    `X` is the featurizer's table of the rows, `estimator` the unfitted one whose settings judge the weights. All ones
    where fewer than two groups have 100 rows of class 1, or the gap between them is not above two standard errors;
    weighing ends where it is within one.
    """
    target = classes(y, len(rows))
    names = rows[problem.fairness_columns[0]].astype(str).to_numpy(dtype=object)
    one = target == 1
    members = {n: at for n in sorted(set(names)) if (at := one & (names == n)).sum() >= LEAST_POSITIVES}
    best = np.ones(len(target))
    if len(members) < 2:
        return best
    settings = settings_of(estimator.params)
    rounds = max(1, round(settings["rounds"] * _DRAFT_ROUNDS))
    draft = {**(estimator.params or {}), "rounds": rounds, "eta": settings["eta"] / _DRAFT_ROUNDS}
    logs = kept = dict.fromkeys(members, 0.0)
    dear: dict[str, float] | None = None  # the least multipliers that were seen to cost too much
    least, bound = np.inf, np.inf
    for _ in range(PASSES):
        weight = _weight(logs, members, one)
        answers = _cross_fitted(estimator, draft, X, target, weight)
        brier = float(np.mean((answers - target) ** 2))
        bound = min(bound, (1 + PRICE) * brier)  # set by the first pass, which is without weights
        if brier > bound:
            dear = logs
        else:
            found = answers >= THRESHOLD
            odds, gap, error = _apart([(int(found[at].sum()), int(at.sum())) for at in members.values()])
            if gap < least:
                best, least, kept = weight, gap, logs
            if gap <= (error if any(logs.values()) else 2 * error):  # a gap must be seen before rows are weighed for it
                break
            moved = {n: log + _STEP * (max(odds) - mine) for (n, log), mine in zip(logs.items(), odds, strict=True)}
            start = min(moved.values())  # the group that is found most often weighs 1
            logs = {n: min(log - start, float(np.log(MOST))) for n, log in moved.items()}
        if dear is not None:
            logs = {n: (kept[n] + dear[n]) / 2 for n in members}
    return best


def _apart(hits: list[tuple[int, int]]) -> tuple[list[float], float, float]:
    """Of (found, all) by group: each group's log odds of being found, the widest gap of the shares, and its standard
    error."""
    odds = [float(np.log((k + 0.5) / (n - k + 0.5))) for k, n in hits]
    shares = [(k + 0.5) / (n + 1) for k, n in hits]
    high, low = int(np.argmax(shares)), int(np.argmin(shares))
    error = np.sqrt(sum(shares[i] * (1 - shares[i]) / hits[i][1] for i in (high, low)))
    return odds, shares[high] - shares[low], float(error)


def _weight(logs: dict[str, float], members: dict[str, NDArray[np.bool_]], one: NDArray[np.bool_]) -> Floats:
    """Multipliers for the groups' rows of class 1; of what they add to the class, half (in logs) is taken back."""
    weight = np.ones(len(one))
    for name, at in members.items():
        weight[at] = np.exp(logs[name])
    weight[one] /= np.sqrt(weight[one].mean())
    return weight


def _cross_fitted(
    estimator: BoostedClassifier, draft: dict[str, Any], X: pd.DataFrame, target: Floats, weight: Floats
) -> Floats:
    """Probabilities of every row, shape (n,), by a model of the parts that the row is not in."""
    part, answers = parts(target), np.empty(len(target))
    for k in range(int(part.max()) + 1):
        held = part == k
        model = BoostedClassifier(**{**estimator.get_params(deep=False), "params": draft})
        model.fit(X[~held], target[~held], sample_weight=weight[~held])
        answers[held] = model.predict(X[held])
    return answers


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
