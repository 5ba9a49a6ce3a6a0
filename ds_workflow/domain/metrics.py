"""Metrics carry their direction and unit; a scorer never has to guess which way is better.

A metric is computed from a `Scored` table: arrays of one model's answers on rows whose truth is known.
"""

from __future__ import annotations

import numpy as np

from ds_workflow.domain import classification, forecasting
from ds_workflow.domain.scored import Floats, Metric, Scored, mean_of, median_of
from ds_workflow.errors import InvalidInput, UnknownName

__all__ = ["INTERVAL", "METRICS", "Floats", "Metric", "Scored", "metric"]


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

METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        mean_of("ppe10", "Share of predictions within 10 % of the price", _within_ten_percent, greater=True),
        median_of("mdape", "Median absolute percentage error", _relative_error),
        mean_of("mape", "Mean absolute percentage error", _relative_error, greater=False),
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
        median_of("bias", "Median signed percentage error (above 0: over-valued)", _signed_error, best=0.0),
        mean_of(
            "interval_coverage",
            "Share of prices inside the prediction interval",
            _inside,
            greater=True,
            needs=INTERVAL,
        ),
        median_of(
            "interval_width",
            "Median width of the prediction interval over the prediction",
            _relative_width,
            needs=INTERVAL,
        ),
        mean_of("pass_at_1", "Share of samples that pass, mean over tasks", lambda s: s.prediction, greater=True),
        *classification.METRICS,
        *forecasting.METRICS,
    )
}


def metric(name: str) -> Metric:
    """The metric of that name; UnknownName lists the known ones."""
    if name not in METRICS:
        raise UnknownName("metric", name, METRICS)
    return METRICS[name]
