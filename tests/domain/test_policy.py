"""A policy is read strictly: every wrong key, number and unit is refused by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from ds_workflow import plugins
from ds_workflow.domain.policy import TRIALS, Policy
from ds_workflow.errors import InvalidInput

Parse = Callable[[dict[str, Any]], Policy]
SHIPPED = Path(__file__).parents[2] / "config" / "policies"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_policy_is_sound(path: Path) -> None:
    problem = plugins.load(plugins.subject(path.stem), path.stem).PROBLEM
    policy = Policy.parse(yaml.safe_load(path.read_text("utf-8")), segments=problem.segments, metrics=problem.metrics)
    assert policy.problem == problem.name
    assert all(policy.applying(trial) for trial in TRIALS)


def _paths(content: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(content, dict):
        return []
    return [path, *(p for key, value in content.items() for p in _paths(value, (*path, key)))]


def test_an_unknown_key_is_refused_everywhere_and_so_is_a_missing_one(mapping: dict[str, Any], parse: Parse) -> None:
    parse(mapping)
    for path in _paths(mapping):
        broken = copy.deepcopy(mapping)
        at = broken
        for key in path:
            at = at[key]
        at["thershold"] = 1
        with pytest.raises(InvalidInput, match="thershold"):
            parse(broken)
        for key in list(at)[:-1]:
            if path == ("gates",) or path[-1:] == ("tolerances",):
                continue  # a gate may be left out; its keys may not
            lost = copy.deepcopy(mapping)
            here = lost
            for step in path:
                here = here[step]
            del here[key]
            with pytest.raises(InvalidInput, match=key):
                parse(lost)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("statistics.alpha", 5, "alpha"),
        ("statistics.alpha", True, "alpha"),
        ("statistics.resamples", 150, "can never show enough"),
        ("statistics.resamples", 399.5, "whole number"),
        ("rows.segment_minimum", 300, "above major_segment_minimum"),
        ("reference_population.weights.NORTH", 0.5, "sum to 1.1"),
        ("gates.better.minimum", 5, "from 0 to 0.99"),
        ("gates.better.unit", "percent", "relative, absolute"),
        ("gates.better.metric", "mdpae", "mdape"),
        ("gates.better.applies_to", ["promotion", "bootstrap"], "compares with a champion"),
        ("gates.better.applies_to", ["promotoin"], "promotoin"),
        ("gates.better.applies_to", [], "applies_to"),
        ("gates.better.kind", "wieghted", "weighted_improvement"),
        ("gates.no_drop.maximum", 2, "from 0 to 1"),
        ("gates.no_drop.over", "all", "major_segments"),
        ("gates.floor.minimum", {"promotion": 0.2, "bootstrap": 0.3, "champion_trial": 0.1}, "bootstrap asks for more"),
        ("gates.floor.minimum", 1.0, "share of 1"),
        ("gates.floor.unit", "percent", "share"),
        ("gates.floor.metric", "mdape", "wants a ceiling"),
        ("gates.ceiling.maximum", 0.0, "stay at 0"),
        ("gates.fair.tolerances", {}, "at least one metric"),
        ("gates.drift.maximum_psi", float("nan"), "maximum_psi"),
        ("gates.leakage", None, "a mapping"),
        ("problem", "", "a text"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    mapping: dict[str, Any], parse: Parse, path: str, value: object, said: str
) -> None:
    *parents, last = path.split(".")
    at = mapping
    for key in parents:
        at = at[key]
    at[last] = value
    with pytest.raises(InvalidInput, match=said):
        parse(mapping)


def test_a_trial_without_gates_is_refused(mapping: dict[str, Any], parse: Parse) -> None:
    mapping["gates"] = {"better": mapping["gates"]["better"]}
    with pytest.raises(InvalidInput, match="no gate applies to bootstrap"):
        parse(mapping)


def test_the_digest_knows_every_number_and_no_order(mapping: dict[str, Any], parse: Parse) -> None:
    digest = parse(mapping).digest
    turned = {**mapping, "gates": dict(reversed(list(mapping["gates"].items())))}
    assert parse(turned).digest == digest
    mapping["gates"]["floor"]["minimum"]["promotion"] = 0.25
    assert parse(mapping).digest != digest


def test_all_that_is_wrong_is_told_at_once_with_what_was_meant(mapping: dict[str, Any], read: Any) -> None:
    """Twelve faults of as many kinds are planted; each is named by its path, and none of them by another's fault."""
    gates = mapping["gates"]
    mapping["statistics"]["alhpa"] = mapping["statistics"].pop("alpha")
    mapping["statistics"]["resamples"] = "399"
    del mapping["rows"]["segment_minimum"]
    gates["better"]["minimum"] = 5
    gates["no_drop"]["maximum"] = "2 %"
    gates["floor"]["metric"] = "pp10"
    gates["leakage"] = None
    gates["fair"]["tolerances"]["bais"] = 0.1
    gates["drift"]["applies_to"] = ["promotoin"]
    gates["claim"] = {"kind": "leakage", "applies_to": ["promotion"]}
    gates[2024] = {"kind": "leakage", "applies_to": ["promotion"]}
    mapping["problem"] = "flats"
    policy, faults = read(mapping, problem="houses")
    assert policy is None
    told = {fault.path: f"{fault.said} {fault.fix}" for fault in faults}
    expected = {
        "policy.statistics": "Did you mean 'alpha'",
        "policy.statistics.resamples": "without quotes: 399",
        "policy.rows": "'segment_minimum' is missing",
        "policy.gates.better.minimum": "Did you mean 0.05? 5 % is written 0.05",
        "policy.gates.no_drop.maximum": "Did you mean 0.02",
        "policy.gates.floor.metric": "Did you mean 'ppe10'",
        "policy.gates.leakage": "a mapping of keys",
        "policy.gates.fair.tolerances": "Did you mean 'bias'",
        "policy.gates.drift.applies_to": "Did you mean 'promotion'",
        "policy.gates.claim": "the arena itself has a line of that name",
        "policy.gates": 'in quotes: "2024"',
        "policy.problem": "asked as the policy of houses",
    }
    assert len(faults) == len(told) == len(expected)
    for path, said in expected.items():
        assert said in told[path], path


