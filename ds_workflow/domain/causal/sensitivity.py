"""How strong something unmeasured would have to be to explain an effect away."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ds_workflow.errors import InvalidInput


@dataclass(frozen=True)
class EValue:
    """The least risk ratio by which a hidden confounder must be tied to both treatment and outcome to explain the
    estimate (`point`), or to move its interval to no effect (`interval`; 1 when it already holds no effect)."""

    point: float
    interval: float


def e_value(risk_ratio: float, low: float | None = None, high: float | None = None) -> EValue:
    """VanderWeele and Ding (2017): RR + sqrt(RR (RR - 1)), for RR below 1 of its inverse."""
    if not (math.isfinite(risk_ratio) and risk_ratio > 0):
        raise InvalidInput(f"A risk ratio of {risk_ratio:g} has no E-value.", hint="A finite figure above 0.")
    limit = low if risk_ratio >= 1 else high
    crossed = limit is None or (low is not None and low <= 1 <= (high if high is not None else math.inf))
    return EValue(_of(risk_ratio), 1.0 if crossed or limit is None else _of(limit))


def risk_ratio_of(difference: float, deviation: float) -> float:
    """An approximate risk ratio of a difference of means: exp(0.91 d), d in deviations of the outcome (the same)."""
    if not deviation > 0:
        raise InvalidInput(f"A deviation of {deviation:g} scales nothing.", hint="Above 0.")
    return math.exp(0.91 * difference / deviation)


def _of(ratio: float) -> float:
    r = ratio if ratio >= 1 else 1 / ratio
    return r + math.sqrt(r * (r - 1))
