"""Two arms compared: the difference, its interval, its test. Treatment minus control throughout, two-sided.

Units are taken as independent and the arms as randomised. No observed power is computed: it is a function of the
p-value and says nothing more (Hoenig and Heisey 2001); `design` gives the detectable effect instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from ds_workflow.domain.ab_test.samples import Floats, Mean, Pair, Proportion
from ds_workflow.errors import InvalidInput

Interval = Literal["newcombe", "wald", "agresti_caffo"]
FEW_CLUSTERS, FEW_EVENTS = 30, 5
POWER = 0.8  # of which a detectable effect is told
CALLED_OFF = 0.001  # a p-value below which the split itself is doubted


@dataclass(frozen=True)
class Contrast:
    """Treatment against control. `estimate` and `interval` are in the measure's own unit; `relative` is the estimate
    over the control's level, None where that is 0. `df` is None where the reference distribution is normal.

    `effect_size` is Cohen's h for proportions and d for means, None elsewhere. `warnings` say where an assumption is
    strained.
    """

    test: str
    control: float
    treatment: float
    estimate: float
    interval: tuple[float, float]
    level: float
    statistic: float
    p_value: float
    standard_error: float
    units: tuple[int, int]
    df: float | None = None
    effect_size: float | None = None
    relative: float | None = None
    relative_interval: tuple[float, float] | None = None
    relative_error: float | None = None
    relative_p_value: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def detectable(self) -> float:
        """The effect that units such as these show with power 0.8, in the measure's unit: what to ask instead of an
        observed power."""
        return float(stats.norm.ppf(0.5 + self.level / 2) + stats.norm.ppf(POWER)) * self.standard_error


def two_proportions(
    control: Proportion, treatment: Proportion, *, level: float = 0.95, interval: Interval = "newcombe"
) -> Contrast:
    """The z test with pooled variance (its square is Pearson's chi-square) and an interval of the named kind.

    Newcombe's (1998, method 10) combines Wilson intervals and holds its level in small samples; Wald's is the textbook
    one; Agresti and Caffo's (2000) adds a success and a failure to each arm.
    """
    p0, p1 = control.rate, treatment.rate
    n0, n1 = control.n, treatment.n
    pooled = (control.successes + treatment.successes) / (n0 + n1)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    z = (p1 - p0) / spread if spread > 0 else 0.0
    fewest = min(control.successes, treatment.successes, n0 - control.successes, n1 - treatment.successes)
    warnings: tuple[str, ...] = ()
    if fewest < FEW_EVENTS:
        warnings = (
            f"Only {fewest} successes or failures in an arm: the normal approximation is poor; Fisher's exact test "
            f"gives p = {fisher(control, treatment):.2g}.",
        )
    error = math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
    found = Contrast(
        "two-proportion z",
        p0,
        p1,
        p1 - p0,
        _proportion_interval(control, treatment, level, interval),
        level,
        z,
        float(2 * stats.norm.sf(abs(z))),
        error,
        (n0, n1),
        effect_size=cohens_h(p0, p1),
        warnings=warnings,
    )
    return _with_relative(found, p0 * (1 - p0) / n0, p1 * (1 - p1) / n1)


def _proportion_interval(a: Proportion, b: Proportion, level: float, kind: Interval) -> tuple[float, float]:
    z = _normal(level)
    if kind == "newcombe":
        (l0, u0), (l1, u1) = wilson(a, level=level), wilson(b, level=level)
        d = b.rate - a.rate
        return (d - math.hypot(b.rate - l1, u0 - a.rate), d + math.hypot(u1 - b.rate, a.rate - l0))
    if kind == "agresti_caffo":
        a, b = Proportion(a.n + 2, a.successes + 1), Proportion(b.n + 2, b.successes + 1)
    d = b.rate - a.rate
    half = z * math.sqrt(a.rate * (1 - a.rate) / a.n + b.rate * (1 - b.rate) / b.n)
    return (d - half, d + half)


def wilson(sample: Proportion, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of one proportion (Wilson 1927)."""
    z, n, p = _normal(level), sample.n, sample.rate
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale))


