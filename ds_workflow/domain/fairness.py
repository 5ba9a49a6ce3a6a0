"""Are some groups treated worse? Gaps between groups with intervals, and an alert rule that knows n.

A gap is a group's figure minus the figure of all rows. An alert needs evidence, corrected over groups and metrics
(Holm), that the gap is beyond its tolerance: a small group with a wild figure raises none, and a large one with a small
steady gap neither. The widest difference between groups is printed beside what equal groups of these sizes would
show by chance, because a maximum of noisy figures is never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ds_workflow.domain.few_clusters import Rule, effective
from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.domain.multiplicity import holm
from ds_workflow.domain.resample import Ask, Cell, Floats, bounds, codes, draw, share_against
from ds_workflow.domain.scorecard import group_values, measure, rows_of

GapStatus = Literal["alert", "within", "unclear", "unknown"]
_CHANCE_DRAWS = 4000


@dataclass(frozen=True)
class Gap:
    """One group and metric: its figure, the gap to all rows with its interval (level 1 - 2 alpha), the tolerance.

    `alert`: shown to be beyond the tolerance; `within`: shown to be inside; `unclear`: neither; `unknown`: too few rows
    or nothing to measure.
    """

    column: str
    group: str
    metric: str
    rows: int
    value: float | None
    gap: float | None
    interval: tuple[float, float] | None
    tolerance: float
    p_adjusted: float | None
    status: GapStatus

    @property
    def key(self) -> tuple[str, str, str]:
        """What an alert of two models is matched by."""
        return (self.column, self.group, self.metric)


@dataclass(frozen=True)
class Widest:
    """The widest difference between the judged groups, and its mean when all groups are equal (same sizes)."""

    column: str
    metric: str
    observed: float
    expected_by_chance: float


@dataclass(frozen=True)
class FairnessReport:
    """All gaps of one model over one or more columns."""

    gaps: tuple[Gap, ...]
    widest: tuple[Widest, ...]

    @property
    def alerts(self) -> tuple[Gap, ...]:
        """The gaps beyond tolerance."""
        return tuple(g for g in self.gaps if g.status == "alert")

    def new_alerts(self, champion: FairnessReport | None) -> tuple[Gap, ...]:
        """Alerts that the champion does not raise; all of them when there is none."""
        old = {g.key for g in champion.alerts} if champion is not None else set()
        return tuple(g for g in self.alerts if g.key not in old)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def gaps(
    scored: Scored,
    column: str,
    *,
    tolerances: Mapping[str, float],
    alpha: float,
    resamples: int,
    seed: int,
    minimum_rows: int,
    cluster: str = "cluster",
    rule: Rule = "expanded",
) -> FairnessReport:
    """Gaps of every group of `column` in every metric of `tolerances` (metric -> tolerance in its unit).

    Expanded percentile cluster bootstrap as in `resample`, with the group's own clusters. Metrics that may err on both
    sides (`best` is set, such as bias) are tested on both, others on the worse side only. Raises InvalidInput when the
    rows lack the column or the cluster.
    """
    names = group_values(scored, column)
    members = {name: rows_of(scored, column, name) for name in names}
    group_values(scored, cluster)
    clusters, count = codes(scored.groups[cluster])
    metrics = [metric(name) for name in tolerances]
    judged = [name for name in names if len(members[name]) >= minimum_rows]
    cells = [Cell(clusters, tuple(Ask(("", m.name), m, scored) for m in metrics if not m.absent(scored)))]
    for name in judged:
        part = scored.take(members[name])
        asks = tuple(Ask((name, m.name), m, part) for m in metrics if not m.absent(part))
        cells.append(Cell(clusters[members[name]], asks))
    draws = draw(cells, clusters=count, resamples=resamples, seed=seed)
    values = {
        (name, m.name): measure(m, scored if not name else scored.take(members[name]), where=name or "overall")
        for name in ("", *judged)
        for m in metrics
        if (name, m.name) in draws
    }
    measured = [(n, m) for n in judged for m in metrics if (n, m.name) in draws and ("", m.name) in draws]
    moved = {(n, m.name): draws[(n, m.name)] - draws[("", m.name)] for n, m in measured}
    worth = {
        name: effective(clusters[at], scored.weights[at]) if rule == "expanded" else math.inf
        for name, at in members.items()
    }
    beyond = holm([_beyond(moved[(n, m.name)], m, tolerances[m.name], worth[n]) for n, m in measured])
    inside = holm([_inside(moved[(n, m.name)], m, tolerances[m.name], worth[n]) for n, m in measured])
    place = {(n, m.name): i for i, (n, m) in enumerate(measured)}
    found = []
    for name in names:
        for m in metrics:
            key, rows, tolerance = (name, m.name), len(members[name]), tolerances[m.name]
            if key not in place:
                found.append(Gap(column, name, m.name, rows, None, None, None, tolerance, None, "unknown"))
                continue
            i = place[key]
            status: GapStatus = "alert" if beyond[i] <= alpha else ("within" if inside[i] <= alpha else "unclear")
            gap = values[key] - values[("", m.name)]
            interval = bounds(moved[key], alpha=alpha, clusters=worth[name])
            found.append(
                Gap(column, name, m.name, rows, values[key], gap, interval, tolerance, float(beyond[i]), status)
            )
    widest = tuple(
        w
        for m in metrics
        if (w := widest_of(column, m, [n for n, k in measured if k is m], values=values, draws=draws, seed=seed))
        is not None
    )
    return FairnessReport(tuple(found), widest)


def merged(*reports: FairnessReport) -> FairnessReport:
    """Several columns' reports as one."""
    return FairnessReport(tuple(g for r in reports for g in r.gaps), tuple(w for r in reports for w in r.widest))


def _worse(moved: Floats, m: Metric) -> Floats:
    """Gaps turned so that above 0 is worse."""
    return -moved if m.greater_is_better else moved


def _beyond(moved: Floats, m: Metric, tolerance: float, clusters: float) -> float:
    if m.best is not None:  # two sides: each at half the level
        sides = (moved > tolerance, moved < -tolerance)
        return min(1.0, 2 * min(share_against(moved, side, clusters=clusters) for side in sides))
    return share_against(moved, _worse(moved, m) > tolerance, clusters=clusters)


def _inside(moved: Floats, m: Metric, tolerance: float, clusters: float) -> float:
    if m.best is not None:
        sides = (moved <= tolerance, moved >= -tolerance)
        return max(share_against(moved, side, clusters=clusters) for side in sides)
    return share_against(moved, _worse(moved, m) <= tolerance, clusters=clusters)


def widest_of(
    column: str,
    m: Metric,
    groups: list[str],
    *,
    values: Mapping[tuple[str, str], float],
    draws: Mapping[Any, Floats],
    seed: int,
) -> Widest | None:
    """The widest difference between groups, keyed (group, metric) in `values` and `draws`; None below two groups.

    Chance range by drawing independent normal figures with the groups' own bootstrap standard errors.
    """
    if len(groups) < 2:
        return None
    finite = (draws[(g, m.name)][np.isfinite(draws[(g, m.name)])] for g in groups)
    errors = np.array([float(d.std()) if len(d) else np.nan for d in finite])
    noise = np.random.default_rng([seed, len(groups)]).normal(size=(_CHANCE_DRAWS, len(groups))) * errors
    figures = [values[(g, m.name)] for g in groups]
    return Widest(column, m.name, max(figures) - min(figures), float(np.ptp(noise, axis=1).mean()))
