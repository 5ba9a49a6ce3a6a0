"""Class weights, resampling and calibration on made rows of a rare class: what each does to probabilities, what must
stay as it was, and where the threshold comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from ds_workflow import plugins
from ds_workflow.adapters import models
from ds_workflow.domain import calibration
from ds_workflow.domain.costs import Costs
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quick import FeatureRows
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.domain.thresholds import cost_of
from ds_workflow.errors import InvalidInput, LeakageRefused
from ds_workflow.strategies._adjusted_classifier import NEGATIVES, AdjustedClassifier, parts

KINDS = ["weighted", "resampled", "calibrated", "calibrated_isotonic"]
FEATURES = ("a", "b", "kind")
COSTS = Costs(missed=40.0, false_alarm=1.0, found=0.5, unit="EUR", reason="Made up.")
FEW = {"rounds": 60, "max_depth": 3}
# trees that learn single rows by heart, so that their probabilities are too bold
BOLD = {"rounds": 150, "max_depth": 6, "eta": 0.3, "min_child_weight": 0.1, "reg_lambda": 0.5}


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Any two-class declaration will do: what a strategy reads of it is the task, the costs, and what is no input."""
    declared: Problem = plugins.load("problems", "credit_card_fraud").PROBLEM
    return replace(declared, costs=COSTS)


