"""Paired cluster bootstrap: one weight per cluster and resample, the same weights for every figure.

Rows of one cluster (a building, a customer, a week) rise and fall together, so the cluster is the unit of
randomisation: each resample gives every cluster an independent Poisson(1) weight, and every row its cluster's weight.
This is the usual bootstrap with the number of drawn clusters left free; it differs from the multinomial one by terms of
order 1 / clusters (J. A. Hanley and B. MacGibbon 2006, "Creating non-parametric bootstrap samples using Poisson
frequencies"). What few clusters cost is mended where the draws are read (`few_clusters`). Both models, all metrics and
all segments see the same weights, so that differences are paired and the draws are joint.

It is quick because no resample is ever built: figures that are sums need one matrix product of weights with per-cluster
sums, a median needs weights only for the rows in a window around it, in rows sorted once, and all figures of a ranking
share one pass of running weights over its rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import exp, factorial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain import few_clusters
from ds_workflow.domain.classification import ranking, running
from ds_workflow.domain.scored import Metric, Scored
from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = NDArray[np.float32]

# Weights of one chunk of resamples stay within the processor's cache: 300,000 of them measured best.
_CHUNK = 300_000
# The window reaches this many standard deviations of the median's position to each side; a resample that leaves it
# all the same is computed on all rows, so the width is a matter of speed only.
_REACH = 6.0
# float32 adds whole numbers without error up to 2^24; above half of that the products run in float64.
_EXACT = 2.0**23


def _thresholds() -> NDArray[np.uint16]:
    """Cut points that turn 16 random bits into a Poisson(1) draw (mean and variance right to 1e-4)."""
    cumulative = np.cumsum([exp(-1.0) / factorial(k) for k in range(12)])
    cuts = np.round(cumulative * 65536.0)
    return cuts[cuts < 65536].astype(np.uint16)


_CUTS = _thresholds()


class PoissonWeights:
    """A seeded stream of Poisson(1) weights, one per cluster; resample r is the same however the stream is chunked."""

    def __init__(self, clusters: int, *, seed: int) -> None:
        self._clusters = clusters
        self._words = -(-clusters // 4)  # 64 random bits hold four draws
        self._bits = np.random.SFC64(np.random.SeedSequence(seed))

    def next(self, resamples: int) -> Weights:
        """The next weights, shape (resamples, clusters), whole numbers as float32."""
        raw = np.asarray(self._bits.random_raw(resamples * self._words), dtype=np.uint64)
        bits = raw.view(np.uint16).reshape(resamples, -1)[:, : self._clusters]
        counts = np.zeros(bits.shape, dtype=np.uint8)
        above = np.empty(bits.shape, dtype=np.bool_)
        for cut in _CUTS:
            np.greater_equal(bits, cut, out=above)
            counts += above
        return counts.astype(np.float32)


@dataclass(frozen=True)
class Ask:
    """One figure to resample: `metric` of `scored`, whose rows are the cell's rows in the cell's order."""

    key: Hashable
    metric: Metric
    scored: Scored


@dataclass(frozen=True)
class Cell:
    """Some rows and what is asked of them. `clusters` has shape (rows,): each row's cluster code in the whole table."""

    clusters: Ints
    asks: tuple[Ask, ...]


def codes(labels: NDArray[np.generic]) -> tuple[Ints, int]:
    """Cluster labels of shape (n,) as codes 0..k-1 in the labels' sorted order, and k."""
    found, names = pd.factorize(labels, sort=True)
    if len(found) and int(found.min()) < 0:
        raise InvalidInput("A row without a cluster can't be resampled; every row needs its cluster's name.")
    return np.asarray(found, dtype=np.int64), len(names)


