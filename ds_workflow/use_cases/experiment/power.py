"""Before an experiment: how many units, how long, or what would be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ds_workflow.adapters import hypotheses
from ds_workflow.domain.ab_test import design
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

Measure = Literal["proportion", "mean"]


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


@dataclass(frozen=True)
class Designed:
    """The plan with its answer: `units_per_arm` for the effect, or the `detectable` effect of the units."""

    ask: Ask
    test: str
    units_per_arm: int
    detectable: float
    days: int | None
    warnings: tuple[str, ...]

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
            "power": self.ask.power,
            "warnings": list(self.warnings),
        }

    def text(self) -> str:
        """For the terminal."""
        a = self.ask
        unit = "" if a.measure == "mean" else " (a share)"
        lines = [
            f"{self.test}, two-sided at {a.alpha:g}, power {a.power:g}, base {a.base:g}{unit}",
            f"  units per arm      {self.units_per_arm:,}   ({self.units_per_arm * a.arms:,} in {a.arms} arms)",
            f"  effect they show   {self.detectable:+.4g}"
            + (f"   ({self.detectable / a.base:+.1%})" if a.base else ""),
        ]
        if self.days is not None:
            lines.append(f"  days               {self.days:,} at {a.daily_units:,.0f} new units a day")
        return "\n".join([*lines, *(f"  ! {w}" for w in self.warnings)])


def plan(ask: Ask) -> Designed:
    """Units for an effect, or the effect of given units. InvalidInput unless exactly one of the two is asked for."""
    if (ask.effect is None) == (ask.units is None):
        raise InvalidInput(
            "Name either the effect to show or the units there are.", hint="--effect 0.02, or --units 4000 per arm."
        )
    if ask.arms < 2:
        raise InvalidInput(f"{ask.arms} arm is no experiment.", hint="--arms 2 or more.")
    asked = design.Plan(ask.alpha, ask.power)
    if ask.measure == "proportion":
        name = "two-proportion z"
        wanted = None if ask.effect is None else design.units_for_proportions(ask.base, ask.base + ask.effect, asked)
        n = ask.units or _whole(wanted)
        seen = ask.effect if ask.effect is not None else design.detectable_proportion(n, ask.base, asked)
    else:
        name = "two-sample t"
        if ask.deviation is None:
            raise InvalidInput("A mean needs the standard deviation per unit.", hint="--sd, from past data.")
        wanted = None if ask.effect is None else design.units_for_means(ask.effect, ask.deviation, asked)
        n = ask.units or _whole(wanted)
        seen = ask.effect if ask.effect is not None else design.detectable_mean(n, ask.deviation, asked)
    if math.isnan(seen):
        raise InvalidInput(f"{n:,} units per arm show no effect that is possible.", hint="More units, or less power.")
    warnings = []
    if ask.arms > 2:
        warnings.append(
            f"{ask.arms - 1} arms share the error rate: plan at alpha {ask.alpha / (ask.arms - 1):.3g} each."
        )
    days = None
    if ask.daily_units is not None:
        days = design.days(n, daily_units=ask.daily_units, arms=ask.arms)
        if days % 7:
            warnings.append(f"Run whole weeks: {7 * math.ceil(days / 7)} days, since weekdays differ.")
        if days > 60:
            warnings.append("Longer than two months: cookies, seasons and the product will change meanwhile.")
    return Designed(ask, name, n, seen, days, tuple(warnings))


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
