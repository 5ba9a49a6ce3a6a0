"""Where to draw the line: what a threshold on the probability of class 1 flags, finds, and costs.

A row is flagged when its probability reaches the threshold. Costs are those that the problem declares (`Costs`), per
row of the population where rows have weights. Intervals at 95 %: expanded percentile cluster bootstrap; of a share that
is 0 or 1 on these rows, which no resample can move, Wilson's instead, on the number of clusters that it is seen in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.calibration import wilson
from ds_workflow.domain.classification import ranking, running
from ds_workflow.domain.costs import Costs
from ds_workflow.domain.few_clusters import effective
from ds_workflow.domain.resample import Ask, Cell, bounds, codes, draw
from ds_workflow.domain.scored import Floats, Metric, Scored, mean_of
from ds_workflow.errors import InvalidInput

RESAMPLES, ALPHA = 400, 0.025
FALSE_ALARMS = (0.001, 0.005, 0.01, 0.05)
Interval = tuple[float, float]


@dataclass(frozen=True)
class Tradeoff:
    """One threshold: the share of rows that it flags, the share of these that are of class 1 (`precision`; None when
    nothing is flagged), the shares of class 1 and of class 0 that are flagged (`recall`, `fpr`), the cost per row."""

    threshold: float
    why: str
    flagged: float
    precision: float | None
    precision_interval: Interval | None
    recall: float
    recall_interval: Interval | None
    fpr: float
    cost: float
    cost_interval: Interval | None


@dataclass(frozen=True)
class Tradeoffs:
    """The table, from the lowest threshold to the highest, and the place of the cheapest in it; `rows` of which
    `positives` are of class 1."""

    rows: int
    positives: int
    costs: Costs
    table: tuple[Tradeoff, ...]

    @property
    def cheapest(self) -> Tradeoff:
        """The threshold that cost least on these rows; of equals the first."""
        return min(self.table, key=lambda t: t.cost)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; a threshold that nothing reaches is null."""
        rows = [{**asdict(t), "threshold": t.threshold if np.isfinite(t.threshold) else None} for t in self.table]
        return {"rows": self.rows, "positives": self.positives, "costs": asdict(self.costs), "table": rows}


def cost_of(flagged: Floats, truth: Floats, costs: Costs) -> Floats:
    """The cost of each decision, shape (n,); `flagged` and `truth` hold 0 and 1."""
    wrong = np.where(truth == 1, costs.missed, costs.false_alarm)
    right = np.where(truth == 1, costs.found, costs.left_alone)
    return np.asarray(np.where(flagged == truth, right, wrong), dtype=np.float64)


def cheapest_threshold(prediction: Floats, truth: Floats, weight: Floats, costs: Costs) -> float:
    """The threshold with the least cost on these rows.

    A whole stretch of thresholds flags the same rows. Of the cheapest stretch it is the one that the costs call for if
    probabilities are calibrated (`Costs.threshold`) when that lies inside, else the middle of the stretch.
    """
    if not len(prediction):
        raise InvalidInput("A threshold can't be chosen on no rows at all.")
    order, starts = ranking(prediction)
    y, w = truth[order], weight[order]
    dearer = w * np.where(y == 1, costs.found - costs.missed, costs.false_alarm - costs.left_alone)
    after = np.append(0.0, running(dearer[None, :], starts)[0])  # by how much flagging the first k values changes cost
    values = prediction[order][starts]
    k = int(after.argmin())
    high = float(values[k - 1]) if k else 1.0
    low = float(values[k]) if k < len(values) else 0.0
    ideal = costs.threshold
    return ideal if low < ideal <= high else (low + high) / 2


def at_false_alarms(scored: Scored, share: float) -> float:
    """The lowest threshold that flags at most `share` of class 0 on these rows."""
    order, starts = ranking(scored.prediction)
    weight = (scored.weights * (1 - scored.truth))[order]
    reached = running(weight[None, :], starts)[0]
    allowed = np.flatnonzero(reached <= share * reached[-1])
    values = scored.prediction[order][starts]
    return float(values[allowed[-1]]) if len(allowed) else float(np.nextafter(values[0], np.inf))