def test_an_error_names_the_first_faults_and_counts_the_others(mapping: dict[str, Any], parse: Parse) -> None:
    for number in range(9):
        mapping[f"key{number}"] = 1
    with pytest.raises(InvalidInput) as error:
        parse(mapping)
    said = str(error.value)
    assert "has 9 faults" in said and "'key5'" in said and "'key6'" not in said and "And 3 more" in said


@pytest.mark.parametrize("content", [None, [], 3, "text", {"gates": []}, {"gates": {"a": {"kind": ["floor"]}}}])
def test_what_is_no_policy_at_all_is_said_so(content: Any, read: Any) -> None:
    policy, faults = read(content)
    assert policy is None and faults


def test_a_proposal_may_not_wait_longer_than_a_champion(mapping: dict[str, Any], parse: Parse) -> None:
    mapping["expires_after_days"], mapping["retrain_after_days"] = 31, 30
    with pytest.raises(InvalidInput, match="31 is above retrain_after_days 30"):
        parse(mapping)


def test_whatever_stands_at_a_key_is_a_fault_with_a_path_and_never_a_crash(mapping: dict[str, Any], read: Any) -> None:
    junk = (None, [], {}, "", "x", -1, True, float("nan"), 10**400, {1: 2}, [["a"]], date(2026, 1, 1))
    places = [(*path, key) for path in _paths(mapping) for key in _at(mapping, path)]
    assert len(places) > 60
    for *parents, last in places:
        for value in junk:
            broken = copy.deepcopy(mapping)
            _at(broken, parents)[last] = value
            policy, faults = read(broken)
            assert (policy is None) == bool(faults)
            assert policy is not None or all(fault.path.startswith("policy") and fault.said for fault in faults)
            assert policy is None or (last, value) in HARMLESS, (parents, last, value)


# texts that are anybody's own
HARMLESS = [("problem", "x"), ("policy_version", "x"), ("source", "x")]


def _at(content: Any, path: Any) -> Any:
    for key in path:
        content = content[key]
    return content
