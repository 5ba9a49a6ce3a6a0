"""Odds ratios against statsmodels, closed forms and laws; and what has no finite ratio is said, not guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from statsmodels.tools.sm_exceptions import SpecificationWarning

from ds_workflow.domain.odds import ALIASED, CONSTANT, ONE_CLASS, SEPARATED, OddsRatios, Term, odds_ratios
from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]
TIGHT = 1e-6


def made(*, n: int = 4_000, clusters: int = 60, seed: int = 1) -> tuple[Floats, Floats, NDArray[Any]]:
    """Columns of three kinds, classes, and clusters that share a level of their own."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, clusters, n)
    flag = (rng.random(n) < 0.15).astype(float)
    matrix = np.column_stack([rng.normal(size=n), rng.normal(size=n) + group / clusters, flag])
    odds = -1 + matrix @ np.array([0.5, -0.3, 0.8]) + rng.normal(size=clusters)[group]
    target = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    return matrix, target, np.array([f"cluster {g}" for g in group])


def terms(count: int) -> list[Term]:
    return [Term(f"x{i}", f"x{i}", "per step") for i in range(count)]


def ends(found: OddsRatios, name: str) -> Floats:
    return np.array([getattr(t, name) for t in found.terms if t.ratio is not None], dtype=float)


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_both_intervals_are_those_of_statsmodels(coverage: float) -> None:
    matrix, target, group = made()
    found = odds_ratios(matrix, target, terms=terms(3), clusters=group, coverage=coverage)
    X = sm.add_constant(matrix)
    plain = sm.Logit(target, X).fit(disp=0, method="newton", tol=1e-13)
    robust = sm.Logit(target, X).fit(
        disp=0, method="newton", tol=1e-13, cov_type="cluster", cov_kwds={"groups": group}, use_t=True
    )
    assert (found.rows, found.clusters, found.coverage) == (4_000, 60, coverage)
    assert found.intercept == pytest.approx(plain.params[0], abs=TIGHT)
    np.testing.assert_allclose(ends(found, "log_odds"), plain.params[1:], atol=TIGHT)
    np.testing.assert_allclose(ends(found, "error"), plain.bse[1:], rtol=TIGHT)
    np.testing.assert_allclose(ends(found, "clustered_error"), robust.bse[1:], rtol=TIGHT)
    np.testing.assert_allclose(ends(found, "wald"), np.exp(plain.conf_int(1 - coverage)[1:]), rtol=TIGHT)
    np.testing.assert_allclose(ends(found, "interval"), np.exp(robust.conf_int(1 - coverage)[1:]), rtol=TIGHT)


def test_the_clustered_covariance_is_that_of_a_glm_too() -> None:
    matrix, target, group = made(n=900, clusters=25, seed=2)
    found = odds_ratios(matrix, target, terms=terms(3), clusters=group)
    glm = sm.GLM(target, sm.add_constant(matrix), family=sm.families.Binomial()).fit(
        tol=1e-13, cov_type="cluster", cov_kwds={"groups": group}
    )
    np.testing.assert_allclose(ends(found, "clustered_error"), glm.bse[1:], rtol=TIGHT)


def sampled(n: int, *, seed: int) -> tuple[Floats, Floats, NDArray[Any], Floats]:
    """Rows that were drawn by class and by a flag, and how many each stands for."""
    matrix, target, group = made(n=n, seed=seed)
    return matrix, target, group, np.where(target == 1, 1.0, 20.6) * np.where(matrix[:, 2] == 1, 0.5, 2.0)


@pytest.mark.parametrize("clustered", [True, False])
def test_sampling_weights_give_the_weighted_fit_of_statsmodels_and_its_sandwich(clustered: bool) -> None:
    matrix, target, group, weight = sampled(1_500, seed=12)
    found = odds_ratios(matrix, target, terms=terms(3), clusters=group if clustered else None, weights=weight)
    labels = np.unique(group, return_inverse=True)[1] if clustered else np.arange(1_500)
    model = sm.GLM(target, sm.add_constant(matrix), family=sm.families.Binomial(), var_weights=weight)
    with pytest.warns(SpecificationWarning, match="not fully supported"):  # so the next test asks another estimator
        oracle = model.fit(tol=1e-14, cov_type="cluster", cov_kwds={"groups": labels}, use_t=True)
    assert found.weighted
    np.testing.assert_allclose(ends(found, "log_odds"), oracle.params[1:], atol=TIGHT)
    np.testing.assert_allclose(ends(found, "clustered_error"), oracle.bse[1:], rtol=TIGHT)
    np.testing.assert_allclose(ends(found, "interval"), np.exp(oracle.conf_int()[1:]), rtol=TIGHT)
    assert {(t.error, t.wald) for t in found.terms} == {(None, None)}, "the information of weights is no covariance"


