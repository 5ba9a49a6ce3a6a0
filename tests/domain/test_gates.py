"""Every gate passes a healthy comparison and fails its mutants; statuses, corrections and trials as promised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ds_workflow import plugins
from ds_workflow.domain import gates, mutants
from ds_workflow.domain.alignment import Frozen
from ds_workflow.domain.comparison import OVERALL, Checks, Comparison
from ds_workflow.domain.gates import Requirement, evaluate, settle
from ds_workflow.domain.gates.base import rows_needed
from ds_workflow.domain.holdout_spending import Look
from ds_workflow.domain.metrics import METRICS, Scored
from ds_workflow.domain.policy import KINDS, TRIALS, Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import InvalidInput
from registry.records import GateResult, canonical_json

Erring = Callable[..., Scored]
SHIPPED = Path(__file__).parents[2] / "config" / "policies"


def test_a_healthy_comparison_passes_every_trial(healthy: Comparison) -> None:
    for trial in TRIALS:
        evaluation = evaluate(healthy, kind=trial)
        assert evaluation.verdict == "pass", [g for g in evaluation.gates if g.status != "pass"]
        named = {g.name for g in evaluation.gates}
        assert named == {"segments_complete", *(g.name for g in healthy.policy.applying(trial))}
        assert all(g.note and g.required for g in evaluation.gates)
        canonical_json(evaluation.to_dict())


def test_every_kind_of_gate_has_a_mutant() -> None:
    assert set(mutants.GATE_MUTANTS) == {*KINDS, "segments_complete", "holdout_unspent"}
    assert all(mutants.GATE_MUTANTS.values())


_CASES = [(kind, mutant) for kind, found in mutants.GATE_MUTANTS.items() for mutant in found]


@pytest.mark.parametrize(("kind", "mutant"), _CASES, ids=lambda x: x if isinstance(x, str) else x.name)
def test_every_mutant_fails_its_gate(healthy: Comparison, kind: str, mutant: mutants.Mutant) -> None:
    name = next((g.name for g in healthy.policy.gates if g.kind == kind), kind)
    broken = mutant.change(replace(healthy, look=Look(1, 0.05, 0.05, 10)))
    evaluation = evaluate(broken)
    assert evaluation.verdict != "pass"
    assert {g.status for g in evaluation.of(name)} & set(mutant.expects)


@pytest.mark.parametrize("mutant", mutants.ROW_MUTANTS, ids=lambda m: m.name)
def test_wrong_rows_are_invalid_in_words_and_not_an_exception(healthy: Comparison, mutant: mutants.Mutant) -> None:
    evaluation = evaluate(mutant.change(healthy))
    assert evaluation.verdict == "invalid"
    assert all(g.status == "invalid" and "challenger" in g.note for g in evaluation.gates)


def test_rows_in_another_order_give_the_same_bits(healthy: Comparison) -> None:
    again = mutants.REORDERED.change(healthy)
    assert evaluate(again) == evaluate(healthy)
    assert again.differences() == healthy.differences()


@pytest.mark.parametrize("kind", TRIALS)
def test_no_mutant_escapes(healthy: Comparison, kind: Any) -> None:
    assert mutants.escapes(healthy, kind=kind) == {}


def test_a_toothless_gate_is_named(healthy: Comparison) -> None:
    with pytest.raises(InvalidInput, match=r"healthy comparison.*better \(fail\)"):
        mutants.escapes(healthy.changed(challenger=healthy.champion))
    spec = replace(healthy.policy.gate("ceiling"), thresholds=dict.fromkeys(TRIALS, 1e6))
    toothless = replace(healthy.policy, gates=tuple(spec if g.name == "ceiling" else g for g in healthy.policy.gates))
    assert mutants.escapes(healthy.changed(policy=toothless)) == {"ceiling": ("challenger ruined",)}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_policy_is_attainable_and_has_teeth(path: Path) -> None:
    problem = plugins.load(plugins.subject(path.stem), path.stem).PROBLEM
    content = yaml.safe_load(path.read_text("utf-8"))
    # the gates are the same, and the test is quick
    content["statistics"]["resamples"] = 399
    content["rows"] = dict.fromkeys(content["rows"], 400)
    policy = Policy.parse(content, segments=problem.segments, metrics=problem.metrics)
    assert mutants.escapes(mutants.healthy(problem, policy, seed=1)) == {}


def test_identical_models_never_pass(problem: Problem, mapping: dict[str, Any], parse: Any) -> None:
    mapping["gates"]["better"]["minimum"] = 0.0
    healthy = mutants.healthy(problem, parse(mapping), seed=2)
    evaluation = evaluate(healthy.changed(challenger=healthy.champion))
    assert evaluation.verdict == "fail"
    assert {g.name for g in evaluation.gates if g.status != "pass"} == {"better", "either"}
    assert evaluation.of("no_drop")[0].observed == 0.0


def test_what_is_observed_is_computed_by_hand(healthy: Comparison) -> None:
    error = {
        (role, s): np.median(np.abs(t.prediction / t.truth - 1)[t.groups["segment"] == s])
        for role in ("challenger", "champion")
        for t in (healthy.scored(role),)  # type: ignore[arg-type]
        for s in healthy.segments
    }
    weights = healthy.policy.weights
    old = sum(w * error["champion", s] for s, w in weights.items())
    new = sum(w * error["challenger", s] for s, w in weights.items())
    better = evaluate(healthy).of("better")[0]
    assert better.observed == pytest.approx((old - new) / old)
    assert better.interval is not None and better.interval[0] < better.observed < better.interval[1]
    assert better.p_adjusted is not None and better.p_value is not None and better.p_adjusted >= better.p_value


def test_holm_runs_over_all_gates_and_segments(healthy: Comparison) -> None:
    evaluation = evaluate(healthy)
    tested = [g for g in evaluation.gates if g.p_value is not None]
    assert len(tested) == 1 + 1 + 4 + 4 + 1 + 1  # better, either, no_drop, floor, ceiling, naive
    smallest = min(g.p_value for g in tested if g.p_value is not None)
    assert min(g.p_adjusted for g in tested if g.p_adjusted is not None) == pytest.approx(12 * smallest)


def test_straddling_is_inconclusive_with_the_rows_needed(healthy: Comparison, erring: Erring) -> None:
    champion = healthy.scored("champion")
    close = healthy.changed(challenger=erring(champion, 0.075, seed=1), champion=erring(champion, 0.08, seed=2))
    (better,) = gates.WeightedImprovement("better", "mdape", 0.05, "relative").check(close)
    assert better.status == "inconclusive"
    assert better.rows_needed is not None and better.rows_needed > len(champion)
    assert f"{better.rows_needed:,} rows" in better.note


def test_the_rows_needed_give_about_four_passes_in_five() -> None:
    """A mean with known spread: at the rows that a first look asked for, the test should pass in about 80 %."""
    rng = np.random.default_rng(3)
    draws = rng.normal(0.1, 0.1, 4000)  # observed 0.1, standard error 0.1 at 100 rows, threshold 0
    first = Requirement("x", 0.1, draws, "above", 0.0, "above 0", rows=100, clusters=100, effective=100)
    needed = rows_needed(first, family=1, alpha=0.05)
    assert needed is not None
    assert needed == pytest.approx(100 * (1.6449 + 0.8416) ** 2, rel=0.06)
    passed = np.mean(rng.normal(0.1, 1.0 / np.sqrt(needed), 20_000) > 1.6449 / np.sqrt(needed))
    assert passed == pytest.approx(0.8, abs=0.03)


def test_a_small_segment_is_inconclusive_and_named(healthy: Comparison) -> None:
    keep = np.r_[
        healthy.members(("segment", "WEST"))[:60], np.flatnonzero(healthy.challenger.groups["segment"] != "WEST")
    ]
    roles = {role: healthy.scored(role).take(keep) for role in healthy.roles}
    evaluation = evaluate(healthy.changed(**roles))
    assert evaluation.verdict == "inconclusive"
    for name in ("segments_complete", "better", "no_drop", "floor"):
        found = [g for g in evaluation.of(name) if g.segment == "WEST"]
        assert [g.status for g in found] == ["inconclusive"]
        assert "60 rows" in found[0].note and found[0].rows_needed is not None


def test_few_clusters_are_said_and_too_few_are_inconclusive(healthy: Comparison) -> None:
    def in_clusters(count: int) -> Comparison:
        label = np.array([f"c{i % count}" for i in range(len(healthy.challenger))], dtype=object)
        return healthy.changed(
            policy=replace(healthy.policy, resamples=1999),
            **{
                r: replace(healthy.scored(r), groups={**healthy.scored(r).groups, "cluster": label})
                for r in healthy.roles
            },
        )

    assert "fewer than 30" in evaluate(in_clusters(20)).of("better")[0].note
    few = evaluate(in_clusters(6)).of("better")[0]
    assert few.status == "inconclusive" and "6 clusters" in few.note


def test_draws_that_all_agree_are_no_proof_where_few_clusters_ask_for_more(healthy: Comparison) -> None:
    """399 draws above 0 were p = 1/400; of 12 clusters that is 0.011 by Student's tail, and so no level below it."""
    looked = replace(healthy, look=Look(2, 0.0076, 0.05, 10))
    draws = np.random.default_rng(1).normal(5.0, 1.0, 399)
    for clusters, status in ((12, "inconclusive"), (1_000, "pass")):
        asked = Requirement("x", 5.0, draws, "above", 0.0, "above 0", rows=600, clusters=clusters, effective=clusters)
        (found,) = settle([asked], looked)
        assert found.status == status
        assert ("more clusters" in found.note) == (status == "inconclusive")
    (turned,) = settle([replace(asked, draws=-draws, clusters=12, effective=12.0)], looked)
    assert turned.status == "inconclusive" and "399 resamples of 12 clusters" in turned.note


