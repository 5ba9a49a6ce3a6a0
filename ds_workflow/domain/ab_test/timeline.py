"""An experiment as it filled: the contrast at every look, with the interval that holds at all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from ds_workflow.domain import sequential
from ds_workflow.domain.ab_test.analysis import contrast_of, require, settled
from ds_workflow.domain.ab_test.contrasts import CALLED_OFF, Contrast, sample_ratio
from ds_workflow.domain.ab_test.forms import Layout, Measure
from ds_workflow.errors import InvalidInput

MOST_LOOKS = 366


@dataclass(frozen=True)
class Look:
    """The state after everything up to and including `until` (a date or time as text)."""

    until: str
    contrast: Contrast
    always_valid: tuple[float, float]
    p_value: float  # always valid, the smallest so far
    sample_ratio: float
    spending_z: float | None = None  # the planned bound of |z| here; None without a plan or beyond it

    @property
    def decided(self) -> bool:
        """Whether the always-valid interval excludes 0."""
        return not self.always_valid[0] <= 0 <= self.always_valid[1]

    @property
    def crossed(self) -> bool:
        """Whether the statistic is beyond the planned bound."""
        return self.spending_z is not None and abs(self.contrast.statistic) > self.spending_z


@dataclass(frozen=True)
class Timeline:
    """All looks at one treatment arm. `first_decided` is the first look whose interval excludes 0, and `naive` how many
    looks a test without correction would have called significant."""

    arm: str
    looks: tuple[Look, ...]
    best_at: float
    mixed: int

    @property
    def first_decided(self) -> Look | None:
        """The look at which the experiment may stop."""
        return next((look for look in self.looks if look.decided), None)

    @property
    def first_crossed(self) -> Look | None:
        """The look at which a plan of spending may stop."""
        return next((look for look in self.looks if look.crossed), None)

    @property
    def naive(self) -> int:
        """Looks with an uncorrected p-value below the level."""
        return sum(look.contrast.p_value < 1 - look.contrast.level for look in self.looks)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Splits called off and units in two arms."""
        said = []
        off = [look.until for look in self.looks if look.sample_ratio < CALLED_OFF]
        if off:
            said.append(f"Sample ratio mismatch from {off[0]} on: nothing after it can be trusted.")
        stale = sum(sum(a.contrast.units) == sum(b.contrast.units) for a, b in pairwise(self.looks))
        if stale:
            said.append(
                f"{stale} looks brought no new unit, only more of the same. What holds at every look is said of new "
                "units: decide by those that had come when the last one did."
            )
        if self.mixed:
            said.append(f"{self.mixed} units were seen in more than one arm and are left out.")
        return tuple(said)


def timeline(
    table: pd.DataFrame,
    layout: Layout,
    measure: Measure,
    *,
    time: str,
    level: float = 0.95,
    best_at: float | None = None,
    planned: float | None = None,
    spending: sequential.Spending = "obrien_fleming",
) -> Mapping[str, Timeline]:
    """One look per day of column `time` (per hour within two days), for every arm against control.

    `best_at` is the number of units in both arms at which the interval is tightest; it must be chosen before the first
    look (default: all units, which only an experiment of planned size may use). `planned` units in both arms, also
    chosen beforehand, add the bounds of alpha spending at every look up to them.
    """
    require(table, layout, [measure])
    if time not in table.columns:
        raise InvalidInput(f"The table has no column {time}.", hint="Name the column that says when a row came.")
    try:
        moments = pd.to_datetime(table[time], utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"Column '{time}' holds no times: {error}", hint="ISO 8601: 2024-05-01T12:00:00Z."
        ) from error
    if moments.isna().any():
        raise InvalidInput(f"Column '{time}' misses {int(moments.isna().sum())} values.")
    step = "h" if moments.max() - moments.min() < pd.Timedelta(days=2) else "D"
    rows, mixed = settled(table.assign(_look=moments.dt.floor(step)), layout)
    arms = sorted(set(rows[layout.arm]) - {layout.control})
    if not arms or layout.control not in set(rows[layout.arm]):
        raise InvalidInput(f"There must be the control '{layout.control}' and one arm beside it in '{layout.arm}'.")
    days = np.sort(rows["_look"].unique())
    if len(days) > MOST_LOOKS:
        raise InvalidInput(f"{len(days)} looks are more than {MOST_LOOKS}.", hint="Analyse a shorter stretch.")
    found = {}
    for arm in arms:
        pair = rows[rows[layout.arm].isin([layout.control, arm])]
        tuned = best_at or float(pair[layout.unit].nunique() if layout.unit else len(pair))
        looks: list[Look] = []
        for day in days:
            so_far = pair[pair["_look"] <= day]
            sides = [so_far[so_far[layout.arm] == a] for a in (layout.control, arm)]
            contrast = contrast_of(sides, measure, layout, level=level)
            if contrast is None or not contrast.standard_error > 0:
                continue
            p = min([sequential.always_valid_p(contrast, best_at=tuned), *(look.p_value for look in looks[-1:])])
            sizes = [s[layout.unit].nunique() if layout.unit else len(s) for s in sides]
            shares = layout.shares if len(layout.shares) == len(sizes) else None
            until = pd.Timestamp(day).strftime("%Y-%m-%d" if step == "D" else "%Y-%m-%dT%HZ")
            bounds = sequential.always_valid(contrast, best_at=tuned)
            looks.append(Look(until, contrast, bounds, p, sample_ratio(sizes, shares)))
        if not looks:
            raise InvalidInput(f"Arm '{arm}' never has two units beside control's two.", hint="Wait for more rows.")
        if planned is not None:
            looks = _bounded(looks, planned, level=level, spending=spending)
        found[arm] = Timeline(arm, tuple(looks), tuned, mixed)
    return found


def _bounded(looks: Sequence[Look], planned: float, *, level: float, spending: sequential.Spending) -> list[Look]:
    """The looks with the bounds of alpha spending; a look that brought no unit, or is beyond the plan, has none."""
    if not planned > 0:
        raise InvalidInput(f"{planned:g} planned units are no plan.", hint="Units in both arms, fixed beforehand.")
    times: list[float] = []
    places: list[int] = []
    for k, look in enumerate(looks):
        share = sum(look.contrast.units) / planned
        if (not times or share > times[-1]) and share <= 1:
            times.append(share)
            places.append(k)
    bounds = sequential.looks(times, alpha=1 - level, kind=spending) if times else ()
    made = list(looks)
    for k, bound in zip(places, bounds, strict=True):
        made[k] = replace(looks[k], spending_z=bound.z)
    return made