def test_the_sandwich_of_sampling_weights_is_that_of_estimating_equations() -> None:
    """GEE with independent working covariance solves the same weighted equations; its sandwich has no CR1 factor."""
    matrix, target, group, weight = sampled(1_500, seed=12)
    found = odds_ratios(matrix, target, terms=terms(3), clusters=group, weights=weight)
    order = np.argsort(group, kind="stable")
    X, labels = sm.add_constant(matrix)[order], np.unique(group[order], return_inverse=True)[1]
    oracle = sm.GEE(target[order], X, labels, family=sm.families.Binomial(), weights=weight[order]).fit(ctol=1e-12)
    count = found.clusters
    factor = np.sqrt(count / (count - 1) * 1_499 / (1_500 - 4))
    np.testing.assert_allclose(ends(found, "log_odds"), oracle.params[1:], atol=TIGHT)
    np.testing.assert_allclose(ends(found, "clustered_error"), factor * oracle.bse[1:], rtol=1e-5)


def test_the_ratios_of_a_sample_are_those_of_its_population() -> None:
    """Rows kept one in five where the flag and the class agree: unweighted, the flag's ratio is off by the share of the
    shares; weighted, all 95 % intervals of the population's ratio hold."""
    matrix, target, group = made(n=60_000, clusters=400, seed=13)
    whole = odds_ratios(matrix, target, terms=terms(3), clusters=group)
    kept_share = np.where(matrix[:, 2] == target, 0.2, 1.0)
    kept = np.random.default_rng(14).random(60_000) < kept_share
    some = {"terms": terms(3), "clusters": group[kept]}
    weighted = odds_ratios(matrix[kept], target[kept], weights=1 / kept_share[kept], **some)
    plain = odds_ratios(matrix[kept], target[kept], **some)
    for t, truth in zip(weighted.terms, whole.terms, strict=True):
        assert t.interval[0] < truth.ratio < t.interval[1]
    assert plain.terms[2].ratio == pytest.approx(whole.terms[2].ratio * 0.2**2, rel=0.15)


def test_weights_matter_by_their_proportions_and_rows_without_weight_not_at_all() -> None:
    matrix, target, group, weight = sampled(900, seed=15)
    found = odds_ratios(matrix, target, terms=terms(3), clusters=group, weights=weight)
    more = odds_ratios(matrix, target, terms=terms(3), clusters=group, weights=1_000 * weight)
    np.testing.assert_allclose(ends(found, "interval"), ends(more, "interval"), rtol=1e-9)
    absent = np.arange(900) % 3 == 0
    without = odds_ratios(
        matrix[~absent], target[~absent], terms=terms(3), clusters=group[~absent], weights=weight[~absent]
    )
    zero = odds_ratios(matrix, target, terms=terms(3), clusters=group, weights=np.where(absent, 0.0, weight))
    assert zero.rows == without.rows == 600
    np.testing.assert_allclose(ends(zero, "interval"), ends(without, "interval"), rtol=1e-9)
    alike = odds_ratios(matrix, target, terms=terms(3), clusters=group, weights=np.full(900, 7.0))
    assert alike == odds_ratios(matrix, target, terms=terms(3), clusters=group)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_that_are_none_are_refused(bad: float) -> None:
    matrix, target, _ = made(n=200, seed=16)
    weight = np.ones(200)
    weight[3] = bad
    for given in (weight, np.zeros(200), np.ones(199)):
        with pytest.raises(InvalidInput, match="200 sampling weights"):
            odds_ratios(matrix, target, terms=terms(3), weights=given)


def test_a_two_by_two_table_is_woolfs() -> None:
    """Ratio ad/bc, standard error sqrt(1/a + 1/b + 1/c + 1/d) (B. Woolf 1955)."""
    a, b, c, d = 30, 20, 40, 110
    flag = np.repeat([1.0, 1.0, 0.0, 0.0], [a, b, c, d])
    target = np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d])
    found = odds_ratios(flag[:, None], target, terms=terms(1)).terms[0]
    ratio, error = a * d / (b * c), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    assert found.ratio == pytest.approx(ratio, rel=TIGHT)
    assert found.error == pytest.approx(error, rel=TIGHT)
    assert found.interval == found.wald, "without clusters there is one interval"
    assert found.wald == pytest.approx([ratio * np.exp(s * 1.9599639845 * error) for s in (-1, 1)], rel=TIGHT)


def test_copies_of_every_row_make_the_wald_interval_shorter_and_the_clustered_one_not() -> None:
    """The law behind clustering: a row that is written down nine times says nothing new."""
    matrix, target, _ = made(n=600, seed=3)
    each = np.arange(600)
    once = odds_ratios(matrix, target, terms=terms(3), clusters=each)
    nine = np.repeat(each, 9)
    copied = odds_ratios(matrix[nine], target[nine], terms=terms(3), clusters=nine)
    np.testing.assert_allclose(ends(copied, "error") * 3, ends(once, "error"), rtol=TIGHT)
    small = np.sqrt((5_400 - 1) / (5_400 - 4) * (600 - 4) / (600 - 1))
    np.testing.assert_allclose(ends(copied, "clustered_error"), ends(once, "clustered_error") * small, rtol=TIGHT)


