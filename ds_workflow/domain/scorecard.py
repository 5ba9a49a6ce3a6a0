"""How good one model is: every metric, overall, by segment and by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.errors import InvalidInput

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Scorecard:
    """Figures of one model on `rows` rows.

    `overall` maps metric to value. `segments` maps a segment to its metrics and `rows`; `slices` maps a slice's name
    to the same by value. `missing` says which figures could not be measured at all and why, as
    {"interval_coverage": reason, "segment.WALKUP.r2": reason}: they stand nowhere else and have no default.
    """

    rows: int
    overall: Figures
    segments: Mapping[str, Figures]
    slices: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, keys as the fields."""
        return {
            "rows": self.rows,
            "overall": dict(self.overall),
            "segments": {name: dict(figures) for name, figures in self.segments.items()},
            "slices": {name: {v: dict(f) for v, f in values.items()} for name, values in self.slices.items()},
            "missing": dict(self.missing),
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
