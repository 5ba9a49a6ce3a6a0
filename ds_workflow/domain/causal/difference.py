"""Difference-in-differences: what the treated changed beyond what the others changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ds_workflow.domain.causal.study import Estimate, Floats, solve
from ds_workflow.errors import InvalidInput

FEW = 30


@dataclass(frozen=True)
class Lead:
    """The gap between groups at one period against the last period before the treatment."""

    period: str
    value: float
    standard_error: float


@dataclass(frozen=True)
class Differenced:
    """The effect, and what the groups did before it: `leads` by period and the p-value that all of them are 0 (None
    with fewer than two periods before). A small one speaks against parallel trends; a large one does not prove them."""

    estimate: Estimate
    leads: tuple[Lead, ...]
    pre_trend: float | None


@dataclass(frozen=True)
class Panel:
    """Rows of units in periods: `outcome` (n,), `unit` (n,), `period` (n,) sortable, `treated` (n,) 0/1 constant within
    a unit, and the first period under treatment. Errors are clustered by unit, or by `cluster`."""

    outcome: Floats
    unit: NDArray[Any]
    period: NDArray[Any]
    treated: Floats
    starts: Any
    cluster: NDArray[Any] | None = None


def differences(panel: Panel) -> Differenced:
    """Two-way fixed effects of one common start date. InvalidInput without a period before, without one after, or when
    a unit changes its group."""
    y = np.asarray(panel.outcome, dtype=np.float64)
    group = np.asarray(panel.treated, dtype=np.float64)
    periods = np.unique(panel.period)
    before, after = periods[periods < panel.starts], periods[periods >= panel.starts]
    if not len(before) or not len(after):
        raise InvalidInput(f"There must be a period before and one from {panel.starts} on.", hint="Check --starts.")
    _, unit = np.unique(panel.unit, return_inverse=True)
    top, low = (np.full(unit.max() + 1, fill) for fill in (-np.inf, np.inf))
    np.maximum.at(top, unit, group)
    np.minimum.at(low, unit, group)
    if (top != low).any() or not np.isin(group, (0.0, 1.0)).all() or np.ptp(group) == 0:
        raise InvalidInput("Every unit must be treated (1) or not (0) throughout, and both must occur.")
    _, time = np.unique(panel.period, return_inverse=True)
    cluster = np.unique(panel.unit if panel.cluster is None else panel.cluster, return_inverse=True)[1]
    post = (panel.period >= panel.starts).astype(np.float64) * group
    beta, cov = _within(y, post[:, None], unit, time, cluster)
    k = int(cluster.max()) + 1
    warnings = (f"Only {k} clusters: the standard error is too small.",) if k < FEW else ()
    estimate = Estimate(
        "difference-in-differences",
        "ATT",
        float(beta[0]),
        math.sqrt(float(cov[0, 0])),
        int((top == 1).sum()),
        int((top == 0).sum()),
        "without the treatment both groups would have moved in parallel, and nobody reacted before it",
        warnings,
    )
    if len(before) < 2:
        return Differenced(estimate, (), None)
    earlier = before[:-1]
    terms = [((panel.period == p) * group).astype(np.float64) for p in [*earlier, *after]]
    b, c = _within(y, np.column_stack(terms), unit, time, cluster)
    m = len(earlier)
    leads = tuple(Lead(str(p), float(b[i]), math.sqrt(float(c[i, i]))) for i, p in enumerate(earlier))
    wald = float(b[:m] @ np.linalg.solve(c[:m, :m], b[:m]))
    return Differenced(estimate, leads, float(stats.chi2.sf(wald, m)))


def _within(
    y: Floats, x: Floats, unit: NDArray[np.int64], time: NDArray[np.int64], cluster: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """OLS of y on x (n, k) with unit and period effects swept out; the covariance is clustered, with k/(k-1)."""
    yt, xt = _sweep(y[:, None], unit, time)[:, 0], _sweep(x, unit, time)
    bread = solve(xt.T @ xt, np.eye(xt.shape[1]))
    beta = bread @ (xt.T @ yt)
    scores = xt * (yt - xt @ beta)[:, None]
    summed = np.column_stack([np.bincount(cluster, weights=s) for s in scores.T])
    k = len(summed)
    return beta, bread @ (summed.T @ summed) @ bread * k / (k - 1)


def _sweep(columns: Floats, unit: NDArray[np.int64], time: NDArray[np.int64]) -> Floats:
    """Columns less unit and period effects, by alternating projections (one round suffices for a balanced panel)."""
    out = columns.astype(np.float64)
    for _ in range(10_000):
        moved = 0.0
        for code in (unit, time):
            count = np.bincount(code)
            mean = np.column_stack([np.bincount(code, weights=c) / count for c in out.T])[code]
            out = out - mean
            moved = max(moved, float(np.abs(mean).max()))
        if moved < 1e-12 * (1 + float(np.abs(columns).max())):
            return out
    raise InvalidInput("The panel's unit and period effects can't be told apart.", hint="Are units seen in one period?")


def means_by_period(panel: Panel) -> tuple[tuple[str, float, float], ...]:
    """(period, mean of the treated, mean of the others): what a picture of the trends shows."""
    found: list[tuple[str, float, float]] = []
    group = np.asarray(panel.treated) == 1
    for p in np.unique(panel.period):
        here = panel.period == p
        parts: Sequence[NDArray[Any]] = (panel.outcome[here & group], panel.outcome[here & ~group])
        if all(len(part) for part in parts):
            found.append((str(p), float(parts[0].mean()), float(parts[1].mean())))
    return tuple(found)
