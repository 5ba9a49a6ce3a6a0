"""One improvement of several is enough, and asking for several does not make a false win likelier."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import build, evaluate
from ds_workflow.domain.gates.base import AnyOf, Requirement
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.policy import Policy
from ds_workflow.errors import InvalidInput
from registry.records import GateResult

Parse = Callable[[dict[str, Any]], Policy]
CLEAR = {"metric": "mdape", "minimum": 0.05, "unit": "relative", "over": "overall"}
OUT_OF_REACH = {"metric": "ppe10", "minimum": 0.99, "unit": "absolute", "over": "weighted_segments"}


def asked(healthy: Comparison, mapping: dict[str, Any], parse: Parse, alternatives: list[Any]) -> GateResult:
    content = copy.deepcopy(mapping)
    content["gates"]["either"]["alternatives"] = alternatives
    changed = healthy.changed(policy=parse(content))
    gate = next(g for g in build(changed.policy, "promotion") if g.name == "either")
    (result,) = evaluate(changed, gates=[gate]).gates
    return result


def test_one_is_enough_and_none_is_not(healthy: Comparison, mapping: dict[str, Any], parse: Parse) -> None:
    for order in ([CLEAR, OUT_OF_REACH], [OUT_OF_REACH, CLEAR]):
        result = asked(healthy, mapping, parse, order)
        assert result.status == "pass", result.note
        assert " or " in result.required
        assert "Nearest: mdape" in result.note
    assert asked(healthy, mapping, parse, [OUT_OF_REACH, OUT_OF_REACH]).status == "fail"


def test_an_alternative_that_can_not_be_measured_drops_out(
    healthy: Comparison, mapping: dict[str, Any], parse: Parse
) -> None:
    coverage = {"metric": "interval_coverage", "minimum": 0.1, "unit": "absolute", "over": "overall"}
    bare = healthy.challenger
    blind = healthy.changed(challenger=Scored(bare.row_id, bare.truth, bare.prediction, groups=bare.groups))
    assert asked(blind, mapping, parse, [coverage, CLEAR]).status == "pass"
    content = copy.deepcopy(mapping)
    content["gates"]["either"]["alternatives"] = [coverage, coverage]
    lost = blind.changed(policy=parse(content))
    gate = next(g for g in build(lost.policy, "promotion") if g.name == "either")
    assert {r.status for r in evaluate(lost, gates=[gate]).gates} == {"fail"}


def test_choosing_the_best_of_several_keeps_the_level() -> None:
    """Null: each figure's true value lies on its threshold; its draws lie around what was observed."""
    rng = np.random.default_rng(1)
    alpha, tries, wins, alone = 0.05, 2_000, 0, 0
    for _ in range(tries):
        parts = [
            Requirement("x", seen, seen + rng.normal(size=399), "above", 0.0, "better", 100, 100, math.inf)
            for seen in rng.normal(size=3)
        ]
        wins += AnyOf.of("x", parts).p_holds <= alpha
        alone += min(p.p_holds for p in parts) <= alpha
    assert stats.binomtest(wins, tries, alpha, alternative="greater").pvalue > 0.001
    assert stats.binomtest(alone, tries, alpha, alternative="greater").pvalue < 1e-6, "without the correction it would"


@pytest.mark.parametrize(
    ("alternatives", "words"),
    [
        ([CLEAR], "at least two"),
        ("mdape", "at least two"),
        ([CLEAR, {**CLEAR, "metric": "nonsense"}], "'nonsense' is not known"),
        ([CLEAR, {**CLEAR, "minimum": 5}], "number from 0 to 0.99"),
        ([CLEAR, {**CLEAR, "over": "somewhere"}], "'somewhere' is not known"),
        ([CLEAR, {**CLEAR, "limit": 1}], "unknown key 'limit'"),
    ],
)
def test_what_means_nothing_is_refused_by_name(
    alternatives: Any, words: str, mapping: dict[str, Any], parse: Parse
) -> None:
    mapping["gates"]["either"]["alternatives"] = alternatives
    with pytest.raises(InvalidInput, match=words):
        parse(mapping)


def test_gates_without_alternatives_keep_their_digest(mapping: dict[str, Any], parse: Parse) -> None:
    gates = parse(mapping).to_dict()["gates"]
    assert [g["name"] for g in gates if "alternatives" in g] == ["either"]