def cohens_h(p0: float, p1: float) -> float:
    """Difference of arcsine-transformed proportions (Cohen 1988)."""
    return 2 * math.asin(math.sqrt(p1)) - 2 * math.asin(math.sqrt(p0))


def fisher(control: Proportion, treatment: Proportion) -> float:
    """Fisher's exact two-sided p-value, for counts too small for the z test."""
    table = [[s.successes, s.n - s.successes] for s in (treatment, control)]
    return float(stats.fisher_exact(table)[1])


def welch(control: Mean, treatment: Mean, *, level: float = 0.95) -> Contrast:
    """Welch's t test: unequal variances, Satterthwaite's degrees of freedom; Cohen's d with the pooled deviation."""
    v0, v1 = control.variance / control.n, treatment.variance / treatment.n
    error = math.sqrt(v0 + v1)
    estimate = treatment.mean - control.mean
    if error == 0:
        raise InvalidInput("Neither arm varies, so there is nothing to test.", hint="Look at how the values were made.")
    df = (v0 + v1) ** 2 / (v0**2 / (control.n - 1) + v1**2 / (treatment.n - 1))
    t = estimate / error
    half = float(stats.t.ppf(0.5 + level / 2, df)) * error
    n = control.n + treatment.n
    pooled = ((control.n - 1) * control.variance + (treatment.n - 1) * treatment.variance) / (n - 2)
    found = Contrast(
        "Welch t",
        control.mean,
        treatment.mean,
        estimate,
        (estimate - half, estimate + half),
        level,
        t,
        float(2 * stats.t.sf(abs(t), df)),
        error,
        (control.n, treatment.n),
        df=df,
        effect_size=estimate / math.sqrt(pooled),
    )
    return _with_relative(found, v0, v1)


def ratios(control: Pair, treatment: Pair, *, level: float = 0.95, clustered: bool = False) -> Contrast:
    """Ratios of means by the delta method. With `Pair.of_clusters` it is the mean over events with cluster-robust
    error (`clustered` says so in the name and warns of few clusters)."""
    v0, v1 = control.ratio_variance, treatment.ratio_variance
    name = "cluster-robust mean" if clustered else "ratio by the delta method"
    found = _normal_contrast(
        name, (control.ratio, treatment.ratio), (v0, v1), units=(control.n, treatment.n), level=level
    )
    fewest = min(control.n, treatment.n)
    if fewest < FEW_CLUSTERS:
        word = "clusters" if clustered else "units"
        return replace(found, warnings=(f"Only {fewest} {word} in an arm: the normal approximation is poor.",))
    return found


def clustered(control: Pair, treatment: Pair, *, level: float = 0.95) -> Contrast:
    """`ratios` of `Pair.of_clusters`: the mean over events, cluster-robust."""
    return ratios(control, treatment, level=level, clustered=True)


def cuped(control: Pair, treatment: Pair, *, level: float = 0.95) -> Contrast:
    """The difference of means, adjusted by a covariate from before the experiment (Deng, Xu, Kohavi and Walker 2013).

    theta is the pooled slope of y on x over both arms. The covariate must not be touched by the treatment: the
    difference of its means is tested, and a clear one is said.
    """
    slope_top = (control.n - 1) * control.covariance + (treatment.n - 1) * treatment.covariance
    slope_under = (control.n - 1) * control.variance_x + (treatment.n - 1) * treatment.variance_x
    if slope_under == 0:
        raise InvalidInput("The covariate does not vary, so it can't adjust anything.", hint="Use the plain test.")
    theta = slope_top / slope_under

    def variance(s: Pair) -> float:
        return max(0.0, s.variance_y - 2 * theta * s.covariance + theta**2 * s.variance_x) / s.n

    centre = (control.n * control.mean_x + treatment.n * treatment.mean_x) / (control.n + treatment.n)
    found = _normal_contrast(
        "CUPED",
        (control.mean_y - theta * (control.mean_x - centre), treatment.mean_y - theta * (treatment.mean_x - centre)),
        (variance(control), variance(treatment)),
        units=(control.n, treatment.n),
        level=level,
    )
    p = welch(control.x, treatment.x).p_value
    if p < CALLED_OFF:
        said = f"The covariate differs between the arms (p = {p:.2g}): the treatment touched it, or the split is off."
        return replace(found, warnings=(said,))
    return found


