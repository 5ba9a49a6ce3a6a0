"""A table of an experiment analysed: the split checked, every metric contrasted, errors of many tests corrected, a
recommendation in words.

One row per unit, or many rows per unit (events) with the unit named: rows of one unit hang together and are added up to
it, since a test on rows would raise false alarms in up to four of ten experiments without effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ds_workflow.domain.ab_test import contrasts
from ds_workflow.domain.ab_test.contrasts import CALLED_OFF, Contrast
from ds_workflow.domain.ab_test.recommendation import Recommendation, recommend
from ds_workflow.domain.ab_test.samples import Mean, Pair, Proportion
from ds_workflow.domain.multiplicity import ADJUSTMENTS
from ds_workflow.errors import InvalidInput

Kind = Literal["auto", "proportion", "mean", "ratio"]
OVERALL = "all"


@dataclass(frozen=True)
class Measure:
    """One metric of an experiment. `denominator` makes it a ratio of sums; `covariate` (known before the experiment)
    adjusts a mean. `practical` is the least difference worth having, in the metric's unit; for a guardrail the most
    that may be lost."""

    outcome: str
    kind: Kind = "auto"
    denominator: str = ""
    covariate: str = ""
    greater_is_better: bool = True
    practical: float = 0.0
    guardrail: bool = False

    @property
    def name(self) -> str:
        """outcome, or outcome over denominator."""
        return f"{self.outcome} / {self.denominator}" if self.denominator else self.outcome


@dataclass(frozen=True)
class Layout:
    """Which column says what. `unit` is the randomised unit (empty: every row is one); `shares` are the planned shares
    of the arms in the order control, then the others by name (empty: equal)."""

    arm: str
    control: str
    unit: str = ""
    segment: str = ""
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class Row:
    """One contrast: a treatment arm against control, for one metric, in one segment. `corrected` is its p-value among
    all of them; a guardrail's p-value is of being worse than its margin."""

    measure: Measure
    arm: str
    segment: str
    contrast: Contrast
    corrected: float


@dataclass(frozen=True)
class Analysis:
    """The whole experiment. `sample_ratio` is the p-value of the split; `mixed` counts units seen in two arms, which
    were left out."""

    rows: tuple[Row, ...]
    units: Mapping[str, int]
    sample_ratio: float
    mixed: int
    correction: str
    recommendation: Recommendation
    warnings: tuple[str, ...] = field(default=())

    @property
    def primary(self) -> Row:
        """The first metric, overall, of the first treatment arm."""
        return self.rows[0]


def analyse(
    table: pd.DataFrame,
    layout: Layout,
    measures: Sequence[Measure],
    *,
    level: float = 0.95,
    correction: str = "holm",
) -> Analysis:
    """Contrast every treatment arm with control for each of `measures`, the first of which decides.

    Correction covers the metrics that are no guardrails, arms and segments together. Raises InvalidInput for a column
    that is not there, an arm without units, a unit's segment that changes, values that are no numbers.
    """
    if not measures or measures[0].guardrail:
        raise InvalidInput("An experiment needs a metric that decides.", hint="Name one that is no guardrail first.")
    if correction not in ADJUSTMENTS:
        raise InvalidInput(f"There is no correction '{correction}'.", hint=f"One of {', '.join(ADJUSTMENTS)}.")
    require(table, layout, measures)
    rows, mixed = settled(table, layout)
    arms = [layout.control, *sorted(set(rows[layout.arm].unique()) - {layout.control})]
    seen = ", ".join(arms)
    if layout.control not in set(rows[layout.arm]) or len(arms) < 2:
        raise InvalidInput(
            f"Column '{layout.arm}' holds {seen}; there must be the control '{layout.control}' and one arm beside it.",
            hint="Name the control as the column spells it.",
        )
    units = {arm: _units(rows[rows[layout.arm] == arm], layout) for arm in arms}
    split = contrasts.sample_ratio(list(units.values()), layout.shares or None)
    places = [OVERALL]
    if layout.segment:
        places += sorted(map(str, rows[layout.segment].dropna().unique()))
    found = []
    for measure in measures:
        for place in places if not measure.guardrail else [OVERALL]:
            part = rows if place == OVERALL else rows[rows[layout.segment].astype(str) == place]
            for arm in arms[1:]:
                sides = [part[part[layout.arm] == a] for a in (layout.control, arm)]
                contrast = contrast_of(sides, measure, layout, level=level)
                if contrast is not None:
                    found.append(Row(measure, arm, place, contrast, contrast.p_value))
    rows_found = _corrected(found, correction)
    if not rows_found or rows_found[0].segment != OVERALL:
        raise InvalidInput(
            "No metric has enough units in both arms to be compared.", hint="Two units in each at least."
        )
    warnings = _warnings(split, mixed, rows_found)
    said = recommend(rows_found[0].contrast, rows_found, split=split, level=level)
    return Analysis(tuple(rows_found), units, split, mixed, correction, said, warnings)