def test_clusters_are_counted_by_their_weight_in_the_figure(healthy: Comparison) -> None:
    """Kish by hand: of all rows, of a segment, and of a mean over segments with the policy's weights."""
    label = healthy.challenger.groups["cluster"]
    segment = healthy.challenger.groups["segment"]
    share = {s: w / np.count_nonzero(segment == s) for s, w in healthy.policy.weights.items()}
    for found, row in (
        (healthy.effective(), np.ones(len(label))),
        (healthy.effective(("segment", "WEST")), (segment == "WEST").astype(float)),
        (healthy.effective_weighted(), np.array([share[s] for s in segment])),
    ):
        of = np.array([row[label == name].sum() for name in np.unique(label)])
        assert found == pytest.approx(of.sum() ** 2 / (of**2).sum())
        assert found <= np.count_nonzero(of) + 1e-9


def test_a_metric_that_is_absent_fails_in_words(problem: Problem, mapping: dict[str, Any], parse: Any) -> None:
    mapping["gates"]["floor"] |= {"metric": "interval_coverage", "minimum": 0.5}
    healthy = mutants.healthy(problem, parse(mapping), seed=2)
    assert evaluate(healthy).verdict == "pass"
    evaluation = evaluate(healthy.changed(challenger=replace(healthy.challenger, lower=None, upper=None)))
    assert {(g.status, g.segment) for g in evaluation.of("floor")} == {("fail", s) for s in problem.segments}
    assert "gives no lower and no upper" in evaluation.of("floor")[0].note


