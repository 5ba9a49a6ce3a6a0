"""A policy on trial: contradictions, thresholds that nobody can reach, and gates that nothing fails.

`Policy.read` finds what is wrong by itself (unknown keys, units, ranges). What stands here needs more than one look:
the trials beside one another, a healthy comparison and its mutants, and the incumbent's own scored rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from ds_workflow.domain import mutants, proving
from ds_workflow.domain.comparison import OVERALL, Comparison, Place
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.gates.statistical import Losses, gain, losses, weighted_losses
from ds_workflow.domain.metrics import Metric, metric
from ds_workflow.domain.policy import TRIALS, GateSpec, Policy, Trial
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.resample import bounds
from ds_workflow.domain.strict_mapping import Fault
from ds_workflow.errors import InvalidInput

Status = Literal["pass", "warn", "fail", "unknown", "exempt"]  # exempt: nothing to look at yet, said by name
_LARGER_IS_STRICTER = ("floor", "beats_naive", "weighted_improvement")
_TEMPLATE = "config/policies/nyc_sales.yaml"
_ROWS = 400  # of a segment in the made comparison: the gates are the same, and it is quick
_HOPELESS, _HARD = 0.05, 0.5  # chance that a model as good as the champion passes


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
        for trial in gate.applies_to:
            asked = (gate.kind, gate.metric, gate.unit, gate.over, gate.alternatives, trial)
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


def against_incumbent(policy: Policy, comparison: Comparison, trial: Trial) -> tuple[Finding, ...]:
    """What the incumbent's own scored rows say of the thresholds. In `comparison` it is the challenger of the trial
    that let it in, `champion` being who stood there before."""
    comparison = replace(comparison, policy=policy, look=None)
    found = [one for gate in policy.gates for one in _reach(gate, comparison)]
    found += [one for gate in policy.applying("promotion") for one in _margin(gate, comparison)]
    proof = proving.prove(comparison, evaluate(comparison, kind=trial))
    line = proof.result(comparison.rows())
    found.append(Finding("proven on the incumbent's rows", "pass" if not proof.blind else "fail", line.note))
    if not any(one.name == "attainable" for one in found):
        found.append(Finding("attainable", "pass", "The incumbent's figures leave room for every threshold."))
    return tuple(found)


def _best(m: Metric) -> float | None:
    """The best that the figure can be, None where there is no end."""
    if not m.greater_is_better or m.best is not None:
        return 0.0
    return 1.0 if m.unit in ("share", "score") or m.name == "r2" else None


def _places(gate: GateSpec, comparison: Comparison) -> list[Place]:
    if gate.over == "overall":
        return [OVERALL]
    least = comparison.policy.major_min_rows if gate.over == "major_segments" else 1
    return [("segment", s) for s in comparison.segments if comparison.rows(("segment", s)) >= least]


def _reach(gate: GateSpec, comparison: Comparison) -> list[Finding]:
    fix = f"Set policy.gates.{gate.name} to what a model can reach, under review."
    if gate.kind == "weighted_improvement":
        said = _beyond(gate.metric, gate.threshold("promotion"), gate.unit, True, comparison)
        return [Finding("attainable", "fail", f"{gate.name}: {said}", fix)] if said else []
    if gate.kind == "one_of":
        each = [_beyond(a.metric, a.minimum, a.unit, a.weighted, comparison) for a in gate.alternatives]
        return [Finding("attainable", "fail", f"{gate.name}: {' '.join(each)}", fix)] if all(each) else []
    if gate.kind not in ("floor", "ceiling"):
        return []
    found = []
    for place in _places(gate, comparison):
        for trial in gate.applies_to:
            if trial != "bootstrap" and (one := _shown_beyond(gate, trial, place, comparison, fix)):
                found.append(one)
    return found


def _beyond(name: str, minimum: float, unit: str, weighted: bool, comparison: Comparison) -> str:
    """Why an improvement can't be made from where the incumbent stands, or ""."""
    m = metric(name)
    if comparison.absent("challenger", name):
        return ""
    now = (weighted_losses if weighted else _overall)(comparison, "challenger", name).observed
    best = _best(m)
    if best is None:
        return ""
    room = now - float(m.loss(best)) if m.best is None else now
    wanted = minimum * abs(now) if unit == "relative" else minimum
    if wanted < room:
        return ""
    figure = abs(now)
    return f"{name} is to get better by {wanted:.4g}, and the incumbent, at {figure:.4g}, has only {room:.4g} left."


