"""Calibration against published figures, statsmodels, scikit-learn, closed forms, and laws over many seeds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from statsmodels.stats.proportion import proportion_confint

from ds_workflow.domain import calibration as cal
from ds_workflow.domain.metrics import METRICS
from ds_workflow.domain.scored import Floats, Scored
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import calibration as report


def scored(p: Floats, y: Floats, weight: Floats | None = None, *, per_cluster: int = 1) -> Scored:
    cluster = np.array([f"c{i // per_cluster}" for i in range(len(p))], dtype=object)
    return Scored(np.arange(len(p)), y.astype(float), p, groups={"cluster": cluster}, weight=weight)


def perfect(n: int, *, seed: int, too_sure: float = 1.0) -> Scored:
    """Log odds are normal, classes drawn from them; what is answered is `too_sure` times the log odds."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.0, 1.5, n)
    return scored(expit(too_sure * odds), rng.random(n) < expit(odds))


TOY = scored(np.array([0.1, 0.1, 0.4, 0.4, 0.8, 0.8, 0.8, 0.8]), np.array([0, 0, 0, 1, 1, 1, 1, 0]))


def test_the_toy_example_comes_out_as_by_hand() -> None:
    found = cal.calibration(TOY, seed=1)
    assert found.brier == pytest.approx(0.1625)
    assert (found.reliability, found.resolution) == pytest.approx((0.00625, 0.09375))
    assert (found.uncertainty, found.within) == pytest.approx((0.25, 0.0))
    assert found.ece == pytest.approx(0.075)
    assert [(b.predicted, b.observed, b.rows) for b in found.bins] == [
        (pytest.approx(0.1), 0.0, 2),
        (pytest.approx(0.4), 0.5, 2),
        (pytest.approx(0.8), 0.75, 4),
    ]


def test_the_parts_of_the_brier_score_add_up_to_it() -> None:
    found = cal.calibration(perfect(4_000, seed=2), seed=1)
    whole = found.reliability - found.resolution + found.uncertainty + found.within
    assert whole == pytest.approx(found.brier, abs=1e-12)
    assert found.uncertainty == pytest.approx(found.observed * (1 - found.observed))
    assert found.brier == pytest.approx(METRICS["brier"](perfect(4_000, seed=2)))
    assert found.ece == pytest.approx(METRICS["ece"](perfect(4_000, seed=2)))


@pytest.mark.parametrize(("hits", "rows"), [(0, 12), (3, 40), (40, 40), (250, 1_000)])
def test_intervals_of_bins_are_wilsons(hits: int, rows: int) -> None:
    assert cal.wilson(hits / rows, rows) == pytest.approx(proportion_confint(hits, rows, method="wilson"), abs=1e-9)


def test_bins_part_the_rows_and_hold_equal_information() -> None:
    s = perfect(20_000, seed=3)
    bins = cal.reliability_bins(s)
    assert sum(b.rows for b in bins) == len(s)
    assert all(a.high <= b.low for a, b in pairwise(bins))
    place = cal.information_bin(s, bins=10)
    held = np.bincount(place, weights=s.prediction * (1 - s.prediction))
    np.testing.assert_allclose(held / held.sum(), 0.1, atol=0.002)


# --- the calibration line --------------------------------------------------------------------------------------------


def test_slope_and_intercept_are_those_of_a_logistic_regression() -> None:
    s = perfect(2_000, seed=4, too_sure=1.4)
    found = cal.calibration(s, seed=1)
    odds = cal.log_odds(s.prediction)
    free = sm.GLM(s.truth, sm.add_constant(odds), family=sm.families.Binomial()).fit(cov_type="HC0")
    held = sm.GLM(s.truth, np.ones(len(s)), family=sm.families.Binomial(), offset=odds).fit(cov_type="HC0")
    assert found.slope is not None
    assert found.intercept is not None
    assert found.in_the_large is not None
    assert (found.intercept.value, found.slope.value) == pytest.approx(tuple(free.params), abs=1e-7)
    np.testing.assert_allclose([found.intercept.interval, found.slope.interval], free.conf_int(), atol=1e-6)
    assert found.in_the_large.value == pytest.approx(held.params[0], abs=1e-7)
    np.testing.assert_allclose(found.in_the_large.interval, held.conf_int()[0], atol=1e-6)


