"""A policy is read strictly: every wrong key, number and unit is refused by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
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
