"""The policy: thresholds that people may change under review, parsed strictly and never repaired.

A key that nobody knows, a number without meaning or a threshold that nothing could reach is refused by name, and all of
them at once: a typing error must not switch off a gate. No file is read here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, cast

from ds_workflow.domain import few_clusters, gate_spec
from ds_workflow.domain.gate_spec import BOUNDED, KINDS, TRIALS, Alternative, GateSpec, Over, Trial
from ds_workflow.domain.holdout_spending import LOOKS, SCHEMES, Look, Scheme, Spending
from ds_workflow.domain.strict_mapping import Fault, Faults, Part, refusal
from ds_workflow.errors import InvalidInput
from registry.records import digest_of

__all__ = ["KINDS", "TRIALS", "Alternative", "GateSpec", "Over", "Policy", "Trial"]

_WEIGHT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Policy:
    """What a model must show. Rows count rows of the holdout; `weights` is the fixed reference population."""

    problem: str
    policy_version: str
    expires_after_days: int
    retrain_after_days: int
    alpha: float
    resamples: int
    minimum_clusters: int
    segment_min_rows: int
    major_min_rows: int
    weights: Mapping[str, float]
    weights_source: str
    gates: tuple[GateSpec, ...]
    spending_scheme: Scheme = "decaying"
    looks: int = LOOKS

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical content: comments and order of keys don't count, every number does."""
        return digest_of(self.to_dict())

    @property
    def segments(self) -> tuple[str, ...]:
        """The segments that a comparison must carry."""
        return tuple(self.weights)

    @property
    def lifetime(self) -> timedelta:
        """How long an open proposal may be decided."""
        return timedelta(days=self.expires_after_days)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON of all fields; gates in their names' order, since their order decides nothing."""
        gates = [asdict(g) for g in sorted(self.gates, key=lambda g: g.name)]
        for gate in gates:  # what a gate does not have is not part of its digest
            if not gate["alternatives"]:
                del gate["alternatives"]
        content = {**asdict(self), "gates": gates}
        if self.spending == Spending(self.alpha):  # nor what a policy leaves as it is by default
            del content["spending_scheme"], content["looks"]
        return content

    @property
    def spending(self) -> Spending:
        """How a holdout's error rate is divided among the looks at it."""
        return Spending(self.alpha, self.spending_scheme, self.looks)

    def for_look(self, look: Look, trial: Trial, *, clusters: float = math.inf) -> Policy:
        """The policy with resamples enough to show something at the look's level in a place of so many effective
        `clusters`; a spent one can show nothing."""
        if look.spent:
            return self
        worth = max(clusters, float(self.minimum_clusters))
        asked = few_clusters.resamples_for(
            look.level, tests=max(self.tests(trial), 1), clusters=worth, at_least=self.resamples
        )
        return replace(self, resamples=asked)

    def tests(self, trial: Trial) -> int:
        """The most bootstrap tests that a trial may ask at once."""
        many = {"overall": 1, "segments": len(self.weights), "major_segments": len(self.weights)}
        tested = ("weighted_improvement", "max_drop", "floor", "ceiling", "beats_naive")
        either = sum(len(g.alternatives) for g in self.applying(trial))
        return either + sum(many[g.over] for g in self.applying(trial) if g.kind in tested)

    def applying(self, trial: Trial) -> tuple[GateSpec, ...]:
        """The gates of one trial, in the policy's order."""
        return tuple(g for g in self.gates if trial in g.applies_to)

    @property
    def drift_gate(self) -> GateSpec | None:
        """The gate on drifting inputs, if there is one."""
        return next((g for g in self.gates if g.kind == "no_new_drift_alerts"), None)

    @property
    def stress_gate(self) -> GateSpec | None:
        """The gate on requests that go wrong, if there is one."""
        return next((g for g in self.gates if g.kind == "stress"), None)

    def gate(self, name: str) -> GateSpec:
        """The gate of that name."""
        for gate in self.gates:
            if gate.name == name:
                return gate
        raise InvalidInput(f"The policy has no gate '{name}'. It has: {', '.join(g.name for g in self.gates)}.")

    @staticmethod
    def parse(mapping: Any, *, segments: Sequence[str], metrics: Sequence[str], problem: str = "") -> Policy:
        """The policy in a mapping (as YAML gives it) for a problem with these segments and metrics.

        Raises one InvalidInput that names the keys: unknown, missing, of the wrong kind, out of range, in the wrong
        unit, unattainable or contradicting another.
        """
        policy, faults = Policy.read(mapping, segments=segments, metrics=metrics, problem=problem)
        if policy is None:
            raise refusal("The policy", faults)
        return policy

    @staticmethod
    def read(
        mapping: Any, *, segments: Sequence[str], metrics: Sequence[str], problem: str = ""
    ) -> tuple[Policy | None, tuple[Fault, ...]]:
        """As `parse`, but with everything that is wrong instead of an error: the policy and no fault, or None and all
        of them. `problem` is whose policy it has to be ("": anybody's)."""
        faults = Faults()
        top = Part("policy", mapping, faults)
        top.keys(
            "problem",
            "policy_version",
            "expires_after_days",
            "retrain_after_days",
            "statistics",
            "rows",
            "reference_population",
            "gates",
            optional=("holdout",),
        )
        statistics, rows = top.part("statistics"), top.part("rows")
        if "statistics" in top.content:
            statistics.keys("alpha", "resamples", "minimum_clusters")
        if "rows" in top.content:
            rows.keys("segment_minimum", "major_segment_minimum")
        named = top.text("problem")
        if named and problem and named != problem:
            top.fault("problem", f"is '{named}', and this is asked as the policy of {problem}.")
        weights, source = _population(top, segments)
        scheme, looks = _holdout(top)
        expires = top.integer("expires_after_days", low=1, high=365)
        retrain = top.integer("retrain_after_days", low=1, high=3650)
        specs = [gate_spec.read(part, name, metrics) for name, part in top.part("gates").parts()]
        policy = Policy(
            problem=named,
            policy_version=top.text("policy_version"),
            expires_after_days=expires,
            retrain_after_days=retrain,
            alpha=statistics.number("alpha", low=0.001, high=0.2),
            resamples=statistics.integer("resamples", low=99, high=1_000_000),
            minimum_clusters=statistics.integer("minimum_clusters", low=2, high=1_000_000),
            segment_min_rows=rows.integer("segment_minimum", low=1, high=10**9),
            major_min_rows=rows.integer("major_segment_minimum", low=1, high=10**9),
            weights=weights,
            weights_source=source,
            gates=tuple(spec for spec in specs if spec is not None),
            spending_scheme=scheme,
            looks=looks,
        )
        _sound(policy, faults, complete=None not in specs and "gates" in top.content)
        return (None if faults.found else policy), tuple(faults.found)


