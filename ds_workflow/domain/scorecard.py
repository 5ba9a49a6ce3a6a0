"""How good one model is: every metric, overall, by segment and by slice, and how sure that is.

Intervals are expanded percentile bounds of a cluster bootstrap (rows of one cluster rise and fall together), moved so
that the draws' median is the figure: a figure that chance alone pushes away from 0, such as a calibration error or a
gap between groups, is pushed once more by every resample, and its plain percentiles may lie beside it. What pushed the
figure itself they do not take back. A gap between groups is never below 0, nor is its interval. A share of 0 or 1 is
the same in every resample, and has Wilson's interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.domain.few_clusters import effective
from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.domain.resample import Ask, Cell, bounds, codes, draw
from ds_workflow.domain.shares import share
from ds_workflow.errors import InvalidInput

Figures = Mapping[str, float]
Interval = tuple[float, float]
LEVEL = 0.95
RESAMPLES = 600
# A ranking costs a pass over all rows for each resample: no more rows than these in all, nor fewer resamples.
RANKED_ROWS, RANKED_RESAMPLES = 5_000_000, 300
WHOLE_RESAMPLES = 100  # where a metric must be computed on the resampled rows themselves
FEW_CLUSTERS = 30


@dataclass(frozen=True)
class Intervals:
    """Intervals of level `level` from `resamples` resamples of `clusters` clusters: of every figure `overall`, and of
    the `primary` metric by segment. A figure whose resamples often leave nothing to measure has none."""

    level: float
    resamples: int
    clusters: int
    primary: str
    overall: Mapping[str, Interval]
    segments: Mapping[str, Interval]

    @property
    def words(self) -> str:
        """How they were made, in a sentence."""
        few = f" With fewer than {FEW_CLUSTERS} clusters they are rough." if self.clusters < FEW_CLUSTERS else ""
        return (
            f"{100 * self.level:.0f} % intervals: cluster bootstrap, {self.resamples:,} resamples of "
            f"{self.clusters:,} clusters.{few}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "level": self.level,
            "resamples": self.resamples,
            "clusters": self.clusters,
            "primary": self.primary,
            "overall": {name: list(ends) for name, ends in self.overall.items()},
            "segments": {name: list(ends) for name, ends in self.segments.items()},
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Intervals:
        """What `to_dict` wrote."""
        pairs = {part: {k: (low, high) for k, (low, high) in content[part].items()} for part in ("overall", "segments")}
        return Intervals(
            content["level"],
            content["resamples"],
            content["clusters"],
            content["primary"],
            pairs["overall"],
            pairs["segments"],
        )

    def flat(self) -> dict[str, float]:
        """One level: `mdape.lo`, `mdape.hi`, `segment.WALKUP.mdape.lo` and so on."""
        named = {**self.overall, **{f"segment.{s}.{self.primary}": ends for s, ends in self.segments.items()}}
        return {
            f"{name}.{end}": value
            for name, ends in named.items()
            for end, value in zip(("lo", "hi"), ends, strict=True)
        }


@dataclass(frozen=True)
class Scorecard:
    """Figures of one model on `rows` rows.

    `overall` maps metric to value. `segments` maps a segment to its metrics and `rows`; `slices` maps a slice's name
    to the same by value. `missing` says which figures could not be measured at all and why, as
    {"interval_coverage": reason, "segment.WALKUP.r2": reason}: they stand nowhere else and have no default.
    `intervals` are there once `with_intervals` made them.
    """

    rows: int
    overall: Figures
    segments: Mapping[str, Figures]
    slices: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    intervals: Intervals | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, keys as the fields."""
        return {
            "rows": self.rows,
            "overall": dict(self.overall),
            "segments": {name: dict(figures) for name, figures in self.segments.items()},
            "slices": {name: {v: dict(f) for v, f in values.items()} for name, values in self.slices.items()},
            "missing": dict(self.missing),
            "intervals": self.intervals.to_dict() if self.intervals else None,
        }

    def flat(self) -> dict[str, float]:
        """One level: `mdape`, `segment.WALKUP.mdape`, `price_tier.Q1.mdape`, and `rows` likewise."""
        result = {"rows": float(self.rows), **self.overall}
        for name, figures in self.segments.items():
            result |= {f"segment.{name}.{key}": float(value) for key, value in figures.items()}
        for slice_name, values in self.slices.items():
            for name, figures in values.items():
                result |= {f"{slice_name}.{name}.{key}": float(value) for key, value in figures.items()}
        return result


def group_values(scored: Scored, group: str) -> list[str]:
    """The values of a group that stand in the rows, sorted; InvalidInput when the rows don't carry the group."""
    if group not in scored.groups:
        known = ", ".join(sorted(scored.groups)) or "none"
        raise InvalidInput(f"The scored rows carry no group '{group}'. They carry: {known}.")
    return sorted({str(value) for value in pd.unique(scored.groups[group])})


