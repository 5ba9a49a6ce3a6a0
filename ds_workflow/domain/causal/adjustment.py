"""Effects by weighting, by regression, and by both: each with the standard error of its influence function.

They identify the effect when, given the covariates, who is treated does not depend on what would happen (no hidden
confounder) and both groups occur everywhere (overlap). Neither can be tested; `sensitivity` says how strong a hidden
one would have to be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.causal.propensity import Propensity, balance, strained, weights
from ds_workflow.domain.causal.study import Estimand, Estimate, Floats, Study, of_influence, solve
from ds_workflow.errors import InvalidInput

Errors = Literal["HC0", "HC1", "classical"]
IGNORABLE = "no hidden confounder given the covariates, and overlap"


def naive(study: Study) -> Estimate:
    """The plain difference of means, which is the effect only under randomisation."""
    y, t = study.outcome, study.mask
    # each group's n / (n - 1) makes the unclustered error Neyman's
    bend = np.where(t, np.sqrt(t.sum() / max(t.sum() - 1, 1)), np.sqrt((~t).sum() / max((~t).sum() - 1, 1)))
    influence = bend * np.where(t, (y - y[t].mean()) / t.mean(), -(y - y[~t].mean()) / (~t).mean())
    return _made(
        "difference of means",
        "descriptive",
        float(y[t].mean() - y[~t].mean()),
        influence,
        study=study,
        assumption="randomised",
    )


def ols(study: Study, *, errors: Errors = "HC0") -> Estimate:
    """The treatment's coefficient in a linear regression on the covariates: a variance-weighted effect, equal to the
    ATE where effects do not differ. Heteroscedasticity-robust (HC0 or HC1; clustered where the study is), or
    `classical`, which old tables print and which assumes one spread for all."""
    x = np.column_stack([study.treated, study.design])
    bread = solve(x.T @ x, np.eye(x.shape[1]))
    beta = bread @ (x.T @ study.outcome)
    residual = study.outcome - x @ beta
    influence = len(study) * (x @ bread[0]) * residual
    n, p = x.shape
    if errors == "HC1":
        influence = influence * np.sqrt(n / (n - p))
    elif errors == "classical" and study.cluster is None:
        spread = float(residual @ residual) / (n - p)
        influence = np.full(n, np.sqrt(n * spread * bread[0, 0]))  # whose sum of squares is the classical variance
    return _made(
        "linear regression", "ATE", float(beta[0]), influence, study=study, assumption=f"{IGNORABLE}; one linear effect"
    )


def regression(study: Study, *, estimand: Estimand = "ATT") -> Estimate:
    """Regression adjustment (g-computation): a linear outcome model per group, averaged over the target's rows."""
    y, t = study.outcome, study.mask
    target = t if estimand == "ATT" else np.ones(len(study), dtype=bool)
    share = target.mean()
    m0, influence0 = _outcome_model(study, ~t, target)
    if estimand == "ATT":
        value = float((y - m0)[t].mean())
        influence = np.where(t, (y - m0 - value) / share, 0.0) - influence0
    else:
        m1, influence1 = _outcome_model(study, t, target)
        value = float((m1 - m0).mean())
        influence = m1 - m0 - value + influence1 - influence0
    return _made(
        "regression adjustment",
        estimand,
        value,
        influence,
        study=study,
        assumption=f"{IGNORABLE}; linear outcome models",
    )


