"""What a comparison makes of the hypothesis that was registered before training: its claim and its guardrails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import Requirement, StatisticalGate, WeightedImprovement, claim, settle, verdict_of
from ds_workflow.domain.gates.base import place_of
from ds_workflow.domain.gates.statistical import improvement
from ds_workflow.domain.guardrails import gate_of
from ds_workflow.domain.hypothesis import OVERALL, Claim, Guardrail
from ds_workflow.errors import InvalidInput
from registry.records import GateResult, Outcome

_SAID = 3  # guardrails named in a sentence


@dataclass(frozen=True)
class Tested:
    """The outcome of a hypothesis, the test of its claim, and what became of each guardrail (by segment, where its gate
    asks by segment)."""

    outcome: Outcome
    claim: GateResult
    guardrails: tuple[GateResult, ...] = ()

    @property
    def violated(self) -> tuple[GateResult, ...]:
        """The guardrails that are shown not to hold."""
        return tuple(g for g in self.guardrails if g.status == "fail")

    @property
    def said(self) -> str:
        """One paragraph for the document and the notes: the claim's figures, then the guardrails."""
        if not self.guardrails:
            return self.claim.note
        open_ = tuple(g for g in self.guardrails if g.status not in ("pass", "fail"))
        parts = [self.claim.note.rstrip()]
        parts += [f"Guardrail violated: {_named(g)}: {g.note}" for g in self.violated[:_SAID]]
        parts += [f"Guardrail not decided: {_named(g)}: {g.note}" for g in open_[:_SAID]]
        left = len(self.violated[_SAID:]) + len(open_[_SAID:])
        parts += [f"And {left} guardrail results more that do not hold."] if left else []
        names = len({g.name for g in self.guardrails})
        parts += [f"All {names} guardrails hold." if names > 1 else "The guardrail holds."] if not (
            self.violated or open_
        ) else []  # fmt: skip
        return " ".join(parts)


def tested(comparison: Comparison, stated: Claim, guardrails: Sequence[Guardrail] = ()) -> Tested:
    """What a comparison makes of a claim and its guardrails, at the level of its look, corrected over both as one
    family (Holm), as gates are.

    `supported`: the claim and every guardrail is shown to hold. `refuted`: the claim is shown not to hold, or a
    guardrail is shown to be violated. Everything else (straddling, NaN, too few rows, a spent holdout) is
    `inconclusive`. Without guardrails (proposals that were written before these were evaluated) the claim stands alone.
    """
    segment = "" if stated.slice == OVERALL else stated.slice
    if comparison.faults or (comparison.look is not None and comparison.look.spent):
        return Tested("inconclusive", _alone(comparison, stated, segment))
    if stated.weighted:
        first = WeightedImprovement("claim", stated.base.name, stated.min_effect, stated.unit).ask(comparison)
    else:
        first = improvement(
            comparison, metric=stated.base.name, segment=segment, unit=stated.unit, minimum=stated.min_effect,
            name="claim",
        )  # fmt: skip
    asked: list[Requirement | GateResult] = [*first]
    for rail in guardrails:
        asked += _asked(rail, comparison)
    results = settle(asked, comparison)
    mine, others = results[: len(first)], results[len(first) :]
    worst = verdict_of(mine)
    found = next(r for r in mine if r.status == worst)
    if found.rows is None:
        found = replace(found, rows=comparison.rows(place_of(segment)))
    if found.status == "fail" or any(g.status == "fail" for g in others):
        return Tested("refuted", found, others)
    held = found.status == "pass" and all(g.status == "pass" for g in others)
    return Tested("supported" if held else "inconclusive", found, others)


def _alone(comparison: Comparison, stated: Claim, segment: str) -> GateResult:
    return claim(comparison, metric=stated.base.name, segment=segment, weighted=stated.weighted,
                 min_effect=stated.min_effect, unit=stated.unit)  # fmt: skip


def _asked(rail: Guardrail, comparison: Comparison) -> Sequence[Requirement | GateResult]:
    """What one guardrail asks of the rows; inconclusive where the policy no longer knows it."""
    try:
        gate = gate_of(rail, comparison.policy)
    except InvalidInput as error:
        return (GateResult(rail.name, "inconclusive", note=str(error)),)
    return gate.ask(comparison) if isinstance(gate, StatisticalGate) else gate.check(comparison)


def _named(g: GateResult) -> str:
    return f"{g.name} on {g.segment}" if g.segment else g.name