def rows_of(scored: Scored, group: str, value: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions, ascending, of the rows whose group has that value."""
    labels = scored.groups[group]
    plain = labels.dtype.kind == "U" or all(isinstance(label, str) for label in pd.unique(labels))
    return np.flatnonzero((labels if plain else labels.astype(str)) == value)


def measure(m: Metric, scored: Scored, *, where: str) -> float:
    """One finite figure. Raises InvalidInput naming metric and place on no rows, NaN or inf; the caller has asked
    `m.absent` first."""
    if len(scored) == 0:
        raise InvalidInput(f"{where}: '{m.name}' can't be measured on no rows at all.")
    bad = int(np.count_nonzero(~np.isfinite(scored.prediction)) + np.count_nonzero(~np.isfinite(scored.truth)))
    if bad:
        raise InvalidInput(f"{where}: '{m.name}' can't be measured; {bad} predictions or true values are NaN or inf.")
    with np.errstate(all="ignore"):
        value = m(scored)
    if not np.isfinite(value):
        raise InvalidInput(
            f"{where}: '{m.name}' came out as {value}.", hint="Look for zero or negative truths or predictions there."
        )
    return value


def _figures(metrics: Sequence[Metric], scored: Scored, place: str, missing: dict[str, str]) -> dict[str, float]:
    where = place or "overall"
    result = {}
    for m in metrics:
        reason = m.absent(scored) if len(scored) else ""
        if reason:
            missing[f"{place}.{m.name}" if place else m.name] = reason
        else:
            result[m.name] = measure(m, scored, where=where)
    return result


def scorecard(
    problem_metrics: Sequence[str], scored: Scored, *, segment: str = "segment", slices: Sequence[str] = ()
) -> Scorecard:
    """Score one model's answers by every metric, overall and by the groups named.

    `segment` and `slices` name groups of `scored`. Raises UnknownName for a metric, InvalidInput for a group that the
    rows don't carry and for no rows, NaN or inf, naming place and metric.
    """
    metrics = [metric(name) for name in problem_metrics]
    missing: dict[str, str] = {}
    overall = _figures(metrics, scored, "", missing)
    groups: dict[str, dict[str, Figures]] = {}
    for group in (segment, *slices):
        label = "segment" if group == segment else group
        groups[group] = {}
        for value in group_values(scored, group):
            part = scored.take(rows_of(scored, group, value))
            groups[group][value] = {**_figures(metrics, part, f"{label}.{value}", missing), "rows": len(part)}
    # what is lost everywhere is said once
    lost_overall = {name for name in missing if "." not in name}
    missing = {k: v for k, v in missing.items() if "." not in k or k.rsplit(".", 1)[1] not in lost_overall}
    return Scorecard(len(scored), overall, groups[segment], {name: groups[name] for name in slices}, missing)


def with_intervals(card: Scorecard, scored: Scored, *, primary: str, seed: int, segment: str = "segment") -> Scorecard:
    """The card with intervals of all its overall figures, and of `primary` by segment, from one pass of resamples.

    `scored` are the rows that the card was made of; they carry the group `cluster`.
    """
    clusters, count = codes(scored.groups["cluster"])
    asks = [Ask(("", name), metric(name), scored) for name in card.overall]
    cells = [Cell(clusters, tuple(asks))]
    figures = {("", name): value for name, value in card.overall.items()}
    for value in card.segments:
        if primary in card.segments[value]:
            index = rows_of(scored, segment, value)
            cells.append(Cell(clusters[index], (Ask((value, primary), metric(primary), scored.take(index)),)))
            figures[(value, primary)] = card.segments[value][primary]
    resamples = _affordable({ask.metric.form for ask in asks}, len(scored))
    draws = draw(cells, clusters=count, resamples=resamples, seed=seed)
    asked = {ask.key: ask for cell in cells for ask in cell.asks}
    worth = {ask.key: effective(cell.clusters, ask.scored.weights) for cell in cells for ask in cell.asks}
    found = {
        key: _possible(asked[key], figure, about(figure, draws[key], clusters=worth[key]))
        for key, figure in figures.items()
    }
    made = Intervals(
        LEVEL,
        resamples,
        count,
        primary,
        {name: ends for (place, name), ends in found.items() if not place and ends is not None},
        {place: ends for (place, _), ends in found.items() if place and ends is not None},
    )
    return replace(card, intervals=made)


def _possible(ask: Ask, figure: float, ends: Interval | None) -> Interval | None:
    if ends is None:
        return None
    if ask.metric.compares:
        return max(0.0, ends[0]), ends[1]
    if figure in (0.0, 1.0) and ask.metric.unit == "share":
        counted = share(ask.metric.name, ask.scored)
        return counted.interval if counted is not None else ends
    return ends


def _affordable(forms: set[str], rows: int) -> int:
    if "whole" in forms:
        return WHOLE_RESAMPLES
    most = RANKED_ROWS // max(rows, 1) if "ranking" in forms else RESAMPLES
    return min(RESAMPLES, max(RANKED_RESAMPLES, most))


def about(figure: float, draws: Any, *, clusters: float, level: float = LEVEL) -> Interval | None:
    """The interval of `level` about a figure with bootstrap draws of shape (b,) of effective `clusters`, moved as the
    module's text says; None where the draws carry none."""
    ends = bounds(draws, alpha=(1 - level) / 2, clusters=clusters)
    if ends is None:
        return None
    moved = figure - float(np.nanmedian(draws))
    return ends[0] + moved, ends[1] + moved
