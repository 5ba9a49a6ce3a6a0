"""Champion and challenger on the same frozen rows: aligned once, measured by the same code, resampled together.

Alignment is by row id, and the rows are put in the order of their ids: handing the same rows over in another
order gives the same bits. What can't be compared (duplicates, lost rows, another label version, NaN) does not
raise: it makes a comparison whose verdict is `invalid`, with the reasons, so that the trial is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.alignment import Frozen, faults_of, in_order
from ds_workflow.domain.drift import DriftReport
from ds_workflow.domain.few_clusters import Rule, effective
from ds_workflow.domain.holdout_spending import Look
from ds_workflow.domain.leakage import LeakageReport
from ds_workflow.domain.metrics import Metric, Scored, metric
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.resample import Ask, Cell, Floats, bounds, codes, draw
from ds_workflow.domain.scorecard import group_values, measure, rows_of
from ds_workflow.domain.stress import StressReport
from ds_workflow.errors import InvalidInput
from registry.records import GateResult

Role = Literal["challenger", "champion", "naive"]
Place = tuple[str, str]  # (group, value); OVERALL for all rows
OVERALL: Place = ("", "")


@dataclass(frozen=True)
class Servability:
    """What trying to serve a version showed: it `loaded` from its digest, its answers are `equal` to those of training
    and `finite`, one request takes `p95_ms` milliseconds, tried on `rows` rows."""

    loaded: bool
    equal: bool
    finite: bool
    p95_ms: float
    rows: int
    detail: str = ""


@dataclass(frozen=True)
class Checks:
    """Evidence about one model that is not made of scored rows. None is missing evidence, and that fails."""

    leakage: LeakageReport | None = None
    servability: Servability | None = None
    drift: DriftReport | None = None
    stress: StressReport | None = None


@dataclass(frozen=True)
class Difference:
    """One metric in one place: challenger minus champion in the metric's own unit, with its interval of level
    1 - 2 alpha. None where there is no champion or the metric can't be measured."""

    metric: str
    place: Place
    rows: int
    challenger: float | None
    champion: float | None
    difference: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Comparison:
    """Make it with `align`. Rows of all roles are in the same order; `faults` says why it is invalid, if it is."""

    problem: Problem
    policy: Policy
    seed: int
    challenger: Scored
    champion: Scored | None = None
    naive: Scored | None = None
    challenger_checks: Checks = field(default_factory=Checks)
    champion_checks: Checks = field(default_factory=Checks)
    frozen: Frozen | None = None
    faults: tuple[GateResult, ...] = ()
    look: Look | None = None
    rule: Rule = "expanded"

    @classmethod
    def align(
        cls,
        *,
        problem: Problem,
        policy: Policy,
        seed: int,
        challenger: Scored,
        champion: Scored | None = None,
        naive: Scored | None = None,
        challenger_checks: Checks | None = None,
        champion_checks: Checks | None = None,
        frozen: Frozen | None = None,
        look: Look | None = None,
        rule: Rule = "expanded",
    ) -> Comparison:
        """Align the roles by row id. `frozen` holds the ids (and truths) of the frozen holdout: every role must
        answer exactly these; without it they must answer the same rows as one another. `look` is what this comparison
        may spend of the holdout's error rate; without it, all of the policy's alpha. `rule` is how draws are read."""
        roles = {"challenger": challenger, "champion": champion, "naive": naive}
        given = {role: scored for role, scored in roles.items() if scored is not None}
        faults = faults_of(given, frozen)
        if not faults:
            given = {role: in_order(scored) for role, scored in given.items()}
        return cls(
            problem,
            policy,
            seed,
            given["challenger"],
            given.get("champion"),
            given.get("naive"),
            challenger_checks or Checks(),
            champion_checks or Checks(),
            frozen,
            faults,
            look,
            rule,
        )

    def changed(self, **fields: Any) -> Comparison:
        """The comparison of other inputs, aligned anew (what mutants use)."""
        names = ("problem", "policy", "seed", "challenger", "champion", "naive", "frozen", "look", "rule")
        given = {name: getattr(self, name) for name in (*names, "challenger_checks", "champion_checks")}
        return Comparison.align(**(given | fields))

    def champions_trial(self) -> Comparison:
        """The champion as the one on trial, beside nobody but the naive baseline."""
        if self.champion is None:
            raise InvalidInput("There is no champion to put on trial.", hint="Run 'bootstrap-champion' first.")
        return replace(
            self,
            challenger=self.champion,
            champion=None,
            challenger_checks=self.champion_checks,
            champion_checks=Checks(),
            look=None,
        )

    @property
    def alpha(self) -> float:
        """The level at which something counts as shown: the look's, else the policy's. What raises an alarm (drift,
        unfairness) does so at the policy's alpha all the same: fewer looks must not make alarms rarer."""
        return self.policy.alpha if self.look is None else self.look.level

    def scored(self, role: Role) -> Scored:
        """One role's rows. InvalidInput when the role is empty."""
        found: Scored | None = getattr(self, role)
        if found is None:
            raise InvalidInput(f"The comparison has no {role}.")
        return found

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that are filled."""
        order: tuple[Role, ...] = ("challenger", "champion", "naive")
        return tuple(role for role in order if getattr(self, role) is not None)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The policy's segments and whatever else stands in the rows (both sides carry the same)."""
        found = set(group_values(self.challenger, "segment"))
        return (*self.policy.segments, *sorted(found - set(self.policy.segments)))

    def rows(self, place: Place = OVERALL) -> int:
        """Rows in a place."""
        return len(self.members(place))

    def clusters(self, place: Place = OVERALL) -> int:
        """Distinct clusters in a place."""
        return len(np.unique(self._codes[0][self.members(place)]))

    def effective(self, place: Place = OVERALL) -> float:
        """The effective number of clusters in a place: how many of one size carry as much; infinite where draws are
        read as they stand."""
        if self.rule == "percentile":
            return math.inf
        members = self.members(place)
        return effective(self._codes[0][members], self.challenger.weights[members])

    def effective_weighted(self) -> float:
        """The effective number of clusters of a mean over segments with the policy's weights, likewise."""
        if self.rule == "percentile":
            return math.inf
        weights = np.zeros(len(self.challenger))
        for segment, weight in self.policy.weights.items():
            members = self.members(("segment", segment))
            mine = self.challenger.weights[members]
            weights[members] = weight * mine / mine.sum()
        return effective(self._codes[0], weights)

    def members(self, place: Place) -> NDArray[np.int64]:
        """Positions of the rows in a place."""
        if place not in self._members:
            group, value = place
            everyone = np.arange(len(self.challenger))
            self._members[place] = everyone if place == OVERALL else rows_of(self.challenger, group, value)
        return self._members[place]

    def part(self, role: Role, place: Place) -> Scored:
        """One role's rows in a place."""
        scored = self.scored(role)
        return scored if place == OVERALL else scored.take(self.members(place))

    def value(self, role: Role, name: str, place: Place = OVERALL) -> float:
        """One finite figure. InvalidInput (naming metric and place) when there are no rows or it is not finite."""
        key = (role, name, place)
        if key not in self._values:
            where = ".".join(place) if place != OVERALL else "overall"
            self._values[key] = measure(metric(name), self.part(role, place), where=f"{role}, {where}")
        return self._values[key]

    def absent(self, role: Role, name: str, place: Place = OVERALL) -> str:
        """Why a figure can't be measured at all, or ""."""
        if role not in self.roles:
            return f"there is no {role}"
        return metric(name).absent(self.part(role, place))

    def draws(self, role: Role, name: str, place: Place = OVERALL) -> Floats:
        """Bootstrap draws of one figure, shape (resamples,), joint over roles, metrics and places."""
        key = (role, name, place)
        if key not in self._draws:
            gated = {g.metric for g in self.policy.gates if g.metric}
            places = [OVERALL, *(("segment", s) for s in self.segments)]
            self.draw([*sorted(gated | {name})], places if place in places else [place])
        return self._draws[key]

    def draw(self, names: Sequence[str], places: Sequence[Place], roles: Sequence[Role] | None = None) -> None:
        """Resample many figures in one pass over the weights; what is there already is not made again."""
        coded, count = self._codes
        cells = []
        for place in places:
            members = self.members(place)
            keys = [(role, name, place) for role in roles or self.roles for name in names]
            wanted = [k for k in keys if k not in self._draws and len(members) and not self.absent(*k)]
            if wanted:
                parts = {role: self.part(role, place) for role in {k[0] for k in wanted}}
                asks = tuple(Ask(k, metric(k[1]), parts[k[0]]) for k in wanted)
                cells.append(Cell(coded[members], asks))
        if cells:
            drawn = draw(cells, clusters=count, resamples=self.policy.resamples, seed=self.seed)
            self._draws.update(drawn)

    def differences(
        self, names: Sequence[str] | None = None, *, groups: Sequence[str] = ("segment",)
    ) -> tuple[Difference, ...]:
        """Every metric (default: the problem's) overall and by every value of `groups`, for people to read.

        Intervals are expanded percentile bounds of the same draws that the gates use, not corrected for their number.
        """
        metrics = [metric(name) for name in names or self.problem.metrics]
        places = [OVERALL, *((g, value) for g in groups for value in group_values(self.challenger, g))]
        both: tuple[Role, ...] = ("challenger",) if self.champion is None else ("challenger", "champion")
        if self.champion is not None:
            self.draw([m.name for m in metrics], places, both)
        return tuple(self._difference(m, place) for place in places for m in metrics)

    def _difference(self, m: Metric, place: Place) -> Difference:
        figures = [
            None if self.absent(role, m.name, place) else self.value(role, m.name, place)
            for role in ("challenger", "champion")
        ]
        challenger, champion = figures
        difference, interval = None, None
        if challenger is not None and champion is not None:
            difference = challenger - champion
            moved = self.draws("challenger", m.name, place) - self.draws("champion", m.name, place)
            interval = bounds(moved, alpha=self.policy.alpha, clusters=self.effective(place))
        return Difference(m.name, place, self.rows(place), challenger, champion, difference, interval)

    @cached_property
    def _codes(self) -> tuple[NDArray[np.int64], int]:
        return codes(self.challenger.groups["cluster"])

    @cached_property
    def _members(self) -> dict[Place, NDArray[np.int64]]:
        return {}

    @cached_property
    def _values(self) -> dict[Any, float]:
        return {}

    @cached_property
    def _draws(self) -> dict[Any, Floats]:
        return {}


def differences_by_place(found: Sequence[Difference]) -> Mapping[Place, Mapping[str, Difference]]:
    """Differences as place -> metric -> difference."""
    result: dict[Place, dict[str, Difference]] = {}
    for d in found:
        result.setdefault(d.place, {})[d.metric] = d
    return result