def test_rows_of_one_cluster_count_as_one() -> None:
    rng = np.random.default_rng(5)
    common = np.repeat(rng.normal(0, 1, 150), 8)
    odds = rng.normal(0, 1, 1_200)
    y = (rng.random(1_200) < expit(odds + common)).astype(float)
    s = scored(expit(odds), y, per_cluster=8)
    line = cal.logistic_line(odds, y, weight=np.ones(1_200), clusters=np.arange(1_200) // 8)
    fitted = sm.GLM(y, sm.add_constant(odds), family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": np.arange(1_200) // 8, "use_correction": False}
    )
    assert line is not None
    np.testing.assert_allclose(line.covariance, fitted.cov_params(), rtol=1e-6)
    alone = cal.calibration(replace(s, groups={}), seed=1).in_the_large
    together = cal.calibration(s, seed=1).in_the_large
    assert alone is not None
    assert together is not None
    assert np.ptp(together.interval) > 1.3 * np.ptp(alone.interval)


def test_the_line_finds_the_distortion_and_its_interval_covers() -> None:
    covered = 0
    for seed in range(120):
        found = cal.calibration(perfect(1_500, seed=100 + seed, too_sure=2.0), seed=1).slope
        assert found is not None
        covered += found.interval[0] <= 0.5 <= found.interval[1]
    assert stats.binomtest(covered, 120, 0.95).pvalue > 0.001


def test_where_no_line_ends_there_is_none() -> None:
    apart = cal.calibration(scored(np.array([0.1, 0.2, 0.8, 0.9] * 20), np.array([0, 0, 1, 1] * 20)), seed=1)
    assert apart.slope is None
    assert "told apart without error" in report.markdown(apart)
    constant = cal.calibration(scored(np.full(50, 0.3), np.arange(50) % 3 == 0), seed=1)
    assert constant.slope is None
    assert constant.in_the_large is not None
    one_class = cal.calibration(scored(np.linspace(0.1, 0.9, 50), np.zeros(50)), seed=1)
    assert one_class.slope is None
    assert one_class.in_the_large is None
    for bad in (np.array([1.2, 0.3]), np.array([np.nan, 0.5]), np.array([])):
        with pytest.raises(InvalidInput, match="asked of probabilities"):
            cal.calibration(scored(bad, np.zeros(len(bad))), seed=1)


# --- the calibration error of a perfect model ------------------------------------------------------------------------


def test_the_error_by_chance_is_that_of_perfect_models() -> None:
    """Over seeds: as large on average, and in one of twenty above what nineteen stay below."""
    found = [cal.calibration(perfect(1_000, seed=300 + seed), seed=seed) for seed in range(120)]
    errors, expected = [f.ece for f in found], [f.by_chance for f in found]
    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.03)
    above = sum(f.ece > f.by_chance_high for f in found)
    assert stats.binomtest(above, 120, 0.05).pvalue > 0.001


def test_the_error_by_chance_has_its_closed_form_where_bins_are_large() -> None:
    """sqrt(2 / pi) sum over bins of sqrt(sum of p (1 - p)) / n, the mean of |normal| deviations."""
    s = perfect(30_000, seed=6)
    place = cal.bin_of(s.prediction)
    spread = np.bincount(place, weights=s.prediction * (1 - s.prediction))
    expected = np.sqrt(2 / np.pi) * np.sqrt(spread).sum() / len(s)
    chance = cal.error_by_chance(s.prediction, s.truth, s.weights, place, seed=1)
    assert chance.mean() == pytest.approx(expected, rel=0.05)


def test_the_error_by_chance_knows_how_rows_were_drawn() -> None:
    """Of a population of rare positives all are kept and one in ten of the others, weighing ten: the error of a perfect
    model on such samples is what is expected of it."""
    errors, expected = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = expit(rng.normal(-4.5, 1.5, 20_000))
        y = (rng.random(20_000) < p).astype(float)
        kept = (y == 1) | (rng.random(20_000) < 0.1)
        s = scored(p[kept], y[kept], np.where(y[kept] == 1, 1.0, 10.0))
        found = cal.calibration(s, seed=seed)
        errors.append(found.ece)
        expected.append(found.by_chance)
        assert found.observed == pytest.approx(found.predicted, abs=0.008)
    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.1)


