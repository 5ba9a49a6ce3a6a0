"""Who was likely to be treated: the propensity score, whether groups overlap, whether covariates balance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ds_workflow.domain.causal.study import Estimand, Floats, Study, solve
from ds_workflow.errors import InvalidInput

STEPS, TOLERANCE = 100, 1e-12
BALANCED = 0.1  # standardised difference below which a covariate is called balanced (Austin 2009)
EXTREME = (0.01, 0.99)


def logit(design: Floats, treated: Floats) -> Floats:
    """Coefficients (p,) of the maximum-likelihood logistic regression by Newton's method, no penalty.

    Raises InvalidInput when the covariates separate the groups: then no score exists and nothing can be compared.
    """
    beta = np.zeros(design.shape[1])
    for _ in range(STEPS):
        e = 1 / (1 + np.exp(-np.clip(design @ beta, -700, 700)))
        information = (design * (e * (1 - e))[:, None]).T @ design
        if not np.isfinite(information).all() or np.max(np.abs(beta)) > 1e3:
            break
        step = solve(information, design.T @ (treated - e))
        beta = beta + step
        if np.max(np.abs(step)) < TOLERANCE * (1 + np.max(np.abs(beta))):
            return beta
    raise InvalidInput(
        "The covariates separate treated from untreated rows, so there is no propensity score.",
        hint="Compare only where both occur, or leave out the covariate that decides the treatment.",
    )


@dataclass(frozen=True)
class Propensity:
    """`score` (n,) is the probability of treatment; `beta` belongs to `Study.design`."""

    score: Floats
    beta: Floats

    @classmethod
    def of(cls, study: Study) -> Propensity:
        """The logistic score of a study's covariates."""
        study.mask  # noqa: B018 - refuses a graded treatment
        beta = logit(study.design, study.treated)
        return cls(1 / (1 + np.exp(-(study.design @ beta))), beta)


def weights(study: Study, score: Floats, estimand: Estimand) -> Floats:
    """Inverse probability weights (n,): of the treated (ATT) 1 and e/(1-e), of all (ATE) 1/e and 1/(1-e)."""
    e = score
    if estimand == "ATT":
        return np.where(study.mask, 1.0, e / (1 - e))
    return np.where(study.mask, 1 / e, 1 / (1 - e))


@dataclass(frozen=True)
class Balance:
    """One covariate: means by group and the standardised difference, before and after weighting or matching.

    The scale is the deviation of the treated before (ATT), kept for both, as is usual.
    """

    name: str
    treated: float
    control: float
    difference: float
    control_after: float
    difference_after: float

    @property
    def balanced(self) -> bool:
        """After adjustment below 0.1 deviations."""
        return abs(self.difference_after) < BALANCED


def balance(study: Study, weight: Floats) -> tuple[Balance, ...]:
    """The balance table under row weights (n,), as `weights` or `matching` give them."""
    found = []
    t, c = study.mask, ~study.mask
    for name, x in study.covariates.items():
        scale = float(x[t].std(ddof=1)) or float(x.std(ddof=1)) or 1.0
        before = float(x[c].mean())
        inside = float(np.average(x[t], weights=weight[t]))
        after = float(np.average(x[c], weights=weight[c]))
        mean = float(x[t].mean())
        found.append(Balance(name, mean, before, (mean - before) / scale, after, (inside - after) / scale))
    return tuple(found)


@dataclass(frozen=True)
class Overlap:
    """How the scores of the two groups meet. `outside` is the share of treated rows whose score no control reaches;
    `effective` is Kish's effective number of controls under ATT weights; counts are over 20 equal bins of [0, 1]."""

    outside: float
    effective: float
    extreme: float
    bins: Floats
    treated: tuple[int, ...]
    control: tuple[int, ...]


def overlap(study: Study, score: Floats) -> Overlap:
    """The overlap of the propensity scores."""
    t, c = score[study.mask], score[~study.mask]
    edges = np.linspace(0, 1, 21)
    w = c / (1 - c)
    return Overlap(
        outside=float(np.mean((t > c.max()) | (t < c.min()))),
        effective=float(w.sum() ** 2 / (w**2).sum()),
        extreme=float(np.mean((score < EXTREME[0]) | (score > EXTREME[1]))),
        bins=edges,
        treated=tuple(int(k) for k in np.histogram(t, edges)[0]),
        control=tuple(int(k) for k in np.histogram(c, edges)[0]),
    )


def strained(study: Study, score: Floats, table: tuple[Balance, ...]) -> tuple[str, ...]:
    """What to warn of: thin overlap and covariates that stay apart."""
    seen = overlap(study, score)
    said = []
    if seen.outside > 0:
        said.append(f"{seen.outside:.1%} of the treated have a score that no control reaches.")
    if seen.effective < 0.05 * (~study.mask).sum():
        said.append(f"The weights leave the information of {seen.effective:.0f} of {(~study.mask).sum()} controls.")
    apart = [b.name for b in table if not b.balanced]
    if apart:
        said.append(f"Still apart by {BALANCED:g} deviations or more: {', '.join(apart)}.")
    return tuple(said)
