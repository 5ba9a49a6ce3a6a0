"""What the reports in the incumbent's evidence say of a policy's thresholds: serving, stress, groups, drift.

They have no naive baseline beside them, so out of reach is less than a quarter of what the incumbent itself needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from statistics import median

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import NoNewFairnessAlerts
from ds_workflow.domain.policy import GateSpec, Trial
from ds_workflow.domain.policy_check import Finding, Status
from ds_workflow.errors import InvalidInput

TIMES = 4.0  # a limit of less than the incumbent's figure over this was shown by nobody


@dataclass
class Found:
    """The incumbent's evidence, `alone` and beside who stood there before (`both`); what was found so far, and which
    gates could not be held against it."""

    both: Comparison
    alone: Comparison
    findings: list[Finding] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def add(self, status: Status, gate: str, said: str, *, name: str = "attainable", fix: str = "") -> None:
        """Keep one more about a gate."""
        fix = fix or f"Set policy.gates.{gate} to what a model can reach, under review."
        self.findings.append(Finding(name, status, said, fix, f"policy.gates.{gate}"))


def served(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    """The incumbent's 95th percentile in milliseconds against the one asked for."""
    seen = found.alone.challenger_checks.servability
    if seen is not None and isfinite(seen.p95_ms):
        _cost(found, gate, trials, what="p95 of a request in ms", now=seen.p95_ms, limit=gate.threshold(trials[0]))


def strained(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    """The incumbent's worst loss under each kind of stress against its tolerance."""
    report = found.alone.challenger_checks.stress
    for kind, by_trial in (gate.tolerances or {}).items():
        worst = max((s.loss or 0.0 for s in report.of(kind)), default=0.0) if report else 0.0
        what = f"{gate.unit} loss of {gate.metric}, {kind}"
        _cost(found, gate, trials, what=what, now=worst, limit=by_trial[trials[0]])


def _cost(found: Found, gate: GateSpec, trials: tuple[Trial, ...], *, what: str, now: float, limit: float) -> None:
    """A figure that is to be small and for which there is no baseline."""
    if now <= limit:
        return
    said = f"{gate.name} asks for at most {limit:g} in {' and '.join(trials)}; the incumbent is at {now:.4g} ({what})"
    if now > TIMES * limit:
        found.add("fail", gate.name, f"{said}, more than {TIMES:g} times as much.")
    else:
        found.add("warn", gate.name, f"{said}: the next one must be {now - limit:.4g} better.")


def fairness(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    """The incumbent's own gaps against the tolerance. Groups for which it raises an alarm itself are excused to a
    challenger, so that a tolerance which it breaks everywhere guards nothing."""
    alone, trial, door = found.alone, trials[0], " and ".join(trials)
    tolerances = {name: by_trial[trial] for name, by_trial in (gate.tolerances or {}).items()}
    try:
        report = NoNewFairnessAlerts(gate.name, tuple(tolerances.items()), gate.minimum_rows).report(
            alone, alone.challenger
        )
    except InvalidInput as error:
        found.left[gate.name] = str(error)
        return
    judged = [g for g in report.gaps if g.status != "unknown"]
    if not judged:
        most = max((g.rows for g in report.gaps), default=0)
        said = f"{gate.name}: no group has the {gate.minimum_rows:,} rows that it wants; the largest has {most:,}."
        found.add("fail", gate.name, f"{said} Every verdict on such rows is inconclusive.")
        return
    alarmed = [f"{g.column} {g.group} {g.metric} {g.gap:+.4f}" for g in report.alerts]
    for name, tolerance in tolerances.items():
        typical = median([abs(g.gap or 0.0) for g in judged if g.metric == name] or [0.0])
        if typical > TIMES * tolerance:
            said = f"{gate.name} tolerates a gap of {tolerance:g} in {name} in {door}; the incumbent's median is "
            found.add("fail", gate.name, f"{said}{typical:.4g}, more than {TIMES:g} times as much.")
    if alarmed:
        half = len(alarmed) * 2 >= len(judged)
        said = f"{gate.name} in {door}: the incumbent itself raises {len(alarmed)} of {len(judged)} alarms "
        said += f"({', '.join(alarmed[:3])}), which are then excused to a challenger."
        found.add("fail" if half else "warn", gate.name, said)


def drift(found: Found, gate: GateSpec, trials: tuple[Trial, ...]) -> None:
    """Whether the features can be judged on so many rows, and whether they drifted for the incumbent already."""
    alone, trial, door = found.alone, trials[0], " and ".join(trials)
    report = alone.challenger_checks.drift
    if report is None or not report.features:
        found.left[gate.name] = "its evidence holds no such report"
        return
    if few := report.unknown(minimum_rows=gate.minimum_rows):
        least = min(report.features[name].rows for name in few)
        said = f"{gate.name} wants {gate.minimum_rows:,} rows of a feature in {door}; {few[0]} has {least:,}."
        found.add("fail", gate.name, f"{said} Every verdict on such rows is inconclusive.")
        return
    limit, alpha = gate.threshold(trial), alone.policy.alpha
    alerts = report.alerts(maximum_psi=limit, alpha=alpha, minimum_rows=gate.minimum_rows)
    trending = {f.name for f in alone.problem.features if f.trending}
    new = [name for name in alerts if name not in trending]
    if new:
        half = len(new) * 2 >= len(report.features)
        said = f"{gate.name} in {door}: {len(new)} of the incumbent's own {len(report.features)} features shift beyond "
        said += f"PSI {limit:g} ({', '.join(new[:3])})."
        found.add("fail" if half else "warn", gate.name, said)
