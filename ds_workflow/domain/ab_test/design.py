"""Before an experiment: units needed, effect detectable, days to run; for proportions, means and ratios.

`n` is units per arm, both arms of equal size, tests two-sided at `alpha`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import optimize, stats

from ds_workflow.domain.ab_test.contrasts import cohens_h
from ds_workflow.domain.ab_test.samples import Pair
from ds_workflow.errors import InvalidInput

MOST = 1e12  # units; beyond it an effect is called undetectable
SMALL = 6  # units per arm below which t quantiles are far from normal ones


@dataclass(frozen=True)
class Plan:
    """What an experiment asks: `alpha` two-sided, `power` wanted."""

    alpha: float = 0.05
    power: float = 0.8

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and self.alpha < self.power < 1):
            raise InvalidInput(
                f"alpha {self.alpha:g} and power {self.power:g} don't go together.",
                hint="0 < alpha < power < 1; 0.05 and 0.8 are usual.",
            )


STANDARD = Plan()


def power_of_proportions(n: float, base: float, changed: float, *, alpha: float = 0.05) -> float:
    """Power of the two-proportion z test with `n` units per arm (as R's power.prop.test; the far tail is left out)."""
    _shares(base, changed)
    z = stats.norm.isf(alpha / 2)
    middle = (base + changed) / 2
    under = math.sqrt(base * (1 - base) + changed * (1 - changed))
    shift = math.sqrt(n) * abs(changed - base) - z * math.sqrt(2 * middle * (1 - middle))
    return float(stats.norm.cdf(shift / under))


def units_for_proportions(base: float, changed: float, plan: Plan = STANDARD) -> float:
    """Units per arm, not rounded: the inverse of `power_of_proportions` in closed form."""
    _shares(base, changed)
    if base == changed:
        raise InvalidInput("An effect of 0 needs no experiment and can't be shown by one.", hint="Name another effect.")
    a, b = stats.norm.isf(plan.alpha / 2), stats.norm.isf(1 - plan.power)
    middle = (base + changed) / 2
    root = a * math.sqrt(2 * middle * (1 - middle)) + b * math.sqrt(base * (1 - base) + changed * (1 - changed))
    return float((root / (changed - base)) ** 2)


def units_by_arcsine(base: float, changed: float, plan: Plan = STANDARD) -> float:
    """Units per arm by Cohen's h, as statsmodels and G*Power plan: the variance of the arcsine-transformed shares is
    the same at every level, which differs a little from `units_for_proportions`."""
    _shares(base, changed)
    if base == changed:
        raise InvalidInput("An effect of 0 needs no experiment and can't be shown by one.", hint="Name another effect.")
    edge = float(stats.norm.isf(plan.alpha / 2))
    near = edge + float(stats.norm.isf(1 - plan.power))  # the answer without the far tail, a little too large

    def gap(shift: float) -> float:
        return float(stats.norm.sf(edge - shift) + stats.norm.cdf(-edge - shift)) - plan.power

    shift = float(optimize.brentq(gap, 0.0, near + 1, xtol=1e-12))
    return 2 * (shift / cohens_h(base, changed)) ** 2


def detectable_proportion(n: float, base: float, plan: Plan = STANDARD) -> float:
    """The smallest rise over `base` that `n` units per arm show; NaN where even a share of 1 would not be."""
    if not 0 < base < 1 or n < 2:
        raise InvalidInput(f"A base of {base:g} on {n:g} units says nothing.", hint="A share inside (0, 1), 2 units.")
    top = 1 - 1e-9
    if power_of_proportions(n, base, top, alpha=plan.alpha) < plan.power:
        return math.nan
    found = optimize.brentq(
        lambda p: power_of_proportions(n, base, p, alpha=plan.alpha) - plan.power, base + 1e-12, top, xtol=1e-12
    )
    return float(found) - base


def power_of_means(n: float, effect: float, deviation: float, *, alpha: float = 0.05) -> float:
    """Power of the two-sample t test, `n` per arm, by the noncentral t distribution; both tails."""
    _spread(deviation)
    df = 2 * (n - 1)
    shift = abs(effect) / deviation * math.sqrt(n / 2)
    edge = stats.t.isf(alpha / 2, df)
    far = float(stats.nct.cdf(-edge, df, shift))
    # scipy gives NaN for some far tails that are below 1e-27
    return float(stats.nct.sf(edge, df, shift)) + (0.0 if math.isnan(far) else far)


def units_for_means(effect: float, deviation: float, plan: Plan = STANDARD) -> float:
    """Units per arm, not rounded, to show a difference of means; both in the value's unit."""
    _spread(deviation)
    if effect == 0:
        raise InvalidInput("An effect of 0 needs no experiment and can't be shown by one.", hint="Name another effect.")
    # the normal answer is a little too small; the t answer lies a few units above it
    normal = 2 * ((stats.norm.isf(plan.alpha / 2) + stats.norm.isf(1 - plan.power)) * deviation / effect) ** 2
    low, high = 2.0, max(10.0, 2 * normal + 10)
    if power_of_means(low, effect, deviation, alpha=plan.alpha) >= plan.power:
        return low
    if normal > MOST:
        return math.inf
    gap = lambda n: power_of_means(n, effect, deviation, alpha=plan.alpha) - plan.power  # noqa: E731
    return float(optimize.brentq(gap, low, high, xtol=1e-9))


def detectable_mean(n: float, deviation: float, plan: Plan = STANDARD) -> float:
    """The smallest difference of means that `n` units per arm show, in the value's unit."""
    _spread(deviation)
    if n < 2:
        raise InvalidInput(f"{n:g} units per arm have no variance.", hint="At least 2.")
    scale = deviation / math.sqrt(n / 2)  # one unit of the noncentrality; the distribution fails far beyond its edge
    high = 8 * float(stats.t.isf(plan.alpha / 2, 2 * (n - 1))) if n < SMALL else 12.0

    def gap(shift: float) -> float:
        return power_of_means(n, shift * scale, deviation, alpha=plan.alpha) - plan.power

    return float(optimize.brentq(gap, 0.0, high, xtol=1e-12)) * scale


def ratio_deviation(sample: Pair) -> float:
    """Standard deviation per unit of a ratio of means, for `units_for_means`: the delta method's linear part."""
    return math.sqrt(sample.ratio_variance * sample.n)


def days(units_per_arm: float, *, daily_units: float, arms: int = 2) -> int:
    """Whole days until `arms` arms of that size have come, `daily_units` new ones a day in all."""
    if daily_units <= 0 or arms < 2:
        raise InvalidInput(f"{daily_units:g} units a day in {arms} arms never fill.", hint="More than 0, two arms.")
    return math.ceil(math.ceil(units_per_arm) * arms / daily_units)


def _shares(*shares: float) -> None:
    if not all(0 < p < 1 for p in shares):
        raise InvalidInput(f"Shares {shares} must lie between 0 and 1.", hint="0.12 is 12 per cent.")


def _spread(deviation: float) -> None:
    if not (math.isfinite(deviation) and deviation > 0):
        raise InvalidInput(f"A standard deviation of {deviation:g} says nothing.", hint="A finite one above 0.")
