"""Gates on figures: superiority, non-inferiority, floors. The statistics are told in `base`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from ds_workflow.domain.comparison import Comparison, Role
from ds_workflow.domain.gates.base import (
    AnyOf,
    Requirement,
    Side,
    StatisticalGate,
    missing,
    place_of,
    scaled,
    too_small,
)
from ds_workflow.domain.metrics import metric
from ds_workflow.domain.policy import Alternative, Over
from ds_workflow.domain.resample import Floats
from ds_workflow.errors import InvalidInput
from registry.records import GateResult

Asked = tuple[Requirement | GateResult, ...]


def _shown(value: float, unit: str) -> str:
    return f"{value:.2%} of the reference" if unit == "relative" else f"{value:g} (absolute)"


def _broken(name: str, required: str, error: InvalidInput, segment: str = "") -> GateResult:
    """A figure that came out as NaN or inf."""
    return GateResult(name, "invalid", required=required, note=str(error), segment=segment)


@dataclass(frozen=True)
class Question:
    """What one gate asks of each place: `make(segment)` gives the requirement there, from figures of `roles`."""

    name: str
    required: str
    metric: str
    threshold: float
    roles: tuple[Role, ...]
    make: Callable[[str], Requirement]


@dataclass(frozen=True)
class Losses:
    """Weighted loss (less is better) of one role over the reference population: the figure and its draws."""

    observed: float
    draws: Floats


def weighted_losses(comparison: Comparison, role: Role, name: str) -> Losses:
    """sum over segments of weight x loss; segments of weight 0 do not count."""
    m = metric(name)
    weights = {s: w for s, w in comparison.policy.weights.items() if w > 0}
    observed = sum(w * m.loss(comparison.value(role, name, ("segment", s))) for s, w in weights.items())
    draws = np.zeros(comparison.policy.resamples)
    for segment, weight in weights.items():
        draws = draws + weight * m.loss(comparison.draws(role, name, ("segment", segment)))
    return Losses(float(observed), draws)


def gain(old: Losses, new: Losses, *, unit: str) -> Losses:
    """How much the loss fell, absolute or as a share of the old figure's size."""
    if unit == "absolute":
        return Losses(old.observed - new.observed, old.draws - new.draws)
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = (old.draws - new.draws) / np.abs(old.draws)
    observed = (old.observed - new.observed) / abs(old.observed) if old.observed else float("nan")
    return Losses(observed, draws)


def losses(comparison: Comparison, role: Role, name: str, segment: str) -> Losses:
    """Loss of one role in one place."""
    m, place = metric(name), place_of(segment)
    return Losses(float(m.loss(comparison.value(role, name, place))), m.loss(comparison.draws(role, name, place)))


def _weighted_gain(gate: WeightedImprovement | BeatsNaive, comparison: Comparison, against: Role) -> Asked:
    """One requirement: the weighted loss falls by more than the gate's minimum against a role."""
    name, minimum, unit = gate.metric, gate.minimum, gate.unit
    required = f"weighted {name} better than the {against}'s by more than {_shown(minimum, unit)}"
    weighted = [s for s, w in comparison.policy.weights.items() if w > 0]
    found: list[GateResult] = []
    for role in ("challenger", against):
        if role not in comparison.roles:
            return (missing(gate.name, required, f"There are no figures of the {role}."),)
    for segment in weighted:
        rows = comparison.rows(("segment", segment))
        if not rows:
            found.append(missing(gate.name, required, f"There are no rows of {segment}.", segment=segment))
        elif rows < comparison.policy.segment_min_rows:
            found.append(too_small(gate.name, required, comparison, segment))
        else:
            for role in ("challenger", against):
                lost = comparison.absent(role, name, ("segment", segment))
                if lost:
                    found.append(missing(gate.name, required, f"{role} has no {name}: {lost}.", segment=segment))
    if found:
        return tuple(found)
    try:
        old = weighted_losses(comparison, against, name)
        new = weighted_losses(comparison, "challenger", name)
    except InvalidInput as error:
        return (_broken(gate.name, required, error),)
    better = gain(old, new, unit=unit)
    if not np.isfinite(better.observed):
        return (missing(gate.name, required, f"The {against}'s figure is 0: nothing is relatively better than that."),)
    return (
        Requirement(
            gate.name,
            better.observed,
            better.draws,
            "above",
            minimum,
            required,
            comparison.rows(),
            comparison.clusters(),
            comparison.effective_weighted(),
            note=f"Weights: the policy's reference population. {against.capitalize()} {abs(old.observed):.4f}, "
            f"challenger {abs(new.observed):.4f}.",
        ),
    )


