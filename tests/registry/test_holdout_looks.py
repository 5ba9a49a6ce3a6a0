"""A look at a holdout is counted with the level that it was judged at, and no two take the same one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ds_workflow.domain.holdout_spending import Account, Look, Spending, account, question
from registry.errors import Conflict
from registry.memory import MemoryLedger, MemoryVersions

PROBLEM = "toy_prices"


@pytest.fixture
def light(make_bench: Callable[..., Any], tmp_path: Path) -> Any:
    """A bench in memory."""
    return make_bench(MemoryVersions(tmp_path / "versions"), MemoryLedger(), tmp_path)


def test_each_proposal_counts_its_level(light: Any) -> None:
    registry = light.registry()
    light.promote()
    one = light.candidate(1.0)
    proposal = registry.propose(light.evidence(one), gates=(), owner="olga", alpha=0.03, uses_before=1)
    (_, use) = registry.holdout_uses(proposal.evidence.holdout_digest)
    assert (use.proposal_id, use.alpha) == (proposal.id, 0.03)
    found = account([use], registry.proposal)
    asked = found.counted[0].question
    assert found.look(asked, Spending(0.05)).level == 0.03, "the same question has the level that it had"
    assert found.look("another", Spending(0.05)).number == 2


def test_a_look_that_another_took_meanwhile_is_refused(light: Any) -> None:
    """Two processes reckoned the same look; the second to write is told to reckon again, and writes nothing."""
    registry = light.registry()
    one, two = light.candidate(1.0), light.candidate(2.0)
    registry.propose(light.evidence(one), gates=(), owner="olga", alpha=0.03, uses_before=0)
    with pytest.raises(Conflict, match="counted 0 times, and is now 1"):
        registry.propose(light.evidence(two), gates=(), owner="olga", alpha=0.03, uses_before=0)
    assert len(registry.proposals("toy_prices")) == 1
    registry.propose(light.evidence(two), gates=(), owner="olga", alpha=0.0076, uses_before=1)
    assert [use.alpha for use in registry.holdout_uses(one.lineage.holdout_digest)] == [0.03, 0.0076]


def test_a_look_is_taken_before_its_result_is_known(light: Any) -> None:
    """A process killed between scoring and its proposal has looked; the same question asked again is the same look."""
    registry = light.registry()
    light.promote()
    challenger = light.candidate(3.0)
    evidence = light.evidence(challenger)
    digest = evidence.holdout_digest

    def known() -> Account:
        return account(registry.holdout_uses(digest), registry.proposal, registry.holdout_reserved(digest))

    def take(name: str) -> Look:
        counted = len(registry.holdout_uses(digest)) + len(registry.holdout_reserved(digest))
        look = known().look(name, Spending(0.05))
        registry.reserve_look(digest, question=name, kind="promotion", round="", alpha=look.level, counted=counted)
        return look

    assert known().taken == 0, "the trial of a first champion is none"
    assert (take("killed").number, known().taken) == (1, 1), "though no proposal was written"
    with pytest.raises(Conflict, match="looked at this holdout meanwhile"):
        registry.reserve_look(digest, question="late", kind="promotion", round="", alpha=0.01, counted=1)
    mine = question("promotion", evidence.challenger, evidence.champion, policy_digest=evidence.policy_digest)
    second = take(mine)
    assert take("third").number == 3
    registry.propose(evidence, gates=(), owner="olga", alpha=second.level)
    assert (known().taken, known().number_of(mine)) == (3, 2), "its proposal came after the third, its look did not"
    again = take("killed")
    assert (again.number, again.again, again.level) == (1, True, Spending(0.05).level(1))
    assert registry.verify().problems == []


def test_an_account_holds_the_looks_at_neighbours_and_goes_no_further(light: Any) -> None:
    """A shares rows with B and B with C: B's account holds all three looks, A's and C's do not hold one another's."""
    registry = light.registry()
    registry.continue_holdout("b", of="a", share=0.5)
    registry.continue_holdout("c", of="b", share=0.5)
    for digest in "abc":
        counted = len(registry.holdout_uses(digest)) + len(registry.holdout_reserved(digest))
        registry.reserve_look(digest, question=f"of {digest}", kind="promotion", round="", alpha=0.01, counted=counted)
    held = {digest: [told.body["question"] for told in registry.holdout_reserved(digest)] for digest in "abc"}
    assert held == {"a": ["of a", "of b"], "b": ["of a", "of b", "of c"], "c": ["of b", "of c"]}
    taken = {one: account([], registry.proposal, registry.holdout_reserved(one)).taken for one in "abc"}
    assert taken == {"a": 2, "b": 3, "c": 2}
