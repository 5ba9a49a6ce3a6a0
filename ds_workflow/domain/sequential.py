"""Looking at an experiment while it runs, without paying for it in false alarms.

Two ways. A confidence sequence holds its level at all times at once, so it may be looked at whenever one likes; it is
about twice as wide as a fixed interval where it is best. Alpha spending plans the looks and wins back most of that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from ds_workflow.domain.ab_test.contrasts import Contrast
from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]
Spending = Literal["obrien_fleming", "pocock"]
GRID = 401  # points of the density carried from look to look; Simpson's rule, error below 1e-4 of a bound
EDGE = 8.0  # standard deviations beyond which nothing is counted


def mixture_rho(best_at: float, *, alpha: float = 0.05) -> float:
    """The rho that makes `mixture_bound` about tightest at the intrinsic time `best_at`: Howard, Ramdas, McAuliffe and
    Sekhon (2021), section 3.5, by the first terms of Lambert's function."""
    _level(alpha)
    if not best_at > 0:
        raise InvalidInput(f"An intrinsic time of {best_at:g} is not ahead.", hint="Give the time of most interest.")
    return best_at / (2 * math.log(1 / alpha) + math.log(1 + 2 * math.log(1 / alpha)))


def mixture_bound(v: float | Floats, *, rho: float, alpha: float = 0.05) -> Floats:
    """The two-sided normal mixture boundary: a sum of intrinsic time (variance) `v` leaves +-bound at any time with
    probability at most alpha, when its increments are sub-Gaussian. Source: Howard et al. (2021), equation 14."""
    time = np.asarray(v, dtype=np.float64)
    return np.asarray(np.sqrt((time + rho) * np.log((time + rho) / (rho * alpha**2))), dtype=np.float64)


def always_valid(found: Contrast, *, best_at: float) -> tuple[float, float]:
    """The interval of a contrast that holds at every look: the asymptotic confidence sequence of Waudby-Smith, Arbour,
    Sinha, Kennedy and Ramdas (2024), theorem 2.2. `best_at` is the number of units, both arms, at which it is to be
    tightest, fixed before the first look. The level is the contrast's own."""
    half = found.standard_error * inflation(sum(found.units), best_at, alpha=1 - found.level)
    return (found.estimate - half, found.estimate + half)


def always_valid_p(found: Contrast, *, best_at: float) -> float:
    """The smallest alpha whose `always_valid` interval at this look excludes 0; 1 where none does. Over looks, take the
    smallest so far."""
    z = abs(found.statistic)

    def gap(log_alpha: float) -> float:
        return inflation(sum(found.units), best_at, alpha=math.exp(log_alpha), tuned=1 - found.level) - z

    if gap(-1e-12) >= 0:
        return 1.0
    low = -745.0  # the smallest exponent of a float
    return math.exp(low if gap(low) <= 0 else float(optimize.brentq(gap, low, -1e-12, xtol=1e-12)))


def inflation(units: int, best_at: float, *, alpha: float, tuned: float | None = None) -> float:
    """Half width of `always_valid` over the standard error, at `units` in both arms. `tuned` is the alpha that rho was
    chosen for (default: the same)."""
    _level(alpha)
    if not best_at > 0:
        raise InvalidInput(f"{best_at:g} units are not ahead.", hint="Give the number of units of most interest.")
    a = alpha if tuned is None else tuned
    rho2 = (-2 * math.log(a) + math.log(-2 * math.log(a) + 1)) / best_at
    n = float(units)
    return math.sqrt(2 * (n * rho2 + 1) / (n * rho2) * (0.5 * math.log(n * rho2 + 1) - math.log(alpha)))


def spent(share: float | Floats, *, alpha: float = 0.05, kind: Spending = "obrien_fleming") -> Floats:
    """Alpha spent when `share` in (0, 1] of the planned units are in: the spending functions of Lan and DeMets (1983)
    that act like O'Brien and Fleming's or Pocock's bounds."""
    _level(alpha)
    t = np.asarray(share, dtype=np.float64)
    if np.any((t <= 0) | (t > 1)):
        raise InvalidInput("The share of planned units lies in (0, 1].", hint="0.5 is half of them.")
    if kind == "pocock":
        return np.asarray(alpha * np.log(1 + (math.e - 1) * t), dtype=np.float64)
    # half of alpha on each side, each spent by the one-sided function
    return np.asarray(4 * stats.norm.sf(stats.norm.isf(alpha / 4) / np.sqrt(t)), dtype=np.float64)