@dataclass(frozen=True)
class WeightedImprovement(StatisticalGate):
    """Superiority on the claim: (L_champion - L_challenger) / L_champion > minimum (relative) or without the division
    (absolute), where L is the metric's loss averaged over segments with the policy's fixed weights. Strict, so that
    a tie keeps the champion; paired cluster bootstrap of the whole expression."""

    name: str
    metric: str
    minimum: float
    unit: str

    def ask(self, comparison: Comparison) -> Asked:
        """One requirement over all segments."""
        return _weighted_gain(self, comparison, "champion")


@dataclass(frozen=True)
class BeatsNaive(StatisticalGate):
    """Superiority over the naive baseline, measured as WeightedImprovement."""

    name: str
    metric: str
    minimum: float
    unit: str

    def ask(self, comparison: Comparison) -> Asked:
        """One requirement over all segments."""
        return _weighted_gain(self, comparison, "naive")


def _segments(gate: str, required: str, comparison: Comparison, over: Over) -> tuple[list[str], list[GateResult]]:
    """The segments to test ("" is all rows), and what can be said of the others without a test."""
    if over == "overall":
        return [""], []
    policy = comparison.policy
    tested: list[str] = []
    found: list[GateResult] = []
    for segment in comparison.segments:
        rows = comparison.rows(("segment", segment))
        if not rows:
            found.append(missing(gate, required, f"There are no rows of {segment}.", segment=segment))
        elif rows < policy.segment_min_rows:
            found.append(too_small(gate, required, comparison, segment))
        elif over == "segments" or rows >= policy.major_min_rows:
            tested.append(segment)
    if over == "major_segments" and not tested and not found:
        note = f"No segment has the {policy.major_min_rows} rows of a major one."
        rows, largest = comparison.rows(), max(comparison.rows(("segment", s)) for s in comparison.segments)
        needed = scaled(rows, largest, policy.major_min_rows)
        found.append(GateResult(gate, "inconclusive", required=required, rows=rows, note=note, rows_needed=needed))
    return tested, found


def _requirement(q: Question, comparison: Comparison, figure: Losses, side: Side, **rest: str) -> Requirement:
    """The requirement of one place."""
    place = place_of(rest.get("segment", ""))
    rows, clusters = comparison.rows(place), comparison.clusters(place)
    return Requirement(
        q.name, figure.observed, figure.draws, side, q.threshold, q.required, rows, clusters,
        comparison.effective(place), **rest,
    )  # fmt: skip


def _ask_in(q: Question, comparison: Comparison, segment: str) -> Requirement | GateResult:
    """Ask in one place ("" is all rows); what is missing fails, what is NaN or inf is invalid."""
    place = place_of(segment)
    if not comparison.rows(place):
        return missing(q.name, q.required, f"There are no rows of {segment}.", segment=segment)
    for role in q.roles:
        lost = comparison.absent(role, q.metric, place)
        if lost:
            return missing(q.name, q.required, f"{role} has no {q.metric}: {lost}.", segment=segment)
    try:
        return q.make(segment)
    except InvalidInput as error:
        return _broken(q.name, q.required, error, segment)


def _ask_over(q: Question, comparison: Comparison, over: Over) -> Asked:
    """Ask in all places of `over`."""
    for role in q.roles:
        if role not in comparison.roles:
            return (missing(q.name, q.required, f"There are no figures of the {role}."),)
    tested, found = _segments(q.name, q.required, comparison, over)
    return (*found, *(_ask_in(q, comparison, segment) for segment in tested))


