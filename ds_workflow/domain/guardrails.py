"""The guardrails of a hypothesis: gates of the policy, held to the limit that the author declared before training.

A guardrail may ask for as much as the policy or more, never for less: a looser limit would only look like a promise.
What it compares is what its gate compares, with the declared limit in the place of the policy's: the drop against the
champion, the figure itself, alerts (of which a guardrail allows 0 new ones), milliseconds, losses under stress.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ds_workflow.domain.gate_spec import GateSpec
from ds_workflow.domain.gates import Gate, build
from ds_workflow.domain.hypothesis import Guardrail
from ds_workflow.domain.policy import Policy
from ds_workflow.errors import InvalidInput

_ALERTS = ("no_new_drift_alerts", "no_new_fairness_alerts", "leakage")
_LARGER_IS_STRICTER = ("floor", "beats_naive", "weighted_improvement")
_DIFFERENCES = ("max_drop", "weighted_improvement", "beats_naive", "stress")  # have a unit of their own; others: theirs


def why_not(rail: Guardrail, gate: GateSpec) -> tuple[str, str]:
    """The field and the reason why this can't be a guardrail of the policy's gate, or two empty texts."""
    unit = gate.unit if gate.kind in _DIFFERENCES else "absolute"
    policy = _limits(gate)
    if "promotion" not in gate.applies_to:
        return "name", f"'{gate.name}' is not asked of a challenger; it applies to {', '.join(gate.applies_to)}."
    if gate.kind == "one_of":
        return "name", f"'{gate.name}' asks for one of several gains, and no single limit can say that."
    if rail.unit != unit:
        return "unit", f"is '{rail.unit}', and the policy's {gate.name} is {unit}; write the limit so."
    if gate.kind in _ALERTS:
        return ("limit", f"is {rail.limit:g}: {gate.name} allows no new alert, so write 0.") if rail.limit else ("", "")
    asked, larger = max(policy.values()), gate.kind in _LARGER_IS_STRICTER
    if rail.limit < asked if larger else rail.limit > asked:
        write = f"write that or {'more' if larger else 'less'}."
        return "limit", f"is {rail.limit:g}, looser than the policy's own {asked:g} for {gate.name}; {write}"
    return "", ""


def gate_of(rail: Guardrail, policy: Policy) -> Gate:
    """The policy's gate with the guardrail's limit. InvalidInput when the policy has no such gate, or it is not asked
    of a challenger."""
    spec = policy.gate(rail.name)
    field, why = why_not(rail, spec)
    if field == "name":
        raise InvalidInput(f"The guardrail {why}")
    if spec.kind == "stress":
        eased = {k: {"promotion": min(rail.limit, t["promotion"])} for k, t in (spec.tolerances or {}).items()}
        spec = replace(spec, tolerances=eased, applies_to=("promotion",))
    elif spec.kind not in _ALERTS:
        unit = rail.unit if spec.kind in _DIFFERENCES else spec.unit
        spec = replace(spec, thresholds={"promotion": rail.limit}, unit=unit, applies_to=("promotion",))
    return build(replace(policy, gates=(spec,)), "promotion")[-1]


def family(rails: Sequence[Guardrail], policy: Policy) -> int:
    """The most tests among which a claim with these guardrails is corrected, itself included."""
    specs = tuple(gate for gate in policy.gates if gate.name in {rail.name for rail in rails})
    return 1 + replace(policy, gates=specs).tests("promotion")


def _limits(gate: GateSpec) -> Mapping[str, float]:
    """What the policy asks of a challenger, by kind of stress or metric where there are several."""
    if gate.tolerances:
        return {name: by_trial.get("promotion", 0.0) for name, by_trial in gate.tolerances.items()}
    return {"": (gate.thresholds or {}).get("promotion", 0.0)}