class _Median:
    """Weighted medians of values whose rows were sorted once."""

    def __init__(self, values: Floats, local: Ints, clusters: int) -> None:
        order = np.argsort(values, kind="stable")
        self.values, self.local = values[order], local[order]
        n = len(values)
        below = np.bincount(self.local[: n // 2], minlength=clusters)
        total = np.bincount(self.local, minlength=clusters)
        spread = float(np.sqrt(np.sum((below - total * (n // 2) / n) ** 2)))
        reach = int(_REACH * spread) + 16
        self.first, self.last = max(0, n // 2 - reach), min(n, n // 2 + reach + 1)
        self.columns = np.bincount(self.local[: self.first], minlength=clusters).astype(np.float64)[:, None]

    def take(self, weights: Weights, sums: Floats, total: Floats) -> Floats:
        window = weights[:, self.local[self.first : self.last]]
        reached = np.cumsum(window, axis=1, dtype=np.float64) + sums
        middle = np.stack([np.floor((total - 1) / 2), np.floor(total / 2)], axis=1)
        # positions of the two middle rows among the repeated rows: the first row whose running weight exceeds them
        place = np.stack([(reached <= middle[:, [side]]).sum(axis=1) for side in (0, 1)], axis=1)
        outside = (place[:, 1] >= reached.shape[1]) | (sums[:, 0] > middle[:, 0])
        place = np.minimum(place, reached.shape[1] - 1) + self.first
        result = self.values[place].mean(axis=1)
        for lost in np.flatnonzero(outside & (total > 0)):
            running = np.cumsum(weights[lost, self.local], dtype=np.float64)
            both = np.searchsorted(running, middle[lost], side="right")
            result[lost] = self.values[both].mean()
        return np.where(total > 0, result, np.nan)


class _Sums:
    """Figures that are functions of weighted sums."""

    def __init__(self, metric: Metric, scored: Scored, local: Ints, clusters: int) -> None:
        self.of_sums = metric.of_sums or _average
        if metric.sums is not None:
            rows = metric.sums(scored)
        elif metric.per_row is not None:
            rows = metric.per_row(scored)[:, None]
        else:
            raise InvalidInput(f"The metric '{metric.name}' has form '{metric.form}' but names neither sums nor rows.")
        if scored.weight is not None:
            rows = rows * scored.weight[:, None]
        self.columns = np.stack([np.bincount(local, weights=c, minlength=clusters) for c in rows.T], axis=1)

    def take(self, weights: Weights, sums: Floats, total: Floats) -> Floats:
        filled = np.where(total > 0, total, 1.0)
        return np.where(total > 0, self.of_sums(filled, sums), np.nan)


class _Order:
    """Running weights of positives and negatives down one ranking, made once for all figures that read it."""

    def __init__(self, scored: Scored, local: Ints) -> None:
        order, starts = ranking(scored.prediction)
        self.local, self.truth = local[order], scored.truth[order].astype(np.float32)
        # Predictions without a positive that stand next to one another are one step: no curve bends between them.
        found = np.add.reduceat(self.truth, starts) > 0
        self.starts = starts[np.append(True, found[1:] | found[:-1])]
        self.weight = None if scored.weight is None else scored.weight[order]
        self._of: Weights | None = None
        self._made: tuple[Floats, Floats] | None = None

    def take(self, weights: Weights) -> tuple[Floats, Floats]:
        if self._made is None or self._of is not weights:
            mine: NDArray[np.floating[Any]] = np.take(weights, self.local, axis=1)
            if self.weight is not None:  # no whole numbers any more, so float64 from here on
                mine = mine * self.weight
            positive = mine * self.truth
            self._made = (running(positive, self.starts), running(mine - positive, self.starts))
            self._of = weights
        return self._made


class _Ranked:
    """Figures of the running weights down a ranking."""

    def __init__(self, metric: Metric, order: _Order, clusters: int) -> None:
        if metric.of_ranking is None:
            raise InvalidInput(f"The metric '{metric.name}' has form 'ranking' but says nothing of rankings.")
        self.of_ranking, self.order = metric.of_ranking, order
        self.columns = np.empty((clusters, 0))

    def take(self, weights: Weights, sums: Floats, total: Floats) -> Floats:
        positive, negative = self.order.take(weights)
        return np.where(total > 0, self.of_ranking(positive, negative), np.nan)


class _Whole:
    """Figures that need the resampled rows themselves; right for every metric, slow for many rows."""

    def __init__(self, metric: Metric, scored: Scored, local: Ints, clusters: int) -> None:
        self.metric, self.scored, self.local = metric, scored, local
        self.columns = np.empty((clusters, 0))

    def take(self, weights: Weights, sums: Floats, total: Floats) -> Floats:
        result = np.full(len(weights), np.nan)
        for r in np.flatnonzero(total > 0):
            drawn = self.scored.take(np.repeat(np.arange(len(self.local)), weights[r, self.local].astype(np.int64)))
            if not self.metric.absent(drawn):
                result[r] = self.metric(drawn)
        return result


def _average(weight: Floats, sums: Floats) -> Floats:
    return np.asarray(sums[:, 0] / weight, dtype=np.float64)


def _figure(ask: Ask, local: Ints, clusters: int, orders: dict[int, _Order]) -> _Median | _Sums | _Ranked | _Whole:
    """`orders` holds the rankings made so far, by the identity of their scored rows."""
    if ask.metric.form == "ranking":
        if id(ask.scored) not in orders:
            orders[id(ask.scored)] = _Order(ask.scored, local)
        return _Ranked(ask.metric, orders[id(ask.scored)], clusters)
    if ask.metric.form == "median" and ask.metric.per_row is not None:
        return _Median(ask.metric.per_row(ask.scored), local, clusters)
    if ask.metric.form in ("mean", "sums"):
        return _Sums(ask.metric, ask.scored, local, clusters)
    return _Whole(ask.metric, ask.scored, local, clusters)


class _Prepared:
    """A cell with its clusters numbered from 0 and all its per-cluster sums in two matrices."""

    def __init__(self, cell: Cell, clusters: int) -> None:
        touched, local = np.unique(cell.clusters, return_inverse=True)
        self.touched: Ints | None = None if len(touched) == clusters else touched
        self.keys = [ask.key for ask in cell.asks]
        orders: dict[int, _Order] = {}
        self.figures = [_figure(ask, local, len(touched), orders) for ask in cell.asks]
        weight = cell.asks[0].scored.weight if cell.asks else None
        rows = np.bincount(local, weights=weight, minlength=len(touched)).astype(np.float64)[:, None]
        columns = np.concatenate([rows, *(f.columns for f in self.figures)], axis=1)
        whole = np.all(columns == np.round(columns), axis=0) & (np.abs(columns).sum(axis=0) < _EXACT)
        self.whole, self.parts = np.flatnonzero(whole), np.flatnonzero(~whole)
        self.whole_sums = columns[:, self.whole].astype(np.float32)
        self.part_sums = columns[:, self.parts]
        self.ends = np.cumsum([1, *(f.columns.shape[1] for f in self.figures)])

    def take(self, weights: Weights) -> list[Floats]:
        mine = weights if self.touched is None else weights[:, self.touched]
        sums = np.empty((len(mine), len(self.whole) + len(self.parts)))
        sums[:, self.whole] = mine @ self.whole_sums
        if len(self.parts):
            sums[:, self.parts] = mine.astype(np.float64) @ self.part_sums
        total = sums[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            return [
                figure.take(mine, sums[:, first:last], total)
                for figure, first, last in zip(self.figures, self.ends[:-1], self.ends[1:], strict=True)
            ]


def draw(cells: Sequence[Cell], *, clusters: int, resamples: int, seed: int) -> dict[Hashable, Floats]:
    """All asked figures on `resamples` paired cluster resamples: {ask.key: (resamples,)}.

    The draws of different keys are joint: draw r of every key belongs to the same weights. A resample that leaves a
    cell without rows gives NaN there. Same arguments, same bits.
    """
    if resamples < 1 or clusters < 1:
        raise InvalidInput(f"A bootstrap needs at least one cluster and one resample, not {clusters} and {resamples}.")
    with np.errstate(all="ignore"):  # what can't be measured comes out as NaN, and the callers look for that
        prepared = [_Prepared(cell, clusters) for cell in cells]
    result: dict[Hashable, Floats] = {key: np.empty(resamples) for cell in prepared for key in cell.keys}
    stream = PoissonWeights(clusters, seed=seed)
    step = max(1, _CHUNK // clusters)
    for start in range(0, resamples, step):
        weights = stream.next(min(step, resamples - start))
        for cell in prepared:
            for key, values in zip(cell.keys, cell.take(weights), strict=True):
                result[key][start : start + len(values)] = values
    return result


def paired_difference(
    metric: Metric, first: Scored, second: Scored, *, clusters: NDArray[np.generic], resamples: int, seed: int
) -> Floats:
    """Bootstrap draws, shape (resamples,), of metric(first) - metric(second) on rows aligned by position."""
    coded, count = codes(clusters)
    cell = Cell(coded, (Ask("first", metric, first), Ask("second", metric, second)))
    drawn = draw([cell], clusters=count, resamples=resamples, seed=seed)
    return drawn["first"] - drawn["second"]


def bounds(draws: Floats, *, alpha: float, clusters: float) -> tuple[float, float] | None:
    """Expanded percentile bounds, each one-sided at 1 - alpha: together a two-sided interval of level 1 - 2 alpha.

    `clusters` is their effective number, see `few_clusters`. None when a resample in a hundred or more left nothing to
    measure, or the draws do not reach so far out: the rows do not carry an interval. Source: T. C. Hesterberg (2015);
    for many clusters B. Efron, R. Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    finite = draws[np.isfinite(draws)]
    at = few_clusters.level(alpha, clusters)
    if len(finite) < 0.99 * len(draws) or at * (len(finite) + 1) < 1.0:
        return None
    low, high = np.quantile(finite, [at, 1.0 - at])
    return float(low), float(high)


def share_against(draws: Floats, holds: NDArray[np.bool_], *, clusters: float) -> float:
    """One-sided bootstrap p-value of `clusters` effective clusters: of (1 + draws in which it does not hold) / (1 +
    draws), corrected as `few_clusters` says; what couldn't be measured counts as not holding. It is the level at which
    the bound touches the requirement, and never 0."""
    share = (1 + np.count_nonzero(~(holds & np.isfinite(draws)))) / (1 + len(draws))
    return few_clusters.p_value(float(share), clusters)
