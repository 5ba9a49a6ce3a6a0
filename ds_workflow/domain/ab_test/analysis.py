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
from ds_workflow.domain.ab_test.contrasts import CALLED_OFF, Association, Contrast
from ds_workflow.domain.ab_test.forms import Form, Layout, Measure, Sample, form_of, sample_of, tested
from ds_workflow.domain.ab_test.recommendation import Recommendation, recommend
from ds_workflow.domain.ab_test.samples import Proportion
from ds_workflow.domain.multiplicity import ADJUSTMENTS
from ds_workflow.errors import InvalidInput

OVERALL = "all"
NUMBERS = "0 and 1 for a share, numbers otherwise."
Practical = Literal["worth having", "gain", "too small", "harm", "unclear", "holds", "hurt"]


@dataclass(frozen=True)
class Row:
    """One contrast: a treatment arm against control, for one metric, in one segment. `corrected` is its p-value among
    all of them; a guardrail's p-value is of being worse than its margin."""

    measure: Measure
    arm: str
    segment: str
    contrast: Contrast
    corrected: float

    @property
    def practical(self) -> Practical:
        """What the interval says of the difference worth having (for a guardrail: of the loss that is allowed), which
        is another question than whether it is 0."""
        sign = 1.0 if self.measure.greater_is_better else -1.0
        low, high = sorted(sign * bound for bound in self.contrast.interval)
        edge = self.measure.practical
        if self.measure.guardrail:
            return "holds" if low >= -edge else "hurt" if high < -edge else "unclear"
        if self.corrected >= 1 - self.contrast.level and not low <= 0 <= high:
            return "unclear"  # one of many looked at, and not beyond what that many show by chance
        if low > 0 and low >= edge:
            return "worth having" if edge > 0 else "gain"
        return "harm" if high < 0 else "too small" if high < edge else "unclear"


@dataclass(frozen=True)
class Analysis:
    """The whole experiment. `sample_ratio` is the p-value of the split; `mixed` counts units seen in two arms, which
    were left out. `together` asks all arms at once whether a share differs (chi-square); None for another metric."""

    rows: tuple[Row, ...]
    units: Mapping[str, int]
    sample_ratio: float
    mixed: int
    correction: str
    recommendation: Recommendation
    warnings: tuple[str, ...] = field(default=())
    together: Association | None = None

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
    assigned: Mapping[str, int] | None = None,
) -> Analysis:
    """Contrast every treatment arm with control for each of `measures`, the first of which decides.

    Correction covers the metrics that are no guardrails, arms and segments together. `assigned` counts the units of
    every arm where more were assigned than have values; the split is checked on them. Raises InvalidInput for a column
    that is not there, an arm without units, a unit's segment that changes, values that are no numbers.
    """
    require_askable(measures, correction)
    require(table, layout, measures)
    rows, mixed = settled(table, layout)
    arms = arms_of(set(rows[layout.arm].unique()), layout)
    units = {arm: _units(rows[rows[layout.arm] == arm], layout) for arm in arms}
    if assigned is not None:
        units = {arm: assigned.get(arm, n) for arm, n in units.items()}
    places = [OVERALL]
    if layout.segment:
        places += sorted(map(str, rows[layout.segment].dropna().unique()))
    samples: dict[Place, tuple[Form, Sample, Sample]] = {}
    for k, measure in enumerate(measures):
        for place in places if not measure.guardrail else [OVERALL]:
            part = rows if place == OVERALL else rows[rows[layout.segment].astype(str) == place]
            for arm in arms[1:]:
                pair = samples_of([part[part[layout.arm] == a] for a in (layout.control, arm)], measure, layout)
                if pair is not None:
                    samples[k, place, arm] = pair
    return conclude(
        samples,
        measures,
        units,
        shares=layout.shares,
        mixed=mixed,
        unarmed=int(table[layout.arm].isna().sum()),
        segments=len(places) - 1,
        level=level,
        correction=correction,
    )


Place = tuple[int, str, str]  # position of the metric, segment, treatment arm


