"""Metrics carry their direction and unit; a scorer never has to guess which way is better.

A metric is computed from a `Scored` table: arrays of one model's answers on rows whose truth is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput, UnknownName

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """One model's answers on n rows, aligned by position.

    `truth` and `prediction` have shape (n,): prices, or 0/1 and the probability of 1. `lower` and `upper` are the
    prediction interval or None. `groups` maps a name (segment, price_tier, cluster, sex) to an (n,) array of text.
    `time` is datetime64[D] or None.
    """

    row_id: NDArray[Any]
    truth: Floats
    prediction: Floats
    lower: Floats | None = None
    upper: Floats | None = None
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    time: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        lengths = {len(a) for a in self._arrays()}
        if len(lengths) > 1:
            raise InvalidInput(f"Scored rows of unequal lengths were given: {sorted(lengths)}.")

    def _arrays(self) -> list[NDArray[Any]]:
        optional = [a for a in (self.lower, self.upper, self.time) if a is not None]
        return [self.row_id, self.truth, self.prediction, *optional, *self.groups.values()]

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, index: NDArray[Any]) -> Scored:
        """The same table on the rows of `index` (positions or a boolean mask), in that order."""
        return replace(
            self,
            row_id=self.row_id[index],
            truth=self.truth[index],
            prediction=self.prediction[index],
            lower=None if self.lower is None else self.lower[index],
            upper=None if self.upper is None else self.upper[index],
            groups={name: values[index] for name, values in self.groups.items()},
            time=None if self.time is None else self.time[index],
        )


@dataclass(frozen=True)
class Metric:
    """A named figure with its direction and unit.

    `compute` takes a Scored table and returns one float; it raises InvalidInput on no rows and never returns a
    default for what it could not measure. `form` tells the resampler how the figure is made of rows: `median` of
    `per_row`, `mean` of `per_row`, `sums` (a function of sums over rows, see below), or `whole` (only `compute` on
    resampled rows will do).

    `sums` gives an (n, k) array of what each row adds; `of_sums` takes the weight in all, shape (b,), and the weighted
    column sums, shape (b, k), to the figure, shape (b,): root mean squares, R2, recall, calibration bins fit this.
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
    needs: tuple[str, ...] = ()
    undefined: Callable[[Scored], str] | None = None
    best: float | None = None

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


def _relative_error(s: Scored) -> Floats:
    """|prediction - truth| / truth; truth > 0 is the data contract."""
    return np.asarray(np.abs(s.prediction - s.truth) / s.truth, dtype=np.float64)


def _within_ten_percent(s: Scored) -> Floats:
    return (_relative_error(s) <= 0.10).astype(np.float64)


def _signed_error(s: Scored) -> Floats:
    return np.asarray((s.prediction - s.truth) / s.truth, dtype=np.float64)


def _squared_log_error(s: Scored) -> Floats:
    return np.asarray((np.log(s.prediction) - np.log(s.truth)) ** 2, dtype=np.float64)


def _inside(s: Scored) -> Floats:
    if s.lower is None or s.upper is None:
        raise InvalidInput("The model gives no prediction intervals, so their coverage can't be measured.")
    return ((s.truth >= s.lower) & (s.truth <= s.upper)).astype(np.float64)


def _relative_width(s: Scored) -> Floats:
    if s.lower is None or s.upper is None:
        raise InvalidInput("The model gives no prediction intervals, so their width can't be measured.")
    return np.asarray((s.upper - s.lower) / s.prediction, dtype=np.float64)


def _r2(s: Scored) -> float:
    residual = float(np.sum((s.truth - s.prediction) ** 2))
    total = float(np.sum((s.truth - s.truth.mean()) ** 2))
    return 1.0 - residual / total if total > 0 else float("nan")


def _no_spread(s: Scored) -> str:
    return "" if len(s) and float(np.ptp(s.truth)) > 0 else "all true values are the same"


def _r2_sums(s: Scored) -> Floats:
    """Columns: y, y squared (both from the mean, for precision), squared error."""
    y = s.truth - s.truth.mean()
    return np.column_stack([y, y**2, (s.truth - s.prediction) ** 2])


def _r2_of_sums(weight: Floats, sums: Floats) -> Floats:
    total = sums[:, 1] - sums[:, 0] ** 2 / weight
    return np.asarray(1.0 - sums[:, 2] / total, dtype=np.float64)


def _root_mean(weight: Floats, sums: Floats) -> Floats:
    return np.asarray(np.sqrt(sums[:, 0] / weight), dtype=np.float64)


INTERVAL = ("lower", "upper")


def _median(
    name: str,
    title: str,
    per_row: Callable[[Scored], Floats],
    *,
    unit: str = "share",
    needs: tuple[str, ...] = (),
    best: float | None = None,
) -> Metric:
    return Metric(
        name, title, lambda s: float(np.median(per_row(s))), False, unit, "median", per_row, needs=needs, best=best
    )


def _mean(
    name: str,
    title: str,
    per_row: Callable[[Scored], Floats],
    *,
    greater: bool,
    unit: str = "share",
    needs: tuple[str, ...] = (),
) -> Metric:
    return Metric(name, title, lambda s: float(np.mean(per_row(s))), greater, unit, "mean", per_row, needs=needs)


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        _mean("ppe10", "Share of predictions within 10 % of the price", _within_ten_percent, greater=True),
        _median("mdape", "Median absolute percentage error", _relative_error),
        _mean("mape", "Mean absolute percentage error", _relative_error, greater=False),
        Metric(
            "r2",
            "Coefficient of determination",
            _r2,
            True,
            "share",
            "sums",
            sums=_r2_sums,
            of_sums=_r2_of_sums,
            undefined=_no_spread,
        ),
        Metric(
            "rmse_log",
            "Root mean squared error of the log price",
            lambda s: float(np.sqrt(np.mean(_squared_log_error(s)))),
            False,
            "log price",
            "sums",
            sums=lambda s: _squared_log_error(s)[:, None],
            of_sums=_root_mean,
        ),
        _median("bias", "Median signed percentage error (above 0: over-valued)", _signed_error, best=0.0),
        _mean(
            "interval_coverage",
            "Share of prices inside the prediction interval",
            _inside,
            greater=True,
            needs=INTERVAL,
        ),
        _median(
            "interval_width",
            "Median width of the prediction interval over the prediction",
            _relative_width,
            needs=INTERVAL,
        ),
    )
}


def metric(name: str) -> Metric:
    """The metric of that name; UnknownName lists the known ones."""
    if name not in METRICS:
        raise UnknownName("metric", name, METRICS)
    return METRICS[name]
