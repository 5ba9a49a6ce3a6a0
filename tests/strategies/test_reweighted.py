"""Reweighing: group and class are independent under the weights, and the groups are treated more alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput

ADULT = plugins.load("problems", "adult_income")
PROBLEM = ADULT.PROBLEM
STRATEGY = plugins.load("strategies", "reweighted")


def test_under_the_weights_group_and_class_are_independent() -> None:
    rows, _ = ADULT.clean(ADULT.simulate(rows=20_000, seed=5))
    rows = rows[rows["race"].isin(["White", "Black"])]  # cells large enough for no weight to reach its cap
    y = rows["over_50k"].to_numpy()
    weight = STRATEGY.weights(PROBLEM, rows, y)
    group = rows["sex"] + "|" + rows["race"]
    table = pd.crosstab(group, y, values=weight, aggfunc="sum") / weight.sum()
    np.testing.assert_allclose(table, np.outer(table.sum(axis=1), table.sum(axis=0)), rtol=1e-9)
    assert weight.mean() == pytest.approx(1)
    # Kamiran and Calders: P(s) P(y) / P(s, y)
    cell = ((group == "Female|Black") & (y == 1)).to_numpy()
    assert weight[cell][0] == pytest.approx((group == "Female|Black").mean() * y.mean() / cell.mean())


def test_no_row_counts_for_more_than_the_cap() -> None:
    rows = pd.DataFrame({"sex": ["Male"] * 990 + ["Female"] * 10, "race": "White"})
    y = np.concatenate([np.ones(495), np.zeros(495), [1], np.zeros(9)])
    assert STRATEGY.weights(PROBLEM, rows, y).max() == pytest.approx(0.01 * 0.496 / 0.001)
    rows = pd.DataFrame({"sex": ["Male"] * 9_900 + ["Female"] * 100, "race": "White"})
    y = np.concatenate([np.ones(4_950), np.zeros(4_950), [1], np.zeros(99)])
    assert STRATEGY.weights(PROBLEM, rows, y).max() == 10.0


def test_it_sees_what_the_global_strategy_sees_and_nothing_more() -> None:
    features = PROBLEM.feature_set("v2.0").features
    assert STRATEGY.build(PROBLEM, StrategyOptions(), features).feature_names_ == list(features)
    with pytest.raises(InvalidInput, match="no groups"):
        STRATEGY.build(replace(PROBLEM, sensitive=(), fairness_columns=()), StrategyOptions(), features)
    with pytest.raises(InvalidInput, match="no routes"):
        STRATEGY.build(PROBLEM, StrategyOptions(min_segment_rows=5), features)