def conclude(
    samples: Mapping[Place, tuple[Form, Sample, Sample]],
    measures: Sequence[Measure],
    units: Mapping[str, int],
    *,
    shares: tuple[float, ...] = (),
    mixed: int = 0,
    unarmed: int = 0,
    segments: int = 0,
    level: float = 0.95,
    correction: str = "holm",
) -> Analysis:
    """The analysis of statistics, wherever they were added up: every pair of samples tested (control, treatment), the
    p-values corrected together, the recommendation. `units` counts the units of the arms, control first; `unarmed` the
    rows that name no arm; `segments` the values there were, of which those too small to compare are told.

    Raises InvalidInput when the deciding metric can't be compared.
    """
    require_askable(measures, correction)
    if shares and len(shares) != len(units):
        raise InvalidInput(
            f"{len(shares)} planned shares were given for {len(units)} arms: {', '.join(units)}.",
            hint="One share per arm, control first.",
        )
    split = contrasts.sample_ratio(list(units.values()), shares or None)
    found = []
    for (k, place, arm), (form, control, treatment) in samples.items():
        contrast = tested(form, control, treatment, level=level)
        if contrast is not None:
            found.append(Row(measures[k], arm, place, contrast, contrast.p_value))
    compared = {row.measure for row in found if row.arm == next(iter(list(units)[1:]), "")}
    untested = [m.name for m in measures if m.guardrail and m not in compared]
    rows = _corrected(found, correction)
    if not rows or rows[0].segment != OVERALL or rows[0].measure != measures[0]:
        raise InvalidInput(
            "No metric has enough units in both arms to be compared.", hint="Two units in each at least."
        )
    thin = segments - len({row.segment for row in found} - {OVERALL})
    warnings = (
        _warnings(split, mixed, unarmed, rows)
        + _thin(thin, segments)
        + tuple(f"{name} does not vary, so it could not be tested." for name in untested)
    )
    said = recommend(rows[0].contrast, rows, split=split, level=level, untested=untested)
    return Analysis(tuple(rows), units, split, mixed, correction, said, warnings, _together(samples))


def _together(samples: Mapping[Place, tuple[Form, Sample, Sample]]) -> Association | None:
    """Chi-square over all arms of the deciding metric, where it is a share that occurs and does not always occur."""
    pairs = [pair for (k, place, _), pair in samples.items() if k == 0 and place == OVERALL]
    shares = [pairs[0][1], *(pair[2] for pair in pairs)] if pairs else []
    counts = [[s.successes, s.n - s.successes] for s in shares if isinstance(s, Proportion)]
    if len(counts) < 2 or len(counts) != len(shares) or not all(sum(column) for column in zip(*counts, strict=True)):
        return None
    return contrasts.chi_square(counts)


def require_askable(measures: Sequence[Measure], correction: str) -> None:
    """Refuse an analysis without a metric that decides, or with a correction that there is not."""
    if not measures or measures[0].guardrail:
        raise InvalidInput("An experiment needs a metric that decides.", hint="Name one that is no guardrail first.")
    if correction not in ADJUSTMENTS:
        raise InvalidInput(f"There is no correction '{correction}'.", hint=f"One of {', '.join(ADJUSTMENTS)}.")


def arms_of(seen: set[str], layout: Layout) -> list[str]:
    """The arms, control first, the others by name. InvalidInput without the control or without one beside it."""
    if layout.control not in seen or len(seen) < 2:
        raise InvalidInput(
            f"Column '{layout.arm}' holds {', '.join(sorted(seen)[:10])}; there must be the control "
            f"'{layout.control}' and one arm beside it.",
            hint="Name the control as the column spells it.",
        )
    return [layout.control, *sorted(seen - {layout.control})]