# --- putting probabilities right -------------------------------------------------------------------------------------


def test_platts_line_is_the_regression_on_his_targets() -> None:
    """As a logistic regression on every row twice: as class 1 with its target's weight, as class 0 with the rest."""
    s = perfect(500, seed=7)
    odds, weight = 2.5 * cal.log_odds(s.prediction) + 1.0, np.random.default_rng(8).uniform(0.5, 3.0, 500)
    line = cal.platt(odds, s.truth, weight)
    ones, zeros = s.truth.sum(), (1 - s.truth).sum()
    target = np.where(s.truth == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(
        np.concatenate([odds, odds])[:, None],
        np.repeat([1, 0], 500),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    assert (line.intercept, line.slope) == pytest.approx((oracle.intercept_[0], oracle.coef_[0, 0]), abs=1e-4)


def test_platts_line_ends_where_classes_are_apart_and_refuses_what_runs_backwards() -> None:
    y = np.array([0.0] * 30 + [1.0] * 10)
    line = cal.platt(np.where(y == 1, 5.0, -5.0), y, np.ones(40))
    top, bottom = expit(line.intercept + line.slope * np.array([5.0, -5.0]))
    assert (top, bottom) == pytest.approx((11 / 12, 1 / 32), abs=1e-6)  # exactly Platt's targets
    for odds in (np.zeros(40), -np.arange(40.0)):
        with pytest.raises(InvalidInput, match="don't rise with the truth"):
            cal.platt(odds, y, np.ones(40))


def test_isotonic_knots_are_those_of_scikit_learn_drawn_in_from_the_ends() -> None:
    s = perfect(800, seed=9)
    odds, weight = cal.log_odds(s.prediction), np.random.default_rng(10).uniform(0.5, 3.0, 800)
    at, share = cal.isotonic(odds, s.truth, weight)
    free = IsotonicRegression().fit(odds, s.truth, sample_weight=weight).predict(odds)
    ones, zeros = s.truth.sum(), (1 - s.truth).sum()
    expected = free.clip(1 / (zeros + 2), (ones + 1) / (ones + 2))
    np.testing.assert_allclose(np.interp(odds, at, share), expected, atol=1e-9)
    assert (np.diff(share) >= 0).all()


def test_a_prior_shift_turns_the_odds_of_a_balanced_sample_into_the_true_ones() -> None:
    """Normal classes of one spread: the true log odds are a line, and a model of balanced rows is off by a constant."""
    rng = np.random.default_rng(11)
    y = (rng.random(400_000) < 0.02).astype(float)
    x = rng.normal(2.0 * y)
    kept = (y == 1) | (rng.random(len(y)) < 0.05)
    line = cal.logistic_line(x[kept], y[kept], weight=np.ones(int(kept.sum())))
    assert line is not None
    shift = cal.prior_shift(((1 - y[kept]).sum(), y[kept].sum()), ((1 - y).sum(), y.sum()))
    true = np.log(0.02 / 0.98) - 2.0  # log prior odds, and half the difference of the squared means
    assert (line.intercept + shift, line.slope) == pytest.approx((true, 2.0), abs=0.06)


# --- in words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("too_sure", "words"), [(2.5, "too sure"), (0.4, "too unsure"), (1.0, "could be by chance")])
def test_the_report_says_what_is_wrong(too_sure: float, words: str) -> None:
    found = cal.calibration(perfect(3_000, seed=12, too_sure=too_sure), seed=1)
    text = report.markdown(found)
    assert words in text
    assert text.count("\n| ") >= 10 + len(found.bins)
    picture = report.chart(found, title="Observed", width=report.SIDE)
    assert picture.count("whisker") >= len(found.bins)
    moved = scored(expit(cal.log_odds(perfect(3_000, seed=12).prediction) - 1.5), perfect(3_000, seed=12).truth)
    assert "they are too low" in report.verdict(cal.calibration(moved, seed=1))