def _population(top: Part, segments: Sequence[str]) -> tuple[dict[str, float], str]:
    """Weights of the segments, which sum to 1, and where they come from."""
    if "reference_population" not in top.content:
        return {}, ""
    population = top.part("reference_population")
    population.keys("source", "weights")
    if "weights" not in population.content:
        return {}, population.text("source")
    part = population.part("weights")
    part.keys(*segments)
    weights = {name: part.number(name, low=0.0, high=1.0) for name in segments}
    total = sum(weights.values())
    if abs(total - 1.0) > _WEIGHT_TOLERANCE and not part.faults.under(part.path):
        part.fault(
            "", f"the weights sum to {total:.6g}; a reference population sums to 1.", "Divide each by their sum."
        )
    return weights, population.text("source")


def _holdout(top: Part) -> tuple[Scheme, int]:
    """How a holdout is spent, where the policy says so."""
    if "holdout" not in top.content:
        return "decaying", LOOKS
    part = top.part("holdout")
    part.keys("spending", "looks")
    return cast(Scheme, part.choice("spending", SCHEMES)), part.integer("looks", low=1, high=50)


def _sound(policy: Policy, faults: Faults, *, complete: bool) -> None:
    """Note what no model could reach and what contradicts itself; nothing is concluded from keys that are wrong.
    `complete`: every gate could be read, so that one knows what applies to a trial."""
    if policy.segment_min_rows > policy.major_min_rows and not faults.under("policy.rows"):
        said = (
            f"segment_minimum {policy.segment_min_rows} is above major_segment_minimum {policy.major_min_rows}; "
            "a major segment would be too small to be judged."
        )
        faults.add("policy.rows", said, "Lower the first or raise the second.")
    if policy.expires_after_days > policy.retrain_after_days and not faults.under(
        "policy.expires_after_days", "policy.retrain_after_days"
    ):
        said = (
            f"{policy.expires_after_days} is above retrain_after_days {policy.retrain_after_days}: a proposal could "
            "wait longer than a champion may stay unchallenged."
        )
        faults.add("policy.expires_after_days", said, "Let proposals lapse before the champion is too old.")
    counted = complete and not faults.under("policy.statistics", "policy.reference_population", "policy.gates")
    for trial in TRIALS:
        if complete and not policy.applying(trial):
            said = f"no gate applies to {trial}, so everything would pass it."
            faults.add("policy.gates", said, f"Name {trial} in some gate's applies_to.")
        tests = policy.tests(trial)
        if counted and tests / (policy.resamples + 1) > policy.alpha:
            said = (
                f"with {tests} tests in {trial} and alpha {policy.alpha:g}, {policy.resamples} resamples can never "
                f"show enough; at least {int(tests / policy.alpha)} are wanted."
            )
            faults.add("policy.statistics.resamples", said)
    for gate in policy.gates:
        if not faults.under(f"policy.gates.{gate.name}"):
            _sound_gate(gate, faults)


def _sound_gate(gate: GateSpec, faults: Faults) -> None:
    """A first champion may be asked for less than its successors, not for more; a share can't be shown to be 1, nor an
    error to be 0."""
    path, limits = f"policy.gates.{gate.name}", gate.thresholds or {}
    if gate.kind in ("floor", "ceiling") and {"promotion", "bootstrap"} <= set(limits):
        tighter = limits["bootstrap"] - limits["promotion"]
        if (tighter if gate.kind == "floor" else -tighter) > 0:
            said = (
                f"bootstrap asks for more ({limits['bootstrap']:g}) than promotion ({limits['promotion']:g}); "
                "a first champion may be weaker than its successors, not the reverse."
            )
            faults.add(path, said, f"Ease bootstrap to {limits['promotion']:g} or tighten promotion.")
    if gate.kind == "floor" and gate.unit in BOUNDED and max(limits.values(), default=0.0) >= 1.0:
        faults.add(path, f"no model can be shown to reach a {gate.unit} of 1.", "Write a minimum below 1.")
    if gate.kind == "ceiling" and min(limits.values(), default=1.0) <= 0.0:
        faults.add(path, "no model can be shown to stay at 0.", "Write a maximum above 0.")
