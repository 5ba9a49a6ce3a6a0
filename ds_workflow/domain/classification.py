"""How good probabilities of class 1 are: ranking, calibration, and decisions at a threshold.

Truth is 0 or 1, the prediction the probability of 1; rows with equal predictions are never told apart by chance. Where
rows have weights, every share is one of the population they stand for.

* Ranking figures (areas, recall at a false-positive rate) are functions of the running weights of positives and
  negatives down the distinct predictions, so a resample costs one pass over rows sorted once.
* A gap between groups is that of the problem's first fairness column. It is a maximum less a minimum and so never below
  0, by chance alone above it, and a resample shows chance twice: intervals lie high.
* The expected calibration error uses 15 bins of equal mass, cut at the quantiles of the predictions at hand (equal
  predictions share a bin); a resample keeps the bins of the whole sample. It is biased upwards: a perfectly calibrated
  model shows about sqrt(2/pi) * mean(sqrt(p(1-p))) * sqrt(bins / n), 0.01 at n = 16,000, and a resample shows that
  again on top. So its interval lies high, and a ceiling on it is on the safe side.
* Where class 1 is rare, that error is small whatever a model says: it is at most the base rate for one that always
  answers 0. Two figures are relative to the base rate instead. Expected over observed (calibration in the large) is the
  mean probability over the share of class 1; the skill of the log loss is 1 less the log loss over that of the base
  rate of the rows at hand (the R2 of D. McFadden 1974), which is 0 for the best of all constants. So a constant can do
  well by one of the two at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.scored import Floats, Metric, Scored, mean_of

BINS = 15
THRESHOLD = 0.5
# float32 adds whole weights of mean 1 without error below 2^24; a resample of so many rows stays below it.
_EXACT = 2**23
# No probability is taken nearer to 0 or 1 than this in the log loss, which would be infinite otherwise.
_NEAREST = float(np.finfo(np.float64).eps)


def ranking(prediction: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row positions from the highest prediction down, shape (n,), and where each distinct one starts, shape (t,)."""
    order = np.argsort(-prediction, kind="stable")
    ordered = prediction[order]
    return order, np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))


def running(weights: NDArray[np.floating[Any]], starts: NDArray[np.int64]) -> Floats:
    """Running sums, shape (b, t), of row weights (b, n) in ranking order, at the last row of each distinct value."""
    grouped = weights if len(starts) == weights.shape[1] else np.add.reduceat(weights, starts, axis=1)
    if grouped.dtype == np.float32 and weights.shape[1] < _EXACT:
        return np.cumsum(grouped, axis=1).astype(np.float64)  # a third of the time, and the same sums
    return np.cumsum(grouped, axis=1, dtype=np.float64)


def _roc_auc(positive: Floats, negative: Floats) -> Floats:
    """Share of pairs in the right order, ties counting a half (Hanley and McNeil 1982)."""
    # the trapezoids below the curve, as differences of two sums of products
    pairs = positive[:, -1] * negative[:, -1]
    found = np.einsum("bt,bt->b", negative[:, 1:], positive[:, :-1])
    lost = np.einsum("bt,bt->b", negative[:, :-1], positive[:, 1:])
    return np.asarray(0.5 * (1.0 + (found - lost) / pairs), dtype=np.float64)


def _pr_auc(positive: Floats, negative: Floats) -> Floats:
    """Average precision: precision at every distinct prediction, weighted by the recall gained there."""
    seen = positive + negative
    precision = np.divide(positive, seen, out=np.zeros_like(seen), where=seen > 0)
    gained = np.einsum("bt,bt->b", positive, precision)
    gained -= np.einsum("bt,bt->b", positive[:, :-1], precision[:, 1:])
    return np.asarray(gained / positive[:, -1], dtype=np.float64)


def _recall_at_1pct_fpr(positive: Floats, negative: Floats) -> Floats:
    """The largest recall of any threshold that flags at most 1 % of the negatives."""
    allowed = 100.0 * negative <= negative[:, -1:]
    reached = np.where(allowed, positive, 0.0).max(axis=1)
    return np.asarray(reached / positive[:, -1], dtype=np.float64)


def _one_class(s: Scored) -> str:
    return "" if len(np.unique(s.truth)) > 1 else "all true values are of one class"


