"""Where class 1 is rare, the gates of credit_card_fraud tell probabilities from constants and from bold ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from ds_workflow import plugins
from ds_workflow.adapters import fitting
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import build, evaluate
from ds_workflow.domain.hypothesis_check import GOOD_AT_A_POINT
from ds_workflow.domain.metrics import METRICS
from ds_workflow.domain.policy import Policy, Trial
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.resample import Ask, Cell, codes, draw
from ds_workflow.domain.scored import Floats, Scored
from ds_workflow.domain.snapshot import conform, holdout_mask
from ds_workflow.domain.strategy import StrategyOptions

PLUGIN = plugins.load("problems", "credit_card_fraud")
FRAUD: Problem = PLUGIN.PROBLEM
CALIBRATION, SKILL = "overall_calibration_ceiling", "overall_skill_floor"
FRAUDS, HONEST, EACH = (
    109,
    2_740,
    20.6,
)  # as in the holdout of the public subset: rows, and what an honest one stands for
RATE = FRAUDS / (FRAUDS + HONEST * EACH)
DISTANCE = 4.0  # between the classes, in standard deviations of the signal


@pytest.fixture(scope="module")
def policy(house: Path) -> Policy:
    content = yaml.safe_load((house / "config" / "policies" / "credit_card_fraud.yaml").read_text("utf-8"))
    return Policy.parse(content, segments=FRAUD.segments, metrics=FRAUD.metrics)


def payments(answer: Callable[[Floats], Floats], *, seed: int) -> Scored:
    """A sample of a population with a share RATE of frauds; `answer` gives log odds for the true ones, (n,) to (n,)."""
    rng = np.random.default_rng(seed)
    truth = np.repeat([1.0, 0.0], [FRAUDS, HONEST])
    signal = rng.normal(DISTANCE * (truth - 0.5))
    true_odds = np.log(RATE / (1 - RATE)) + DISTANCE * signal  # Bayes' rule
    n = len(truth)
    groups = {
        "segment": rng.choice(np.array(FRAUD.segments, dtype=object), n),
        "cluster": np.array([f"m{k}" for k in rng.integers(0, 900, n)], dtype=object),
    }
    weight = np.where(truth == 1, 1.0, EACH)
    return Scored(np.arange(n), truth, 1 / (1 + np.exp(-answer(true_odds))), groups=groups, weight=weight)


def constant(value: float) -> Callable[[Floats], Floats]:
    with np.errstate(divide="ignore"):
        return lambda odds: np.full(len(odds), np.log(value) - np.log1p(-value))


def statuses(challenger: Scored, policy: Policy, trial: Trial) -> dict[str, str]:
    naive = replace(challenger, prediction=np.full(len(challenger), RATE))
    comparison = Comparison.align(problem=FRAUD, policy=policy, seed=7, challenger=challenger, naive=naive)
    asked = [gate for gate in build(policy, trial) if gate.name in (CALIBRATION, SKILL)]
    return {g.name: g.status for g in evaluate(comparison, kind="bootstrap", gates=asked).gates}


@pytest.mark.parametrize("trial", ["promotion", "bootstrap", "champion_trial"])
@pytest.mark.parametrize("seed", range(2))
def test_true_probabilities_pass_and_constants_fail(trial: Trial, seed: int, policy: Policy) -> None:
    assert set(statuses(payments(lambda odds: odds, seed=seed), policy, trial).values()) == {"pass"}
    nothing = statuses(replace(payments(constant(0.5), seed=seed), prediction=np.zeros(FRAUDS + HONEST)), policy, trial)
    assert nothing == {CALIBRATION: "fail", SKILL: "fail"}
    assert statuses(payments(constant(RATE), seed=seed), policy, trial) == {CALIBRATION: "pass", SKILL: "fail"}
    assert statuses(payments(constant(0.003), seed=seed), policy, trial)[SKILL] == "fail"


@pytest.mark.parametrize("seed", range(2))
def test_the_right_order_with_wrong_probabilities_is_not_enough(seed: int, policy: Policy) -> None:
    """All three rank as the true probabilities do: too many foreseen, too few, and too sure of themselves."""
    many, few = (statuses(payments(lambda odds, s=s: odds + s, seed=seed), policy, "promotion") for s in (3.0, -4.0))
    assert many[CALIBRATION] == "fail"
    assert few[CALIBRATION] == "fail"
    bold = payments(lambda odds: 4.0 * odds, seed=seed)
    assert METRICS["roc_auc"](bold) == pytest.approx(
        METRICS["roc_auc"](payments(lambda odds: odds, seed=seed)), abs=1e-3
    )
    assert statuses(bold, policy, "promotion")[SKILL] != "pass"


def test_a_ceiling_on_what_is_best_at_a_point_bounds_the_distance(policy: Policy) -> None:
    low, high = (payments(constant(RATE * by), seed=1) for by in (0.3, 1.7))
    for scored, off in ((low, -0.7), (high, 0.7)):
        comparison = Comparison.align(problem=FRAUD, policy=policy, seed=7, challenger=scored, naive=scored)
        (gate,) = (g for g in build(policy, "promotion") if g.name == CALIBRATION)
        (found,) = evaluate(comparison, kind="bootstrap", gates=[gate]).gates
        assert found.observed == pytest.approx(abs(off))
        assert found.required == "distance of expected_over_observed from 1 at most 0.5 ratio"
        assert f"expected_over_observed is {1 + off:.4g}." in found.note
    assert "expected_over_observed" in GOOD_AT_A_POINT


def test_resamples_without_a_positive_measure_nothing() -> None:
    """NaN or infinite, so that a gate counts them as not holding; and no warning."""
    scored = Scored(np.arange(3), np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.2, 0.1]))
    coded, count = codes(np.arange(3))
    for name in ("expected_over_observed", "log_loss_skill"):
        drawn = draw([Cell(coded, (Ask("x", METRICS[name], scored),))], clusters=count, resamples=200, seed=1)["x"]
        share = np.mean(~np.isfinite(drawn))
        assert 0.2 < share < 0.6, "a Poisson weight of 0 has a chance of 37 %"


@pytest.mark.real_data
def test_on_the_public_subset_calibrated_trees_pass_and_weighted_ones_do_not(real_data: Path, policy: Policy) -> None:
    """Public subset, 2,849 holdout rows, 109 frauds, ordered split: class weights leave a calibration slope of 0.63."""
    rows = conform(
        FRAUD, PLUGIN.clean(PLUGIN.load(real_data / "creditcard_fraud" / "creditcard_genuine_union.parquet"))[0]
    )
    mask = holdout_mask(FRAUD, rows)
    train, holdout = (rows[m].reset_index(drop=True) for m in (~mask, mask))
    found = {}
    for name in ("calibrated", "calibrated_isotonic", "weighted", "resampled"):
        recipe = fitting.Recipe("v2.0", name, StrategyOptions())
        scored = fitting.fit(PLUGIN, recipe, rows=rows, train=train, holdout=holdout, say=lambda _: None).scored
        found[name] = set(statuses(scored, policy, "promotion").values())
    assert found["calibrated"] == found["calibrated_isotonic"] == {"pass"}
    assert found["weighted"] != {"pass"}
    assert found["resampled"] != {"pass"}