@dataclass(frozen=True)
class Look:
    """One planned look: at `share` of the units, stop for |z| above `z`; `spent` is alpha used so far."""

    share: float
    z: float
    spent: float

    @property
    def p_value(self) -> float:
        """The two-sided p-value at the bound."""
        return float(2 * stats.norm.sf(self.z))


def looks(shares: Sequence[float], *, alpha: float = 0.05, kind: Spending = "obrien_fleming") -> tuple[Look, ...]:
    """Two-sided bounds at rising `shares` of the planned units, so that all looks together spend `alpha`.

    By the recursion of Armitage, McPherson and Rowe (1969): the density of the statistic among the experiments still
    running is carried from look to look.
    """
    times = [float(t) for t in shares]
    if not times or any(b <= a for a, b in zip([0.0, *times], times, strict=False)) or times[-1] > 1:
        raise InvalidInput(f"Looks at {times} are no plan.", hint="Shares of the planned units, rising, at most 1.")
    budget = [float(a) for a in spent(np.array(times), alpha=alpha, kind=kind)]
    found: list[Look] = []
    points = density = np.zeros(0)
    before = 0.0
    for k, (t, total) in enumerate(zip(times, budget, strict=True)):
        step = t - (times[k - 1] if k else 0.0)
        use = max(total - before, 1e-15)

        crossing = partial(_crossing, points=points, density=density, step=step, time=t)
        z = float(optimize.brentq(lambda z, c=crossing, use=use: c(z) - use, 1e-6, EDGE + 4, xtol=1e-10))
        found.append(Look(t, z, total))
        points, density = _carried(points, density, edge=min(z, EDGE) * math.sqrt(t), step=step)
        before = total
    return tuple(found)


def power_of_looks(bounds: Sequence[Look], drift: float) -> float:
    """Probability that |z| goes beyond its bound at one of the looks, when z at all units has mean `drift` and
    deviation 1."""
    return _power(*_never_crossed(bounds), bounds[-1].share, drift)


def inflation_of_looks(bounds: Sequence[Look], *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Units that planned looks need over those of one look, for the same power: the squared ratio of the drifts
    (Jennison and Turnbull 2000, section 2.3)."""
    _level(alpha)
    fixed = float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power))
    points, density = _never_crossed(bounds)
    end = bounds[-1].share
    drift = optimize.brentq(lambda d: _power(points, density, end, d) - power, 0.9 * fixed, 3 * fixed, xtol=1e-9)
    return max(1.0, (float(drift) / fixed) ** 2)


def _never_crossed(bounds: Sequence[Look]) -> tuple[Floats, Floats]:
    """The sum at the last look, without drift, among the experiments that never went beyond a bound."""
    points = density = np.zeros(0)
    before = 0.0
    for look in bounds:
        edge = min(look.z, EDGE) * math.sqrt(look.share)
        points, density = _carried(points, density, edge=edge, step=look.share - before)
        before = look.share
    return points, density


def _power(points: Floats, density: Floats, end: float, drift: float) -> float:
    # the path's likelihood ratio of a drift depends on its end alone, so one recursion serves every drift
    return 1.0 - float(np.sum(density * np.exp(drift * points - drift**2 * end / 2)))


def _crossing(z: float, *, points: Floats, density: Floats, step: float, time: float) -> float:
    """Probability of first going beyond +-z at `time`; before the first look there are no points."""
    if len(points) == 0:
        return float(2 * stats.norm.sf(z))
    edge, scale = z * math.sqrt(time), math.sqrt(step)  # on the scale of the sum, whose variance is `time`
    return float(np.sum(density * (stats.norm.sf((edge - points) / scale) + stats.norm.cdf((-edge - points) / scale))))


def _carried(points: Floats, density: Floats, *, edge: float, step: float) -> tuple[Floats, Floats]:
    """The sum's density inside +-edge, as masses on a grid with Simpson's weights."""
    grid = np.linspace(-edge, edge, GRID)
    weight = np.full(GRID, 2.0)
    weight[1::2], weight[0], weight[-1] = 4.0, 1.0, 1.0
    weight *= (grid[1] - grid[0]) / 3
    if len(points) == 0:
        height = stats.norm.pdf(grid, scale=math.sqrt(step))
    else:
        height = stats.norm.pdf(grid[:, None] - points[None, :], scale=math.sqrt(step)) @ density
    return grid, height * weight


def _level(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise InvalidInput(f"alpha must lie between 0 and 1, not {alpha:g}.", hint="0.05, for example.")
