"""Classifiers on made rows: they learn, answer alike in any company, survive the disk, and explain what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ds_workflow import plugins
from ds_workflow.adapters import models
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, LeakageRefused
from ds_workflow.strategies._boosted_classifier import BoostedClassifier
from ds_workflow.strategies._design import Design

NYC = plugins.load("problems", "nyc_sales").PROBLEM
FEATURES = ("age", "hours", "trade")
TRADES = ("baker", "clerk", "miner", "nurse")
EFFECT = {"baker": 0.0, "clerk": 1.2, "miner": -1.0, "nurse": 0.4}
KINDS = ["global", "logistic"]


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Any declaration will do: what a strategy reads of it is the task and what may never be an input."""
    return replace(NYC, task="binary")


def people(n: int, *, seed: int) -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"age": rng.normal(40, 10, n), "hours": rng.normal(0, 1, n), "trade": rng.choice(TRADES, n), "segment": "A"}
    )
    odds = -1.0 + 0.08 * (X["age"] - 40) + X["trade"].map(EFFECT).to_numpy(dtype=float)
    y = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    X.loc[rng.random(n) < 0.1, "hours"] = np.nan
    return X, y.to_numpy()


def made(kind: str, problem: Problem, **params: Any) -> Any:
    given = {"rounds": 120, "max_depth": 3, **params} if kind == "global" else params
    return plugins.load("strategies", kind).build(problem, StrategyOptions(params=given), FEATURES)


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_and_survives_the_disk(kind: str, problem: Problem) -> None:
    from skops import io

    X, y = people(4_000, seed=1)
    fresh, truth = people(4_000, seed=2)
    estimator = made(kind, problem).fit(X, y)
    p = estimator.predict(fresh)
    odds = -1.0 + 0.08 * (fresh["age"] - 40) + fresh["trade"].map(EFFECT).to_numpy(dtype=float)
    best = roc_auc_score(truth, odds)  # no model can do better than the odds that made the rows
    assert best - 0.02 < roc_auc_score(truth, p) <= best + 0.005
    assert p.mean() == pytest.approx(truth.mean(), abs=0.03)
    assert list(estimator.feature_names_) == list(FEATURES)
    shares = dict(zip(FEATURES, estimator.feature_importances_, strict=True))
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["hours"] == min(shares.values())
    data = io.dumps(estimator)
    assert not set(io.get_untrusted_types(data=data)) - set(models.trusted_types())
    np.testing.assert_array_equal(io.loads(data, trusted=list(models.trusted_types())).predict(fresh), p)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_answered_alike_alone_and_in_company(kind: str, problem: Problem) -> None:
    X, y = people(2_000, seed=3)
    estimator = made(kind, problem).fit(X, y)
    together = estimator.predict(X.iloc[:50])
    alone = np.concatenate([estimator.predict(X.iloc[[i]]) for i in range(50)])
    np.testing.assert_allclose(alone, together, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_add_up_to_the_log_odds(kind: str, problem: Problem) -> None:
    X, y = people(2_000, seed=4)
    estimator = made(kind, problem).fit(X, y)
    p = estimator.predict(X.iloc[:100])
    added = estimator.contributions(X.iloc[:100]).sum(axis=1) + estimator.expected_value_
    np.testing.assert_allclose(added, np.log(p / (1 - p)), atol=2e-5)
    assert estimator.contribution_unit == "log odds"


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_training_never_saw_are_answered(kind: str, problem: Problem) -> None:
    X, y = people(2_000, seed=5)
    estimator = made(kind, problem).fit(X, y)
    strange = X.head(4).assign(trade=["pilot", None, "baker", np.nan], age=[np.nan, 30.0, 1e6, 20.0])
    assert ((estimator.predict(strange) > 0) & (estimator.predict(strange) < 1)).all()
    alone = estimator.predict(strange.iloc[[1]])  # a column that holds nothing at all
    assert alone == pytest.approx(estimator.predict(strange)[1], rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_counts_as_so_many_rows(kind: str, problem: Problem) -> None:
    X, y = people(1_500, seed=6)
    weight = np.where(X["trade"] == "miner", 3.0, 1.0)
    times = weight.astype(int)
    heavy = made(kind, problem, **({"subsample": 1.0, "colsample_bytree": 1.0} if kind == "global" else {}))
    weighted = heavy.fit(X, y, sample_weight=weight).predict(X)
    repeated = np.repeat(np.arange(len(X)), times)
    again = made(kind, problem, **({"subsample": 1.0, "colsample_bytree": 1.0} if kind == "global" else {}))
    copied = again.fit(X.iloc[repeated], y[repeated]).predict(X)
    # the scales of the penalised columns know no weights, nor do the trees' cuts: near, not equal
    assert np.corrcoef(weighted, copied)[0, 1] > 0.995
    miners = (X["trade"] == "miner").to_numpy()
    assert weighted[miners].mean() == pytest.approx(y[miners].mean(), abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_not_be_learned_is_refused_in_words(kind: str, problem: Problem) -> None:
    X, y = people(200, seed=7)
    for target, words in ((y * 2, "neither 0 nor 1"), (np.ones(200), "all 200|All 200"), (y[:10], "10 classes")):
        with pytest.raises(InvalidInput, match=words):
            made(kind, problem).fit(X, target)
    with pytest.raises(InvalidInput, match="lack trade"):
        made(kind, problem).fit(X.drop(columns="trade"), y)
    with pytest.raises(InvalidInput, match="positive numbers"):
        made(kind, problem).fit(X, y, sample_weight=np.zeros(200))
    with pytest.raises(InvalidInput, match="Unknown hyperparameter 'eta2'"):
        made(kind, problem, eta2=1)
    with pytest.raises(LeakageRefused, match="price_tier"):
        plugins.load("strategies", kind).build(problem, StrategyOptions(), ("price_tier",))
    with pytest.raises(InvalidInput, match="no routes"):
        plugins.load("strategies", kind).build(problem, StrategyOptions(router_mode="segment_only"), FEATURES)


@pytest.mark.parametrize("kind", KINDS)
def test_tuning_is_seeded_told_and_gives_what_the_strategy_takes(kind: str, problem: Problem) -> None:
    X, y = people(600, seed=8)
    module, found, said = plugins.load("strategies", kind), [], []
    for _ in range(2):
        found.append(module.tune(problem, StrategyOptions(seed=3), FEATURES, X, y, trials=2, say=said.append))
    assert found[0] == found[1]
    assert sum("log loss" in line for line in said) == 4
    tuned = module.build(problem, StrategyOptions(params=found[0]), FEATURES)
    assert np.isfinite(tuned.fit(X, y).predict(X)).all()


def test_the_classifier_for_other_tasks_is_refused() -> None:
    with pytest.raises(InvalidInput, match="regression problem"):
        plugins.load("strategies", "logistic").build(NYC, StrategyOptions(), ())


def test_a_weight_of_class_one_lifts_the_probabilities() -> None:
    X, y = people(3_000, seed=9)
    plain, heavy = (
        BoostedClassifier(FEATURES, params={"rounds": 80, "positive_weight": w}).fit(X, y).predict(X) for w in (1, 5)
    )
    odds = np.log(heavy / (1 - heavy)) - np.log(plain / (1 - plain))
    assert odds.mean() == pytest.approx(np.log(5), abs=0.25)  # prior odds five times as high


def test_the_design_learns_from_training_rows_only() -> None:
    X, _ = people(500, seed=11)
    design = Design().fit(X, FEATURES)
    matrix = design.transform(X)
    assert matrix.shape == (500, len(design.terms))
    names = [t["term"] for t in design.terms]
    assert names[:3] == ["age", "hours", "hours=missing"]
    assert len([n for n in names if n.startswith("trade=")]) == len(TRADES) - 1
    age = matrix[:, names.index("age")]
    assert (age.mean(), age.std()) == pytest.approx((0, 1), abs=1e-9)
    moved = design.transform(X.assign(age=X["age"] + 10))
    assert moved[:, 0].mean() == pytest.approx(10 / X["age"].std(ddof=0))
