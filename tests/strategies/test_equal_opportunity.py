"""Equal opportunity by weights: more are found where fewer were, within a price, and groups are never inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._boosted_classifier import BoostedClassifier

PROBLEM = plugins.load("problems", "adult_income").PROBLEM
STRATEGY = plugins.load("strategies", "equal_opportunity")


def people(rows: int, *, women: float, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame, Any]:
    """People, features and classes. Men and women are seldom in one place; skill tells the class everywhere, and in the
    women's place the log odds are `women` lower."""
    rng = np.random.default_rng(seed)
    sex = np.where(rng.random(rows) < 0.5, "Female", "Male").astype(object)
    place = np.where(rng.random(rows) < 0.95, sex == "Female", sex == "Male").astype(float)
    skill = rng.normal(size=rows)
    y = (rng.random(rows) < 1 / (1 + np.exp(-(2.0 * skill - women * place - 0.3)))).astype(float)
    return pd.DataFrame({"sex": sex, "race": "White"}), pd.DataFrame({"place": place, "skill": skill}), y


def estimator() -> BoostedClassifier:
    return BoostedClassifier(("place", "skill"), params={"rounds": 60, "eta": 0.15, "max_depth": 3})


def found(model: BoostedClassifier, rows: pd.DataFrame, X: pd.DataFrame, y: Any) -> dict[str, float]:
    flagged = model.predict(X) >= 0.5
    return {s: float(flagged[(y == 1) & (rows["sex"] == s)].mean()) for s in ("Female", "Male")}


def test_women_over_the_line_are_found_more_often_on_rows_never_seen() -> None:
    rows, X, y = people(8_000, women=1.0)
    weight = STRATEGY.weights(PROBLEM, rows, y, X=X, estimator=estimator())
    women, men = ((y == 1) & (rows["sex"] == s).to_numpy() for s in ("Female", "Male"))
    assert (weight[y == 0] == 1).all()
    ratio = weight[women][0] / weight[men][0]
    assert 1.2 < ratio <= STRATEGY.MOST
    # half of what the class gains, in logs, is taken back
    assert weight[men][0] == pytest.approx(1 / np.sqrt((ratio * women.sum() + men.sum()) / (y == 1).sum()))
    fresh = people(20_000, women=1.0, seed=2)
    plain = found(estimator().fit(X, y), *fresh)
    fairer = found(estimator().fit(X, y, sample_weight=weight), *fresh)
    assert fairer["Female"] > plain["Female"] + 0.02
    assert abs(fairer["Male"] - fairer["Female"]) < 0.8 * abs(plain["Male"] - plain["Female"])


def test_nothing_is_weighed_without_a_gap_or_without_rows_to_see_one() -> None:
    rows, X, y = people(4_000, women=0.0)
    assert (STRATEGY.weights(PROBLEM, rows, y, X=X, estimator=estimator()) == 1).all()
    rows, X, y = people(4_000, women=2.0)
    rows.loc[rows.index[200:], "sex"] = "Male"
    assert (STRATEGY.weights(PROBLEM, rows, y, X=X, estimator=estimator()) == 1).all(), "under 100 women of class 1"


def test_it_sees_what_the_global_strategy_sees_and_nothing_more() -> None:
    features = PROBLEM.feature_set("v2.0").features
    assert STRATEGY.build(PROBLEM, StrategyOptions(), features).feature_names_ == list(features)
    with pytest.raises(InvalidInput, match="no fairness columns"):
        STRATEGY.build(replace(PROBLEM, fairness_columns=()), StrategyOptions(), features)
    with pytest.raises(InvalidInput, match="no routes"):
        STRATEGY.build(PROBLEM, StrategyOptions(min_segment_rows=5), features)


@pytest.mark.parametrize("name", ["reweighted", "equal_opportunity"])
def test_a_search_counts_the_weights(name: str) -> None:
    """Rows that weigh next to nothing are no rows: of whatever class they are, the search says the same."""
    features = PROBLEM.feature_set("v1.0").features[:1]
    rng = np.random.default_rng(3)
    X = pd.DataFrame({features[0]: rng.normal(size=600)})
    y = (rng.random(600) < 1 / (1 + np.exp(-2 * X[features[0]]))).to_numpy().astype(float)
    faint = rng.random(600) < 0.3
    turned, weight = np.where(faint, 1 - y, y), np.where(faint, 1e-9, 1.0)
    strategy, options = plugins.load("strategies", name), StrategyOptions(seed=3)

    def said(target: Any, **told: Any) -> float:
        lines: list[str] = []
        strategy.tune(PROBLEM, options, features, X, target, trials=1, say=lines.append, **told)
        return float(lines[0].rsplit(" ", 1)[1])

    assert said(turned, sample_weight=weight) == pytest.approx(said(y, sample_weight=weight), abs=1e-3)
    assert said(turned) > said(y, sample_weight=weight) + 0.1
