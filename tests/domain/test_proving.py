"""Gates are proven on the rows that they judged: sound ones notice every mutant, blind ones are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ds_workflow.domain import mutants, proving
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.holdout_spending import Look
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.policy import TRIALS, GateSpec

Erring = Callable[..., Scored]


def changed(comparison: Comparison, name: str, **fields: Any) -> Comparison:
    """The comparison under a policy whose gate of that name is another."""
    policy = comparison.policy
    gates = tuple(replace(g, **fields) if g.name == name else g for g in policy.gates)
    return replace(comparison, policy=replace(policy, gates=gates))


def asked(comparison: Comparison, trial: Any) -> int:
    """Every mutant of every gate of a trial, counted from the lists themselves."""
    kinds = mutants.kinds_of(comparison)
    names = ["segments_complete", *(g.name for g in comparison.policy.applying(trial))]
    return sum(len(mutants.GATE_MUTANTS[kinds[name]]) for name in names) + len(mutants.ROW_MUTANTS)


@pytest.mark.parametrize("trial", TRIALS)
def test_every_mutant_of_every_gate_runs_on_the_rows_at_hand(healthy: Comparison, trial: Any) -> None:
    before = evaluate(healthy, kind=trial)
    proof = proving.prove(healthy, before)
    assert proof.blind == () and proof.untried == ()
    assert proof.mutants == asked(healthy, trial)
    after = proving.proven(healthy, before)
    assert after.verdict == before.verdict == "pass"
    assert after.gates[:-1] == before.gates
    assert f"Proven on {proof.mutants} mutants" in after.gates[-1].note


def test_a_gate_that_lets_a_mutant_pass_makes_the_verdict_invalid(healthy: Comparison) -> None:
    toothless = changed(healthy, "ceiling", thresholds=dict.fromkeys(TRIALS, 1e6))
    before = evaluate(toothless)
    assert before.verdict == "pass"
    after = proving.proven(toothless, before)
    assert after.verdict == "invalid"
    assert "ceiling: challenger ruined" in after.of(proving.NAME)[0].note


def test_a_gate_that_does_not_pass_anyway_is_not_counted(healthy: Comparison) -> None:
    strict = changed(healthy, "floor", thresholds=dict.fromkeys(TRIALS, 0.999))
    proof = proving.prove(strict, evaluate(strict))
    assert proof.untried == ("floor",)
    assert "floor" not in dict(proof.caught)
    assert proof.mutants == asked(healthy, "promotion") - len(mutants.GATE_MUTANTS["floor"])
    assert "Not tried" in proof.result(1).note and proof.result(1).status == "pass"


def test_what_these_rows_do_not_hold_can_not_be_broken(healthy: Comparison) -> None:
    checks = healthy.challenger_checks
    assert checks.stress is not None
    nothing = replace(checks, stress=replace(checks.stress, strains=(), not_applicable=dict.fromkeys(
        ("missing", "corrupted", "season"), "no such input")))  # fmt: skip
    calm = healthy.changed(challenger_checks=nothing)
    before = evaluate(calm)
    assert before.verdict == "pass"
    proof = proving.prove(calm, before)
    assert proof.blind == ()
    assert 0 < dict(proof.caught)["stress"] < len(mutants.GATE_MUTANTS["stress"])


def test_rows_that_can_not_be_compared_say_so_instead_of_nothing(healthy: Comparison) -> None:
    invalid = mutants.ROW_MUTANTS[0].change(healthy)
    before = evaluate(invalid)
    after = proving.proven(invalid, before)
    assert after.verdict == before.verdict == "invalid" and after.gates[:-1] == before.gates
    (line,) = after.of(proving.NAME)
    assert (line.status, line.observed) == ("invalid", 0.0) and "no gate was asked" in line.note


def test_the_note_says_how_many_of_each_gate(healthy: Comparison) -> None:
    """A failing proposal's too: what stands in the note is what the lists of mutants hold."""
    strict = changed(healthy, "floor", thresholds=dict.fromkeys(TRIALS, 0.999))
    after = proving.proven(strict, evaluate(strict))
    assert after.verdict == "fail"
    kinds = mutants.kinds_of(strict)
    note = after.of(proving.NAME)[0].note
    for gate in (g.name for g in strict.policy.applying("promotion") if g.name != "floor"):
        assert f"{gate} {len(mutants.GATE_MUTANTS[kinds[gate]])}" in note


def test_a_blind_gate_in_the_trial_of_the_champion_is_told_and_ends_no_office(healthy: Comparison) -> None:
    toothless = changed(healthy, "ceiling", thresholds=dict.fromkeys(TRIALS, 1e6))
    before = evaluate(toothless, kind="champion_trial")
    after = proving.witnessed(toothless, before)
    assert after.verdict == before.verdict == "pass"
    assert after.of(proving.NAME)[0].status == "invalid"


def test_the_proof_does_not_hang_on_the_level_of_the_look(healthy: Comparison) -> None:
    """At a tiny level nothing passes with few resamples, so every mutant would seem to be caught."""
    look = Look(9, 1e-4, 0.05, 10)
    late = replace(healthy, look=look, policy=replace(healthy.policy, resamples=60_000))
    only: tuple[GateSpec, ...] = tuple(g for g in late.policy.gates if g.name in ("ceiling", "leakage"))
    late = replace(late, policy=replace(late.policy, gates=only))
    toothless = changed(late, "ceiling", thresholds=dict.fromkeys(TRIALS, 1e6))
    assert proving.prove(toothless, evaluate(toothless)).blind == (("ceiling", ("challenger ruined",)),)


def test_a_contest_of_programs_is_proven_too() -> None:
    from pathlib import Path

    from ds_workflow import plugins
    from ds_workflow.adapters import policies

    problem = plugins.load("contests", "code_generation").PROBLEM
    path = Path(__file__).parents[2] / "config" / "policies" / "code_generation.yaml"
    policy = policies.load(path, problem)
    comparison = mutants.healthy(problem, policy, seed=3)
    few = comparison.changed(
        challenger=comparison.challenger.take(np.arange(40)),
        champion=comparison.scored("champion").take(np.arange(40)),
        naive=None,
    )
    proof = proving.prove(few, evaluate(few))
    assert proof.blind == ()
    assert {name for name, _ in proof.caught} == {"segments_complete", "solves_more", "pass_at_1_floor", "alignment"}
