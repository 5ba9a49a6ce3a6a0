"""What a comparison makes of the claim that was registered before training."""

from __future__ import annotations

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import claim
from ds_workflow.domain.hypothesis import OVERALL, Claim
from registry.records import GateResult, Outcome

OUTCOMES: dict[str, Outcome] = {"pass": "supported", "fail": "refuted"}


def tested(comparison: Comparison, stated: Claim) -> tuple[Outcome, GateResult]:
    """What a comparison makes of a claim, by itself and at the level of its look, and the test: shown to hold is
    `supported`, shown not to hold is `refuted`, everything else (NaN, too few rows, a spent holdout) `inconclusive`."""
    found = claim(
        comparison,
        metric=stated.base.name,
        segment="" if stated.slice == OVERALL else stated.slice,
        weighted=stated.weighted,
        min_effect=stated.min_effect,
        unit=stated.unit,
    )
    return OUTCOMES.get(found.status, "inconclusive"), found
