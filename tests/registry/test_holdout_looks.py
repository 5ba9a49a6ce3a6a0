"""A look at a holdout is counted with the level that it was judged at, and no two take the same one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ds_workflow.domain.holdout_spending import Spending, account
from registry.errors import Conflict
from registry.memory import MemoryLedger, MemoryVersions


@pytest.fixture
def light(make_bench: Callable[..., Any], tmp_path: Path) -> Any:
    """A bench in memory."""
    return make_bench(MemoryVersions(tmp_path / "versions"), MemoryLedger(), tmp_path)


def test_each_proposal_counts_its_level(light: Any) -> None:
    registry = light.registry()
    one = light.candidate(1.0)
    proposal = registry.propose(light.evidence(one), gates=(), owner="olga", alpha=0.03, uses_before=0)
    (use,) = registry.holdout_uses(proposal.evidence.holdout_digest)
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
