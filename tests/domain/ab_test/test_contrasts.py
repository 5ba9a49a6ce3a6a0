"""Two arms against published figures, R, statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ds_workflow.domain.ab_test.contrasts import (
    chi_square,
    cohens_h,
    cuped,
    fisher,
    ratios,
    sample_ratio,
    two_proportions,
    welch,
    wilson,
)
from ds_workflow.domain.ab_test.samples import Mean, Pair, Proportion
from ds_workflow.errors import InvalidInput

FEW, MANY = Proportion(10_000, 1_000), Proportion(10_000, 1_080)
# R's data set `sleep`: extra hours of sleep under two drugs (Student 1908)
SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_two_proportions_are_those_of_r() -> None:
    found = two_proportions(FEW, MANY)
    assert found.statistic == approx(1.85312329165, abs=1e-10)
    assert found.p_value == approx(0.063864689108, abs=1e-11)
    assert found.statistic**2 == approx(3.43406593407, abs=1e-10)
    assert found.interval == approx((-0.000462869431, 0.016465830545), abs=1e-11)
    assert two_proportions(FEW, MANY, interval="wald").interval == approx((-0.000460508677, 0.016460508678), abs=1e-11)
    agresti = two_proportions(FEW, MANY, interval="agresti_caffo")
    assert agresti.interval == approx((-0.000464109172, 0.016460909812), abs=1e-11)
    assert found.effect_size == approx(0.0262116601602, abs=1e-12)
    small = two_proportions(Proportion(100, 30), Proportion(100, 45), interval="wald")
    assert (small.statistic, small.p_value) == approx((2.19089023002, 0.0284597369163), abs=1e-10)
    assert small.interval == approx((0.0174304933, 0.2825695067), abs=1e-9)
    assert fisher(Proportion(100, 30), Proportion(100, 45)) == approx(0.040534006515, abs=1e-11)


@given(st.integers(2, 500), st.integers(2, 500), st.floats(0, 1), st.floats(0, 1))
def test_two_proportions_agree_with_statsmodels(n0: int, n1: int, share0: float, share1: float) -> None:
    a, b = Proportion(n0, round(n0 * share0)), Proportion(n1, round(n1 * share1))
    found = two_proportions(a, b)
    if 0 < a.successes + b.successes < n0 + n1:
        z, p = proportions_ztest([b.successes, a.successes], [n1, n0])
        assert (found.statistic, found.p_value) == approx((z, p), rel=1e-9, abs=1e-12)
    newcombe = confint_proportions_2indep(b.successes, n1, a.successes, n0, method="newcomb")
    assert found.interval == approx(newcombe, abs=1e-9)
    assert wilson(a) == approx(proportion_confint(a.successes, n0, method="wilson"), abs=1e-9)
    back = two_proportions(b, a)
    assert back.estimate == approx(-found.estimate)
    assert back.p_value == approx(found.p_value)
    assert back.interval == approx((-found.interval[1], -found.interval[0]), abs=1e-12)


def test_welch_is_that_of_r() -> None:
    first, second = map(Mean.of, SLEEP)
    found = welch(second, first)
    assert found.statistic == approx(-1.86081346749, abs=1e-10)
    assert found.df == approx(17.7764735162, abs=1e-9)
    assert found.p_value == approx(0.0793941401874, abs=1e-12)
    assert found.interval == approx((-3.36548323071, 0.205483230712), abs=1e-10)
    assert found.effect_size == approx(-0.83218108135, abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_welch_agrees_with_scipy_and_statsmodels_from_sums_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(1, 2, 40), rng.normal(1.5, 1, 70)
    sums = [Mean.of_sums(len(x), float(x.sum()), float((x**2).sum())) for x in (a, b)]
    found = welch(*sums)
    oracle = stats.ttest_ind(b, a, equal_var=False)
    assert (found.statistic, found.p_value, found.df) == approx((oracle.statistic, oracle.pvalue, oracle.df), rel=1e-9)
    bounds = CompareMeans(DescrStatsW(b), DescrStatsW(a)).tconfint_diff(usevar="unequal")
    assert found.interval == approx(bounds, rel=1e-9)


def test_a_mean_over_events_has_the_cluster_robust_error_of_statsmodels() -> None:
    rng = np.random.default_rng(4)
    cluster = rng.integers(0, 80, 2_000)
    arm = cluster % 2
    y = rng.normal(0, 1, 2_000) + rng.normal(0, 0.7, 80)[cluster] + 0.3 * arm
    found = ratios(*(Pair.of_clusters(y[arm == g], cluster[arm == g]) for g in (0, 1)), clustered=True)
    frame = pd.DataFrame({"y": y, "arm": arm})
    fit = ols("y ~ arm", frame).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}, use_t=False
    )
    assert found.estimate == approx(fit.params["arm"], rel=1e-9)
    # the sample variance over k clusters carries k/(k-1), which the uncorrected sandwich leaves out; 40 clusters an arm
    assert found.standard_error == approx(fit.bse["arm"] * np.sqrt(40 / 39), rel=1e-9)
    rows = welch(Mean.of(y[arm == 0]), Mean.of(y[arm == 1]))
    assert found.standard_error > 2 * rows.standard_error, "rows of one developer are not independent"


def test_a_cluster_robust_test_keeps_its_level_where_a_row_test_does_not() -> None:
    """400 experiments without effect, 60 clusters of 20 rows with correlation 0.3; 1.96 standard errors of 0.05."""
    rng = np.random.default_rng(8)
    cluster = np.repeat(np.arange(60), 20)
    arm = cluster % 2
    robust, naive = 0, 0
    for _ in range(400):
        y = rng.normal(0, 1, 1_200) * np.sqrt(0.7) + (rng.normal(0, 1, 60) * np.sqrt(0.3))[cluster]
        arms = [Pair.of_clusters(y[arm == g], cluster[arm == g]) for g in (0, 1)]
        robust += ratios(*arms, clustered=True).p_value < 0.05
        naive += welch(Mean.of(y[arm == 0]), Mean.of(y[arm == 1])).p_value < 0.05
    assert 0.028 <= robust / 400 <= 0.09
    assert naive / 400 > 0.3


def test_the_delta_method_covers() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(500):
        arms = []
        for lift in (1.0, 1.2):
            views = rng.poisson(20, 300) + 1.0
            clicks = rng.binomial(views.astype(int), rng.beta(2 * lift, 18, 300)).astype(float)
            arms.append(Pair.of(clicks, views))
        truth = 2.4 / 20.4 - 0.1
        low, high = ratios(*arms).interval
        inside += low <= truth <= high
    assert 0.93 <= inside / 500 <= 0.97


def test_cuped_is_the_regression_on_the_covariate() -> None:
    rng = np.random.default_rng(5)
    n = 4_000
    x, arm = rng.normal(10, 3, n), rng.integers(0, 2, n)
    y = 2 * x + rng.normal(0, 2, n) + 0.2 * arm
    found = cuped(*(Pair.of(y[arm == g], x[arm == g]) for g in (0, 1)))
    fit = ols("y ~ arm + x", pd.DataFrame({"y": y, "x": x, "arm": arm})).fit(cov_type="HC1")
    assert found.estimate == approx(fit.params["arm"], rel=1e-3)
    assert found.standard_error == approx(fit.bse["arm"], rel=1e-3)
    plain = welch(Mean.of(y[arm == 0]), Mean.of(y[arm == 1]))
    assert found.standard_error < 0.4 * plain.standard_error
    assert found.warnings == ()
    touched = cuped(Pair.of(y[arm == 0], x[arm == 0]), Pair.of(y[arm == 1], x[arm == 1] + 1))
    assert "the treatment touched it" in touched.warnings[0]


def test_tables_and_splits() -> None:
    corrected = chi_square([[1_080, 8_920], [1_000, 9_000]], yates=True)
    assert (corrected.statistic, corrected.p_value) == approx((3.34875085852, 0.067256032441), abs=1e-10)
    found = chi_square([[30, 20, 50], [45, 15, 40]])
    assert (found.statistic, found.df) == (approx(4.8253968254, abs=1e-9), 2)
    assert (found.p_value, found.cramers_v) == approx((0.0895732625389, 0.15532863267), abs=1e-10)
    assert sample_ratio([50_500, 49_500]) == approx(0.001565402258, abs=1e-11)
    assert sample_ratio([44_000, 45_000]) == approx(0.000802278118, abs=1e-11)
    assert sample_ratio([600, 400]) == approx(2.53962858947e-10, rel=1e-8)
    assert sample_ratio([100, 900], [1, 9]) == approx(1.0)


def test_relative_effects_are_those_of_growthbook() -> None:
    found = welch(Mean.of_sums(3407, 1396.87, 52377.9767), Mean.of_sums(3461, 2422.7, 134698.29))
    assert found.relative == approx(0.70732, abs=1e-5)
    assert found.relative_interval == approx((-0.03526, 1.44989), abs=5e-6)
    assert found.relative_p_value == approx(0.06191, abs=5e-6)
    assert (found.estimate, *found.interval) == approx((0.29, 0.04538, 0.53462), abs=5e-5)
    assert found.p_value == approx(0.02016, abs=1e-5)
    shares = two_proportions(Proportion(28, 14), Proportion(30, 16))
    assert shares.relative == approx(0.06667, abs=1e-5)
    assert shares.relative_interval == approx((-0.47767, 0.61101), abs=5e-6)
    assert shares.relative_p_value == approx(0.80707, abs=5e-6)


def test_what_can_not_be_compared_is_refused_in_words() -> None:
    with pytest.raises(InvalidInput, match="5 of 3"):
        Proportion(3, 5)
    with pytest.raises(InvalidInput, match="1 units"):
        Mean.of([1.0])
    with pytest.raises(InvalidInput, match="finite"):
        Mean.of([1.0, float("nan")])
    with pytest.raises(InvalidInput, match="Neither arm varies"):
        welch(Mean(10, 1.0, 0.0), Mean(10, 2.0, 0.0))
    with pytest.raises(InvalidInput, match="does not vary"):
        cuped(Pair.of([1.0, 2.0], [1.0, 1.0]), Pair.of([1.0, 2.0], [1.0, 1.0]))
    with pytest.raises(InvalidInput, match="two arms"):
        sample_ratio([5])
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        wilson(Proportion(5, 1), level=95)
    with pytest.raises(InvalidInput, match="none of them empty"):
        chi_square([[0, 0], [1, 2]])
    assert "Fisher" in two_proportions(Proportion(50, 1), Proportion(50, 2)).warnings[0]
    assert cohens_h(0.3, 0.3) == 0
