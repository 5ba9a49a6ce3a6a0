"""What is measured and how: the table of answers and the shape of a metric.

The metrics themselves stand in `metrics` (values), `classification` (classes) and wherever a further task adds its own;
`metrics.METRICS` holds them all by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]

# the arrays of Scored that may be None
OPTIONAL = ("lower", "upper", "time", "weight", "lower95", "upper95", "scale")


@dataclass(frozen=True)
class Scored:
    """One model's answers on n rows, aligned by position.

    `truth` and `prediction` have shape (n,): prices, or 0/1 and the probability of 1. `lower` and `upper` are the
    prediction interval or None. `groups` maps a name (segment, price_tier, cluster, sex) to an (n,) array of text.
    `time` is datetime64[D] or None. `weight` says how many rows of the population a row stands for, or None where each
    stands for itself. Forecasts: `lower95` and `upper95` are a wider interval, `scale` is the error that the seasonal
    naive made on training rows of the same series, see `forecasting.yardstick`.
    """

    row_id: NDArray[Any]
    truth: Floats
    prediction: Floats
    lower: Floats | None = None
    upper: Floats | None = None
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    time: NDArray[Any] | None = None
    weight: Floats | None = None
    lower95: Floats | None = None
    upper95: Floats | None = None
    scale: Floats | None = None

    def __post_init__(self) -> None:
        lengths = {len(a) for a in self._arrays()}
        if len(lengths) > 1:
            raise InvalidInput(f"Scored rows of unequal lengths were given: {sorted(lengths)}.")

    def _arrays(self) -> list[NDArray[Any]]:
        optional = [a for a in (getattr(self, name) for name in OPTIONAL) if a is not None]
        return [self.row_id, self.truth, self.prediction, *optional, *self.groups.values()]

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def weights(self) -> Floats:
        """`weight`, or a 1 for every row, shape (n,)."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def take(self, index: NDArray[Any]) -> Scored:
        """The same table on the rows of `index` (positions or a boolean mask), in that order."""
        return replace(
            self,
            row_id=self.row_id[index],
            truth=self.truth[index],
            prediction=self.prediction[index],
            groups={name: values[index] for name, values in self.groups.items()},
            **{name: None if (a := getattr(self, name)) is None else a[index] for name in OPTIONAL},
        )


@dataclass(frozen=True)
class Metric:
    """A named figure with its direction and unit.

    `compute` takes a Scored table and returns one float; it raises InvalidInput on no rows and never returns a
    default for what it could not measure. `form` tells the resampler how the figure is made of rows: `median` of
    `per_row`, `mean` of `per_row`, `sums` (a function of sums over rows), `ranking` (a function of the rows in order of
    prediction), or `whole` (only `compute` on resampled rows will do).

    `sums` gives an (n, k) array of what each row adds; `of_sums` takes the weight in all, shape (b,), and the weighted
    column sums, shape (b, k), to the figure, shape (b,): root mean squares, R2, recall, calibration bins fit this.
    `of_ranking` takes the running weights of positives and of negatives, each of shape (b, t), down the t distinct
    predictions from the highest, to the figure, shape (b,): areas under curves fit this. Neighbouring predictions
    without any positive may come as one, which may not change the figure.
    `compares` names the group of rows between which the figure tells a difference, or "": within a part of the rows
    such a difference is mostly chance, so it is told of all rows alone.
    `needs` names the optional arrays of Scored that the figure is made of, and `undefined` says why it has no meaning
    on given rows, or "". `best` is the value at which a figure that may err on both sides is perfect (bias: 0).
    """

    name: str
    title: str
    compute: Callable[[Scored], float]
    greater_is_better: bool
    unit: str
    form: str = "whole"
    per_row: Callable[[Scored], Floats] | None = None
    sums: Callable[[Scored], Floats] | None = None
    of_sums: Callable[[Floats, Floats], Floats] | None = None
    of_ranking: Callable[[Floats, Floats], Floats] | None = None
    needs: tuple[str, ...] = ()
    undefined: Callable[[Scored], str] | None = None
    best: float | None = None
    compares: str = ""

    def __call__(self, scored: Scored) -> float:
        if len(scored) == 0:
            raise InvalidInput(f"The metric '{self.name}' was asked for no rows at all.")
        return float(self.compute(scored))

    def absent(self, scored: Scored) -> str:
        """Why the figure can't be measured on these rows at all (an input is not there), or ""."""
        lost = [name for name in self.needs if getattr(scored, name) is None]
        if lost:
            return f"the model gives no {' and no '.join(lost)}"
        return self.undefined(scored) if self.undefined is not None else ""

    def loss(self, value: Any) -> Any:
        """The figure turned so that less is better: a float or an array, in the metric's unit."""
        if self.best is not None:
            return abs(value - self.best)
        return -value if self.greater_is_better else value


def median_of(
    name: str,
    title: str,
    per_row: Callable[[Scored], Floats],
    *,
    unit: str = "share",
    needs: tuple[str, ...] = (),
    best: float | None = None,
) -> Metric:
    """A metric that is the median of a figure per row; less is better."""
    return Metric(
        name, title, lambda s: float(np.median(per_row(s))), False, unit, "median", per_row, needs=needs, best=best
    )


def mean_of(
    name: str,
    title: str,
    per_row: Callable[[Scored], Floats],
    *,
    greater: bool,
    unit: str = "share",
    needs: tuple[str, ...] = (),
) -> Metric:
    """A metric that is the mean of a figure per row, each with its row's weight."""

    def compute(s: Scored) -> float:
        return float(np.mean(per_row(s)) if s.weight is None else np.average(per_row(s), weights=s.weight))

    return Metric(name, title, compute, greater, unit, "mean", per_row, needs=needs)