def _overall(comparison: Comparison, role: Literal["challenger"], name: str) -> Losses:
    return losses(comparison, role, name, "")


def _shown_beyond(gate: GateSpec, trial: Trial, place: Place, comparison: Comparison, fix: str) -> Finding | None:
    """The incumbent is shown to lie on the wrong side of a floor or ceiling."""
    m, limit = metric(gate.metric), gate.threshold(trial)
    if comparison.absent("challenger", gate.metric, place):
        return None
    draws, now = comparison.draws("challenger", gate.metric, place), comparison.value("challenger", gate.metric, place)
    if m.best is not None:
        draws, now = np.asarray(m.loss(draws)), float(m.loss(now))
    ends = bounds(draws, alpha=comparison.policy.alpha, clusters=comparison.effective(place))
    short = 0.0 if ends is None else (limit - ends[1] if gate.kind == "floor" else ends[0] - limit)
    if short <= 0:
        return None
    where = f" on {place[1]}" if place[1] else ""
    said = f"{gate.name}{where} asks for {limit:g} in {trial}; the incumbent is at {now:.4g}"
    if trial == "champion_trial":
        return Finding("attainable", "fail", f"{said} and would be disqualified.", fix)
    gap = abs(limit - now)
    if "naive" in comparison.roles and not comparison.absent("naive", gate.metric, place):
        naive = comparison.value("naive", gate.metric, place)
        way = abs(now - (float(m.loss(naive)) if m.best is not None else naive))
        if gap > way:
            return Finding("attainable", "fail", f"{said}, which is {way:.4g} from the naive baseline.", fix)
    return Finding("attainable", "warn", f"{said}: the next one must be {gap:.4g} better.")


def _margin(gate: GateSpec, comparison: Comparison) -> list[Finding]:
    """Whether a model exactly as good as the champion could be shown to be no worse, with as much noise as the last
    two models had between them: Phi(margin / se - z(1 - alpha / tests))."""
    if gate.kind != "max_drop" or comparison.champion is None:
        return []
    policy = comparison.policy
    tests = policy.tests("promotion")
    found = []
    for place in _places(gate, comparison):
        if any(comparison.absent(role, gate.metric, place) for role in ("challenger", "champion")):
            continue
        segment = place[1]
        old, new = (losses(comparison, role, gate.metric, segment) for role in ("champion", "challenger"))
        error = float(np.nanstd(gain(old, new, unit=gate.unit).draws))
        if not error > 0:
            continue
        level = policy.spending.level(1)
        chance = float(ndtr(gate.threshold("promotion") / error - ndtri(1 - level / tests)))
        if chance < _HARD:
            where = f" on {segment}" if segment else ""
            said = (
                f"{gate.name}{where}: with these rows (standard error {error:.3g}) a model exactly as good as the "
                f"champion is shown to be within {gate.threshold('promotion'):g} in {chance:.0%} of trials."
            )
            status: Status = "fail" if chance < _HOPELESS else "warn"
            found.append(Finding("attainable" if status == "fail" else "margin", status, said,
                                 "Widen the margin, or freeze a larger holdout."))  # fmt: skip
    return found


def green(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed and everything could be looked at; a warning is for people to weigh."""
    return all(one.status not in ("fail", "unknown") for one in findings)
