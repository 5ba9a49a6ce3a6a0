"""Before an experiment: how many units, how long, or what would be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ds_workflow.adapters import hypotheses, tables
from ds_workflow.domain import sequential
from ds_workflow.domain.ab_test import design
from ds_workflow.domain.ab_test.analysis import require, samples_of
from ds_workflow.domain.ab_test.forms import Layout
from ds_workflow.domain.ab_test.forms import Measure as Column
from ds_workflow.domain.ab_test.samples import Mean, Proportion
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

Measure = Literal["proportion", "mean", "ratio"]
WEEKS = (1, 2, 3, 4, 6, 8)
MOST_LOOKS = 60
TESTS = {"proportion": "two-proportion z", "mean": "two-sample t", "ratio": "ratio by the delta method, as a mean"}


@dataclass(frozen=True)
class Ask:
    """What is planned. `base` is control's share or mean, `effect` the least difference worth having (absolute),
    `deviation` the standard deviation per unit of a mean (of a ratio: its delta-method deviation)."""

    measure: Measure
    base: float
    effect: float | None = None
    deviation: float | None = None
    units: int | None = None
    daily_units: float | None = None
    arms: int = 2
    alpha: float = 0.05
    power: float = 0.8
    looks: int = 0


@dataclass(frozen=True)
class Designed:
    """The plan with its answer: `units_per_arm` for the effect, or the `detectable` effect of the units. `weeks` are
    (weeks, units per arm, effect that they show); `looks` the bounds of planned looks, for which the units are
    `inflation` times those of one look."""

    ask: Ask
    test: str
    units_per_arm: int
    detectable: float
    days: int | None
    warnings: tuple[str, ...]
    weeks: tuple[tuple[int, int, float], ...] = ()
    looks: tuple[sequential.Look, ...] = ()
    inflation: float = 1.0

    @property
    def alpha_each(self) -> float:
        """What every comparison with control is planned at: alpha over the treatment arms (Bonferroni)."""
        return self.ask.alpha / (self.ask.arms - 1)

    def to_dict(self) -> dict[str, Any]:
        """The document of `experiment-power --json`."""
        return {
            "test": self.test,
            "base": self.ask.base,
            "effect": self.ask.effect,
            "units_per_arm": self.units_per_arm,
            "units": self.units_per_arm * self.ask.arms,
            "detectable": self.detectable,
            "days": self.days,
            "alpha": self.ask.alpha,
            "alpha_each": self.alpha_each,
            "inflation": self.inflation,
            "power": self.ask.power,
            "detectable_by_week": [{"weeks": w, "units_per_arm": n, "detectable": e} for w, n, e in self.weeks],
            "looks": [{"share": k.share, "z": k.z, "p_value": k.p_value, "spent": k.spent} for k in self.looks],
            "warnings": list(self.warnings),
        }

    def text(self) -> str:
        """For the terminal."""
        a = self.ask
        unit = " (a share)" if a.measure == "proportion" else ""
        each = f" ({self.alpha_each:.3g} for each of {a.arms - 1} comparisons with control)" if a.arms > 2 else ""
        lines = [
            f"{self.test}, two-sided at {a.alpha:g}{each}, power {a.power:g}, base {a.base:g}{unit}",
            f"  units per arm      {self.units_per_arm:,}   ({self.units_per_arm * a.arms:,} in {a.arms} arms)",
            f"  effect they show   {self.detectable:+.4g}"
            + (f"   ({self.detectable / a.base:+.1%})" if a.base else ""),
        ]
        if self.looks:
            lines.append(
                f"  for {len(self.looks)} looks        {self.inflation:.4g} times the units of one look, counted above"
            )
        if self.days is not None:
            lines.append(f"  days               {self.days:,} at {a.daily_units:,.0f} new units a day")
        if self.weeks:
            lines += ["", "  weeks   units per arm   effect they show"]
            lines += [f"  {w:>5}   {n:>13,}   {e:+.4g}" for w, n, e in self.weeks]
        if self.looks:
            lines += ["", "  planned look at   stop for p below   alpha spent so far"]
            lines += [f"  {k.share:>13.0%}   {k.p_value:>16.3g}   {k.spent:>18.3g}" for k in self.looks]
        return "\n".join([*lines, *(f"  ! {w}" for w in self.warnings)])


def plan(ask: Ask) -> Designed:
    """Units for an effect, or the effect of given units. InvalidInput unless exactly one of the two is asked for."""
    if (ask.effect is None) == (ask.units is None):
        raise InvalidInput(
            "Name either the effect to show or the units there are.", hint="--effect 0.02, or --units 4000 per arm."
        )
    if ask.arms < 2:
        raise InvalidInput(f"{ask.arms} arm is no experiment.", hint="--arms 2 or more.")
    if not 0 <= ask.looks <= MOST_LOOKS:
        raise InvalidInput(f"{ask.looks} looks can't be planned.", hint=f"--looks 1 to {MOST_LOOKS}.")
    _finite(ask)
    each = ask.alpha / (ask.arms - 1)
    asked = design.Plan(each, ask.power)
    bounds: tuple[sequential.Look, ...] = ()
    more = 1.0
    if ask.looks:
        bounds = sequential.looks([(k + 1) / ask.looks for k in range(ask.looks)], alpha=each)
        more = sequential.inflation_of_looks(bounds, alpha=each, power=ask.power)
    wanted = _wanted(ask, asked)
    n = ask.units or _whole(wanted * more if wanted is not None else None)
    seen = ask.effect if ask.effect is not None else _shown(ask, n / more, asked)
    if math.isnan(seen):
        raise InvalidInput(f"{n:,} units per arm show no effect that is possible.", hint="More units, or less power.")
    warnings = []
    if ask.arms > 2:
        warnings.append(
            f"{ask.arms - 1} arms share the error rate: each comparison with control is planned at alpha {each:.3g} "
            "(Bonferroni)."
        )
    days, weeks = None, []
    if ask.daily_units is not None:
        days = design.days(n, daily_units=ask.daily_units, arms=ask.arms)
        if days % 7:
            warnings.append(f"Run whole weeks: {7 * math.ceil(days / 7)} days, since weekdays differ.")
        if days > 60:
            warnings.append("Longer than two months: cookies, seasons and the product will change meanwhile.")
        for week in WEEKS:
            there = math.floor(7 * week * ask.daily_units / ask.arms)
            effect = _shown(ask, there / more, asked) if there / more >= 2 else math.nan
            if not math.isnan(effect):
                weeks.append((week, there, effect))
    return Designed(ask, TESTS[ask.measure], n, seen, days, tuple(warnings), tuple(weeks), bounds, more)


def _finite(ask: Ask) -> None:
    for name, value in (("base", ask.base), ("effect", ask.effect), ("daily-units", ask.daily_units)):
        if value is not None and not math.isfinite(value):
            raise InvalidInput(f"--{name} {value:g} is no number to plan with.", hint="Give a finite one.")


def _wanted(ask: Ask, asked: design.Plan) -> float | None:
    if ask.effect is None:
        return None
    if ask.measure == "proportion":
        return design.units_for_proportions(ask.base, ask.base + ask.effect, asked)
    return design.units_for_means(ask.effect, _deviation(ask), asked)


def _shown(ask: Ask, units: float, asked: design.Plan) -> float:
    if ask.measure == "proportion":
        return design.detectable_proportion(units, ask.base, asked)
    return design.detectable_mean(units, _deviation(ask), asked)


def _deviation(ask: Ask) -> float:
    if ask.deviation is None:
        raise InvalidInput(
            f"A {ask.measure} needs the standard deviation per unit.", hint="--sd, or --input with past data."
        )
    return ask.deviation


@dataclass(frozen=True)
class Past:
    """What past data say of a metric: its kind, its level, and the deviation per unit (None for a share)."""

    measure: Measure
    base: float
    deviation: float | None
    units: int


def of_past(source: Path, *, outcome: str, denominator: str = "", unit: str = "") -> Past:
    """Base and spread of a metric from a table of past data. Rows of one unit are added up to it, so that what hangs
    together is not counted as many observations."""
    table = tables.read(source).assign(_arm="past")
    layout, column = Layout("_arm", "past", unit=unit), Column(outcome, denominator=denominator)
    require(table, layout, [column])
    found = samples_of([table, table], column, layout)
    if found is None:
        raise InvalidInput(f"{source.name} holds one unit, which has no spread.", hint="Two units at least.")
    sample = found[1]
    if isinstance(sample, Proportion):
        return Past("proportion", sample.rate, None, sample.n)
    if isinstance(sample, Mean):
        return Past("mean", sample.mean, math.sqrt(sample.variance), sample.n)
    return Past("ratio", sample.ratio, design.ratio_deviation(sample), sample.n)


def of_hypothesis(work: Workspace, hypothesis_id: str, *, base: float) -> float:
    """The absolute effect that a registered hypothesis claims, on a base of its metric."""
    store = hypotheses.of(work.settings)
    store.adopt(hypothesis_id)
    claim = store.load(hypothesis_id).claim
    effect = claim.min_effect * (base if claim.unit == "relative" else 1.0)
    return -effect if claim.direction == "decrease" else effect


def _whole(units: float | None) -> int:
    if units is None or not math.isfinite(units):
        raise InvalidInput("No number of units shows an effect that small.", hint="Name a larger effect.")
    return max(2, math.ceil(units))
