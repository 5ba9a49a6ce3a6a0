"""A claim that was refuted: its challenger may pass every gate, and is approved only with a reason, kept for good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.errors import InvalidRecord
from registry.memory import MemoryLedger, MemoryVersions
from registry.records import GateResult, HypothesisRef, Outcome, Proposal


def asked(bench: Any, outcome: Outcome) -> Proposal:
    """The proposal of a second version, whose claim came out so."""
    bench.promote()
    version = bench.candidate(3.0)
    made = bench.registry().propose(
        bench.evidence(version),
        gates=[GateResult("mdape", "pass", observed=0.1, rows=500)],
        owner="olga",
        hypothesis=HypothesisRef("H-001", version.lineage.hypothesis_digest, outcome),
    )
    assert isinstance(made, Proposal) and made.verdict == "pass" and made.hypothesis is not None
    return made


@pytest.fixture
def bench(make_bench: Callable[..., Any], tmp_path: Path) -> Any:
    return make_bench(MemoryVersions(tmp_path), MemoryLedger(), tmp_path)


def test_a_refuted_claim_is_approved_with_a_reason_only(bench: Any) -> None:
    proposal = asked(bench, "refuted")
    with pytest.raises(InvalidRecord, match="H-001, was refuted; approving it all the same needs a reason"):
        bench.approve(proposal, reason="  ")
    assert bench.registry().proposal(proposal.id).disposition == "open"
    done = bench.approve(proposal, reason="it costs half as much to run")
    assert (done.effect, done.reason) == ("applied", "it costs half as much to run")
    assert bench.registry().decisions(proposal.id)[0].reason == "it costs half as much to run"


@pytest.mark.parametrize("outcome", ["supported", "inconclusive"])
def test_other_claims_need_none(bench: Any, outcome: Outcome) -> None:
    assert bench.approve(asked(bench, outcome)).effect == "applied"
