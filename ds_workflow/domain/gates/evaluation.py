"""All gates of a trial asked together, and one verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates.base import Gate, Requirement, StatisticalGate, place_of, settle
from ds_workflow.domain.gates.evidence import (
    Leakage,
    NoNewDriftAlerts,
    NoNewFairnessAlerts,
    SegmentsComplete,
    Servable,
)
from ds_workflow.domain.gates.holdout import HoldoutUnspent
from ds_workflow.domain.gates.statistical import BeatsNaive, Bound, MaxDrop, OneOf, WeightedImprovement, improvement
from ds_workflow.domain.gates.stress import StressTolerance
from ds_workflow.domain.policy import GateSpec, Policy, Trial
from ds_workflow.errors import InvalidInput
from registry.records import GateResult, Verdict

_WORST_FIRST: tuple[Verdict, ...] = ("invalid", "fail", "inconclusive")


@dataclass(frozen=True)
class Evaluation:
    """What all gates said. It knows nothing of hypotheses: a claim is tested by `claim`."""

    kind: Trial
    gates: tuple[GateResult, ...]
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    def of(self, name: str) -> tuple[GateResult, ...]:
        """The results of one gate."""
        return tuple(g for g in self.gates if g.name == name)


def verdict_of(gates: Sequence[GateResult]) -> Verdict:
    """The worst status: invalid, then fail, then inconclusive; pass only when there are gates and all pass."""
    statuses = {g.status for g in gates}
    for status in _WORST_FIRST:
        if status in statuses:
            return status
    return "pass" if gates else "invalid"


def build(policy: Policy, trial: Trial) -> tuple[Gate, ...]:
    """The gates of one trial: the policy's, and before them completeness, which no policy can switch off."""
    return (SegmentsComplete(), *(_gate(spec, trial) for spec in policy.applying(trial)))


def _gate(spec: GateSpec, trial: Trial) -> Gate:  # noqa: PLR0911 - one line per kind reads best
    match spec.kind:
        case "weighted_improvement":
            return WeightedImprovement(spec.name, spec.metric, spec.threshold(trial), spec.unit)
        case "one_of":
            return OneOf(spec.name, spec.alternatives)
        case "max_drop":
            return MaxDrop(spec.name, spec.metric, spec.threshold(trial), spec.unit, spec.over)
        case "floor" | "ceiling":
            return Bound(spec.name, spec.metric, spec.threshold(trial), spec.kind == "floor", spec.over)
        case "beats_naive":
            return BeatsNaive(spec.name, spec.metric, spec.threshold(trial), spec.unit)
        case "no_new_drift_alerts":
            return NoNewDriftAlerts(spec.name, spec.threshold(trial), spec.minimum_rows)
        case "no_new_fairness_alerts":
            tolerances = tuple((name, by_trial[trial]) for name, by_trial in (spec.tolerances or {}).items())
            return NoNewFairnessAlerts(spec.name, tolerances, spec.minimum_rows)
        case "leakage":
            return Leakage(spec.name)
        case "servability":
            return Servable(spec.name, spec.threshold(trial))
        case "stress":
            limits = tuple((kind, by_trial[trial]) for kind, by_trial in (spec.tolerances or {}).items())
            return StressTolerance(spec.name, spec.metric, spec.unit, limits)
    raise InvalidInput(f"No gate is of kind '{spec.kind}'.")


def evaluate(
    comparison: Comparison,
    *,
    kind: Trial = "promotion",
    gates: Sequence[Gate] | None = None,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Ask every gate of a trial; requirements of all of them are corrected as one family (Holm).

    `bootstrap` judges the challenger alone; `champion_trial` puts the champion in its place. A comparison with faults
    is `invalid` and nothing is measured. `gates` replaces the policy's (further gates of a plug-in, tests). `say`
    is told before each gate which one is asked, as that can take minutes.
    """
    if comparison.faults:
        return Evaluation(kind, comparison.faults, "invalid")
    if kind == "champion_trial":
        comparison = comparison.champions_trial()
    elif kind == "bootstrap" and comparison.champion is not None:
        comparison = replace(comparison, champion=None)
    asked: list[Requirement | GateResult] = []
    if gates is None:
        counted = () if comparison.look is None else (HoldoutUnspent(),)
        gates = (*counted, *build(comparison.policy, kind))
    for number, gate in enumerate(gates, start=1):
        if say is not None:
            say(f"gate {number} of {len(gates)}: {gate.name.replace('_', ' ')}")
        asked.extend(gate.ask(comparison) if isinstance(gate, StatisticalGate) else gate.check(comparison))
    results = settle(asked, comparison)
    return Evaluation(kind, results, verdict_of(results))


def claim(
    comparison: Comparison, *, metric: str, segment: str = "", weighted: bool = False, min_effect: float, unit: str
) -> GateResult:
    """Does the claim of a hypothesis hold? One test by itself at alpha: pass supports it, fail refutes it.

    `segment` "" is all rows; `weighted` takes the policy's reference population instead. `min_effect` is in `unit`,
    relative (share of the champion's figure) or absolute. An invalid comparison gives its first fault, and one on a
    spent holdout says so.
    """
    if comparison.faults:
        return replace(comparison.faults[0], name="claim")
    if comparison.look is not None and comparison.look.spent:
        return replace(HoldoutUnspent().check(comparison)[0], name="claim")
    if weighted:
        asked = WeightedImprovement("claim", metric, min_effect, unit).ask(comparison)
    else:
        asked = improvement(comparison, metric=metric, segment=segment, unit=unit, minimum=min_effect, name="claim")
    results = settle(asked, comparison)
    worst = verdict_of(results)
    found = next(r for r in results if r.status == worst)
    return found if found.rows is not None else replace(found, rows=comparison.rows(place_of(segment)))
