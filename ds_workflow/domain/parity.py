"""How one model treats groups: its figures by group, and how far apart the groups are, with intervals.

For two classes the figures are the area under the ROC curve, the shares of both classes that are flagged at 0.5, and
the share of all that is flagged. The difference of the latter between groups is the demographic parity difference, that
of the share of class 1 the equal opportunity difference (Hardt, Price and Srebro 2016). For values they are the
problem's primary metric and the bias. This describes; whether a group is treated worse than it may be is for the gate
(`fairness`).

Intervals: expanded percentile cluster bootstrap at 95 %. The difference is that of the two groups that lie furthest
apart on these rows, so its interval is too hopeful by the choice among many groups; the mean difference of equal groups
of these sizes stands beside it. Shares have Wilson's interval instead, with the effective number of rows of their
clusters, and a difference with a share of 0 or 1 in it has Newcombe's (`shares`).

A group is measured where it has enough of the rows that the metric is about: rows of class 1 for the share of them that
is found, of class 0 for false alarms, of the rarer class for a ranking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ds_workflow.domain.fairness import widest_of
from ds_workflow.domain.few_clusters import effective
from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.resample import Ask, Cell, bounds, codes, draw
from ds_workflow.domain.scorecard import group_values, measure, rows_of
from ds_workflow.domain.shares import evidence, newcombe, share

ALPHA = 0.025  # on each side
LIMIT = 0.10  # a difference above it calls for a sentence on what to do
MINIMUM_ROWS = 100  # that the metric is about
RESAMPLES = 400
OF_CLASSES = ("roc_auc", "tpr", "fpr", "selection_rate")
OF_VALUES = ("bias",)


@dataclass(frozen=True)
class GroupFigure:
    """One metric of one group; None where the group is too small or the metric has no meaning there."""

    column: str
    group: str
    rows: int
    metric: str
    value: float | None
    interval: tuple[float, float] | None
    evidence: int  # rows that the metric is about


@dataclass(frozen=True)
class GroupDifference:
    """The largest difference of a metric between two groups of a column, high minus low."""

    column: str
    metric: str
    high: str
    low: str
    difference: float
    interval: tuple[float, float] | None
    expected_by_chance: float

    @property
    def large(self) -> bool:
        """Whether it calls for a word on what to do about it."""
        return self.difference > LIMIT

    @property
    def shown(self) -> bool:
        """Whether the rows show that the groups differ at all: the interval does not hold 0."""
        return self.interval is not None and self.interval[0] > 0


@dataclass(frozen=True)
class Parity:
    """All groups of one model, on `rows` rows."""

    rows: int
    figures: tuple[GroupFigure, ...]
    differences: tuple[GroupDifference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; what was assumed stands beside the figures."""
        return {
            **asdict(self),
            "differences": [{**asdict(d), "large": d.large, "shown": d.shown} for d in self.differences],
            "level": 1 - 2 * ALPHA,
            "limit": LIMIT,
            "minimum_rows": MINIMUM_ROWS,
        }


def figures_of(problem: Problem) -> tuple[str, ...]:
    """The metrics by which groups of a problem are compared."""
    if problem.task == "binary":
        return OF_CLASSES
    return (problem.primary_metric, *(m for m in OF_VALUES if m in problem.metrics and m != problem.primary_metric))


def parity(
    scored: Scored,
    columns: Sequence[str],
    metrics: Sequence[str],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    minimum_rows: int = MINIMUM_ROWS,
) -> Parity:
    """Figures and differences of the groups of every column. InvalidInput when the rows don't carry a column."""
    clusters, count = codes(scored.groups["cluster"])
    figures: list[GroupFigure] = []
    differences: list[GroupDifference] = []
    for column in columns:
        members = {name: rows_of(scored, column, name) for name in group_values(scored, column)}
        every = {name: scored.take(index) for name, index in members.items()}
        counts = {(name, m): evidence(m, part) for name, part in every.items() for m in metrics}
        asked = {
            name: [metric(m) for m in metrics if counts[(name, m)] >= minimum_rows and not metric(m).absent(part)]
            for name, part in every.items()
        }
        parts = {name: part for name, part in every.items() if asked[name]}
        cells = [
            Cell(clusters[members[name]], tuple(Ask((name, m.name), m, part) for m in asked[name]))
            for name, part in parts.items()
        ]
        draws = draw(cells, clusters=count, resamples=resamples, seed=seed)
        values = {(n, m.name): measure(m, part, where=f"{column} {n}") for n, part in parts.items() for m in asked[n]}
        worth = {name: effective(clusters[index], scored.weights[index]) for name, index in members.items()}
        wilsons: dict[tuple[str, str], Any] = {}
        for name, index in members.items():
            for m in metrics:
                key = (name, m)
                interval = bounds(draws[key], alpha=ALPHA, clusters=worth[name]) if key in draws else None
                counted = share(m, every[name]) if key in draws else None
                if counted is not None:
                    interval = wilsons[key] = counted.interval
                figures.append(GroupFigure(column, name, len(index), m, values.get(key), interval, counts[key]))
        for m in metrics:
            found = _difference(
                column,
                m,
                [n for n in parts if (n, m) in values],
                values=values,
                draws=draws,
                wilsons=wilsons,
                worth=worth,
                seed=seed,
            )
            differences += [found] if found is not None else []
    return Parity(len(scored), tuple(figures), tuple(differences))


def _difference(
    column: str,
    name: str,
    groups: list[str],
    *,
    values: Mapping[tuple[str, str], float],
    draws: Mapping[Any, Any],
    wilsons: Mapping[Any, Any],
    worth: Mapping[str, float],
    seed: int,
) -> GroupDifference | None:
    chance = widest_of(column, metric(name), groups, values=values, draws=draws, seed=seed)
    if chance is None:
        return None
    high, low = (pick(groups, key=lambda g: values[(g, name)]) for pick in (max, min))
    ends = {values[(g, name)] for g in (high, low)}
    wilson_high, wilson_low = wilsons.get((high, name)), wilsons.get((low, name))
    if wilson_high is not None and wilson_low is not None and ends & {0.0, 1.0}:
        sides = (values[(high, name)], wilson_high), (values[(low, name)], wilson_low)
        interval: tuple[float, float] | None = newcombe(*sides)
    else:
        moved = draws[(high, name)] - draws[(low, name)]
        interval = bounds(moved, alpha=ALPHA, clusters=min(worth[high], worth[low]))
    return GroupDifference(column, name, high, low, chance.observed, interval, chance.expected_by_chance)
