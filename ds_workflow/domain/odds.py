"""Odds ratios: how much one step of a term multiplies the odds of class 1, the other terms held, and how sure that is.

They come from a maximum-likelihood fit without a penalty, because a penalty draws every ratio towards 1 by an amount
that no interval tells. Two intervals stand beside one another. Wald's, from the inverse of the observed information,
takes every row for a fact of its own. The clustered one lets the rows of one cluster be alike in any way: the sandwich
A^-1 B A^-1 with A the observed information and B the sum over clusters of the outer products of their summed scores
(K.-Y. Liang and S. L. Zeger 1986, "Longitudinal data analysis using generalized linear models", Biometrika 73), times
G / (G - 1) x (n - 1) / (n - k) for G clusters, n rows and k coefficients, read against Student's t with G - 1 degrees
of freedom (A. C. Cameron and D. L. Miller 2015, "A practitioner's guide to cluster-robust inference", Journal of
Human Resources 50). What a ratio tells is how groups of rows differ, not what a change would do.

Rows may have sampling weights: how many rows of a population each stands for, because some were likelier to be drawn
than others. Then the weighted sum of log-likelihoods is what the fit maximises, a pseudo-likelihood, since no row was
seen more than once; its inverse information is no covariance, Wald's interval has no meaning and is not given, and the
sandwich of weighted scores stands alone (D. A. Binder 1983, "On the variances of asymptotically normal estimators from
complex surveys", International Statistical Review 51). Its n counts rows, not weights, so that weights matter by their
proportions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]

FEW_CLUSTERS = 40  # Cameron and Miller: between 20 and 50 the clustered interval begins to be too short
_MOST_STEPS = 30  # Newton needs ten; where coefficients run away it gains one log odds a step
_SETTLED = 1e-9  # largest step of a coefficient, in its own standard error
_ALIASED = 1e-10  # of a column's variance, what the columns before it leave unsaid
_SURE = 14.0  # log odds of its own class; a row beyond, in a fit that does not settle, is told without fail
_FARTHEST = 700.0  # log odds; beyond, a float64 ratio would be infinite

CONSTANT = "it is the same in all rows"
ALIASED = "the terms above it already say it"
ONE_CLASS = "all of its rows are of one class, so no finite ratio fits them best"
SEPARATED = "only rows of one class tell it from the terms above it, so no finite ratio fits them best"


@dataclass(frozen=True)
class Term:
    """A column of a design: the `feature` it is made from, its own name, and what one step of it is (`per`)."""

    term: str
    feature: str
    per: str


@dataclass(frozen=True)
class OddsRatio:
    """One term's ratio per step with its clustered and its Wald interval; None, with the reason in `note`, where the
    rows can't tell. `log_odds` is the coefficient, the errors are its standard errors. `penalised` is the ratio in the
    model that answers, where that one was fitted with a penalty."""

    term: str
    feature: str
    per: str
    log_odds: float | None = None
    error: float | None = None
    clustered_error: float | None = None
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    wald: tuple[float, float] | None = None
    penalised: float | None = None
    note: str = ""


@dataclass(frozen=True)
class OddsRatios:
    """All terms of one fit on `rows` rows in `clusters` clusters (0: none were given, and `interval` is Wald's).
    `coverage` is the level of the intervals; `intercept` the log odds where every column is 0; `weighted` whether rows
    have sampling weights, so that there is no `error` and no `wald`."""

    rows: int
    clusters: int
    coverage: float
    intercept: float
    terms: tuple[OddsRatio, ...]
    weighted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """A maximum-likelihood fit: coefficients (k,), probabilities (n,), inverse observed information (k, k)."""

    coefficients: Floats
    probabilities: Floats
    inverse: Floats


def odds_ratios(
    matrix: Floats,
    target: Floats,
    *,
    terms: Sequence[Term],
    clusters: NDArray[Any] | None = None,
    weights: Floats | None = None,
    coverage: float = 0.95,
) -> OddsRatios:
    """Odds ratios of the columns of `matrix` (n, p; no column of ones) for classes `target` (n,) of 0 and 1.

    A column that is a sum of others before it is left out, as in R. Where a combination of columns tells some rows
    without fail, coefficients would grow for ever: those rows go, and then every column that only they told from the
    others (S. Correia, P. Guimaraes and T. Zylkin 2019, "Verifying the existence of maximum likelihood estimates for
    generalized linear models", arXiv 1903.01633). What is left out is in the answer, with the reason instead of a
    ratio. Sampling `weights` (n,), 0 or more: rows of weight 0 are as if they were not there, and weights that are all
    alike as if none were given; without clusters every row is one. Raises InvalidInput when nothing is left to fit, and
    on weights that are no such numbers.
    """
    from scipy.special import ndtri, stdtrit

    if not 0 < coverage < 1:
        raise InvalidInput(f"A coverage lies between 0 and 1, and {coverage:g} does not.")
    weight, weighted = _of_sampling(weights, len(matrix))
    if weighted and clusters is None:
        clusters = np.arange(len(matrix))
    rows = drawn = np.flatnonzero(weight > 0)
    notes: dict[int, str] = {}
    while True:
        columns = _independent(matrix[rows], notes, first=len(rows) == len(drawn))
        if not len(rows) or target[rows].min() == target[rows].max():
            raise InvalidInput(
                "No finite odds ratios: the terms tell the classes apart without fail, or there is one class only.",
                hint="Leave a feature out, or give more rows.",
            )
        X = np.column_stack([np.ones(len(rows)), matrix[rows][:, columns]])
        fit, margin = _climb(X, target[rows], weight[rows])
        if fit is not None:
            break
        if not (margin > _SURE).any():
            raise InvalidInput("The fit without a penalty did not settle.", hint="Leave a feature out.")
        rows = rows[margin <= _SURE]
    errors = np.sqrt(np.diag(fit.inverse))
    reach = float(ndtri(0.5 + coverage / 2))
    wide, count, far = errors, 0, reach
    if clusters is not None:
        labels = np.asarray(clusters)[rows]
        covariance, count = clustered_covariance(X, target[rows], fit, labels, weights=weight[rows])
        wide, far = np.sqrt(np.diag(covariance)), float(stdtrit(count - 1, 0.5 + coverage / 2))
    place = {column: i + 1 for i, column in enumerate(columns)}
    found = []
    for column, term in enumerate(terms):
        if column not in place:
            found.append(OddsRatio(term.term, term.feature, term.per, note=notes[column]))
            continue
        at = place[column]
        middle, error, robust = (float(v[at]) for v in (fit.coefficients, errors, wide))
        found.append(
            OddsRatio(
                term.term,
                term.feature,
                term.per,
                log_odds=middle,
                error=None if weighted else error,
                clustered_error=robust if count else None,
                ratio=float(np.exp(middle)),
                interval=_interval(middle, far * robust),
                wald=None if weighted else _interval(middle, reach * error),
            )
        )
    return OddsRatios(len(rows), count, coverage, float(fit.coefficients[0]), tuple(found), weighted)


def _of_sampling(weights: Floats | None, n: int) -> tuple[Floats, bool]:
    """Weights of mean 1 over the rows that have any, shape (n,), and whether they differ."""
    if weights is None:
        return np.ones(n), False
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (n,) or not np.isfinite(given).all() or (given < 0).any() or not (given > 0).any():
        raise InvalidInput(f"{n} sampling weights are wanted: finite, not below 0, and not all 0.")
    there = given[given > 0]
    return given / there.mean(), bool(np.ptp(there) > 1e-12 * there.max())


def maximum_likelihood(X: Floats, target: Floats, *, weights: Floats | None = None) -> Fit:
    """Logistic regression without a penalty, by Newton's method, on X (n, k; its own column of ones included) and rows
    that weigh `weights` (n,), default 1.

    Raises InvalidInput when no finite coefficients fit best: some combination of columns tells rows without fail, or
    the columns depend on one another.
    """
    fit, _ = _climb(X, target, np.ones(len(X)) if weights is None else weights)
    if fit is None:
        raise InvalidInput("No finite coefficients fit these rows best.", hint="Leave a column out, or give more rows.")
    return fit


def _climb(X: Floats, target: Floats, weight: Floats) -> tuple[Fit | None, Floats]:
    """The fit, or None where it does not settle; and each row's log odds of its own class at the last step, (n,)."""
    beta = np.zeros(X.shape[1])
    likelihood = _log_likelihood(X, target, weight, beta)
    try:
        for _ in range(_MOST_STEPS):
            p = _sigmoid(X @ beta)
            inverse = _inverse((X * (weight * p * (1 - p))[:, None]).T @ X)
            step = inverse @ (X.T @ (weight * (target - p)))
            size, trial = 1.0, likelihood
            while size > 1e-4:  # a full step may overshoot far from the top
                trial = _log_likelihood(X, target, weight, beta + size * step)
                if trial >= likelihood - 1e-9 * abs(likelihood):
                    break
                size /= 2
            beta, likelihood = beta + size * step, trial
            if float(np.max(np.abs(step) / np.sqrt(np.diag(inverse)))) < _SETTLED:
                p = _sigmoid(X @ beta)
                fit = Fit(beta, p, _inverse((X * (weight * p * (1 - p))[:, None]).T @ X))
                return fit, (2 * target - 1) * (X @ beta)
    except np.linalg.LinAlgError:
        pass  # probabilities ran so near to 0 and 1 that some column carries no information
    return None, (2 * target - 1) * (X @ beta)


def clustered_covariance(
    X: Floats, target: Floats, fit: Fit, clusters: NDArray[Any], *, weights: Floats | None = None
) -> tuple[Floats, int]:
    """The covariance (k, k) of a fit's coefficients when rows of one cluster are alike, and the number of clusters.
    `weights` (n,) are those of the fit.

    Raises InvalidInput below two clusters, and when rows are not more than coefficients.
    """
    import pandas as pd

    codes = pd.factorize(clusters, use_na_sentinel=False)[0]
    count, (n, k) = int(codes.max()) + 1, X.shape
    if count < 2 or n <= k:
        raise InvalidInput(
            f"A clustered interval needs at least 2 clusters and more rows than terms; got {count}, {n}."
        )
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(count))
    miss = target - fit.probabilities if weights is None else weights * (target - fit.probabilities)
    scores = np.add.reduceat((X * miss[:, None])[order], starts, axis=0)
    correction = count / (count - 1) * (n - 1) / (n - k)
    return np.asarray(correction * fit.inverse @ (scores.T @ scores) @ fit.inverse, dtype=np.float64), count


def _independent(matrix: Floats, notes: dict[int, str], *, first: bool) -> list[int]:
    """The columns that no others before them make up; writes into `notes` why each of the others is left out. Columns
    that depend only since rows went (not `first`) depended on rows of one class."""
    centred = matrix - matrix.mean(axis=0) if len(matrix) else matrix
    gram = centred.T @ centred
    columns: list[int] = []
    for j in range(matrix.shape[1]):
        left = gram[j, j]
        constant = not len(matrix) or float(np.ptp(matrix[:, j])) == 0.0
        if columns and not constant:
            left -= gram[j, columns] @ np.linalg.solve(gram[np.ix_(columns, columns)], gram[columns, j])
        if not constant and left > _ALIASED * gram[j, j]:
            columns.append(j)
        elif j not in notes:
            notes[j] = (CONSTANT if first else ONE_CLASS) if constant else (ALIASED if first else SEPARATED)
    return columns


def _interval(middle: float, reach: float) -> tuple[float, float]:
    low, high = np.exp(np.clip([middle - reach, middle + reach], -_FARTHEST, _FARTHEST))
    return float(low), float(high)


def _inverse(information: Floats) -> Floats:
    """The inverse of a positive definite matrix; LinAlgError when it is none."""
    root = np.linalg.inv(np.linalg.cholesky(information))
    return np.asarray(root.T @ root, dtype=np.float64)


def _sigmoid(odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -500, 500))), dtype=np.float64)


def _log_likelihood(X: Floats, target: Floats, weight: Floats, beta: Floats) -> float:
    odds = X @ beta
    return float(np.sum(weight * (target * odds - np.logaddexp(0.0, odds))))