def test_neither_the_order_of_rows_nor_the_names_of_clusters_matter() -> None:
    matrix, target, group = made(n=800, seed=4)
    order = np.random.default_rng(5).permutation(800)
    renamed = np.array([g[::-1] for g in group])
    one = odds_ratios(matrix, target, terms=terms(3), clusters=group)
    other = odds_ratios(matrix[order], target[order], terms=terms(3), clusters=renamed[order])
    np.testing.assert_allclose(ends(one, "interval"), ends(other, "interval"), rtol=1e-9)


def test_a_step_of_another_size_is_another_power_of_the_ratio() -> None:
    matrix, target, group = made(n=800, seed=6)
    one = odds_ratios(matrix, target, terms=terms(3), clusters=group)
    wide = odds_ratios(matrix / np.array([2.0, 1.0, 1.0]), target, terms=terms(3), clusters=group)
    assert wide.terms[0].ratio == pytest.approx(one.terms[0].ratio ** 2, rel=1e-9)
    assert wide.terms[1].interval == pytest.approx(one.terms[1].interval, rel=1e-9)


def test_what_other_terms_already_say_has_no_ratio_and_does_not_disturb() -> None:
    matrix, target, group = made(n=800, seed=7)
    sum_of_two, constant = matrix[:, :1] + 2 * matrix[:, 1:2], np.full((800, 1), 3.0)
    wide = np.hstack([matrix[:, :2], sum_of_two, matrix[:, 2:], constant])
    alone = odds_ratios(matrix, target, terms=terms(3), clusters=group)
    found = odds_ratios(wide, target, terms=terms(5), clusters=group)
    assert [t.note for t in found.terms] == ["", "", ALIASED, "", CONSTANT]
    assert found.terms[2].ratio is None
    for i, j in ((0, 0), (1, 1), (2, 3)):
        assert found.terms[j].interval == pytest.approx(alone.terms[i].interval, rel=TIGHT)


def test_a_flag_whose_rows_are_all_of_one_class_takes_them_with_it() -> None:
    """Its coefficient is infinite, and its rows then tell nothing of the other terms: as if they were not there."""
    matrix, target, group = made(n=800, seed=8)
    never = np.zeros((800, 1))
    never[np.flatnonzero(target == 0)[:25]] = 1.0
    found = odds_ratios(np.hstack([never, matrix]), target, terms=terms(4), clusters=group)
    rest = never[:, 0] == 0
    without = odds_ratios(matrix[rest], target[rest], terms=terms(3), clusters=group[rest])
    assert (found.terms[0].note, found.terms[0].ratio, found.rows) == (ONE_CLASS, None, 775)
    np.testing.assert_allclose(ends(found, "interval"), ends(without, "interval"), rtol=1e-9)


def test_terms_that_only_rows_of_one_class_tell_apart_leave_the_others_as_they_are() -> None:
    """Whoever lacks the first lacks the second as well, but for ten rows of class 0: as if those were not there."""
    matrix, target, group = made(n=800, seed=10)
    first = (np.random.default_rng(11).random(800) < 0.2).astype(float)
    ten = np.flatnonzero((target == 0) & (first == 0))[:10]
    second = first.copy()
    second[ten] = 1.0
    found = odds_ratios(np.column_stack([first, second, matrix]), target, terms=terms(5), clusters=group)
    rest = np.setdiff1d(np.arange(800), ten)
    without = odds_ratios(np.column_stack([first, matrix])[rest], target[rest], terms=terms(4), clusters=group[rest])
    assert [t.note for t in found.terms] == ["", SEPARATED, "", "", ""]
    assert found.rows == 790
    np.testing.assert_allclose(ends(found, "interval"), ends(without, "interval"), rtol=1e-9)


def test_what_can_not_be_told_is_refused_in_words() -> None:
    matrix, target, _ = made(n=200, seed=9)
    with pytest.raises(InvalidInput, match="without fail"):  # one number parts the classes
        odds_ratios(np.column_stack([matrix[:, 0], 10 * target + matrix[:, 1] / 10]), target, terms=terms(2))
    with pytest.raises(InvalidInput, match="one class only"):
        odds_ratios(matrix, np.ones(200), terms=terms(3))
    with pytest.raises(InvalidInput, match="2 clusters"):
        odds_ratios(matrix, target, terms=terms(3), clusters=np.zeros(200))
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        odds_ratios(matrix, target, terms=terms(3), coverage=95)
