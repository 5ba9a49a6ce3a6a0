"""How one model treats groups: its figures by group, and how far apart the groups are, with intervals.

For two classes the figures are the area under the ROC curve, the shares of both classes that are flagged at 0.5, and
the share of all that is flagged. The difference of the latter between groups is the demographic parity difference, that
of the share of class 1 the equal opportunity difference (Hardt, Price and Srebro 2016). For values they are the
problem's primary metric and the bias. This describes; whether a group is treated worse than it may be is for the gate
(`fairness`).

Intervals: percentile cluster bootstrap at 95 %. The difference is that of the two groups that lie furthest apart on
these rows, so its interval is too hopeful by the choice among many groups; the mean difference of equal groups of these
sizes stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ds_workflow.domain.fairness import widest_of
from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.resample import Ask, Cell, bounds, codes, draw
from ds_workflow.domain.scorecard import group_values, measure, rows_of

ALPHA = 0.025  # on each side
LIMIT = 0.10  # a difference above it calls for a sentence on what to do
MINIMUM_ROWS = 100
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
            "differences": [{**asdict(d), "large": d.large} for d in self.differences],
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
        parts = {name: scored.take(index) for name, index in members.items() if len(index) >= minimum_rows}
        asked = {name: [metric(m) for m in metrics if not metric(m).absent(part)] for name, part in parts.items()}
        cells = [
            Cell(clusters[members[name]], tuple(Ask((name, m.name), m, part) for m in asked[name]))
            for name, part in parts.items()
        ]
        draws = draw(cells, clusters=count, resamples=resamples, seed=seed)
        values = {(n, m.name): measure(m, part, where=f"{column} {n}") for n, part in parts.items() for m in asked[n]}
        for name, index in members.items():
            for m in metrics:
                key = (name, m)
                interval = bounds(draws[key], alpha=ALPHA) if key in draws else None
                figures.append(GroupFigure(column, name, len(index), m, values.get(key), interval))
        for m in metrics:
            found = _difference(
                column, m, [n for n in parts if (n, m) in values], values=values, draws=draws, seed=seed
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
    seed: int,
) -> GroupDifference | None:
    chance = widest_of(column, metric(name), groups, values=values, draws=draws, seed=seed)
    if chance is None:
        return None
    high, low = (pick(groups, key=lambda g: values[(g, name)]) for pick in (max, min))
    interval = bounds(draws[(high, name)] - draws[(low, name)], alpha=ALPHA)
    return GroupDifference(column, name, high, low, chance.observed, interval, chance.expected_by_chance)
