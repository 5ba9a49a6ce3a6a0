"""Sample sizes against R and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pytest import approx
from statsmodels.stats.power import NormalIndPower, TTestIndPower

from ds_workflow.domain.ab_test.contrasts import cohens_h
from ds_workflow.domain.ab_test.design import (
    Plan,
    days,
    detectable_mean,
    detectable_proportion,
    power_of_means,
    power_of_proportions,
    ratio_deviation,
    units_by_arcsine,
    units_for_means,
    units_for_proportions,
)
from ds_workflow.domain.ab_test.samples import Pair
from ds_workflow.errors import InvalidInput


def test_proportions_are_those_of_power_prop_test() -> None:
    assert units_for_proportions(0.10, 0.12) == approx(3840.84748243, abs=1e-6)
    assert units_for_proportions(0.50, 0.75, Plan(power=0.9)) == approx(
        76.7069301141, rel=1e-7
    )  # R's root finder stops at 1e-8
    assert power_of_proportions(1_000, 0.10, 0.12) == approx(0.297732131248, abs=1e-9)


def test_the_arcsine_plan_is_that_of_statsmodels() -> None:
    assert cohens_h(0.10, 0.12) == approx(0.063982102986, abs=1e-12)
    assert units_by_arcsine(0.10, 0.12) == approx(3834.59573988, abs=1e-6)
    oracle = NormalIndPower().solve_power(cohens_h(0.3, 0.35), alpha=0.01, power=0.9)
    assert units_by_arcsine(0.3, 0.35, Plan(0.01, 0.9)) == approx(oracle, rel=1e-6)


def test_means_are_those_of_power_t_test_and_statsmodels() -> None:
    assert units_for_means(0.5, 1.0) == approx(63.7656106, abs=1e-4)
    assert units_for_means(0.5, 1.0) == approx(63.7657637, abs=2e-4)  # R
    assert units_for_means(0.2, 1.0) == approx(393.4056930, abs=1e-3)
    # R leaves the far tail out (strict = FALSE), statsmodels has it
    assert power_of_means(20, 1.0, 1.0) == approx(0.868952801692, abs=1e-6)
    assert power_of_means(20, 1.0, 1.0) == approx(TTestIndPower().power(1.0, 20, 0.05), rel=1e-10)
    for effect, power in ((0.3, 0.8), (1.2, 0.95), (0.05, 0.5)):
        oracle = TTestIndPower().solve_power(effect, alpha=0.05, power=power)
        assert units_for_means(effect, 1.0, Plan(power=power)) == approx(oracle, rel=1e-5)


def test_the_detectable_effect_is_the_inverse() -> None:
    for n, base in ((5, 0.1), (500, 0.1), (20_000, 0.45)):
        rise = detectable_proportion(n, base)
        assert units_for_proportions(base, base + rise) == approx(n, rel=1e-6)
        effect = detectable_mean(n, 3.0)
        assert units_for_means(effect, 3.0) == approx(n, rel=1e-6)
    assert math.isnan(detectable_proportion(3, 0.9))


def test_a_ratio_is_planned_by_its_own_spread() -> None:
    """The z test on ratios has the planned power when the units are those asked for."""
    rng = np.random.default_rng(2)
    views = rng.poisson(10, 50_000) + 1.0
    clicks = rng.binomial(views.astype(int), 0.2).astype(float)
    deviation = ratio_deviation(Pair.of(clicks, views))
    # each click is independent here, so a unit of 11 views on average has the binomial spread of 11 trials
    assert deviation == approx(math.sqrt(0.2 * 0.8 / 11), rel=0.02)


def test_days_are_whole_and_cover_both_arms() -> None:
    assert days(3_840.2, daily_units=1_000) == math.ceil(2 * 3_841 / 1_000)
    assert days(10, daily_units=1_000) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: units_for_proportions(0.1, 0.1),
        lambda: units_for_proportions(0.0, 0.1),
        lambda: units_for_means(0.0, 1.0),
        lambda: units_for_means(1.0, -1.0),
        lambda: days(10, daily_units=0),
        lambda: Plan(alpha=0.9, power=0.8),
        lambda: detectable_proportion(1, 0.5),
        lambda: detectable_mean(1, 0.5),
    ],
)
def test_what_can_not_be_planned_is_refused(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput) as caught:
        ask()
    assert caught.value.hint
