"""Hyperparameters by Optuna, judged on the last training rows (the newest, where they have time), never the holdout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.domain.strategy import spread
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._boosting import DEFAULTS, BoostedRegressor

VALIDATION_SHARE = 0.15
AT_ONCE = 4  # trials that are drawn before the first of them is judged, whoever works on them
_DRAFT_ROUNDS = 0.4  # of the rounds: a trial grows fewer trees, each with a larger step


def search(
    estimator: BoostedRegressor, X: pd.DataFrame, y: Any, *, trials: int, seed: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """The best of `trials` settings by the median absolute percentage error on the last 15 % of the rows.

    X (n rows in the order of time) and y (n,) are the training rows. The first trial is DEFAULTS, so the answer is
    never worse than those on these rows. A seeded TPE sampler: the same rows and seed give the same answer.
    """
    target = np.asarray(y, dtype=np.float64)
    cut = last_rows(len(X))
    rounds = max(1, round(int(DEFAULTS["rounds"]) * _DRAFT_ROUNDS))

    def error(trial: Any) -> float:
        drafted = {**_suggest(trial), "rounds": rounds}
        drafted["eta"] = drafted["eta"] / _DRAFT_ROUNDS
        draft = BoostedRegressor(**{**estimator.get_params(deep=False), "params": drafted})
        answer = draft.fit(X.iloc[:cut], target[:cut]).predict(X.iloc[cut:])
        return float(np.median(np.abs(answer - target[cut:]) / target[cut:]))

    first = {name: DEFAULTS[name] for name in _NAMES}
    best = study(error, first=first, trials=trials, seed=seed, say=say, what="median error")
    return {**estimator.params, **best} if estimator.params else best


def last_rows(rows: int) -> int:
    """The position from which on rows judge a trial: the last 15 %."""
    return rows - int(rows * VALIDATION_SHARE)


def study(
    error: Callable[[Any], float],
    *,
    first: Mapping[str, Any],
    trials: int,
    seed: int,
    say: Callable[[str], None],
    what: str,
) -> dict[str, Any]:
    """The parameters of the trial with the least `error`, tried by a seeded TPE sampler, `first` first.

    After the first trial, which shows the space, trials are drawn AT_ONCE at a time and `spread`: one machine and many
    draw the same ones. So `error` is picklable and asks for the same parameters every time. `what` names the error in
    the progress that `say` gets. Raises InvalidInput on less than one trial.
    """
    import optuna

    if trials < 1:
        raise InvalidInput(f"Tuning needs at least one trial, not {trials}.")

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        made = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        made.enqueue_trial(dict(first))
        drawn, judged = [made.ask()], partial(_judged, error)
        values = iter([error(drawn[0])])
        space = drawn[0].distributions
        while drawn:
            for trial, value in zip(drawn, values, strict=True):
                made.tell(trial, value)
                say(f"trial {trial.number + 1} of {trials}: {what} {value:.4f}")
            some = min(AT_ONCE, trials - drawn[-1].number - 1)
            drawn = [made.ask(fixed_distributions=space) for _ in range(some)]
            values = spread(judged, [trial.params for trial in drawn])
    finally:
        optuna.logging.set_verbosity(verbosity)
    say(f"best: {made.best_value:.4f} in trial {made.best_trial.number + 1}")
    return dict(made.best_params)


def _judged(error: Callable[[Any], float], params: Mapping[str, Any]) -> float:
    """The error of a trial whose parameters are drawn already."""
    from optuna.trial import FixedTrial

    return error(FixedTrial(dict(params)))


_NAMES = ("max_depth", "eta", "subsample", "colsample_bytree", "min_child_weight", "reg_lambda", "loss_scale")


def _suggest(trial: Any) -> dict[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 5, 9),
        "eta": trial.suggest_float("eta", 0.03, 0.12, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 0.9),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.25, 0.8),
        "min_child_weight": trial.suggest_float("min_child_weight", 3.0, 60.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.5, 50.0, log=True),
        "loss_scale": trial.suggest_float("loss_scale", 0.08, 0.4, log=True),
    }