def _champion_gain(comparison: Comparison, name: str, segment: str, unit: str) -> Losses:
    """How much the loss fell against the champion in one place. InvalidInput when that has no meaning."""
    old = losses(comparison, "champion", name, segment)
    better = gain(old, losses(comparison, "challenger", name, segment), unit=unit)
    if not np.isfinite(better.observed):
        raise InvalidInput(f"The champion's {name} is 0, so a relative difference has no meaning.")
    return better


@dataclass(frozen=True)
class MaxDrop(StatisticalGate):
    """Non-inferiority: the challenger's loss is at most `maximum` above the champion's (relative: of the champion's
    figure), in each segment by itself. Passing means the worst plausible drop is inside the margin, not merely that
    no drop was seen."""

    name: str
    metric: str
    maximum: float
    unit: str
    over: Over

    def ask(self, comparison: Comparison) -> Asked:
        """One requirement per tested segment."""
        required = f"{self.metric} worse than the champion's by at most {_shown(self.maximum, self.unit)}"

        def make(segment: str) -> Requirement:
            better = _champion_gain(comparison, self.metric, segment, self.unit)
            drop = Losses(-better.observed, -better.draws)
            return _requirement(q, comparison, drop, "at_most", segment=segment, note="Above 0 is worse.")

        q = Question(self.name, required, self.metric, self.maximum, ("challenger", "champion"), make)
        return _ask_over(q, comparison, self.over)


@dataclass(frozen=True)
class Bound(StatisticalGate):
    """A floor (`greater`) or a ceiling on the figure itself, in the metric's unit, with one-sided bounds. The ceiling
    of a figure that may err on both sides is one on its distance from the best value."""

    name: str
    metric: str
    threshold: float
    greater: bool
    over: Over

    def ask(self, comparison: Comparison) -> Asked:
        """One requirement per tested segment."""
        word, side = ("at least", "at_least") if self.greater else ("at most", "at_most")
        m = metric(self.metric)
        asked = self.metric if m.best is None else f"distance of {self.metric} from {m.best:g}"
        required = f"{asked} {word} {self.threshold:g} {m.unit}"

        def make(segment: str) -> Requirement:
            place = place_of(segment)
            observed = comparison.value("challenger", self.metric, place)
            draws = comparison.draws("challenger", self.metric, place)
            if m.best is None:
                return _requirement(q, comparison, Losses(observed, draws), cast(Side, side), segment=segment)
            figure, note = Losses(float(m.loss(observed)), m.loss(draws)), f"{self.metric} is {observed:.4g}."
            return _requirement(q, comparison, figure, cast(Side, side), segment=segment, note=note)

        q = Question(self.name, required, self.metric, self.threshold, ("challenger",), make)
        return _ask_over(q, comparison, self.over)


def improvement(comparison: Comparison, *, metric: str, segment: str, unit: str, minimum: float, name: str) -> Asked:
    """One requirement: in one place ("" is all rows) the loss falls by more than `minimum` against the champion."""
    required = f"{metric} on {segment or 'all rows'} better than the champion's by more than {_shown(minimum, unit)}"

    def make(where: str) -> Requirement:
        return _requirement(q, comparison, _champion_gain(comparison, metric, where, unit), "above", segment=where)

    q = Question(name, required, metric, minimum, ("challenger", "champion"), make)
    return (_ask_in(q, comparison, segment),)


@dataclass(frozen=True)
class OneOf(StatisticalGate):
    """Superiority in at least one of several figures: a challenger may win by being better or by being fairer, and what
    it may lose elsewhere is for the other gates. The level is shared among the alternatives, see `AnyOf`."""

    name: str
    alternatives: tuple[Alternative, ...]

    def ask(self, comparison: Comparison) -> Asked:
        """One requirement; an alternative that can't be measured drops out, and if all do, their reasons stand."""
        found = [result for one in self.alternatives for result in self._one(one, comparison)]
        tested = [r for r in found if isinstance(r, Requirement)]
        return (AnyOf.of(self.name, tested),) if tested else tuple(found)

    def _one(self, a: Alternative, comparison: Comparison) -> Asked:
        if a.weighted:
            return WeightedImprovement(self.name, a.metric, a.minimum, a.unit).ask(comparison)
        return improvement(comparison, metric=a.metric, segment="", unit=a.unit, minimum=a.minimum, name=self.name)
