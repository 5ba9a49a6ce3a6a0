"""Boundaries that a sum crosses at any time with probability at most alpha, beside the two-sided normal mixture of
`sequential`: for one side, for exponential and for bounded increments, and one whose shape is stitched.

`v` is the intrinsic time (variance added up so far), `v_opt` the time at which a mixture is about tightest. Source of
all: Howard, Ramdas, McAuliffe and Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import optimize, special, stats

from ds_workflow.domain.sequential import mixture_rho
from ds_workflow.errors import InvalidInput

LARGEST = 1e6  # deviations beyond which no root is looked for


def normal_mixture_log(s: float, v: float, *, v_opt: float, alpha_opt: float = 0.05) -> float:
    """Log of the two-sided normal mixture at a sum of `s`; it exceeds log(1/alpha) with probability at most alpha."""
    rho = mixture_rho(v_opt, alpha=alpha_opt)
    return 0.5 * math.log(rho / (v + rho)) + s * s / (2 * (v + rho))


def one_sided_normal(v: float, *, v_opt: float, alpha: float = 0.05, alpha_opt: float = 0.05) -> float:
    """The one-sided normal mixture: sub-Gaussian increments, deviations upwards only."""
    rho = mixture_rho(v_opt, alpha=min(2 * alpha_opt, 0.999))

    def log(s: float) -> float:
        wide = v + rho
        return 0.5 * math.log(4 * rho / wide) + s * s / (2 * wide) + float(stats.norm.logcdf(s / math.sqrt(wide)))

    return _crossing(log, v, alpha)


def gamma_exponential(v: float, *, v_opt: float, c: float, alpha: float = 0.05, alpha_opt: float = 0.05) -> float:
    """For sub-exponential increments of scale `c` > 0, upwards only (their proposition 9)."""
    _positive(c=c)
    rho = mixture_rho(v_opt, alpha=min(2 * alpha_opt, 0.999)) / c**2
    lead = rho * math.log(rho) - math.lgamma(rho) - math.log(float(special.gammainc(rho, rho)))

    def log(s: float) -> float:
        size, reach = v / c**2 + rho, (c * s + v) / c**2
        inside = math.log(float(special.gammainc(size, reach + rho)))
        return lead + math.lgamma(size) + inside - size * math.log(reach + rho) + reach

    return _crossing(log, v, alpha)


def beta_binomial(v: float, *, v_opt: float, g: float, h: float, alpha: float = 0.05, alpha_opt: float = 0.05) -> float:
    """For increments that fall by at most `g` and rise by at most `h`, both sides (their proposition 7)."""
    _positive(g=g, h=h)
    r = max(mixture_rho(v_opt, alpha=alpha_opt) - g * h, 1e-3 * g * h)
    whole = g + h

    def log(s: float) -> float:
        first, second = (r + v - g * s) / (g * whole), (r + v + h * s) / (h * whole)
        if first <= 0 or second <= 0:
            return math.inf
        ratio = float(special.betaln(first, second) - special.betaln(r / (g * whole), r / (h * whole)))
        return (
            v / (g * h) * math.log(whole)
            - (v / h + s) / whole * math.log(g)
            - (v / g - s) / whole * math.log(h)
            + ratio
        )

    return _crossing(log, v, alpha)


def stitched(v: float, *, v_min: float, c: float = 0.0, alpha: float = 0.05, s: float = 1.4, eta: float = 2.0) -> float:
    """Polynomial stitching (their theorem 1): grows like the law of the iterated logarithm, from `v_min` on, for
    sub-gamma increments of scale `c`."""
    _positive(v_min=v_min)
    time = max(v, v_min)
    level = s * math.log(math.log(eta * time / v_min)) + math.log(float(special.zeta(s)) / (alpha * math.log(eta) ** s))
    k1, k2 = (eta**0.25 + eta**-0.25) / math.sqrt(2), (math.sqrt(eta) + 1) / 2
    linear = k2 * c * level
    return math.sqrt(k1**2 * time * level + linear**2) + linear


def _crossing(log: Callable[[float], float], v: float, alpha: float) -> float:
    """The sum at which the mixture reaches 1 / alpha."""
    if not 0 < alpha < 1:
        raise InvalidInput(f"alpha must lie between 0 and 1, not {alpha:g}.", hint="0.05, for example.")
    _positive(v=v)
    goal, high = -math.log(alpha), math.sqrt(v)
    while log(high) < goal:
        high *= 2
        if high > LARGEST * math.sqrt(v):
            raise InvalidInput("This boundary is never crossed.", hint="Is the scale far from the time?")
    if math.isinf(log(high)):  # the end of what can be reached lies inside; come back to where the log is finite
        low = high / 2
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if log(middle) < goal else (low, middle)
        return high
    return float(optimize.brentq(lambda s: log(s) - goal, 0.0, high, xtol=1e-12))


def _positive(**named: float) -> None:
    for name, value in named.items():
        if not (math.isfinite(value) and value > 0):
            raise InvalidInput(f"{name} must be above 0, not {value:g}.", hint="A variance or a scale.")
