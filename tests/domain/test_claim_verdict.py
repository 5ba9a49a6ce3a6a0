"""Supported, refuted, inconclusive: a claim and its guardrails, on answers of which the truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ds_workflow.domain.claim_verdict import tested as judged
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.hypothesis import Claim, Guardrail

CLAIM = Claim("mdape", "overall", "decrease", 0.05, "relative")
NO_DROP = Guardrail("no_drop", 0.05, "absolute")  # by segment, against the champion


@pytest.fixture
def spoiled(healthy: Comparison) -> Comparison:
    """The challenger is better everywhere but in SOUTH, where every answer is a quarter too high."""
    rows = healthy.members(("segment", "SOUTH"))
    prediction = healthy.challenger.prediction.copy()
    prediction[rows] = 1.25 * healthy.challenger.truth[rows]
    return healthy.changed(challenger=replace(healthy.challenger, prediction=prediction))


def test_a_claim_that_holds_is_refuted_by_a_violated_guardrail(healthy: Comparison, spoiled: Comparison) -> None:
    """Within 10 % are about 0.79 of the champion's answers in SOUTH and none of the challenger's."""
    assert judged(healthy, CLAIM, [NO_DROP]).outcome == "supported"
    assert "The guardrail holds" in judged(healthy, CLAIM, [NO_DROP]).said
    north = replace(CLAIM, slice="NORTH")
    assert judged(spoiled, north).outcome == "supported", "the claim by itself"
    found = judged(spoiled, north, [NO_DROP])
    assert found.outcome == "refuted" and found.claim.status == "pass"
    assert [(g.name, g.segment) for g in found.violated] == [("no_drop", "SOUTH")]
    share = np.mean(np.abs(spoiled.scored("champion").prediction / spoiled.challenger.truth - 1)[
        spoiled.members(("segment", "SOUTH"))] <= 0.1)  # fmt: skip
    assert found.violated[0].observed == pytest.approx(share)
    assert "Guardrail violated: no_drop on SOUTH" in found.said


def test_the_declared_limit_counts_and_not_the_policys(healthy: Comparison, erring: Any) -> None:
    """Both models alike: a margin within the noise straddles, one far beyond it holds, at the same rows."""
    champion = healthy.scored("champion")
    alike = healthy.changed(challenger=erring(champion, 0.2, seed=1), champion=erring(champion, 0.2, seed=2))
    shown = {limit: judged(alike, CLAIM, [replace(NO_DROP, limit=limit)]).guardrails for limit in (1e-6, 0.5)}
    assert {g.status for g in shown[1e-6]} == {"inconclusive"} and {g.status for g in shown[0.5]} == {"pass"}
    better = healthy.changed(challenger=erring(champion, 0.05, seed=1))
    floor = judged(better, CLAIM, [Guardrail("floor", 0.9999, "absolute")])
    assert floor.outcome == "refuted", "0.95 lie within 10 %, and the policy's own floor of 0.24 is far below"
    assert judged(better, CLAIM, [Guardrail("floor", 0.24, "absolute")]).outcome == "supported"


def test_a_straddled_guardrail_leaves_a_claim_that_holds_undecided(healthy: Comparison) -> None:
    shares = {s: healthy.value("challenger", "ppe10", ("segment", s)) for s in healthy.segments}
    lowest, share = min(shares.items(), key=lambda item: item[1])
    found = judged(healthy, CLAIM, [Guardrail("floor", share, "absolute")])
    assert found.outcome == "inconclusive" and found.claim.status == "pass"
    assert f"Guardrail not decided: floor on {lowest}" in found.said
    assert judged(healthy, CLAIM, [Guardrail("gone", 0.1, "absolute")]).outcome == "inconclusive"


def test_claim_and_guardrails_are_one_family(healthy: Comparison, erring: Any) -> None:
    """Holm by hand: the k-th smallest of m p-values times m - k + 1, never below the one before."""
    champion = healthy.scored("champion")
    close = healthy.changed(challenger=erring(champion, 0.0715, seed=3), champion=erring(champion, 0.08, seed=4))
    found = judged(close, CLAIM, [replace(NO_DROP, limit=1e-6)])
    family = sorted([found.claim, *found.guardrails], key=lambda g: g.p_value or 0.0)
    assert len(family) == 5 and all(g.status != "fail" for g in family)
    lowest = 0.0
    for place, one in enumerate(family):
        lowest = max(lowest, min(1.0, (5 - place) * (one.p_value or 0.0)))
        assert one.p_adjusted == pytest.approx(lowest)
    alone = judged(close, CLAIM).claim
    assert alone.p_adjusted == alone.p_value == found.claim.p_value


@pytest.mark.parametrize("name", ["drift", "fair", "leakage", "servable", "stress", "naive", "better"])
def test_every_kind_of_gate_can_be_a_guardrail(healthy: Comparison, name: str) -> None:
    spec = healthy.policy.gate(name)
    limit = {"servable": 100.0, "stress": 0.5, "better": 0.05}.get(name, 0.0)
    unit = spec.unit or "absolute"
    found = judged(healthy, CLAIM, [Guardrail(name, limit, unit)])
    assert [g.status for g in found.guardrails] == ["pass"], found.said
