"""Is one figure the same for everybody and at every time? The primary metric by group and by month.

* Interval of a part: normal, on the standard error of a cluster bootstrap.
* Deviation: a part's figure less the parts' mean, weighted by their rows, resampled together. (Not less the figure of
  all rows: there is more to rank among all people than among those of one schooling.) Of each grouping the part that
  lies furthest out in standard errors is shown, with an interval that holds for all parts at once (Sidak): when it
  leaves out 0, the parts differ by more than chance.
* Spread: the largest less the smallest figure, beside its mean if the parts were equal (see `fairness.widest_of`):
  figures of small parts lie apart by chance alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.fairness import widest_of
from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.resample import Ask, Cell, Floats, codes, draw
from ds_workflow.domain.scorecard import group_values, measure, rows_of

Members = Mapping[tuple[str, str], NDArray[np.int64]]
LEVEL = 0.95
MINIMUM_ROWS = 100
MOST_PARTS = 30  # of a grouping: the largest
RESAMPLES = 300
# A ranking costs a pass over all rows for each grouping and resample.
RANKED_ROWS, RANKED_RESAMPLES = 12_000_000, 100
_MOST_MONTHS = 36  # beyond, time is cut into years
MONTH, YEAR = "month", "year"


@dataclass(frozen=True)
class Part:
    """The figure of one part; None where it is too small or the metric has no meaning there."""

    group: str
    value: str
    rows: int
    figure: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Spread:
    """One grouping: how far its parts lie apart, what equal parts of these sizes would show, and the part that lies
    furthest from their mean with its simultaneous interval. `note` says what is built into the grouping."""

    group: str
    parts: int
    observed: float
    by_chance: float
    furthest: str
    deviation: float
    interval: tuple[float, float]
    note: str = ""

    @property
    def differs(self) -> bool:
        """Whether some part is shown to differ from the others."""
        return not self.interval[0] <= 0.0 <= self.interval[1]


@dataclass(frozen=True)
class Stability:
    """One metric over all groupings of `rows` rows, from `resamples` resamples."""

    metric: str
    rows: int
    resamples: int
    figure: float
    interval: tuple[float, float]
    parts: tuple[Part, ...]
    spreads: tuple[Spread, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; what was assumed stands beside the figures."""
        spreads = [{**asdict(s), "differs": s.differs} for s in self.spreads]
        return {**asdict(self), "spreads": spreads, "level": LEVEL, "minimum_rows": MINIMUM_ROWS}


def stability(problem: Problem, scored: Scored, *, seed: int) -> Stability | None:
    """The primary metric by segment, slice, fairness column and time, or None where it can't be measured at all."""
    m = metric(problem.primary_metric)
    if m.absent(scored):
        return None
    scored, notes = _grouped(problem, scored)
    clusters, count = codes(scored.groups["cluster"])
    cells = [Cell(clusters, (Ask(("", "", m.name), m, scored),))]
    members: dict[tuple[str, str], NDArray[np.int64]] = {}
    figures: dict[tuple[str, str], float] = {}
    for group in notes:
        sized = [(value, rows_of(scored, group, value)) for value in group_values(scored, group)]
        kept = sorted(sized, key=lambda item: -len(item[1]))[:MOST_PARTS]
        for value, index in (item for item in sized if item in kept):
            members[group, value] = index
            part = scored.take(index)
            if len(index) >= MINIMUM_ROWS and not m.absent(part):
                figures[group, value] = measure(m, part, where=f"{group} {value}")
                cells.append(Cell(clusters[index], (Ask((group, value, m.name), m, part),)))
    resamples = RESAMPLES
    if m.form in ("ranking", "whole"):
        resamples = min(RESAMPLES, max(RANKED_RESAMPLES, RANKED_ROWS // (len(scored) * (1 + len(notes)))))
    draws = draw(cells, clusters=count, resamples=resamples, seed=seed)
    whole = measure(m, scored, where="overall")
    z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    parts = tuple(
        Part(g, v, len(index), figures.get((g, v)), _about(figures.get((g, v)), draws.get((g, v, m.name)), z))
        for (g, v), index in members.items()
    )
    spreads = tuple(
        replace(found, note=note)
        for group, note in notes.items()
        if (found := _spread(m, group, figures, draws, members=members, seed=seed)) is not None
    )
    interval = _about(whole, draws["", "", m.name], z) or (whole, whole)
    return Stability(m.name, len(scored), resamples, whole, interval, parts, spreads)


def _grouped(problem: Problem, scored: Scored) -> tuple[Scored, dict[str, str]]:
    """The rows with every grouping among their groups, and what is to be said of each."""
    notes = dict.fromkeys(("segment", *problem.slices, *problem.groups), "")
    notes = {name: problem.forbidden.get(name, "") for name in notes if name in scored.groups}
    if scored.time is not None:
        period = scored.time.astype("datetime64[M]")
        name = MONTH
        if len(np.unique(period)) > _MOST_MONTHS:
            period, name = scored.time.astype("datetime64[Y]"), YEAR
        if len(np.unique(period)) > 1:
            scored = replace(scored, groups={**scored.groups, name: period.astype(str).astype(object)})
            notes[name] = ""
    return scored, notes


def _about(figure: float | None, draws: Floats | None, z: float) -> tuple[float, float] | None:
    error = _error(draws)
    return None if figure is None or error is None else (figure - z * error, figure + z * error)


def _error(draws: Floats | None) -> float | None:
    """The standard error, or None when a resample in a hundred or more left nothing to measure."""
    if draws is None:
        return None
    known = draws[np.isfinite(draws)]
    return float(known.std()) if len(known) >= 0.99 * len(draws) else None


def _spread(
    m: Metric, group: str, figures: Mapping[Any, float], draws: Mapping[Any, Floats], *, members: Members, seed: int
) -> Spread | None:
    """How far the parts of one grouping lie apart; None with fewer than two that can be resampled."""
    mine = {v: draws[g, v, m.name] for g, v in figures if g == group and _error(draws[g, v, m.name])}
    drawn = {v: np.where(np.isfinite(d), d, np.nan) for v, d in mine.items()}
    if len(drawn) < 2:
        return None
    rows = np.array([len(members[group, v]) for v in drawn], dtype=np.float64)
    share = rows / rows.sum()
    values = {v: figures[group, v] for v in drawn}
    centre = share @ np.array(list(values.values()))
    centres = np.einsum("v,vb->b", share, np.nan_to_num(np.stack(list(drawn.values()))))
    errors = {v: _error(d - centres) or 0.0 for v, d in drawn.items()}
    chance = widest_of(
        group,
        m,
        list(drawn),
        values={(v, m.name): figure for v, figure in values.items()},
        draws={(v, m.name): found for v, found in drawn.items()},
        seed=seed,
    )
    if chance is None or not any(errors.values()):
        return None
    furthest = max(errors, key=lambda v: (abs(values[v] - centre) / errors[v] if errors[v] else 0.0, v))
    deviation = values[furthest] - float(centre)
    # Sidak: the level of one interval such that all of them hold together
    reach = NormalDist().inv_cdf(0.5 + LEVEL ** (1 / len(errors)) / 2) * errors[furthest]
    ends = (deviation - reach, deviation + reach)
    return Spread(group, len(errors), chance.observed, chance.expected_by_chance, furthest, deviation, ends)