def _no_positive(s: Scored) -> str:
    return "" if (s.truth == 1).any() else "no true value is 1"


def _no_negative(s: Scored) -> str:
    return "" if (s.truth == 0).any() else "no true value is 0"


def _ranked(name: str, title: str, of_ranking: Callable[[Floats, Floats], Floats], *, unit: str = "score") -> Metric:
    def compute(s: Scored) -> float:
        order, starts = ranking(s.prediction)
        weight = s.weights[order]
        positive = (s.truth[order] * weight)[None, :]
        return float(of_ranking(running(positive, starts), running(weight - positive, starts))[0])

    return Metric(name, title, compute, True, unit, "ranking", of_ranking=of_ranking, undefined=_one_class)


def flagged(s: Scored) -> Floats:
    """1 where the probability reaches the threshold, else 0, shape (n,)."""
    return np.asarray(s.prediction >= THRESHOLD, dtype=np.float64)


def _correct(s: Scored) -> Floats:
    return np.asarray(flagged(s) == s.truth, dtype=np.float64)


def _squared_error(s: Scored) -> Floats:
    return np.asarray((s.prediction - s.truth) ** 2, dtype=np.float64)


def _surprise(s: Scored) -> Floats:
    p = np.clip(s.prediction, _NEAREST, 1 - _NEAREST)
    return np.asarray(np.where(s.truth == 1, -np.log(p), -np.log1p(-p)), dtype=np.float64)


def bin_of(prediction: Floats, *, bins: int = BINS, weight: Floats | None = None) -> NDArray[np.int64]:
    """The equal-mass bin of every prediction, shape (n,), from 0 for the lowest; equal predictions share one. With
    `weight` (n,) the mass is that of the weights."""
    at = np.arange(1, bins) / bins
    cuts = np.quantile(prediction, at) if weight is None else _weighted_quantile(prediction, weight, at)
    return np.asarray(np.searchsorted(np.unique(cuts), prediction, side="right"), dtype=np.int64)


