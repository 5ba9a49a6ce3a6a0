"""The mark of a claim that did not hold, on every face, and the guardrails beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ds_workflow.reports import proposal
from ds_workflow.reports.proposal_marks import marks, stamps
from registry.records import HypothesisRef, Proposal

Build = Callable[..., Proposal]
RAILS: list[dict[str, Any]] = [
    {"name": "floor", "segment": "", "status": "pass", "limit": 0.24, "unit": "absolute", "observed": 0.31,
     "said": "shown to hold."},
    {"name": "max_drop", "segment": "WALKUP", "status": "fail", "limit": 0.02, "unit": "absolute", "observed": 0.05,
     "said": "shown not to hold."},
]  # fmt: skip


def claimed(one: Proposal, outcome: Any) -> Proposal:
    return replace(
        one,
        hypothesis=HypothesisRef("H-SEG-001", "0" * 64, outcome),
        summary={**one.summary, "claim": {"outcome": outcome, "guardrails": RAILS}},
    )


@pytest.mark.parametrize("face", [proposal.text, proposal.markdown, proposal.html, proposal.brief])
def test_every_face_marks_a_claim_that_does_not_hold(build: Build, face: Callable[..., str]) -> None:
    refuted, open_, held = (claimed(build("pass"), o) for o in ("refuted", "inconclusive", "supported"))
    assert "CLAIM REFUTED" in face(refuted) and "violated: max" in face(refuted).replace("\\_", "_")
    assert "CLAIM INCONCLUSIVE" in face(open_)
    assert "CLAIM" not in face(held)
    assert "CLAIM" not in face(replace(held, hypothesis=None))


def test_tables_and_json_carry_it_too(build: Build) -> None:
    refuted = claimed(build("pass"), "refuted")
    assert marks(refuted) == "CLAIM REFUTED"
    assert proposal.to_json(refuted)["marks"] == stamps(refuted)
    assert marks(replace(refuted, self_approved=True)) == "SELF-APPROVED, CLAIM REFUTED"


def test_guardrails_stand_by_themselves_the_worst_first(build: Build) -> None:
    refuted = claimed(build("pass"), "refuted")
    for face in (proposal.text, proposal.markdown, proposal.html):
        said = face(refuted)
        rails = said[said.index("max_drop on WALKUP", said.index("Guardrail")) :] if "max_drop on" in said else said
        assert "0.02" in rails and "0.24" in rails
    assert proposal.text(refuted).index("max_drop on WALKUP") < proposal.text(refuted).rindex("floor  ")


def test_the_command_to_approve_a_refuted_one_asks_for_the_reason(build: Build) -> None:
    context = proposal.Context(command="ds-workflow")
    lines = {o: proposal.text(claimed(build("pass"), o), context) for o in ("refuted", "supported")}
    assert "--approved-by NAME --reason 'WHY'" in lines["refuted"]
    assert "--approved-by NAME\n" in lines["supported"]