def _normal_contrast(
    test: str, levels: tuple[float, float], variances: tuple[float, float], *, units: tuple[int, int], level: float
) -> Contrast:
    (control, treatment), (v0, v1) = levels, variances
    error = math.sqrt(v0 + v1)
    if error == 0:
        raise InvalidInput("Neither arm varies, so there is nothing to test.", hint="Look at how the values were made.")
    estimate = treatment - control
    z = estimate / error
    half = _normal(level) * error
    p = float(2 * stats.norm.sf(abs(z)))
    found = Contrast(test, control, treatment, estimate, (estimate - half, estimate + half), level, z, p, error, units)
    return _with_relative(found, v0, v1)


def _with_relative(found: Contrast, v0: float, v1: float) -> Contrast:
    """With the lift over control and its test, by the delta method for independent arms and Student's quantiles with
    Satterthwaite's degrees of freedom."""
    a, b = found.control, found.treatment
    if a == 0:
        return found
    lift = found.estimate / a
    error = math.sqrt(v1 / a**2 + v0 * b**2 / a**4)
    if error == 0:
        return replace(found, relative=lift)
    n0, n1 = found.units
    df = (v0 + v1) ** 2 / (v0**2 / max(n0 - 1, 1) + v1**2 / max(n1 - 1, 1))
    half = float(stats.t.ppf(0.5 + found.level / 2, df)) * error
    p = float(2 * stats.t.sf(abs(lift) / error, df))
    return replace(
        found,
        relative=lift,
        relative_interval=(lift - half, lift + half),
        relative_error=error,
        relative_p_value=p,
    )


@dataclass(frozen=True)
class Association:
    """A table of counts tested for independence. `cramers_v` is in [0, 1]."""

    statistic: float
    df: int
    p_value: float
    cramers_v: float
    smallest_expected: float


def chi_square(table: Sequence[Sequence[int]], *, yates: bool = False) -> Association:
    """Pearson's chi-square of an r x c table of counts with Cramer's V; `yates` corrects a 2 x 2 one for continuity."""
    counts = np.asarray(table, dtype=np.float64)
    shaped = counts.ndim == 2 and min(counts.shape) >= 2
    if not shaped or (counts < 0).any() or not (counts.sum(0).all() and counts.sum(1).all()):
        raise InvalidInput("A table of counts needs two rows and two columns at least, none of them empty.")
    statistic, p, df, expected = stats.chi2_contingency(counts, correction=yates)
    v = math.sqrt(float(statistic) / (float(counts.sum()) * (min(counts.shape) - 1)))
    return Association(float(statistic), int(df), float(p), v, float(expected.min()))


def sample_ratio(counts: Sequence[int], shares: Sequence[float] | None = None) -> float:
    """The p-value of the counts per arm under the planned shares (default: equal): chi-square goodness of fit.

    Below 0.001 the split is called off: whatever loses units in one arm also distorts what is measured there (Fabijan
    et al. 2019).
    """
    seen: Floats = np.asarray(counts, dtype=np.float64)
    planned: Floats = np.full(len(seen), 1.0) if shares is None else np.asarray(shares, dtype=np.float64)
    if len(seen) < 2 or len(seen) != len(planned) or (planned <= 0).any() or (seen < 0).any() or seen.sum() == 0:
        raise InvalidInput("A sample-ratio check needs a count and a share above 0 for each of two arms or more.")
    expected = planned / planned.sum() * seen.sum()
    return float(stats.chisquare(seen, expected).pvalue)


def _normal(level: float) -> float:
    if not 0 < level < 1:
        raise InvalidInput(f"A confidence level lies between 0 and 1; {level:g} was given.", hint="0.95, for example.")
    return float(stats.norm.ppf(0.5 + level / 2))
