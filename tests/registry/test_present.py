"""What people look at stays small however long the history, and a check since a checkpoint sees what came after it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from registry import chain
from registry.records import Event, GateResult, HypothesisRef, VersionRef, digest_of
from registry.verifying import Checkpoint

PROBLEM = "toy_prices"


def test_the_present_is_the_newest_and_whatever_is_not_settled(light: Any) -> None:
    registry = light.registry()
    first = light.propose(light.candidate())
    settled = []
    for n in range(6):
        proposal = light.propose(light.candidate(3.0 + n))
        settled.append(registry.reject(proposal.id, by="ada", reason="no"))
    found = registry.present(PROBLEM, recent=2)
    assert [p.id for p in found] == [settled[-1].id, settled[-2].id, first.id]
    assert registry.status(PROBLEM, recent=2).proposals == found
    assert registry.count_proposals(PROBLEM) == {"rejected": 6, "open": 1}
    assert registry.count_proposals("nobody") == {}
    assert registry.proposals(PROBLEM, challenger=first.challenger.digest) == [first]
    assert registry.proposals(PROBLEM, effect="applied") == []


def test_proposals_are_found_by_hypothesis_and_by_time(light: Any) -> None:
    registry, made = light.registry(), []
    gates = [GateResult("mdape", "pass")]
    for n, ident in enumerate(("H-7", "h-7", "H-70", 'H-%"7', None)):
        evidence = light.evidence(light.candidate(2.0 + n))
        ref = HypothesisRef(ident, evidence.hypothesis_digest) if ident else None
        made.append(registry.propose(evidence, gates=gates, owner="olga", hypothesis=ref))
    for proposal in made[:-1]:
        assert registry.proposals(PROBLEM, hypothesis=proposal.hypothesis.id) == [proposal]
    assert registry.proposals(PROBLEM, hypothesis="H") == []
    assert registry.proposals(PROBLEM, since=made[3].created_at) == [made[4], made[3]]
    assert registry.proposals(PROBLEM, since="") == made[::-1]


def test_a_check_since_a_checkpoint(light: Any) -> None:
    registry = light.registry()
    assert registry.checkpoint() is None
    light.promote()
    since = registry.checkpoint()
    assert since is not None
    assert registry.verify(since=since).checked == 0
    light.promote(3.0)
    registry.reject(light.propose(light.candidate(4.0)).id, by="ada", reason="no")
    found = registry.verify(since=since)
    assert (found.problems, found.checked) == ([], len(registry.events()) - since.seq)
    for wrong, says in ((Checkpoint(since.seq, digest_of(1)), "rewritten"), (Checkpoint(9_999, since.hash), "cut off")):
        assert any(says in problem for problem in registry.verify(since=wrong).problems)


def test_the_record_that_is_hashed_is_the_whole_record(light: Any) -> None:
    proposal = replace(light.propose(light.candidate()), gates=(), round="R-1")
    for changed in (
        proposal,
        replace(proposal, decided_by="ada"),
        replace(proposal, evidence=replace(proposal.evidence, champion=VersionRef(1, digest_of(1)))),
        light.registry().proposals()[0],
    ):
        assert chain.proposal_body(changed)["record"] == digest_of(asdict(changed))


@pytest.mark.parametrize("field", ["at", "kind", "subject", "body", "previous", "seq"])
def test_every_field_of_an_event_is_covered_by_its_hash(field: str) -> None:
    event = Event.after(None, at="2026", kind="note", subject="x", body={"a": [1, None, "é"]})
    assert event.sound()
    other: dict[str, Any] = {"seq": 2, "body": {"a": 1}}
    assert not replace(event, **{field: other.get(field, "other")}).sound()
