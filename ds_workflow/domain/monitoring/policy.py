"""What is watched once a model is in office, and how far it may move: the monitoring policy of one problem.

It stands in config/monitoring/<problem>.yaml and is read by `adapters.monitoring_policies.load`; a problem without a
file is watched by the defaults below. Every limit is a number that people change under review; `contradictions` says
where these limits and those of the problem's arena policy can't both be meant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from ds_workflow.domain.monitoring.looks import Kind
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.strict_mapping import Fault, Faults, Part, refusal

WATCHED_GAPS = ("roc_auc", "tpr", "bias")  # whose differences between groups are watched, in the metric's unit


def _limit(default: float, low: float, high: float) -> Any:
    """A number of a section, with what is allowed for it, both ends included."""
    return field(default=default, metadata={"low": low, "high": high})


@dataclass(frozen=True)
class Labels:
    """When outcomes are known. A row's label counts when it came within `mature_after_days` of the answer; a window is
    compared only when all of it is older than that, and `minimum_coverage` of its rows have labels."""

    mature_after_days: int = _limit(30, 0, 3650)
    minimum_coverage: float = _limit(0.5, 0.0, 1.0)


@dataclass(frozen=True)
class Performance:
    """Relative worsening of the primary metric against the holdout that must be shown, not just seen. `window_days`
    long is the window that is compared; `segment_rows` is the least of a segment."""

    window_days: int = _limit(28, 1, 3650)
    minimum_rows: int = _limit(200, 20, 10**9)
    segment_rows: int = _limit(200, 20, 10**9)
    warn: float = _limit(0.10, 0.0, 10.0)
    critical: float = _limit(0.25, 0.0, 10.0)


@dataclass(frozen=True)
class Calibration:
    """How much the calibration error of probabilities beyond chance may grow against the holdout's, in shares."""

    ece_excess: float = _limit(0.02, 0.0, 1.0)


@dataclass(frozen=True)
class Fairness:
    """How far a group may lie from all rows, absolute, and from how many rows of the group on it is judged."""

    gap: float = _limit(0.10, 0.0, 10.0)
    minimum_rows: int = _limit(200, 20, 10**9)


@dataclass(frozen=True)
class Service:
    """The log of requests: the 95th percentile in milliseconds, the share of requests refused by the service itself
    (status 500 and above), over so many hours and from so many requests on."""

    p95_ms: float = _limit(400.0, 0.1, 600_000.0)
    error_rate: float = _limit(0.01, 0.0, 1.0)
    hours: int = _limit(24, 1, 24 * 90)
    minimum_requests: int = _limit(20, 1, 10**9)


@dataclass(frozen=True)
class Inputs:
    """Rows that come in: the PSI above which a shift is large, the share of rows that the data contract refuses or that
    lie outside what training saw, the rise of missing values, the age of the newest row; `in_a_row` looks must agree
    before an alert stands."""

    psi: float = _limit(0.2, 0.01, 10.0)
    refused: float = _limit(0.02, 0.0, 1.0)
    out_of_range: float = _limit(0.05, 0.0, 1.0)
    missing_rise: float = _limit(0.05, 0.0, 1.0)
    stale_after_days: int = _limit(30, 1, 3650)
    in_a_row: int = _limit(2, 1, 10)


@dataclass(frozen=True)
class Looks:
    """For so many days after a champion took office (for performance: after its first labels are mature) nobody need
    have looked at it; from then on, what was not looked at is unknown."""

    grace_days: int = _limit(7, 0, 365)


@dataclass(frozen=True)
class Retraining:
    """What asks for a new candidate: worsening shown, share of inputs that drift, calibration error beyond chance, age
    of the champion (0: the arena policy's `retrain_after_days`). `override_days` is the longest that a person may hold
    it back."""

    worse: float = _limit(0.10, 0.0, 10.0)
    drifted: float = _limit(0.3, 0.0, 1.0)
    ece_excess: float = _limit(0.03, 0.0, 1.0)
    age_days: int = _limit(0, 0, 3650)
    override_days: int = _limit(60, 1, 365)


