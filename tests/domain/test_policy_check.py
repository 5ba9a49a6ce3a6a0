"""A policy on trial: each fault is planted and has to be named; a sound policy has none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ds_workflow import plugins
from ds_workflow.adapters import monitoring_policies, policies
from ds_workflow.domain import mutants
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.incumbent_check import PROVEN, against_incumbent
from ds_workflow.domain.monitoring.policy import MonitoringPolicy
from ds_workflow.domain.monitoring.policy import contradictions as watched_contradictions
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.policy_check import Finding, contradictions, green, teeth
from ds_workflow.domain.problem import Problem
from ds_workflow.settings import Settings

SHIPPED = Path(__file__).parents[2] / "config" / "policies"


def failures(found: Any, name: str) -> str:
    return " ".join(one.detail for one in found if one.status == "fail" and one.name == name)


def test_a_sound_policy_is_green(problem: Problem, policy: Policy, healthy: Comparison) -> None:
    assert contradictions(policy, released=True) == ()
    found, count = teeth(problem, policy)
    assert green(found) and found[0].name == "teeth"
    kinds = mutants.kinds_of(healthy)
    expected = sum(
        len(mutants.GATE_MUTANTS[kinds[name]])
        for trial in ("promotion", "bootstrap", "champion_trial")
        for name in ("segments_complete", *(g.name for g in policy.applying(trial)))  # type: ignore[arg-type]
    )
    assert count == expected + 3 * len(mutants.ROW_MUTANTS)
    seen = against_incumbent(policy, healthy, "promotion")
    assert green(seen), [one for one in seen if one.status == "fail"]


@pytest.mark.parametrize(
    ("gate", "change", "said"),
    [
        ("floor", {"minimum": {"promotion": 0.24, "bootstrap": 0.15, "champion_trial": 0.3}}, "0.3, at the door"),
        ("ceiling", {"maximum": {"promotion": 0.5, "bootstrap": 0.5, "champion_trial": 0.4}}, "0.4, at the door"),
        (
            "fair",
            {"tolerances": {"bias": {"promotion": 0.1, "bootstrap": 0.1, "champion_trial": 0.05}}},
            "policy.gates.fair.tolerances.bias",
        ),
        ("leakage", {"applies_to": ["champion_trial"]}, "asked what no model was asked at the door"),
    ],
)
def test_an_office_harder_to_keep_than_to_get_is_a_contradiction(
    mapping: dict[str, Any], parse: Any, gate: str, change: dict[str, Any], said: str
) -> None:
    mapping["gates"][gate] |= change
    found = contradictions(parse(mapping), released=True)
    assert said in " ".join(map(str, found))


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_shipped_policies_contradict_nothing(path: Path) -> None:
    kind = plugins.subject(path.stem)
    shipped = policies.load(path, plugins.load(kind, path.stem).PROBLEM)
    assert contradictions(shipped, released=kind == "problems") == ()
    if kind == "problems":
        watched = monitoring_policies.load(Settings.resolve(None, path.stem), path.stem)
        assert watched_contradictions(watched, shipped) == ()


def test_each_contradiction_has_its_own_remedy(mapping: dict[str, Any], parse: Any) -> None:
    """Following the remedy takes the contradiction away; none is told to change a number that is not there."""
    del mapping["gates"]["drift"]
    mapping["gates"]["floor"]["minimum"] = {"promotion": 0.24, "bootstrap": 0.15, "champion_trial": 0.2}
    mapping["gates"]["second"] = {**mapping["gates"]["ceiling"], "maximum": 0.9, "applies_to": ["promotion"]}
    mapping["gates"]["leakage"]["applies_to"] = ["champion_trial"]
    found = {fault.path: fault for fault in contradictions(parse(mapping), released=True)}
    fixes = {
        "policy.gates": "Add a gate of kind no_new_drift_alerts",
        "policy.gates.floor": "Lower champion_trial to 0.15",
        "policy.gates.second": "Take second or ceiling out of promotion",
        "policy.gates.leakage.applies_to": "Add promotion and bootstrap",
    }
    assert {path: fault.fix[: len(fixes[path])] for path, fault in found.items()} == fixes


def test_two_gates_of_a_kind_contradict_only_where_they_ask_the_same(mapping: dict[str, Any], parse: Any) -> None:
    fair = mapping["gates"]["fair"]
    metrics = ["mdape", next(name for name in fair["tolerances"] if name != "mdape")]
    limits = next(iter(fair["tolerances"].values()))
    for name, metric in zip(("fair", "fair_too"), metrics, strict=True):
        mapping["gates"][name] = fair | {"tolerances": {metric: limits}}
    assert contradictions(parse(mapping), released=True) == ()
    mapping["gates"]["fair_too"] = mapping["gates"]["fair"]
    [fault] = contradictions(parse(mapping), released=True)
    assert "what fair asks there too" in fault.said


def test_limits_of_watching_that_the_arena_contradicts_are_named(mapping: dict[str, Any], parse: Any) -> None:
    mapping["gates"]["drift"]["maximum_psi"] = 0.1
    loose = {
        "inputs": {"psi": 0.2},
        "service": {"p95_ms": 50},
        "fairness": {"gap": 0.3},
        "retraining": {"age_days": 200, "worse": 0.3},
    }
    watched = MonitoringPolicy.parse(loose, problem="houses")
    found = watched_contradictions(watched, parse(mapping))
    assert [fault.path.removeprefix("monitoring.") for fault in found] == [
        "inputs.psi", "service.p95_ms", "fairness.gap", "retraining.age_days", "retraining.worse",
    ]  # fmt: skip
    assert len({fault.fix for fault in found}) == len(found)
    mended = MonitoringPolicy.parse(
        {"inputs": {"psi": 0.1}, "service": {"p95_ms": 10_000}, "fairness": {"gap": 0.01}}, problem="houses"
    )
    assert watched_contradictions(mended, parse(mapping)) == ()


def test_a_release_needs_the_gates_that_it_asks(mapping: dict[str, Any], parse: Any) -> None:
    del mapping["gates"]["drift"]
    assert "no_new_drift_alerts" in " ".join(map(str, contradictions(parse(mapping), released=True)))
    assert contradictions(parse(mapping), released=False) == (), "a contest is not released"


def test_toothless_and_unreachable_gates_are_named(problem: Problem, mapping: dict[str, Any], parse: Any) -> None:
    """A gate out of reach hides no toothless one: both are told, each with its key."""
    mapping["gates"]["ceiling"] |= {"metric": "rmse_log", "unit": "log price", "maximum": 1e9}
    mapping["gates"]["floor"]["minimum"] = {"promotion": 0.9999, "bootstrap": 0.15, "champion_trial": 0.15}
    found, _ = teeth(problem, parse(mapping))
    assert "ceiling lets pass: challenger ruined" in failures(found, "teeth")
    assert "passes floor (fail)" in failures(found, "attainable")
    assert {(one.name, one.key) for one in found} == {
        ("attainable", "policy.gates.floor"), ("teeth", "policy.gates.ceiling"),
    }  # fmt: skip


def test_the_incumbent_shows_what_can_not_be_reached(mapping: dict[str, Any], parse: Any, healthy: Comparison) -> None:
    """In the made comparison the incumbent errs by 5 % (median about 3.4 %), so its PPE10 is about 0.95."""
    mapping["gates"]["better"] |= {"metric": "ppe10", "unit": "absolute", "minimum": 0.2}
    found = against_incumbent(parse(mapping), healthy, "promotion")
    assert "better: ppe10 is to get better by 0.2" in failures(found, "attainable")
    mapping["gates"]["better"]["minimum"] = 0.01
    mapping["gates"]["floor"]["minimum"] = {"promotion": 0.995, "bootstrap": 0.15, "champion_trial": 0.15}
    found = against_incumbent(parse(mapping), healthy, "promotion")
    assert green(found), "0.995 is four points away and the incumbent came eighty from the naive baseline"
    assert "0.995 in promotion" in " ".join(one.detail for one in found if one.status == "warn")
    mapping["gates"]["floor"]["minimum"] = {"promotion": 0.995, "bootstrap": 0.15, "champion_trial": 0.99}
    found = against_incumbent(parse(mapping), healthy, "promotion")
    assert "would be disqualified" in failures(found, "attainable")


def test_a_floor_farther_than_all_progress_so_far_is_out_of_reach(
    mapping: dict[str, Any], parse: Any, healthy: Comparison, erring: Any
) -> None:
    champion = healthy.scored("champion")
    weak = healthy.changed(
        challenger=erring(champion, 0.55, seed=1),
        champion=erring(champion, 0.56, seed=2),
        naive=erring(champion, 0.6, seed=3),
    )
    mapping["gates"]["floor"]["minimum"] = {"promotion": 0.9, "bootstrap": 0.15, "champion_trial": 0.01}
    found = against_incumbent(parse(mapping), weak, "promotion")
    assert "from the naive baseline" in failures(found, "attainable")


def test_a_margin_that_an_equal_model_can_not_show_is_named(
    mapping: dict[str, Any], parse: Any, healthy: Comparison, erring: Any
) -> None:
    """The standard error is that of a difference of two independent shares."""
    champion = healthy.scored("champion")
    equal = healthy.changed(challenger=erring(champion, 0.2, seed=1), champion=erring(champion, 0.2, seed=2))
    mapping["gates"]["no_drop"] |= {"maximum": 0.005, "over": "overall"}
    found = against_incumbent(parse(mapping), equal, "promotion")
    said = failures(found, "attainable")
    assert "no_drop: with these rows" in said
    error = float(said.partition("standard error ")[2].partition(")")[0])
    n, share = len(champion), np.mean(np.abs(equal.challenger.prediction / champion.truth - 1) <= 0.1)
    assert error == pytest.approx(np.sqrt(2 * share * (1 - share) / n), rel=0.25)
    mapping["gates"]["no_drop"]["maximum"] = 0.5
    assert "no_drop" not in failures(against_incumbent(parse(mapping), equal, "promotion"), "attainable")


def test_what_could_not_be_looked_at_is_not_green() -> None:
    made = {name: Finding("x", name, "") for name in ("pass", "warn", "exempt", "unknown", "fail")}  # type: ignore[arg-type]
    assert green([made["pass"], made["warn"], made["exempt"]])
    for name in ("unknown", "fail"):
        assert not green([made["pass"], made[name]])


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("gates.naive.minimum", 0.98, "naive asks for 0.98"),  # 1 - 5 % / 60 % was gained
        (
            "gates.naive.minimum",
            {"promotion": 0.98, "bootstrap": 0.0, "champion_trial": 0.0},
            "from the best there is, of which",
        ),
        ("gates.servable.maximum_p95_ms", 0.2, "the incumbent is at 1 (p95"),
        ("gates.fair.tolerances.bias", 0.0001, "the incumbent's median is"),
        ("gates.better.minimum", 0.98, "better: mdape is to get better by"),
        ("gates.drift.minimum_rows", 10**9, "Every verdict on such rows is inconclusive"),
        ("gates.fair.minimum_rows", 10**9, "no group has the 1,000,000,000 rows"),
        ("statistics.minimum_clusters", 100_000, "statistics.minimum_clusters asks for 100,000 clusters"),
        ("rows.segment_minimum", 150_000, "rows.segment_minimum asks for 150,000"),
        ("gates.stress.tolerances.missing", 0.05, "relative loss of mdape, missing"),
        ("gates.no_drop.maximum", 1e-9, "no_drop on NORTH: with these rows"),
    ],
)
def test_an_absurd_but_finite_threshold_is_shown_by_the_incumbent(
    mapping: dict[str, Any], parse: Any, healthy: Comparison, *, path: str, value: Any, said: str
) -> None:
    """Every kind of gate is held against the evidence. The stress costs 0.4; the rest is as the fixture says."""
    checks = healthy.challenger_checks
    assert checks.stress is not None
    strains = tuple(replace(s, loss=0.4 if s.kind == "missing" else s.loss) for s in checks.stress.strains)
    bundle = replace(healthy, challenger_checks=replace(checks, stress=replace(checks.stress, strains=strains)))
    *above, last = path.split(".")
    place = mapping
    for name in above:
        place = place[name] if isinstance(place[name], dict) else place
    place[last] = value
    if path == "rows.segment_minimum":
        mapping["rows"]["major_segment_minimum"] = value
    found = against_incumbent(parse(mapping), bundle, "promotion")
    assert said in failures(found, "attainable")
    assert not any(one.name == "attainable" and one.status == "pass" for one in found)


def test_what_is_not_compared_is_listed_and_never_told_as_sound(policy: Policy, healthy: Comparison) -> None:
    blank = replace(
        healthy, naive=None, challenger_checks=replace(healthy.challenger_checks, stress=None, servability=None)
    )
    found = {one.name: one for one in against_incumbent(policy, blank, "promotion")}
    for gate in ("naive", "servable", "stress"):
        assert f"{gate}: its evidence holds no" in found["not compared"].detail
        assert gate not in {word.strip(",.;") for word in found["attainable"].detail.split()}
    assert found["not compared"].status == "warn"
    assert found[PROVEN].status == "warn" and "Not tried" in found[PROVEN].detail


def test_the_margin_of_a_first_champion_is_held_against_its_own_rows(
    mapping: dict[str, Any], parse: Any, healthy: Comparison
) -> None:
    """Nobody stood before it: the noise of a difference is then that of two figures that correlate."""
    first = replace(healthy, champion=None)
    mapping["gates"]["no_drop"]["maximum"] = 1e-9
    said = failures(against_incumbent(parse(mapping), first, "bootstrap"), "attainable")
    assert "assumed" in said and "as alike as models come" in said