def test_a_figure_that_is_nan_is_invalid(problem: Problem, mapping: dict[str, Any], parse: Any) -> None:
    mapping["gates"]["ceiling"] |= {"metric": "rmse_log", "unit": "log price"}
    healthy = mutants.healthy(problem, parse(mapping), seed=2)
    negative = replace(healthy.challenger, prediction=-healthy.challenger.prediction)
    evaluation = evaluate(healthy.changed(challenger=negative))
    assert evaluation.verdict == "invalid"
    assert evaluation.of("ceiling")[0].status == "invalid" and "rmse_log" in evaluation.of("ceiling")[0].note


def test_both_sides_must_answer_the_frozen_rows(healthy: Comparison) -> None:
    scored = healthy.challenger
    frozen = Frozen(scored.row_id[::-1], scored.truth[::-1])
    assert evaluate(healthy.changed(frozen=frozen)).verdict == "pass"
    half = {role: healthy.scored(role).take(np.arange(0, len(scored), 2)) for role in healthy.roles}
    assert evaluate(healthy.changed(frozen=frozen, **half)).verdict == "invalid"
    other = Frozen(scored.row_id, scored.truth * 1.01)
    assert "label version" in evaluate(healthy.changed(frozen=other)).gates[0].note


def test_the_two_sides_must_agree_on_segment_and_cluster(healthy: Comparison) -> None:
    for group in ("segment", "cluster"):
        groups = {**healthy.challenger.groups, group: np.roll(healthy.challenger.groups[group], 1)}
        evaluation = evaluate(healthy.changed(champion=replace(healthy.scored("champion"), groups=groups)))
        assert evaluation.verdict == "invalid" and f"another {group}" in evaluation.gates[0].note