def rows(n: int, *, seed: int) -> tuple[pd.DataFrame, Any, Any]:
    """Features, classes of which about 3 % are 1, and the true log odds."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "kind": rng.choice(["x", "y", "z"], n)})
    odds = -5.2 + 1.6 * X["a"] + np.where(X["kind"] == "z", 1.5, 0.0) * (X["b"] > 0)
    y = (rng.random(n) < expit(odds)).astype(float).to_numpy()
    X.loc[rng.random(n) < 0.05, "b"] = np.nan
    return X, y, odds.to_numpy()


def made(kind: str, problem: Problem, **params: Any) -> AdjustedClassifier:
    built: AdjustedClassifier = plugins.load("strategies", kind).build(
        problem, StrategyOptions(params={**FEW, **params}), FEATURES
    )
    return built


@pytest.fixture(scope="module")
def fitted(problem: Problem) -> dict[str, AdjustedClassifier]:
    X, y, _ = rows(6_000, seed=1)
    return {kind: made(kind, problem).fit(X, y) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_keeps_the_base_rate_and_survives_the_disk(kind: str, fitted: dict[str, AdjustedClassifier]) -> None:
    from skops import io

    X, y, odds = rows(10_000, seed=2)
    p = fitted[kind].predict(X)
    assert roc_auc_score(y, p) > roc_auc_score(y, odds) - 0.05
    # weights make trees too bold for a shift to mend, so their mean answer is off by more
    assert p.mean() == pytest.approx(y.mean(), rel=0.5 if kind == "weighted" else 0.25)
    assert ((p > 0) & (p < 1)).all()
    shares = dict(zip(fitted[kind].feature_names_, fitted[kind].feature_importances_, strict=True))
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda name: shares[name]) == "a"
    data = io.dumps(fitted[kind])
    assert not set(io.get_untrusted_types(data=data)) - set(models.trusted_types())
    again = io.loads(data, trusted=list(models.trusted_types()))
    np.testing.assert_array_equal(again.predict(X), p)
    assert again.threshold_ == fitted[kind].threshold_
    assert again.costs == COSTS


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_add_up_to_the_calibrated_log_odds(kind: str, fitted: dict[str, AdjustedClassifier]) -> None:
    X = rows(300, seed=3)[0]
    model = fitted[kind]
    values = model.contributions(X)
    odds = calibration.log_odds(model.predict(X))
    np.testing.assert_allclose(values.sum(axis=1) + model.expected_value_, odds, atol=2e-4)
    assert list(values.columns) == list(FEATURES)
    assert model.contribution_unit == "log odds"
    # what a row's features do to the booster they do to the calibrated answer: shares are kept, and signs
    raw = model.model_.contributions(X)
    for mine, its in zip(values.to_numpy()[:20], raw.to_numpy()[:20], strict=True):
        assert (mine * its >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_answered_alike_alone_and_in_company(kind: str, fitted: dict[str, AdjustedClassifier]) -> None:
    X = rows(20, seed=4)[0]
    alone = np.concatenate([fitted[kind].predict(X.iloc[[i]]) for i in range(20)])
    np.testing.assert_allclose(alone, fitted[kind].predict(X), rtol=1e-12)
    # and by the quick way of serving, from plain lists in any order of features
    names = ["kind", "a", "b"]
    rowwise = [[row["kind"], row["a"], row["b"]] for row in X.to_dict("records")]
    quick = fitted[kind].compiled(names, coverage=0.8)(FeatureRows(rowwise, [""] * 20))
    np.testing.assert_allclose(quick.values, alone, rtol=1e-6)


def test_balancing_moves_the_base_rate_and_is_taken_back(fitted: dict[str, AdjustedClassifier]) -> None:
    X, y, _ = rows(6_000, seed=1)
    ones = y.sum()
    # both classes weigh the same, so the odds were multiplied by zeros / ones; ten of class 0 are kept for each of 1
    assert fitted["weighted"].shift_ == pytest.approx(np.log(ones / (len(y) - ones)))
    assert fitted["resampled"].shift_ == pytest.approx(np.log(ones / (len(y) - ones)) - np.log(1 / NEGATIVES))
    assert fitted["calibrated"].shift_ == pytest.approx(0)
    untouched = expit(fitted["weighted"].model_.log_odds(X)).mean()
    assert untouched > 5 * fitted["weighted"].predict(X).mean()


@pytest.mark.parametrize("kind", ["calibrated", "calibrated_isotonic"])
def test_calibration_mends_what_trees_by_heart_spoil(kind: str, problem: Problem) -> None:
    X, y, _ = rows(6_000, seed=5)
    fresh, truth, odds = rows(20_000, seed=6)
    model = made(kind, problem, **BOLD).fit(X, y)
    bold = expit(model.model_.log_odds(fresh))
    p = model.predict(fresh)
    line = calibration.logistic_line(calibration.log_odds(bold), truth, weight=np.ones(len(truth)))
    mended = calibration.logistic_line(calibration.log_odds(p), truth, weight=np.ones(len(truth)))
    assert line is not None
    assert mended is not None
    assert line.slope < 0.8
    assert abs(mended.slope - 1) < abs(line.slope - 1)
    best = log_loss(truth, expit(odds))
    assert log_loss(truth, p) - best < 0.7 * (log_loss(truth, bold) - best)
    assert model.out_of_fold_["after"]["log_loss"] < model.out_of_fold_["before"]["log_loss"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_threshold_is_the_cheap_one_on_rows_never_seen(kind: str, fitted: dict[str, AdjustedClassifier]) -> None:
    X, y, _ = rows(20_000, seed=7)
    p = fitted[kind].predict(X)

    def cost(threshold: float) -> float:
        return float(cost_of((p >= threshold).astype(float), y, COSTS).mean())

    assert 0 < fitted[kind].threshold_ < 0.5
    assert cost(fitted[kind].threshold_) < 0.9 * cost(0.5)
    assert cost(fitted[kind].threshold_) <= 1.15 * min(cost(t) for t in np.quantile(p, np.linspace(0, 1, 200)))


def test_without_costs_the_threshold_is_one_half_and_nothing_is_fitted_twice(problem: Problem) -> None:
    X, y, _ = rows(1_000, seed=8)
    plain = made("weighted", replace(problem, costs=None)).fit(X, y)
    assert (plain.threshold_, plain.out_of_fold_) == (0.5, {})
    platt = made("calibrated", replace(problem, costs=None)).fit(X, y)
    assert platt.threshold_ == 0.5
    assert set(platt.out_of_fold_) == {"before", "after"}


def test_parts_are_blocks_of_either_class() -> None:
    y = (np.arange(100) % 10 == 0).astype(float)
    part = parts(y)
    for c in (0, 1):
        mine = part[y == c]
        assert (np.diff(mine) >= 0).all()
        assert np.bincount(mine).max() - np.bincount(mine).min() <= 1
    with pytest.raises(InvalidInput, match="Class 1 has 2 training rows"):
        parts(np.array([0.0] * 60 + [1.0] * 2))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_rows_are_the_population_that_is_answered_for(kind: str, problem: Problem) -> None:
    """One in five rows of class 0, weighing five, stands for all of them: the mean answer is that of all rows."""
    X, y, _ = rows(12_000, seed=9)
    kept = (y == 1) | (np.arange(len(y)) % 5 == 0)
    weight = np.where(y == 1, 1.0, 5.0)
    model = made(kind, problem).fit(X[kept], y[kept], sample_weight=weight[kept])
    assert model.predict(X).mean() == pytest.approx(y.mean(), rel=0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_not_be_built_or_learned_is_refused_in_words(kind: str, problem: Problem) -> None:
    module = plugins.load("strategies", kind)
    X, y, _ = rows(400, seed=10)
    with pytest.raises(InvalidInput, match="neither 0 nor 1"):
        made(kind, problem).fit(X, y * 2)
    with pytest.raises(InvalidInput, match="lack kind"):
        made(kind, problem).fit(X.drop(columns="kind"), y)
    with pytest.raises(InvalidInput, match="Unknown hyperparameter 'eta2'"):
        made(kind, problem, eta2=1)
    with pytest.raises(LeakageRefused, match="weight"):
        module.build(problem, StrategyOptions(), ("weight",))
    with pytest.raises(InvalidInput, match=f"strategy '{kind}', which has no routes"):
        module.build(problem, StrategyOptions(router_mode="segment_only"), FEATURES)
    with pytest.raises(InvalidInput, match="regression problem"):
        module.build(plugins.load("problems", "nyc_sales").PROBLEM, StrategyOptions(), ())


def test_tuning_is_that_of_the_booster_inside(problem: Problem) -> None:
    X, y, _ = rows(1_500, seed=11)
    found = [
        plugins.load("strategies", kind).tune(
            problem, StrategyOptions(seed=3), FEATURES, X, y, trials=1, say=lambda _: None
        )
        for kind in ("weighted", "calibrated")
    ]
    assert found[0] == found[1]
    assert {"rounds", "max_depth", "eta"} <= set(found[0])
