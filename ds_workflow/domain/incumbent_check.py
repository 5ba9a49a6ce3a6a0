"""Thresholds held against the incumbent's own evidence: what it reaches, how far it came, how noisy its rows are.

Two questions, for every gate. In office (`champion_trial`): would the incumbent be disqualified? At the door: is the
threshold farther away than anything the evidence shows? Out of reach is

* a figure farther from the incumbent's than that is from the naive baseline's: farther than all progress so far;
* an error of less than a quarter of the incumbent's; likewise milliseconds, gaps between groups, losses under stress;
* a margin that a model exactly as good as the champion is hardly ever shown to keep;
* more rows or clusters than the holdout has.

What misses a threshold by less is a warning: the next model has to be that much better. A gate that can't be held
against the evidence is named with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isfinite, sqrt
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from ds_workflow.domain import few_clusters, incumbent_reports, proving
from ds_workflow.domain.comparison import OVERALL, Comparison, Place
from ds_workflow.domain.gates import build, evaluate
from ds_workflow.domain.gates.statistical import gain, losses, weighted_losses
from ds_workflow.domain.incumbent_reports import TIMES, Found
from ds_workflow.domain.metrics import Metric, metric
from ds_workflow.domain.policy import GateSpec, Policy, Trial
from ds_workflow.domain.policy_check import Finding, Status
from ds_workflow.domain.resample import bounds
from ds_workflow.errors import InvalidInput

PROVEN = "proven on the incumbent's rows"
_HOPELESS, _HARD = 0.05, 0.5  # chance that a model as good as the champion passes
_ALIKE, _LIKELY = 0.95, 0.7  # correlation of two models' figures: as alike as they come, and as `power` assumes
_DOORS: tuple[Trial, ...] = ("promotion", "bootstrap")


def against_incumbent(policy: Policy, comparison: Comparison, trial: Trial) -> tuple[Finding, ...]:
    """What the incumbent's own scored rows and checks say of every threshold. In `comparison` it is the challenger of
    the trial that let it in, `champion` being who stood there before."""
    comparison = replace(comparison, policy=policy, look=None)
    alone = replace(comparison, champion=None)
    found = Found(comparison, alone)
    for gate in policy.gates:
        if why := _unseen(gate, alone):
            found.left[gate.name] = why
            continue
        try:
            for trials in _doors(gate) if gate.kind in _AT_THE_DOOR else ():
                _AT_THE_DOOR[gate.kind](found, gate, trials)
        except InvalidInput as error:  # no rows, or no finite figure
            found.left[gate.name] = str(error)
    _rows(policy, found)
    _in_office(policy, found)
    proof = proving.prove(comparison, evaluate(comparison, kind=trial))
    status: Status = "fail" if proof.blind else "warn" if proof.untried else "pass"
    fix = "The incumbent itself does not pass these by this policy; what is said of them above tells by how much."
    found.findings.append(
        Finding(PROVEN, status, proof.result(comparison.rows()).note, fix if status == "warn" else "")
    )
    return (*found.findings, *_summary(policy, found))


def _summary(policy: Policy, found: Found) -> Iterator[Finding]:
    """Which gates were held against the evidence and which not; it never says more than was done."""
    held = [gate.name for gate in policy.gates if gate.name not in found.left]
    failed = any(one.name == "attainable" and one.status == "fail" for one in found.findings)
    if held and not failed:
        warned = {one.key.removeprefix("policy.gates.") for one in found.findings if one.status == "warn"}
        free, tight = ([gate for gate in held if (gate in warned) == sign] for sign in (False, True))
        said = "Held against the incumbent's evidence, none shown to be out of reach: "
        said += "; with a warning above: ".join(", ".join(gates) for gates in (free, tight) if gates)
        yield Finding("attainable", "pass", f"{said}.")
    if found.left:
        said = "; ".join(f"{gate}: {why}" for gate, why in found.left.items())
        yield Finding("not compared", "warn", f"The incumbent's evidence says nothing of {said}.")


def _doors(gate: GateSpec) -> list[tuple[Trial, ...]]:
    """The trials that a newcomer goes through, those that ask the same together."""
    together: dict[object, list[Trial]] = {}
    for trial in (t for t in _DOORS if t in gate.applies_to):
        limits = (gate.thresholds or {}).get(trial), tuple(t[trial] for t in (gate.tolerances or {}).values())
        together.setdefault(limits, []).append(trial)
    return [tuple(trials) for trials in together.values()]


def _unseen(gate: GateSpec, alone: Comparison) -> str:
    """Why the evidence says nothing of a gate, or ""."""
    checks = alone.challenger_checks
    reports = {
        "leakage": checks.leakage,
        "servability": checks.servability,
        "no_new_drift_alerts": checks.drift,
        "stress": checks.stress,
    }
    if gate.kind in reports and reports[gate.kind] is None:
        return "its evidence holds no such report"
    if gate.kind == "stress" and checks.stress is not None:
        seen = checks.stress
        if (seen.metric, seen.unit) != (gate.metric, gate.unit):
            return f"the {seen.unit or 'unknown'} loss of {seen.metric or 'no metric'} was measured"
        untried = [k for k in gate.tolerances or {} if not seen.of(k) and k not in seen.not_applicable]
        return f"nothing was tried of {', '.join(untried)}" if untried else ""
    if gate.kind == "beats_naive" and "naive" not in alone.roles:
        return "its evidence holds no answers of the naive baseline"
    asked = [a.metric for a in gate.alternatives] or ([gate.metric] if gate.metric else [])
    lost = {name: alone.absent("challenger", name) for name in asked}
    return "; ".join(f"no {name} ({why})" for name, why in lost.items()) if asked and all(lost.values()) else ""


def _gain(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    if said := _beyond(gate.metric, gate.threshold(trials[0]), gate.unit, True, found.alone):
        found.add("fail", gate.name, f"{gate.name}: {said}")


def _either(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    each = [_beyond(a.metric, a.minimum, a.unit, a.weighted, found.alone) for a in gate.alternatives]
    if all(each):
        found.add("fail", gate.name, f"{gate.name} in {' and '.join(trials)}: {' '.join(each)}")


def _naive(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    """What the incumbent itself gained over the naive baseline, against what a newcomer must gain."""
    alone, trial, door = found.alone, trials[0], " and ".join(trials)
    weighted = [s for s, w in alone.policy.weights.items() if w > 0]
    if any(alone.absent(role, gate.metric, ("segment", s)) for role in ("challenger", "naive") for s in weighted):
        found.left[gate.name] = f"no {gate.metric} in every segment"
        return
    old, new = weighted_losses(alone, "naive", gate.metric), weighted_losses(alone, "challenger", gate.metric)
    minimum, now = gate.threshold(trial), gain(old, new, unit=gate.unit).observed
    best = _best(metric(gate.metric))
    # how far from the best the incumbent is, and how far a newcomer may be
    far, near = 0.0, float("inf")
    if best is not None:
        far = new.observed - float(metric(gate.metric).loss(best))
        scale = abs(old.observed) if gate.unit == "relative" else 1.0
        near = old.observed - minimum * scale - float(metric(gate.metric).loss(best))
    ends = bounds(gain(old, new, unit=gate.unit).draws, alpha=alone.policy.alpha, clusters=alone.effective_weighted())
    if not isfinite(now) or ends is None or ends[1] >= minimum:
        return
    said = f"{gate.name} asks for {minimum:g} ({gate.unit}) in {door}; the incumbent gained {now:.4g}"
    if near * TIMES < far:
        found.add("fail", gate.name, f"{said} and is {far:.4g} from the best there is, of which {near:.4g} may remain.")
    elif minimum - now > now:
        found.add("fail", gate.name, f"{said}, less than half of it.")
    else:
        found.add("warn", gate.name, f"{said}: the next one must gain {minimum - now:.4g} more.")


def _rows(policy: Policy, found: Found) -> None:
    """Rows and clusters that the policy wants, against those of the holdout that the incumbent was judged on."""
    alone = found.alone
    sizes = {s: alone.rows(("segment", s)) for s in policy.segments}
    small, most = min(sizes, key=lambda s: sizes[s]), max(sizes.values())
    wanted: list[tuple[str, int, int, str]] = [
        ("statistics.minimum_clusters", policy.minimum_clusters, alone.clusters(), "clusters; the holdout has"),
        ("rows.segment_minimum", policy.segment_min_rows, sizes[small], f"rows of a segment; {small} has"),
    ]
    if any(gate.over == "major_segments" for gate in policy.gates):
        wanted.append(("rows.major_segment_minimum", policy.major_min_rows, most, "rows; the largest segment has"))
    for key, asked, there, words in wanted:
        if there < asked:
            said = f"{key} asks for {asked:,} {words} {there:,}. Every verdict on such rows is inconclusive."
            fix = f"Lower policy.{key}, under review, or freeze a larger holdout."
            found.findings.append(Finding("attainable", "fail", said, fix, f"policy.{key}"))
    found.findings += _late_looks(policy, alone.clusters(), alone.effective())


def _late_looks(policy: Policy, clusters: int, worth: float) -> list[Finding]:
    """The looks at whose level so few clusters show nothing, however far apart two models are."""
    most = few_clusters.MOST_RESAMPLES
    p = min(1.0, policy.tests("promotion") * few_clusters.finest(most, worth))
    late = next((k for k in range(1, policy.looks + 1) if p > policy.spending.level(k)), 0)
    if not late or clusters < policy.minimum_clusters:  # the latter is told already
        return []
    said = (
        f"The holdout has {few_clusters.told(worth, clusters)}: from place {late} of the series on, at level "
        f"{policy.spending.level(late):.3g}, nothing can be shown, since the smallest p-value of {most:,} resamples is "
        f"{p:.2g} over {policy.tests('promotion')} tests."
    )
    after = f"Freeze a new window with 'holdout-freeze' after {late - 1} candidates, or" if late > 1 else "Freeze"
    fix = f"{after} a holdout of more clusters."
    return [Finding("few clusters", "warn", said, fix, "policy.holdout.looks")]


def _in_office(policy: Policy, found: Found) -> None:
    """The trial of the champion, by this policy: every gate of it, on the incumbent's own evidence."""
    gates = [g for g in build(policy, "champion_trial") if g.name not in found.left and g.name != "segments_complete"]
    for result in evaluate(found.alone, kind="bootstrap", gates=gates).gates:
        where = f" on {result.segment}" if result.segment else ""
        if result.status in ("fail", "invalid"):
            said = f"{result.name}{where} in champion_trial: {result.required}. {result.note} "
            found.add("fail", result.name, f"{said}The incumbent would be disqualified.")
        elif result.status == "inconclusive":
            said = f"{result.name}{where} in champion_trial: {result.required}. {result.note}"
            found.add("warn", result.name, said, name="office")


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