def test_the_champions_trial_judges_the_champion(healthy: Comparison) -> None:
    assert evaluate(healthy, kind="champion_trial").verdict == "pass"
    spoiled = replace(healthy, champion_checks=Checks())
    trial = evaluate(spoiled, kind="champion_trial")
    assert {g.name for g in trial.gates if g.status == "fail"} == {"drift", "leakage", "servable", "stress"}
    leaked = mutants.GATE_MUTANTS["leakage"][0].change(healthy)
    assert evaluate(leaked, kind="champion_trial").verdict == "pass"  # the challenger's leak is not the champion's
    with pytest.raises(InvalidInput, match="no champion"):
        evaluate(healthy.changed(champion=None), kind="champion_trial")


def test_a_drift_that_the_champion_has_too_is_not_new(healthy: Comparison) -> None:
    drifting = mutants.GATE_MUTANTS["no_new_drift_alerts"][0].change(healthy)
    assert evaluate(drifting).of("drift")[0].status == "fail"
    both = replace(drifting, champion_checks=drifting.challenger_checks)
    found = evaluate(both).of("drift")[0]
    assert found.status == "pass" and "under the champion too" in found.note


def test_a_bias_that_the_champion_has_too_is_not_new(healthy: Comparison) -> None:
    biased = mutants.GATE_MUTANTS["no_new_fairness_alerts"][0].change(healthy)
    assert evaluate(biased).of("fair")[0].status == "fail"
    found = evaluate(biased.changed(champion=biased.challenger)).of("fair")[0]
    assert found.status == "pass"


def test_a_claim_can_be_supported_refuted_and_open(healthy: Comparison) -> None:
    ask: Callable[..., GateResult] = lambda c, **rest: gates.claim(  # noqa: E731
        c, metric="mdape", min_effect=0.05, unit="relative", **rest
    )
    assert ask(healthy, segment="NORTH").status == "pass"
    assert ask(healthy, weighted=True).status == "pass"
    turned = healthy.changed(challenger=healthy.champion, champion=healthy.challenger)
    assert ask(turned, segment="NORTH").status == "fail"
    assert ask(turned).status == "fail"
    assert ask(healthy, segment="MOON").status == "fail"
    assert gates.claim(healthy, metric="mdape", min_effect=0.39, unit="relative").status == "inconclusive"
    invalid = mutants.ROW_MUTANTS[0].change(healthy)
    assert ask(invalid).status == "invalid"


def test_differences_cover_metrics_and_places_and_agree_with_the_metric(healthy: Comparison) -> None:
    found = {(d.metric, d.place): d for d in healthy.differences(groups=("segment", "district"))}
    assert len(found) == len(healthy.problem.metrics) * (1 + 4 + 4)
    for (name, place), d in found.items():
        assert d.challenger == METRICS[name](healthy.part("challenger", place))
        assert d.difference == pytest.approx(d.challenger - (d.champion or 0.0))
        assert d.interval is not None and d.interval[0] <= d.interval[1]
    alone = healthy.changed(champion=None).differences()
    assert all(d.difference is None and d.interval is None for d in alone)
    assert found["mdape", OVERALL].rows == len(healthy.challenger)
    assert asdict(alone[0])["champion"] is None