def _outcome_model(study: Study, group: NDArray[np.bool_], target: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Predictions (n,) of a linear model fitted on `group`, and the influence (n,) of its fit on their mean over
    `target`."""
    x, y = study.design, study.outcome
    gram = x[group].T @ x[group]
    beta = solve(gram, x[group].T @ y[group])
    answers = x @ beta
    lean = solve(gram, x[target].mean(axis=0)) * len(study)
    return answers, np.where(group, (x @ lean) * (y - answers), 0.0)


def ipw(study: Study, *, estimand: Estimand = "ATT") -> Estimate:
    """Inverse probability weighting with weights that add to one per group (Hajek); the error counts that the score was
    estimated (Lunceford and Davidian 2004)."""
    found = Propensity.of(study)
    e, x, t, y = found.score, study.design, study.mask, study.outcome
    w = weights(study, e, estimand)
    means = [float(np.average(y[g], weights=w[g])) for g in (t, ~t)]
    score = x * (study.treated - e)[:, None]
    inverse = solve((x * (e * (1 - e))[:, None]).T @ x / len(study), np.eye(x.shape[1]))
    influence = np.zeros(len(study))
    for treated, mean, sign in ((True, means[0], 1.0), (False, means[1], -1.0)):
        group = t == treated
        inside = np.where(group, w * (y - mean), 0.0)
        scale = np.where(group, w, 0.0).mean()
        moved = (x * (inside * _slope(e, treated, estimand))[:, None]).mean(axis=0)
        influence += sign * (inside + score @ (inverse @ moved)) / scale
    made = _made(
        "inverse probability weighting", estimand, means[0] - means[1], influence, study=study, assumption=IGNORABLE
    )
    return _warned(made, strained(study, e, balance(study, w)))


def _slope(e: Floats, treated: bool, estimand: Estimand) -> Floats:
    """d log(weight) / d(linear score)."""
    if estimand == "ATT":
        return np.zeros_like(e) if treated else np.ones_like(e)
    return -(1 - e) if treated else e


def aipw(study: Study, *, estimand: Estimand = "ATT") -> Estimate:
    """Augmented weighting, right if either the score or the outcome model is (Robins, Rotnitzky and Zhao 1994; for the
    treated Moodie, Saarela and Stephens 2018)."""
    found = Propensity.of(study)
    e, t, y = found.score, study.mask, study.outcome
    w = weights(study, e, estimand)
    m0, _ = _outcome_model(study, ~t, t)
    off0 = np.where(~t, w * (y - m0), 0.0)
    if estimand == "ATT":
        share = t.mean()
        value = float((np.where(t, y - m0, 0.0) - off0).mean() / share)
        influence = (np.where(t, y - m0 - value, 0.0) - off0) / share
    else:
        m1, _ = _outcome_model(study, t, t)
        off1 = np.where(t, w * (y - m1), 0.0)
        parts = m1 - m0 + off1 - off0
        value = float(parts.mean())
        influence = parts - value
    made = _made(
        "doubly robust",
        estimand,
        value,
        influence,
        study=study,
        assumption=f"{IGNORABLE}; score or outcome model right",
    )
    return _warned(made, strained(study, e, balance(study, w)))


def bootstrap(
    study: Study, estimator: Callable[[Study], Estimate], *, resamples: int = 500, seed: int, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval over resampled rows, or clusters where the study has them. Refuses matching estimators, for
    which the bootstrap is not valid (Abadie and Imbens 2008)."""
    if estimator(study).estimator.startswith("matching"):
        raise InvalidInput(
            "A matching estimator can't be bootstrapped: its interval would be wrong.",
            hint="Use its Abadie-Imbens standard error, or bootstrap a weighting estimator.",
        )
    rng = np.random.default_rng(seed)
    names = np.arange(len(study)) if study.cluster is None else np.unique(study.cluster, return_inverse=True)[1]
    order = np.argsort(names, kind="stable")
    starts = np.searchsorted(names[order], np.arange(names.max() + 2))
    groups = [order[a:b] for a, b in pairwise(starts)]
    values = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(groups), len(groups))
        values.append(estimator(study.take(np.concatenate([groups[k] for k in chosen]))).value)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _made(name: str, estimand: str, value: float, influence: Floats, *, study: Study, assumption: str) -> Estimate:
    error = of_influence(influence, study.cluster)
    return Estimate(name, estimand, value, error, *study.sizes, assumption)  # type: ignore[arg-type]


def _warned(made: Estimate, warnings: tuple[str, ...]) -> Estimate:
    return replace(made, warnings=warnings)