def require(table: pd.DataFrame, layout: Layout, measures: Sequence[Measure]) -> None:
    """Refuse columns that are not there, that hold no numbers, or that miss values."""
    named = [layout.arm, layout.unit, layout.segment]
    named += [c for m in measures for c in (m.outcome, m.denominator, m.covariate)]
    lost = [c for c in dict.fromkeys(named) if c and c not in table.columns]
    if lost:
        known = ", ".join(map(str, table.columns))
        raise InvalidInput(f"The table has no column {', '.join(lost)}.", hint=f"It has {known}.")
    for m in measures:
        for name in filter(None, (m.outcome, m.denominator, m.covariate)):
            if not (pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_bool_dtype(table[name])):
                raise InvalidInput(f"Column '{name}' holds no numbers.", hint="0 and 1 for a share, numbers otherwise.")
            if table[name].isna().any():
                raise InvalidInput(
                    f"Column '{name}' misses {int(table[name].isna().sum())} values.",
                    hint="Say what a missing one means (0, or the unit left out) before the analysis.",
                )


def settled(table: pd.DataFrame, layout: Layout) -> tuple[pd.DataFrame, int]:
    """Rows with an arm, without the units that were seen in two arms; and how many those were."""
    rows = table[table[layout.arm].notna()].assign(**{layout.arm: lambda t: t[layout.arm].astype(str)})
    if not layout.unit:
        return rows, 0
    arms = rows.groupby(layout.unit, observed=True)[layout.arm].nunique()
    mixed = arms.index[arms > 1]
    return rows[~rows[layout.unit].isin(mixed)], len(mixed)


def _units(rows: pd.DataFrame, layout: Layout) -> int:
    return int(rows[layout.unit].nunique()) if layout.unit else len(rows)


def contrast_of(sides: Sequence[pd.DataFrame], m: Measure, layout: Layout, *, level: float) -> Contrast | None:
    """The right test for what the columns hold; None where an arm has fewer than two units."""
    if min(_units(side, layout) for side in sides) < 2:
        return None
    events = bool(layout.unit) and any(side[layout.unit].duplicated().any() for side in sides)
    values = [side[m.outcome].to_numpy(dtype=np.float64) for side in sides]
    if m.denominator:
        if events:
            summed = [s.groupby(layout.unit, observed=True)[[m.outcome, m.denominator]].sum() for s in sides]
            pairs = [Pair.of(t[m.outcome].to_numpy(float), t[m.denominator].to_numpy(float)) for t in summed]
        else:
            pairs = [Pair.of(v, s[m.denominator].to_numpy(float)) for v, s in zip(values, sides, strict=True)]
        return contrasts.ratios(*pairs, level=level)
    if m.covariate:
        if events:
            means = [s.groupby(layout.unit, observed=True)[[m.outcome, m.covariate]].mean() for s in sides]
            pairs = [Pair.of(t[m.outcome].to_numpy(float), t[m.covariate].to_numpy(float)) for t in means]
        else:
            pairs = [Pair.of(v, s[m.covariate].to_numpy(float)) for v, s in zip(values, sides, strict=True)]
        return contrasts.cuped(*pairs, level=level)
    if events:
        pairs = [Pair.of_clusters(v, s[layout.unit].to_numpy()) for v, s in zip(values, sides, strict=True)]
        return _or_none(contrasts.ratios, *pairs, level=level, clustered=True)
    shares = all(np.isin(v, (0.0, 1.0)).all() for v in values)
    if m.kind == "proportion" and not shares:
        raise InvalidInput(f"Column '{m.outcome}' is no share: it holds more than 0 and 1.", hint="Choose 'mean'.")
    if shares and m.kind != "mean":
        return contrasts.two_proportions(*(Proportion(len(v), int(v.sum())) for v in values), level=level)
    return _or_none(contrasts.welch, *(Mean.of(v) for v in values), level=level)


def _or_none(test: Any, *sides: Any, **options: Any) -> Contrast | None:
    """The test's answer; None where neither arm varies (a segment in which nothing happened)."""
    try:
        found: Contrast = test(*sides, **options)
    except InvalidInput as error:
        if "varies" in str(error):
            return None
        raise
    return found


def _corrected(found: Sequence[Row], correction: str) -> list[Row]:
    family = [i for i, row in enumerate(found) if not row.measure.guardrail]
    adjusted: Any = ADJUSTMENTS[correction]([found[i].contrast.p_value for i in family]) if family else []
    made = list(found)
    for i, p in zip(family, adjusted, strict=True):
        made[i] = replace(found[i], corrected=float(p))
    return made


def _warnings(split: float, mixed: int, rows: Sequence[Row]) -> tuple[str, ...]:
    said = []
    if split < CALLED_OFF:
        said.append(
            f"Sample ratio mismatch (p = {split:.2g}): the arms' sizes are not what was planned. Whatever loses units "
            "in one arm also distorts what is measured there; find the cause and run again."
        )
    if mixed:
        said.append(f"{mixed} units were seen in more than one arm and are left out.")
    for row in rows:
        said += [f"{row.measure.name}, {row.segment}, {row.arm}: {w}" for w in row.contrast.warnings]
    return tuple(dict.fromkeys(said))
