"""Causal estimators against statsmodels, linearmodels, closed forms and known effects."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from linearmodels.datasets.card import load as load_card
from linearmodels.iv import IV2SLS
from linearmodels.panel import PanelOLS
from pytest import approx
from statsmodels.api import OLS, Logit, add_constant

from ds_workflow.domain.causal import adjustment, sensitivity
from ds_workflow.domain.causal.difference import Panel, differences, means_by_period
from ds_workflow.domain.causal.instrument import two_stage
from ds_workflow.domain.causal.matching import match
from ds_workflow.domain.causal.propensity import Propensity, balance, overlap, weights
from ds_workflow.domain.causal.study import Study
from ds_workflow.errors import InvalidInput

EFFECT = 2.0


def confounded(seed: int, rows: int = 600, clusters: int = 0) -> Study:
    """Rows whose covariates move both treatment and outcome; the effect is 2 for everybody."""
    rng = np.random.default_rng(seed)
    x1, x2 = rng.normal(size=rows), rng.binomial(1, 0.4, rows).astype(float)
    cluster = np.arange(rows) % clusters if clusters else None
    shared = rng.normal(size=clusters)[cluster] if clusters else np.zeros(rows)
    t = (rng.uniform(size=rows) < 1 / (1 + np.exp(-(0.7 * x1 - 0.8 * x2)))).astype(float)
    y = 1 + EFFECT * t + 1.5 * x1 - x2 + shared + rng.normal(size=rows)
    return Study(y, t, {"x1": x1, "x2": x2}, cluster)


ESTIMATORS = {
    "ols": adjustment.ols,
    "regression ATT": adjustment.regression,
    "regression ATE": lambda s: adjustment.regression(s, estimand="ATE"),
    "ipw ATT": adjustment.ipw,
    "ipw ATE": lambda s: adjustment.ipw(s, estimand="ATE"),
    "aipw ATT": adjustment.aipw,
    "aipw ATE": lambda s: adjustment.aipw(s, estimand="ATE"),
    "matching": lambda s: match(s).estimate,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_known_effect_lies_in_the_interval_as_often_as_is_said(name: str) -> None:
    """500 studies; of a true 95 % the count lies between 93 and 97 % with probability 0.96. Matching is by one
    neighbour: with more, in groups this small, the far ones bias it by a fraction of its error."""
    inside = 0
    for seed in range(500):
        low, high = ESTIMATORS[name](confounded(seed, 400)).interval
        inside += low <= EFFECT <= high
    assert 0.93 <= inside / 500 <= 0.97


def test_the_naive_difference_is_not_the_effect() -> None:
    found = adjustment.naive(confounded(1, 4_000))
    low, _ = found.interval
    assert low > EFFECT + 0.3
    assert found.estimand == "descriptive"


def test_the_score_is_that_of_statsmodels() -> None:
    study = confounded(2)
    oracle = Logit(study.treated, add_constant(study.matrix)).fit(disp=0, tol=1e-12)
    assert Propensity.of(study).score == approx(oracle.predict(), abs=1e-10)


def test_regression_is_that_of_statsmodels() -> None:
    study = confounded(3, clusters=40)
    x = add_constant(np.column_stack([study.treated, study.matrix]))
    robust = OLS(study.outcome, x).fit(cov_type="HC0")
    found = adjustment.ols(replace(study, cluster=None))
    assert (found.value, found.standard_error) == approx((robust.params[1], robust.bse[1]), rel=1e-9)
    clustered = OLS(study.outcome, x).fit(
        cov_type="cluster", cov_kwds={"groups": study.cluster, "use_correction": False}
    )
    assert adjustment.ols(study).standard_error == approx(clustered.bse[1] * math.sqrt(40 / 39), rel=1e-9)


def test_weighting_balances_what_it_was_given() -> None:
    study = confounded(4, 3_000)
    score = Propensity.of(study).score
    table = balance(study, weights(study, score, "ATT"))
    assert abs(table[0].difference) > 0.5
    assert all(b.balanced for b in table)
    seen = overlap(study, score)
    assert sum(seen.treated) == study.mask.sum()
    assert sum(seen.control) == (~study.mask).sum()


def test_matching_is_what_brute_force_finds() -> None:
    study = confounded(5, 300)
    score = Propensity.of(study).score
    t, c = np.flatnonzero(study.mask), np.flatnonzero(~study.mask)
    for m in (1, 3):
        nearest = [c[np.argsort(np.abs(score[c] - score[i]), kind="stable")[:m]] for i in t]
        brute = np.mean([study.outcome[i] - study.outcome[near].mean() for i, near in zip(t, nearest, strict=True)])
        assert match(study, neighbours=m, ties="first").estimate.value == approx(brute)
    left = set(c)
    gaps = []
    for i in sorted(t, key=lambda i: -score[i]):
        if not left:
            break
        best = min(left, key=lambda j: abs(score[j] - score[i]))
        left.discard(best)
        gaps.append(study.outcome[i] - study.outcome[best])
    few = study.take(np.concatenate([t[: len(c) // 2], c]))
    assert match(few, replacement=False).estimate.treated == len(c) // 2
    if len(t) <= len(c):
        assert match(study, replacement=False).estimate.value == approx(np.mean(gaps))


def test_a_caliper_says_whom_it_left_out() -> None:
    study = confounded(6, 300)
    tight = match(study, caliper=1e-3)
    assert tight.unmatched > 0
    assert tight.estimate.treated == study.mask.sum() - tight.unmatched
    assert "within the caliper" in tight.estimate.warnings[0]
    with pytest.raises(InvalidInput, match="within the caliper"):
        match(study, caliper=0.0)


def test_two_stage_least_squares_is_that_of_linearmodels() -> None:
    rng = np.random.default_rng(7)
    n = 2_000
    hidden, z, x = rng.normal(size=n), rng.binomial(1, 0.5, n).astype(float), rng.normal(size=n)
    t = (0.8 * z + hidden + 0.3 * x + rng.normal(size=n) > 0.4).astype(float)
    y = EFFECT * t + 1.5 * hidden + x + rng.normal(size=n)
    study = Study(y, t, {"x": x})
    found = two_stage(study, z)
    frame = pd.DataFrame({"y": y, "t": t, "z": z, "x": x, "one": 1.0})
    oracle = IV2SLS(frame.y, frame[["one", "x"]], frame.t, frame.z).fit(cov_type="robust")
    assert found.estimate.value == approx(oracle.params["t"], rel=1e-9)
    assert found.estimate.standard_error == approx(oracle.std_errors["t"], rel=1e-9)
    assert found.first_stage_f == approx(oracle.first_stage.diagnostics["f.stat"].iloc[0], rel=1e-9)
    low, high = found.estimate.interval
    assert low < EFFECT < high
    assert adjustment.ols(study).interval[0] > EFFECT, "the hidden confounder fools the regression"
    weak = two_stage(study, rng.normal(size=n))
    assert "weak" in weak.estimate.warnings[0]


def test_the_return_to_schooling_is_that_of_card() -> None:
    """Card (1995): log wage on years of schooling, with a college near by as the instrument: 0.1242 (0.0499), first
    stage F 15.767. The table prints classical errors; ours are robust."""
    rows = load_card()
    names = ["exper", "black", "south", "married", "smsa"]
    rows = rows.dropna(subset=["lwage", "educ", "nearc4", *names]).astype("float64", errors="ignore")
    columns = {n: rows[n].to_numpy(float) for n in names}
    given = Study(rows["lwage"].to_numpy(float), rows["educ"].to_numpy(float), columns, graded=True)
    found = two_stage(given, rows["nearc4"].to_numpy(float))
    assert found.estimate.value == approx(0.1242, abs=5e-5)
    assert found.estimate.standard_error == approx(0.0499, abs=1e-3)
    assert found.first_stage_f == approx(15.767, rel=0.05)
    with pytest.raises(InvalidInput, match="graded"):
        adjustment.ipw(given)
    with pytest.raises(InvalidInput, match="does not vary"):
        Study(given.outcome, np.ones(len(given)), {}, graded=True)


def panel(seed: int, *, drift: float = 0.0, units: int = 80) -> Panel:
    rng = np.random.default_rng(seed)
    unit, period = np.repeat(np.arange(units), 6), np.tile(np.arange(6), units)
    treated = (unit % 2).astype(float)
    own = rng.normal(size=units)[unit]
    y = own + 0.4 * period + treated * (EFFECT * (period >= 4) + drift * period) + rng.normal(size=len(unit))
    return Panel(y, unit, period, treated, 4)


def test_difference_in_differences_is_the_fixed_effects_regression() -> None:
    given = panel(1)
    found = differences(given)
    frame = pd.DataFrame({"y": given.outcome, "u": given.unit, "p": given.period})
    frame["on"] = given.treated * (given.period >= 4)
    frame = frame.set_index(["u", "p"])
    oracle = PanelOLS(frame.y, frame[["on"]], entity_effects=True, time_effects=True).fit(
        cov_type="clustered", cluster_entity=True, debiased=False, auto_df=False, count_effects=False
    )
    assert found.estimate.value == approx(oracle.params["on"], rel=1e-8)
    assert found.estimate.standard_error == approx(oracle.std_errors["on"] * math.sqrt(80 / 79), rel=1e-6)
    table = means_by_period(given)
    before = np.mean([row[1] - row[2] for row in table[:4]])
    after = np.mean([row[1] - row[2] for row in table[4:]])
    assert found.estimate.value == approx(after - before, rel=1e-9)


def test_the_pre_trend_check_tells_parallel_from_not() -> None:
    parallel = [differences(panel(seed)) for seed in range(200)]
    inside = np.mean([d.estimate.interval[0] <= EFFECT <= d.estimate.interval[1] for d in parallel])
    assert inside >= 0.915
    assert np.mean([d.pre_trend < 0.05 for d in parallel]) <= 0.1
    assert np.mean([differences(panel(seed, drift=0.4)).pre_trend < 0.05 for seed in range(60)]) > 0.8
    assert "clusters" in differences(panel(1, units=10)).estimate.warnings[0]


def test_the_bootstrap_agrees_with_the_influence_function_and_refuses_matching() -> None:
    study = confounded(9, 500, clusters=50)
    low, high = adjustment.bootstrap(study, adjustment.ipw, resamples=300, seed=1)
    error = adjustment.ipw(study).standard_error
    assert (high - low) / 3.92 == approx(error, rel=0.2)
    with pytest.raises(InvalidInput, match="bootstrap"):
        adjustment.bootstrap(study, lambda s: match(s).estimate, seed=1)


def test_e_values_are_those_of_the_paper() -> None:
    """VanderWeele and Ding (2017): a risk ratio of 3.9 with limits 1.8 and 8.7 has E-values 7.26 and 3.0."""
    found = sensitivity.e_value(3.9, 1.8, 8.7)
    assert (found.point, found.interval) == approx((7.26, 3.0), abs=0.005)
    protective = sensitivity.e_value(1 / 3.9, 1 / 8.7, 1 / 1.8)
    assert (protective.point, protective.interval) == approx((found.point, found.interval))
    assert sensitivity.e_value(1.2, 0.9, 1.5).interval == 1.0
    assert sensitivity.risk_ratio_of(0.0, 1.0) == 1.0


def test_what_can_not_be_compared_is_refused_in_words() -> None:
    rng = np.random.default_rng(1)
    y, t, x = rng.normal(size=50), np.repeat([0.0, 1.0], 25), rng.normal(size=50)
    cases = {
        "0 or 1": lambda: Study(y, t + 1, {}),
        "differ in length": lambda: Study(y, t[:-1], {}),
        "finite": lambda: Study(np.where(y > 0, np.nan, y), t, {}),
        "do not vary": lambda: adjustment.ols(Study(y, t, {"x": np.ones(50)})),
        "collinear": lambda: adjustment.ols(Study(y, t, {"a": x, "b": 2 * x})),
        "separate": lambda: adjustment.ipw(Study(y, t, {"x": t + 0.01 * x})),
        "period before": lambda: differences(Panel(y, np.arange(50), np.ones(50), t, 0)),
        "treated \\(1\\) or not": lambda: differences(
            Panel(y, np.arange(50) // 2, np.arange(50) % 2, np.arange(50) % 2 * 1.0, 1)
        ),
        "that vary": lambda: two_stage(Study(y, t, {"x": x}), np.ones(50)),
        "E-value": lambda: sensitivity.e_value(-1),
    }
    for words, ask in cases.items():
        with pytest.raises(InvalidInput, match=words):
            ask()
