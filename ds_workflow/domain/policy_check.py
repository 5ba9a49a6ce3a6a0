"""A policy on trial: contradictions, thresholds that nobody can reach, and gates that nothing fails.

`Policy.read` finds what is wrong by itself (unknown keys, units, ranges). What stands here needs more than one look:
the trials beside one another, and a healthy comparison with its mutants. `incumbent_check` asks the incumbent's rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from ds_workflow.domain import mutants
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.policy import TRIALS, GateSpec, Policy, Trial
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.strict_mapping import Fault
from ds_workflow.errors import InvalidInput

Status = Literal["pass", "warn", "fail", "unknown", "exempt"]  # exempt: nothing to look at yet, said by name
_LARGER_IS_STRICTER = ("floor", "beats_naive", "weighted_improvement")
_TEMPLATE = "config/policies/nyc_sales.yaml"
_ROWS = 400  # of a segment in the made comparison: the gates are the same, and it is quick


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, what was found, and what to do about it; `key` is the path in the file, if the
    finding is about one."""

    name: str
    status: Status
    detail: str
    fix: str = ""
    key: str = ""

    @staticmethod
    def of(name: str, fault: Fault) -> Finding:
        """A fault as a finding."""
        return Finding(name, "fail", str(fault), fault.fix, fault.path)


def contradictions(policy: Policy, *, released: bool) -> tuple[Fault, ...]:
    """Where the trials can't all be meant, gates that ask the same twice, and (`released`) what a release will ask that
    no gate answers."""
    found = [said for gate in policy.gates for said in _between_trials(gate)]
    found += _twice(policy)
    if released:
        for there, kind, asks in (
            (policy.drift_gate, "no_new_drift_alerts", "whether inputs drift"),
            (policy.stress_gate, "stress", "whether wrong requests are answered"),
        ):
            if there is None:
                said = f"there is no gate of kind {kind}, and the release check asks {asks}: never green."
                found.append(Fault("policy.gates", said, f"Add a gate of kind {kind}; {_TEMPLATE} has one."))
    return tuple(found)


def _twice(policy: Policy) -> list[Fault]:
    """Gates that ask the same of the same figure in the same places: the looser one decides nothing."""
    found, seen = [], dict[tuple[object, ...], GateSpec]()
    for gate in policy.gates:
        for trial, about in product(gate.applies_to, gate.tolerances or ("",)):
            asked = (gate.kind, gate.metric, about, gate.unit, gate.over, gate.alternatives, trial)
            first = seen.setdefault(asked, gate)
            if first is not gate:
                said = f"asks in {trial} what {first.name} asks there too; the looser of the two decides nothing."
                fix = f"Take {gate.name} or {first.name} out of {trial}, or let them ask of different places."
                found.append(Fault(f"policy.gates.{gate.name}", said, fix))
                break
    return found


def _limits(gate: GateSpec) -> dict[str, Mapping[str, float]]:
    """The thresholds of a gate by what they are about, each by trial."""
    several = dict(gate.tolerances or {})
    return {**({"": gate.thresholds} if gate.thresholds else {}), **several}


def _between_trials(gate: GateSpec) -> list[Fault]:
    larger = gate.kind in _LARGER_IS_STRICTER
    sign, found = 1.0 if larger else -1.0, []
    path = f"policy.gates.{gate.name}"
    for about, by_trial in _limits(gate).items():
        for door in ("promotion", "bootstrap"):
            if {door, "champion_trial"} <= set(by_trial):
                inside, outside = by_trial["champion_trial"], by_trial[door]
                if sign * (inside - outside) > 0:
                    said = (
                        f"in office a champion is asked for {inside:g}, at the door ({door}) for {outside:g}; "
                        "a model could be let in and be disqualified the same day."
                    )
                    eased = f"Lower champion_trial to {outside:g} or less" if larger else (
                        f"Raise champion_trial to {outside:g} or more"
                    )  # fmt: skip
                    fix = f"{eased}, or ask {inside:g} in {door} too."
                    found.append(Fault(f"{path}.tolerances.{about}" if about else path, said, fix))
    if gate.applies_to == ("champion_trial",):
        said = "a champion in office is asked what no model was asked at the door."
        found.append(Fault(f"{path}.applies_to", said, "Add promotion and bootstrap to its applies_to."))
    return found


def teeth(problem: Problem, policy: Policy) -> tuple[tuple[Finding, ...], int]:
    """Every gate against its mutants on a healthy comparison of made numbers, in all trials; and how many were run."""
    tests = max(policy.tests(trial) for trial in TRIALS)
    resamples = min(policy.resamples, max(199, int(2 * tests / policy.alpha)))
    quick = replace(policy, resamples=resamples, segment_min_rows=_ROWS, major_min_rows=_ROWS)
    healthy = mutants.healthy(problem, quick, seed=1)
    kinds = mutants.kinds_of(healthy)
    found: list[Finding] = []
    run = 0
    for trial in TRIALS:
        names = ["segments_complete", *(g.name for g in policy.applying(trial))]
        run += sum(len(mutants.GATE_MUTANTS[kinds[name]]) for name in names) + len(mutants.ROW_MUTANTS)
        try:
            escaped = mutants.escapes(healthy, kind=trial)
        except InvalidInput:  # the others are tried all the same
            red = _unreached(healthy, trial)
            found += red.values()
            escaped = mutants.escapes(healthy, kind=trial, without=tuple(red))
        for gate, names_of in escaped.items():
            said = f"In {trial} {gate} lets pass: {', '.join(names_of)}."
            fix = "Tighten its threshold, or take the gate out, under review."
            found.append(Finding("teeth", "fail", said, fix, f"policy.gates.{gate}"))
    if not found:
        found.append(Finding("teeth", "pass", f"Every gate fails its mutants in every trial: {run} mutants."))
    return tuple(found), run


def _unreached(healthy: Comparison, trial: Trial) -> dict[str, Finding]:
    """The gates of a trial that even a healthy comparison does not pass, by name."""
    found: dict[str, Finding] = {}
    for result in evaluate(healthy, kind=trial).gates:
        if result.status != "pass" and result.name not in found:
            said = (
                f"In {trial} not even a model that errs by 5 % passes {result.name} ({result.status}): "
                f"{result.required}. {result.note}"
            )
            fix = "Loosen its threshold, under review."
            found[result.name] = Finding("attainable", "fail", said, fix, f"policy.gates.{result.name}")
    return found


def green(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed and everything could be looked at; a warning is for people to weigh."""
    return all(one.status not in ("fail", "unknown") for one in findings)