def _beyond(name: str, minimum: float, unit: str, weighted: bool, alone: Comparison) -> str:
    """Why an improvement can't be made from where the incumbent stands, or ""."""
    m = metric(name)
    if alone.absent("challenger", name):
        return ""
    now = _figure(alone, "challenger", name, weighted)
    best = _best(m)
    room = None if best is None else now - float(m.loss(best)) if m.best is None else now
    wanted = minimum * abs(now) if unit == "relative" else minimum
    said = f"{name} is to get better by {wanted:.4g}, and the incumbent, at {abs(now):.4g},"
    if room is not None and wanted > room * (1 - 1 / TIMES):
        return f"{said} has only {room:.4g} left."
    if "naive" in alone.roles and not alone.absent("naive", name):
        way = _figure(alone, "naive", name, weighted) - now
        if 0 < way < wanted:
            return f"{said} is {way:.4g} from the naive baseline."
    return ""


def _figure(alone: Comparison, role: Literal["challenger", "naive"], name: str, weighted: bool) -> float:
    return (weighted_losses(alone, role, name) if weighted else losses(alone, role, name, "")).observed


def _bounds(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    for place in _places(gate, found.alone):
        _bound(found, gate, trials, place)


def _bound(found: Found, gate: GateSpec, trials: tuple[Trial, ...], place: Place) -> None:
    """The incumbent is shown to lie on the wrong side of a floor or ceiling for newcomers."""
    alone, trial, door = found.alone, trials[0], " and ".join(trials)
    m, limit = metric(gate.metric), gate.threshold(trial)
    if alone.absent("challenger", gate.metric, place):
        return
    draws, now = alone.draws("challenger", gate.metric, place), alone.value("challenger", gate.metric, place)
    if m.best is not None:
        draws, now = np.asarray(m.loss(draws)), float(m.loss(now))
    ends = bounds(draws, alpha=alone.policy.alpha, clusters=alone.effective(place))
    short = 0.0 if ends is None else (limit - ends[1] if gate.kind == "floor" else ends[0] - limit)
    if short <= 0:
        return
    where = f" on {place[1]}" if place[1] else ""
    said = f"{gate.name}{where} asks for {limit:g} in {door}; the incumbent is at {now:.4g}"
    gap = abs(limit - now)
    if "naive" in alone.roles and not alone.absent("naive", gate.metric, place):
        naive = alone.value("naive", gate.metric, place)
        way = abs(now - (float(m.loss(naive)) if m.best is not None else naive))
        if gap > way:
            found.add("fail", gate.name, f"{said}, which is {way:.4g} from the naive baseline.")
            return
    found.add("warn", gate.name, f"{said}: the next one must be {gap:.4g} better.")


def _margins(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    for place in _places(gate, found.alone):
        _margin(found, gate, gate.threshold(trials[0]), place)


def _margin(found: Found, gate: GateSpec, margin: float, place: Place) -> None:
    """Whether a model exactly as good as the champion could be shown to be no worse: Phi(margin / se - z(1 - alpha /
    tests)), with as much noise as the last two models had between them; of a first champion, whom nobody stood before,
    as much as two models have whose figures correlate."""
    both, segment = found.both, place[1]
    if both.absent("challenger", gate.metric, place):
        return
    new = losses(both, "challenger", gate.metric, segment)
    measured = both.champion is not None and not both.absent("champion", gate.metric, place)
    if measured:
        errors = [float(np.nanstd(gain(losses(both, "champion", gate.metric, segment), new, unit=gate.unit).draws))] * 2
    else:
        size = abs(new.observed) if gate.unit == "relative" else 1.0
        one = float(np.nanstd(new.draws)) / size if size else 0.0
        errors = [one * sqrt(2 * (1 - r)) for r in (_ALIKE, _LIKELY)]
    if not errors[0] > 0:
        return
    z = float(ndtri(1 - both.policy.spending.level(1) / both.policy.tests("promotion")))
    best, likely = (float(ndtr(margin / error - z)) for error in errors)
    if likely >= _HARD:
        return
    where = f" on {segment}" if segment else ""
    noise = f"standard error {errors[0]:.3g}" if measured else f"standard error {errors[1]:.3g}, assumed"
    said = (
        f"{gate.name}{where}: with these rows ({noise}) a model exactly as good as the champion is shown to be within "
        f"{margin:g} in {likely:.0%} of trials"
    )
    said += "." if measured else f", and in {best:.0%} were it as alike as models come."
    hopeless = best < _HOPELESS
    fix = "Widen the margin, or freeze a larger holdout."
    found.add("fail" if hopeless else "warn", gate.name, said, name="attainable" if hopeless else "margin", fix=fix)


_AT_THE_DOOR: dict[str, Callable[[Found, GateSpec, tuple[Trial, ...]], None]] = {
    "weighted_improvement": _gain,
    "one_of": _either,
    "beats_naive": _naive,
    "floor": _bounds,
    "ceiling": _bounds,
    "max_drop": _margins,
    "servability": incumbent_reports.served,
    "stress": incumbent_reports.strained,
    "no_new_fairness_alerts": incumbent_reports.fairness,
    "no_new_drift_alerts": incumbent_reports.drift,
}