def tradeoffs(scored: Scored, costs: Costs, *, own: float | None, seed: int, resamples: int = RESAMPLES) -> Tradeoffs:
    """The trade-off at the thresholds that people ask for: 0.5, the model's `own`, what the costs call for, the ones
    that flag 0.1, 0.5, 1 and 5 % of class 0 here, the cheapest one here, and flagging all or none.

    Raises InvalidInput where a class has no rows.
    """
    positives = int(scored.truth.sum())
    if not 0 < positives < len(scored):
        raise InvalidInput(f"A trade-off needs rows of both classes; {positives} of {len(scored)} are of class 1.")
    asked = {
        "everything is flagged": 0.0,
        **{f"{100 * share:g} % of class 0 flagged here": at_false_alarms(scored, share) for share in FALSE_ALARMS},
        "one half": 0.5,
        "for these costs, if calibrated": costs.threshold,
        **({} if own is None else {"the model's own, from training rows": own}),
        "cheapest here, in hindsight": cheapest_threshold(scored.prediction, scored.truth, scored.weights, costs),
        "nothing is flagged": float("inf"),
    }
    return Tradeoffs(len(scored), positives, costs, _table(scored, costs, asked, seed=seed, resamples=resamples))


def _table(
    scored: Scored, costs: Costs, asked: Mapping[str, float], *, seed: int, resamples: int
) -> tuple[Tradeoff, ...]:
    merged: dict[float, list[str]] = {}
    for why, threshold in asked.items():
        merged.setdefault(threshold, []).append(why)
    coded, count = codes(scored.groups["cluster"])
    worth = effective(coded, scored.weights)
    figures = {t: _figures(t, costs) for t in merged}
    asks = [
        Ask((t, m.name), m, scored)
        for t, of_threshold in figures.items()
        for m in of_threshold
        if m.name in ("precision", "recall", "cost")
    ]
    with np.errstate(invalid="ignore"):
        drawn = draw([Cell(coded, tuple(asks))], clusters=count, resamples=resamples, seed=seed)
        values = {t: {m.name: m(scored) for m in of_threshold} for t, of_threshold in figures.items()}
    found = []
    for t in sorted(merged):
        v = values[t]
        interval = {
            name: bounds(drawn[(t, name)], alpha=ALPHA, clusters=worth) for name in ("precision", "recall", "cost")
        }
        seen = {"precision": scored.prediction >= t, "recall": scored.truth == 1}
        for name, among in seen.items():
            if v[name] in (0.0, 1.0):
                interval[name] = wilson(v[name], _effective(scored, coded, among))
        if t <= 0 or np.isinf(t):  # everything or nothing is flagged whatever the rows, so nothing is unsure of it
            interval["recall"] = None
        known = np.isfinite(v["precision"])
        found.append(
            Tradeoff(
                t,
                "; ".join(merged[t]),
                v["flagged"],
                v["precision"] if known else None,
                interval["precision"] if known else None,
                v["recall"],
                interval["recall"],
                v["fpr"],
                v["cost"],
                interval["cost"],
            )
        )
    return tuple(found)


def _effective(scored: Scored, clusters: NDArray[np.int64], among: NDArray[np.bool_]) -> float:
    """Rows `among` which a share of 0 or 1 is seen, as equally heavy and unlike ones: Kish's effective number of the
    clusters' weights, since rows of one cluster may all be alike (L. Kish 1965, Survey Sampling)."""
    return effective(clusters[among], scored.weights[among])


def _figures(threshold: float, costs: Costs) -> tuple[Metric, ...]:
    """What is measured at one threshold."""

    def flags(s: Scored) -> Floats:
        return np.asarray(s.prediction >= threshold, dtype=np.float64)

    return (
        mean_of("flagged", "Share flagged", flags, greater=False),
        _ratio("precision", lambda s: (flags(s) * s.truth, flags(s))),
        _ratio("recall", lambda s: (flags(s) * s.truth, s.truth)),
        _ratio("fpr", lambda s: (flags(s) * (1 - s.truth), 1 - s.truth)),
        mean_of("cost", "Cost per row", lambda s: cost_of(flags(s), s.truth, costs), greater=False, unit=costs.unit),
    )


def _ratio(name: str, parts: Callable[[Scored], tuple[Floats, Floats]]) -> Metric:
    """A share: the weight of the first part over that of the second."""

    def sums(s: Scored) -> Floats:
        return np.column_stack(parts(s))

    def of_sums(_: Floats, total: Floats) -> Floats:
        return np.asarray(total[:, 0] / total[:, 1], dtype=np.float64)

    def compute(s: Scored) -> float:
        return float(of_sums(s.weights, (sums(s) * s.weights[:, None]).sum(axis=0, keepdims=True))[0])

    return Metric(name, name, compute, True, "share", "sums", sums=sums, of_sums=of_sums)
