"""What few clusters cost: the expanded percentile bootstrap, its levels, p-values and resamples.

With n clusters the percentile bootstrap is too sure of itself twice: its draws have the spread of a standard deviation
that divides by n instead of n - 1, and its tails are the normal ones where Student's are due. The expanded percentile
interval mends both by reading the draws at another level (T. C. Hesterberg 2015, "What Teachers Should Know About the
Bootstrap", The American Statistician 69, 371-386):

    alpha' = Phi(-sqrt(n / (n - 1)) t(1 - alpha, n - 1))

so that for a mean of n clusters of one size it is Student's interval but for the skewness that the draws keep. A
p-value goes the way back: the level whose alpha' it is, p' = T(n - 1)(sqrt((n - 1) / n) Phi^-1(p)). Both rise with
their argument, so what is corrected for many tests may be these p-values. For many clusters nothing changes: at n =
1,000 a level of 0.05 is read at 0.0498. The number of Poisson draws varies as well, which widens their spread once
more by a part of order 1 / n, so that intervals are some 3 % longer than Student's at 20 clusters and levels stay a
little below what is said. What it does not mend is skewness: see the figures of lognormal effects in the benchmark.

n is Kish's effective number of the clusters' weights, (sum w)^2 / sum w^2 (L. Kish 1965, Survey Sampling): 30 clusters
of unequal size carry what fewer equal ones do. `benchmarks/bootstrap_levels.py` measures it against its rivals.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from ds_workflow.domain.scored import Scored

Rule = Literal["expanded", "percentile"]  # plain percentiles made verdicts before this; they are replayed so
FEWEST = 2.0  # below it no spread among clusters can be told
MOST_RESAMPLES = 100_000
_SPARE = 2.0  # resamples for each one that the smallest corrected level needs at least


def effective(codes: NDArray[np.int64], weights: NDArray[np.float64] | None = None) -> float:
    """Kish's effective number of clusters of rows with cluster `codes` and `weights` (default: 1 each), both of shape
    (rows,); 0.0 without any weight."""
    sizes = np.bincount(codes, weights=weights).astype(np.float64)
    squares = float((sizes**2).sum())
    return float(sizes.sum()) ** 2 / squares if squares > 0 else 0.0


def level(alpha: float, clusters: float) -> float:
    """alpha': the level at which to read the draws of `clusters` effective clusters so that the bound is one-sided at
    1 - alpha, for alpha below a half; 0.0 where no draws can tell. `inf` clusters change nothing."""
    if clusters < FEWEST:
        return 0.0
    if math.isinf(clusters):
        return alpha
    return float(ndtr(math.sqrt(clusters / (clusters - 1.0)) * stdtrit(clusters - 1.0, alpha)))


def p_value(share: float, clusters: float) -> float:
    """The corrected p-value of a share of draws: the alpha whose `level` it is; never smaller than `share` below a
    half, and 1.0 where no draws can tell."""
    if clusters < FEWEST or share >= 1.0:
        return 1.0
    if math.isinf(clusters):
        return share
    return float(stdtr(clusters - 1.0, math.sqrt((clusters - 1.0) / clusters) * ndtri(share)))


def quantile(alpha: float, clusters: float) -> float:
    """How many standard errors a one-sided bound at 1 - alpha lies out: Student's quantile, the normal one for `inf`
    clusters, infinite where nothing can be told. (Errors of Poisson draws divide by n - 1 as they are.)"""
    if clusters < FEWEST:
        return math.inf
    return -float(ndtri(alpha) if math.isinf(clusters) else stdtrit(clusters - 1.0, alpha))


def finest(resamples: int, clusters: float) -> float:
    """The smallest p-value that so many resamples can give."""
    return p_value(1.0 / (resamples + 1.0), clusters)


def resamples_for(
    alpha: float, *, tests: int = 1, clusters: float = math.inf, at_least: int = 1, spare: float = _SPARE
) -> int:
    """Resamples with which `tests` tests of so many effective `clusters`, corrected over one another, can show at
    `alpha`, `spare` times as many as the least: the smallest p-value is 1 / (resamples + 1) before it is mended for few
    clusters, and Holm multiplies it by `tests`. No more than MOST_RESAMPLES (or `at_least`, where that is more): what
    needs more is inconclusive."""
    read = tests * level(alpha / tests, clusters)
    wanted = MOST_RESAMPLES if read <= spare * tests / MOST_RESAMPLES else math.ceil(spare * tests / read)
    return max(at_least, wanted)


def fewest(scored: Scored, *, cluster: str = "cluster", segment: str = "segment", minimum_rows: int = 1) -> float:
    """The effective number of clusters of all rows or of the segment, of those with `minimum_rows`, that has fewest."""
    codes = np.unique(scored.groups[cluster].astype(str), return_inverse=True)[1]
    names, place = np.unique(scored.groups[segment].astype(str), return_inverse=True)
    parts = [place == k for k in range(len(names)) if np.count_nonzero(place == k) >= minimum_rows]
    return min([effective(codes, scored.weights), *(effective(codes[p], scored.weights[p]) for p in parts)])


def told(n: float, counted: int) -> str:
    """`30 clusters`, or `30 clusters, worth 12.4 of one size` where they are clearly unequal."""
    return f"{counted} clusters" + (f", worth {n:.3g} of one size" if n < 0.9 * counted else "")
