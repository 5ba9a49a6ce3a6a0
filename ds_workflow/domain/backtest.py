"""Rolling-origin evaluation: forecasts made again and again from a later start, each judged on the days after it.

The training rows grow from fold to fold and the horizon stays (L. J. Tashman 2000, "Out-of-sample tests of forecasting
accuracy", International Journal of Forecasting 16). Nothing of a fold's days is known to the model that answers for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.domain.scored import OPTIONAL
from ds_workflow.errors import InvalidInput

HORIZON_DAYS = 7
FOLDS = 4
LEAST_TRAIN_DAYS = 28


@dataclass(frozen=True)
class Fold:
    """`train` and `test` are positions of rows, ascending. The origin is the first day that is forecast."""

    origin: np.datetime64
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def folds(
    days: NDArray[Any],
    *,
    count: int = FOLDS,
    horizon: int = HORIZON_DAYS,
    least: int = LEAST_TRAIN_DAYS,
) -> tuple[Fold, ...]:
    """The last `count` stretches of `horizon` calendar days, each with every row before it, oldest first.

    `days` (n,) are the rows' days. A stretch without rows, or with less than `least` different days before it, is left
    out. Raises InvalidInput on arguments below 1 and when no fold is left.
    """
    if min(count, horizon, least) < 1:
        raise InvalidInput(f"A backtest needs at least one fold and one day, not {count}, {horizon} and {least}.")
    day = days.astype("datetime64[D]")
    if not len(day):
        raise InvalidInput("There are no rows to backtest on.")
    end = day.max() + 1
    found = []
    for back in range(count, 0, -1):
        origin = end - back * horizon
        train = np.flatnonzero(day < origin)
        test = np.flatnonzero((day >= origin) & (day < origin + horizon))
        if len(test) and len(np.unique(day[train])) >= least:
            found.append(Fold(origin, train, test))
    if not found:
        raise InvalidInput(
            f"{len(np.unique(day))} days leave no fold of {horizon} days after {least} to learn from.",
            hint="Give a longer period.",
        )
    return tuple(found)


@dataclass(frozen=True)
class Line:
    """One fold of one forecaster, or all of them. `figures` maps metric to value, without what can't be measured."""

    origin: str
    rows: int
    figures: Mapping[str, float]


def table(names: Sequence[str], scored: Sequence[tuple[np.datetime64, Scored]]) -> tuple[Line, ...]:
    """A line for each fold, (origin, its scored rows), and a last one over all of them: "all"."""
    metrics = [metric(name) for name in names]
    lines = [Line(str(origin), len(part), _figures(metrics, part)) for origin, part in scored]
    return (
        *lines,
        Line("all", sum(len(part) for _, part in scored), _figures(metrics, joined([p for _, p in scored]))),
    )


def _figures(metrics: Sequence[Metric], scored: Scored) -> dict[str, float]:
    return {m.name: m(scored) for m in metrics if not m.absent(scored)}


def joined(parts: Sequence[Scored]) -> Scored:
    """The rows of several tables in one, in their order. What not all of them have, the whole has not."""
    if not parts:
        raise InvalidInput("There are no scored rows to join.")
    groups = set.intersection(*(set(p.groups) for p in parts))
    arrays = {name: [getattr(p, name) for p in parts] for name in OPTIONAL}
    return Scored(
        row_id=np.concatenate([p.row_id for p in parts]),
        truth=np.concatenate([p.truth for p in parts]),
        prediction=np.concatenate([p.prediction for p in parts]),
        groups={name: np.concatenate([p.groups[name] for p in parts]) for name in sorted(groups)},
        **{name: np.concatenate(found) for name, found in arrays.items() if all(a is not None for a in found)},
    )
