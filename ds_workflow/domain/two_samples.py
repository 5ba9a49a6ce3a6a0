"""Two samples of one feature compared: tests and distances that need no model of how the feature is distributed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Test:
    """A statistic and its p-value; `df` where the reference distribution has degrees of freedom."""

    statistic: float
    p_value: float
    df: int | None = None


def kolmogorov_smirnov(reference: Floats, new: Floats) -> Test:
    """The two-sample KS test with its asymptotic two-sided p-value, from both samples sorted (shapes (n,) and (m,)).

    Ties make it conservative; it is meant for numbers with many values.
    """
    from scipy.special import kolmogorov

    n, m = len(reference), len(new)
    if not n or not m:
        raise InvalidInput("A Kolmogorov-Smirnov test needs rows on both sides.")
    gap = max(_above(reference, new), _above(new, reference))
    scale = n * m / (n + m)
    return Test(gap, float(kolmogorov(math.sqrt(scale) * gap)))


def _above(a: Floats, b: Floats) -> float:
    """The largest distance by which a's distribution function lies above b's: reached at a value of a."""
    last = np.append(a[1:] != a[:-1], True)
    at = a[last]
    own = (np.flatnonzero(last) + 1) / len(a)
    return float(np.max(own - np.searchsorted(b, at, side="right") / len(b)))


def chi_square(reference: Sequence[float] | Floats, new: Sequence[float] | Floats, *, sparse: float = 5.0) -> Test:
    """Pearson's test that two lists of counts by bin (k,) have the same shares; both are samples.

    Bins in which fewer than `sparse` rows are expected on the smaller side are pooled into one, as Cochran's rule asks.
    """
    from scipy.special import chdtrc

    p, q = np.asarray(reference, dtype=np.float64), np.asarray(new, dtype=np.float64)
    if p.shape != q.shape or p.sum() <= 0 or q.sum() <= 0:
        raise InvalidInput("Two lists of counts of the same length are needed, neither of them empty.")
    both = p + q
    few = both * (min(p.sum(), q.sum()) / both.sum()) < sparse
    table = np.array([np.append(x[~few], x[few].sum()) for x in (p, q)])
    table = table[:, table.sum(axis=0) > 0]
    df = table.shape[1] - 1
    if df < 1:
        return Test(0.0, 1.0, 0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return Test(statistic, float(chdtrc(df, statistic)), df)


def jensen_shannon(reference: Sequence[float] | Floats, new: Sequence[float] | Floats) -> float:
    """The Jensen-Shannon distance of two lists of counts (k,), base 2: 0 for the same shares, 1 for none in common."""
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(new, dtype=np.float64)
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def divergence(x: Floats) -> float:
        some = x > 0
        return float(np.sum(x[some] * np.log2(x[some] / middle[some])))

    return math.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2))


def detectable_psi(bins: int, n: int, m: int, *, alpha: float, power: float = 0.8) -> float:
    """The PSI that `n` and `m` rows show with that power in a test at `alpha` over `bins` occupied bins.

    PSI / (1/n + 1/m) is about chi-square, noncentral by the true PSI over the same scale.
    """
    from scipy import optimize
    from scipy.special import chndtr
    from scipy.stats import chi2

    if bins < 2:
        return math.nan
    df, scale = bins - 1, 1 / n + 1 / m
    edge = float(chi2.isf(alpha, df))
    return float(optimize.brentq(lambda nc: 1 - chndtr(edge, df, nc) - power, 0, 50 + 20 * edge)) * scale


def outside_range(reference: Floats, new: Floats) -> tuple[float, float]:
    """Share of `new` beyond the smallest and largest of `reference` (both sorted), and how often chance shows as many:
    when both come from one continuous distribution, their number is beta-binomial (m; 2, n - 1)."""
    from scipy.stats import betabinom

    n, m = len(reference), len(new)
    beyond = m - int(np.searchsorted(new, reference[-1], side="right")) + int(np.searchsorted(new, reference[0]))
    return beyond / m, float(betabinom.sf(beyond - 1, m, 2, n - 1)) if n > 1 else 1.0


def outside_names(reference: pd.Series, new: pd.Series) -> tuple[float, float]:
    """The same for rows by category: the share of unseen ones is drawn from what Good and Turing expect of it, the
    names seen once."""
    from scipy.stats import betabinom

    n, m = int(reference.sum()), int(new.sum())
    if not n or not m:
        return 0.0, 1.0
    beyond = m - int(new[new.index.isin(reference.index)].sum())
    once = int((reference == 1).sum())
    return beyond / m, float(betabinom.sf(beyond - 1, m, once + 1, max(1, n - once)))