@dataclass(frozen=True)
class MonitoringPolicy:
    """All limits of one problem."""

    problem: str
    version: str = "default"
    labels: Labels = field(default_factory=Labels)
    performance: Performance = field(default_factory=Performance)
    calibration: Calibration = field(default_factory=Calibration)
    fairness: Fairness = field(default_factory=Fairness)
    service: Service = field(default_factory=Service)
    inputs: Inputs = field(default_factory=Inputs)
    looks: Looks = field(default_factory=Looks)
    retraining: Retraining = field(default_factory=Retraining)

    @staticmethod
    def parse(content: Any, *, problem: str) -> MonitoringPolicy:
        """A policy from plain data. Raises one InvalidInput that names every key that is wrong and what is allowed."""
        policy, faults = MonitoringPolicy.read(content, problem=problem)
        if policy is None:
            raise refusal("The monitoring policy", faults)
        return policy

    @staticmethod
    def read(content: Any, *, problem: str) -> tuple[MonitoringPolicy | None, tuple[Fault, ...]]:
        """As `parse`, but with everything that is wrong instead of an error: the policy and no fault, or None and all
        of them."""
        faults = Faults()
        top = Part("monitoring", content, faults)
        top.keys(optional=("problem", "version", *_SECTIONS))
        named = top.text("problem")
        if named and named != problem:
            top.fault("problem", f"is '{named}', and this is the file of {problem}.")
        made = {name: _section(kind, top.part(name)) for name, kind in _SECTIONS.items() if name in top.content}
        found = MonitoringPolicy(problem, str(top.content.get("version", "1")), **made)
        if found.performance.critical < found.performance.warn and not faults.under("monitoring.performance"):
            said = "critical is below warn, so nothing would ever only warn."
            faults.add("monitoring.performance", said, "Raise critical or lower warn.")
        return (None if faults.found else found), tuple(faults.found)

    @property
    def digest(self) -> str:
        """SHA-256 of all limits: what a look was judged by."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def first_look_due(self, office: datetime, kind: Kind) -> datetime:
        """When a champion that took office then must have been looked at."""
        late = self.labels.mature_after_days if kind == "performance" else 0
        return office + timedelta(days=self.looks.grace_days + late)

    def age_limit(self, policy: Policy) -> int:
        """Days after which the champion is too old."""
        return self.retraining.age_days or policy.retrain_after_days


def _section(kind: type[Any], part: Part) -> Any:
    """One section; a number that is wrong is noted, and what is left out has its default."""
    known = {f.name: f for f in fields(kind)}
    part.keys(optional=tuple(known))
    read: dict[str, float] = {}
    for name in (key for key in part.content if key in known):
        low, high = known[name].metadata["low"], known[name].metadata["high"]
        read[name] = (part.integer if known[name].type == "int" else part.number)(name, low=low, high=high)
    return kind(**read)


_SECTIONS: Mapping[str, type[Any]] = {
    "labels": Labels,
    "performance": Performance,
    "calibration": Calibration,
    "fairness": Fairness,
    "service": Service,
    "inputs": Inputs,
    "looks": Looks,
    "retraining": Retraining,
}


def contradictions(watched: MonitoringPolicy, policy: Policy) -> tuple[Fault, ...]:
    """Where the limits of watching and those of the arena can't both be meant, each with what would mend it."""
    found = []
    gate = policy.drift_gate
    if gate is not None and watched.inputs.psi > (asked := gate.threshold(gate.applies_to[0])):
        said = (
            f"{watched.inputs.psi:g} is above the arena's {asked:g}: inputs that no challenger may have would not be "
            "noticed."
        )
        fix = f"Lower monitoring.inputs.psi to {asked:g}, or raise maximum_psi of policy.gates.{gate.name}."
        found.append(Fault("monitoring.inputs.psi", said, fix))
    for served in (g for g in policy.gates if g.kind == "servability" and g.thresholds):
        slowest = max(served.thresholds.values())  # type: ignore[union-attr]
        if watched.service.p95_ms < slowest:
            said = (
                f"{watched.service.p95_ms:g} is below the {slowest:g} ms that the arena allows: a model could be "
                "promoted and alarm at once."
            )
            fix = f"Ask for {watched.service.p95_ms:g} ms in policy.gates.{served.name}, or alarm from {slowest:g} on."
            found.append(Fault("monitoring.service.p95_ms", said, fix))
    for fair in (g for g in policy.gates if g.kind == "no_new_fairness_alerts"):
        by_metric = {m: t["champion_trial"] for m, t in (fair.tolerances or {}).items() if "champion_trial" in t}
        for name, tolerance in by_metric.items():
            if name in WATCHED_GAPS and watched.fairness.gap > tolerance:
                said = (
                    f"{watched.fairness.gap:g} is above the {tolerance:g} of {name} that ends a champion's office in "
                    "the arena: a group could be treated so badly and nobody be told."
                )
                fix = f"Lower monitoring.fairness.gap to {tolerance:g} or less."
                found.append(Fault("monitoring.fairness.gap", said, fix))
    if watched.retraining.age_days and watched.retraining.age_days > policy.retrain_after_days:
        said = (
            f"{watched.retraining.age_days} is above the arena policy's retrain_after_days {policy.retrain_after_days}."
        )
        fix = "Leave it out: then the arena policy's number holds for both."
        found.append(Fault("monitoring.retraining.age_days", said, fix))
    late, old = watched.labels.mature_after_days, watched.age_limit(policy)
    if late > old:
        said = (
            f"outcomes are known after {late} days, and a champion is too old after {old}: none would ever be judged "
            "by what it answered in office."
        )
        fix = (
            f"Raise retrain_after_days to {late + watched.performance.window_days}, when a first whole window is "
            "known; or count labels as mature earlier, if they are."
        )
        found.append(Fault("monitoring.labels.mature_after_days", said, fix))
    if watched.retraining.worse > watched.performance.critical:
        said = (
            f"{watched.retraining.worse:g} is above performance.critical {watched.performance.critical:g}: critical "
            "would ask for no retraining."
        )
        fix = f"Lower retraining.worse to {watched.performance.critical:g} or less."
        found.append(Fault("monitoring.retraining.worse", said, fix))
    return tuple(found)