def _weighted_quantile(values: Floats, weight: Floats, at: Floats) -> Floats:
    """The values at which the running share of weight first reaches `at`."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    return np.asarray(values[order][np.minimum(np.searchsorted(reached, at), len(values) - 1)], dtype=np.float64)


def _calibration_sums(s: Scored) -> Floats:
    """One column per bin: truth minus prediction of its rows."""
    place = bin_of(s.prediction, weight=s.weight)
    rows = np.zeros((len(s), BINS))
    rows[np.arange(len(s)), place] = s.truth - s.prediction
    return rows


def _calibration_error(weight: Floats, sums: Floats) -> Floats:
    return np.asarray(np.abs(sums).sum(axis=1) / weight, dtype=np.float64)


def _share(weight: Floats, sums: Floats) -> Floats:
    """First column over the second."""
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _skill(weight: Floats, sums: Floats) -> Floats:
    """Columns: negative log-likelihood, positives. NaN where all rows are of one class, and nothing is to be told."""
    from scipy.special import entr

    rate = np.clip(sums[:, 1] / weight, 0.0, 1.0)
    base = entr(rate) + entr(1.0 - rate)
    told = np.divide(sums[:, 0] / weight, base, out=np.full_like(base, np.nan), where=base > 0)
    return np.asarray(1.0 - told, dtype=np.float64)


def _harmonic(weight: Floats, sums: Floats) -> Floats:
    """Columns: right flags, flags, positives."""
    return np.asarray(2 * sums[:, 0] / (sums[:, 1] + sums[:, 2]), dtype=np.float64)


def _summed(
    name: str,
    title: str,
    sums: Callable[[Scored], Floats],
    of_sums: Callable[[Floats, Floats], Floats],
    *,
    greater: bool,
    unit: str = "share",
    undefined: Callable[[Scored], str] | None = None,
    compares: str = "",
    best: float | None = None,
) -> Metric:
    def compute(s: Scored) -> float:
        rows, weight = sums(s), s.weights
        return float(of_sums(np.array([weight.sum()]), (rows * weight[:, None]).sum(axis=0, keepdims=True))[0])

    made = Metric(name, title, compute, greater, unit, "sums", sums=sums, of_sums=of_sums, undefined=undefined)
    return replace(made, compares=compares, best=best)


# the group of every row by which a gap is measured; its rows are there where the problem names fairness columns
GROUP = "fairness"


def _two_groups(s: Scored) -> str:
    if GROUP not in s.groups:
        return "the problem names no fairness column"
    counted = len(np.unique(s.groups[GROUP][s.truth == 1].astype(str)))
    return "" if counted > 1 else "fewer than two groups have rows of class 1"


def _by_group(s: Scored, weight: Floats) -> Floats:
    """For every group a column of the flagged rows' weight, then for every group one of all rows' weight."""
    names, place = np.unique(s.groups[GROUP].astype(str), return_inverse=True)
    member = (place[:, None] == np.arange(len(names))) * weight[:, None]
    return np.asarray(np.hstack([member * flagged(s)[:, None], member]), dtype=np.float64)


def _gap(weight: Floats, sums: Floats) -> Floats:
    """Largest less smallest share of the groups that have weight."""
    groups = sums.shape[1] // 2
    hits, all_rows = sums[:, :groups], sums[:, groups:]
    filled = np.where(all_rows > 0, all_rows, 1.0)
    high = np.where(all_rows > 0, hits / filled, -np.inf).max(axis=1)
    low = np.where(all_rows > 0, hits / filled, np.inf).min(axis=1)
    return np.asarray(np.where(np.isfinite(high), high - low, np.nan), dtype=np.float64)


METRICS: tuple[Metric, ...] = (
    _ranked("roc_auc", "Area under the ROC curve", _roc_auc),
    _ranked("pr_auc", "Average precision (area under precision and recall)", _pr_auc),
    _ranked("recall_at_1pct_fpr", "Share of class 1 found at 1 % false alarms", _recall_at_1pct_fpr, unit="share"),
    mean_of("accuracy", "Share of right classes at probability 0.5", _correct, greater=True),
    mean_of("brier", "Brier score: mean squared error of the probability", _squared_error, greater=False, unit="score"),
    mean_of("log_loss", "Mean negative log-likelihood", _surprise, greater=False, unit="nats"),
    _summed(
        "ece",
        "Expected calibration error, 15 bins of equal mass",
        _calibration_sums,
        _calibration_error,
        greater=False,
    ),
    _summed(
        "expected_over_observed",
        "Expected over observed: mean probability over the share of class 1",
        lambda s: np.column_stack([s.prediction, s.truth]),
        _share,
        greater=False,
        unit="ratio",
        undefined=_no_positive,
        best=1.0,
    ),
    _summed(
        "log_loss_skill",
        "Skill of the log loss: what it gains on the base rate",
        lambda s: np.column_stack([_surprise(s), s.truth]),
        _skill,
        greater=True,
        undefined=_one_class,
    ),
    _summed(
        "tpr",
        "Share of class 1 that is flagged at probability 0.5",
        lambda s: np.column_stack([s.truth * flagged(s), s.truth]),
        _share,
        greater=True,
        undefined=_no_positive,
    ),
    _summed(
        "fpr",
        "Share of class 0 that is flagged at probability 0.5",
        lambda s: np.column_stack([(1 - s.truth) * flagged(s), 1 - s.truth]),
        _share,
        greater=False,
        undefined=_no_negative,
    ),
    _summed(
        "equal_opportunity_gap",
        "Between groups, the widest gap in the share of class 1 that is flagged",
        lambda s: _by_group(s, s.truth),
        _gap,
        greater=False,
        undefined=_two_groups,
        compares=GROUP,
    ),
    _summed(
        "demographic_parity_gap",
        "Between groups, the widest gap in the share that is flagged",
        lambda s: _by_group(s, np.ones(len(s))),
        _gap,
        greater=False,
        undefined=_two_groups,
        compares=GROUP,
    ),
    mean_of("selection_rate", "Share of rows that is flagged at probability 0.5", flagged, greater=False),
    _summed(
        "f1",
        "F1 of class 1 at probability 0.5",
        lambda s: np.column_stack([s.truth * flagged(s), flagged(s), s.truth]),
        _harmonic,
        greater=True,
        undefined=_no_positive,
    ),
)
