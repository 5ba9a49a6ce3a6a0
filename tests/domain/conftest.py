"""A small problem, its policy as a mapping, and comparisons of seeded numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from ds_workflow.domain import mutants
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.problem import Feature, FeatureSet, Problem

SEGMENTS = ("NORTH", "SOUTH", "EAST", "WEST")


@pytest.fixture(scope="session")
def problem() -> Problem:
    features = tuple(Feature(n, n, "request") for n in ("area", "age", "kind", "last_price"))
    return Problem(
        name="houses",
        title="Houses",
        task="regression",
        target="price",
        target_unit="dollars",
        row_id="row_id",
        time_column="day",
        cluster_column="building",
        segment_column="part",
        segments=SEGMENTS,
        columns=(),
        features=(*features, Feature("days_on_market", "known once it is sold", "after_outcome")),
        feature_sets=(FeatureSet("v1", ("area", "age", "kind", "last_price"), "all"),),
        forbidden={"price_tier": "it is cut from the target"},
        sensitive=("owner_sex",),
        metrics=("ppe10", "mdape", "mape", "r2", "rmse_log", "bias", "interval_coverage", "interval_width"),
        primary_metric="mdape",
        strategies=("global_model",),
        source="made",
        licence="none",
        intended_use="tests",
        limits="none",
        fairness_columns=("district",),
    )


@pytest.fixture
def mapping() -> dict[str, Any]:
    """A policy as YAML would give it; every kind of gate stands in it."""
    every = ["promotion", "bootstrap", "champion_trial"]
    return copy.deepcopy(
        {
            "problem": "houses",
            "policy_version": "1",
            "expires_after_days": 14,
            "retrain_after_days": 180,
            "statistics": {"alpha": 0.05, "resamples": 399, "minimum_clusters": 10},
            "rows": {"segment_minimum": 100, "major_segment_minimum": 200},
            "reference_population": {
                "source": "made up",
                "weights": {"NORTH": 0.4, "SOUTH": 0.3, "EAST": 0.2, "WEST": 0.1},
            },
            "gates": {
                "better": {
                    "kind": "weighted_improvement",
                    "metric": "mdape",
                    "minimum": 0.05,
                    "unit": "relative",
                    "applies_to": ["promotion"],
                },
                "either": {
                    "kind": "one_of",
                    "alternatives": [
                        {"metric": "mdape", "minimum": 0.05, "unit": "relative", "over": "overall"},
                        {"metric": "ppe10", "minimum": 0.01, "unit": "absolute", "over": "weighted_segments"},
                    ],
                    "applies_to": ["promotion"],
                },
                "no_drop": {
                    "kind": "max_drop",
                    "metric": "ppe10",
                    "maximum": 0.05,
                    "unit": "absolute",
                    "over": "major_segments",
                    "applies_to": ["promotion"],
                },
                "floor": {
                    "kind": "floor",
                    "metric": "ppe10",
                    "minimum": {"promotion": 0.24, "bootstrap": 0.15, "champion_trial": 0.15},
                    "unit": "share",
                    "over": "segments",
                    "applies_to": every,
                },
                "ceiling": {
                    "kind": "ceiling",
                    "metric": "mape",
                    "maximum": 0.5,
                    "unit": "share",
                    "over": "overall",
                    "applies_to": every,
                },
                "naive": {
                    "kind": "beats_naive",
                    "metric": "mdape",
                    "minimum": 0.0,
                    "unit": "relative",
                    "applies_to": every,
                },
                "drift": {
                    "kind": "no_new_drift_alerts",
                    "maximum_psi": 0.2,
                    "minimum_rows": 100,
                    "applies_to": every,
                },
                "fair": {
                    "kind": "no_new_fairness_alerts",
                    "tolerances": {"bias": 0.05},
                    "minimum_rows": 50,
                    "applies_to": every,
                },
                "leakage": {"kind": "leakage", "applies_to": every},
                "servable": {"kind": "servability", "maximum_p95_ms": 100, "applies_to": every},
                "stress": {
                    "kind": "stress",
                    "metric": "mdape",
                    "unit": "relative",
                    "tolerances": {"missing": 0.5, "corrupted": 0.5, "season": 0.3},
                    "applies_to": every,
                },
            },
        }
    )


@pytest.fixture
def parse(problem: Problem) -> Callable[[dict[str, Any]], Policy]:
    return lambda content: Policy.parse(content, segments=problem.segments, metrics=problem.metrics)


@pytest.fixture
def read(problem: Problem) -> Callable[..., Any]:
    return partial(Policy.read, segments=problem.segments, metrics=problem.metrics)


@pytest.fixture
def policy(mapping: dict[str, Any], parse: Callable[[dict[str, Any]], Policy]) -> Policy:
    return parse(mapping)


@pytest.fixture
def healthy(problem: Problem, policy: Policy) -> Comparison:
    return mutants.healthy(problem, policy, seed=5)


@pytest.fixture
def erring() -> Callable[..., Scored]:
    """The same rows with other answers: each row's relative error is normal with this spread."""

    def make(scored: Scored, noise: float, *, seed: int, bias: float = 0.0) -> Scored:
        error = np.random.default_rng(seed).normal(bias, noise, len(scored))
        return replace(scored, prediction=scored.truth * np.exp(error))

    return make