def require(table: pd.DataFrame, layout: Layout, measures: Sequence[Measure]) -> None:
    """Refuse columns that are not there, that hold no numbers, or that miss values."""
    named = [layout.arm, layout.unit, layout.segment]
    named += [c for m in measures for c in (m.outcome, m.denominator, m.covariate)]
    lost = [c for c in dict.fromkeys(named) if c and c not in table.columns]
    if lost:
        known = ", ".join(map(str, table.columns))
        raise InvalidInput(f"The table has no column {', '.join(lost)}.", hint=f"It has {known}.")
    if layout.unit:
        require_units(layout.unit, int(table[layout.unit].isna().sum()))
    for m in measures:
        for name in filter(None, (m.outcome, m.denominator, m.covariate)):
            column = table[name]
            gaps = column.isna().to_numpy()
            numbers = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
            if not numbers:
                wrong = pd.to_numeric(column, errors="coerce").isna().to_numpy() & ~gaps
                if wrong.any():
                    row = int(wrong.argmax())
                    refuse_words(name, int(wrong.sum()), int((~gaps).sum()), row=row + 1, value=column.iloc[row])
            if gaps.any():
                raise InvalidInput(
                    f"Column '{name}' misses {int(gaps.sum())} values, the first in row {int(gaps.argmax()) + 1}.",
                    hint="Say what a missing one means (0, or the unit left out) before the analysis.",
                )
            if not numbers:
                raise InvalidInput(f"Column '{name}' holds no numbers (it is kept as {column.dtype}).", hint=NUMBERS)


def refuse_words(name: str, count: int, total: int, *, row: int, value: object) -> None:
    """Refuse a column of words, or the words among its numbers; `row` counts from 1, the header not counted."""
    if count == total:
        raise InvalidInput(f"Column '{name}' holds no numbers.", hint=NUMBERS)
    raise InvalidInput(
        f"Column '{name}' holds {count:,} values that are no numbers, the first in row {row:,}: '{str(value)[:40]}'.",
        hint=NUMBERS,
    )


def require_units(column: str, missing: int) -> None:
    """Refuse rows of nobody: they can be added up to no unit."""
    if missing:
        raise InvalidInput(
            f"Column '{column}' misses {missing} values, so {missing} rows belong to no unit.",
            hint="Leave them out, or name who they belong to.",
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


def samples_of(sides: Sequence[pd.DataFrame], measure: Measure, layout: Layout) -> tuple[Form, Sample, Sample] | None:
    """Control's and treatment's rows as statistics of one form; None where an arm has fewer than two units."""
    if min(_units(side, layout) for side in sides) < 2:
        return None
    events = bool(layout.unit) and any(side[layout.unit].duplicated().any() for side in sides)
    shares = all(np.isin(side[measure.outcome].to_numpy(dtype=np.float64), (0.0, 1.0)).all() for side in sides)
    form = form_of(measure, events=events, shares=shares)
    control, treatment = (sample_of(side, measure, layout, form, events=events) for side in sides)
    return form, control, treatment


def contrast_of(sides: Sequence[pd.DataFrame], m: Measure, layout: Layout, *, level: float) -> Contrast | None:
    """The right test for what the columns hold; None where an arm has fewer than two units, or neither varies."""
    pair = samples_of(sides, m, layout)
    return None if pair is None else tested(*pair, level=level)


def _corrected(found: Sequence[Row], correction: str) -> list[Row]:
    family = [i for i, row in enumerate(found) if not row.measure.guardrail]
    adjusted: Any = ADJUSTMENTS[correction]([found[i].contrast.p_value for i in family]) if family else []
    made = list(found)
    for i, p in zip(family, adjusted, strict=True):
        made[i] = replace(found[i], corrected=float(p))
    return made


def _thin(untested: int, segments: int) -> tuple[str, ...]:
    """What became of segments that were asked for and stand in no row."""
    if untested <= 0:
        return ()
    return (
        f"{untested:,} of {segments:,} segments are not compared: they lack two units that differ in control and in an "
        "arm.",
    )


def _warnings(split: float, mixed: int, unarmed: int, rows: Sequence[Row]) -> tuple[str, ...]:
    said = []
    if split < CALLED_OFF:
        said.append(
            f"Sample ratio mismatch (p = {split:.2g}): the arms' sizes are not what was planned. Whatever loses units "
            "in one arm also distorts what is measured there; find the cause and run again."
        )
    if unarmed:
        said.append(
            f"{unarmed:,} rows name no arm and are left out: find out why, since an arm that loses its name more often "
            "than another is no longer a random part."
        )
    if mixed:
        said.append(f"{mixed} units were seen in more than one arm and are left out.")
    for row in rows:
        said += [f"{row.measure.name}, {row.segment}, {row.arm}: {w}" for w in row.contrast.warnings]
    return tuple(dict.fromkeys(said))
