"""The correction for few clusters against Student's interval, scipy, and levels counted under an exact null."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ds_workflow.domain import few_clusters, incumbent_check
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.holdout_spending import Look
from ds_workflow.domain.resample import PoissonWeights, bounds, share_against
from ds_workflow.domain.stress import Strain

LEVELS = (0.05, 0.0304, 0.0076, 0.001, 3e-5)


@pytest.mark.parametrize("clusters", [5.0, 12.3, 30.0, 1_000.0, 1e7])
def test_levels_are_the_published_formula_and_p_values_go_the_way_back(clusters: float) -> None:
    for alpha in LEVELS:
        at = few_clusters.level(alpha, clusters)
        wide = math.sqrt(clusters / (clusters - 1)) * stats.t.isf(alpha, clusters - 1)
        assert at == pytest.approx(stats.norm.sf(wide), rel=1e-8)
        assert few_clusters.p_value(at, clusters) == pytest.approx(alpha, rel=1e-8)
        assert few_clusters.quantile(alpha, clusters) == pytest.approx(stats.t.isf(alpha, clusters - 1))
        assert at < alpha and at < few_clusters.level(alpha, 2 * clusters)
    p = [few_clusters.p_value(share, clusters) for share in np.linspace(1e-6, 1.0, 200)]
    assert p == sorted(p) and p[-1] == 1.0
    assert few_clusters.p_value(0.5, clusters) == pytest.approx(0.5)


def test_many_clusters_change_nothing_and_one_tells_nothing() -> None:
    assert few_clusters.level(0.05, 1e6) == pytest.approx(0.05, rel=1e-4)
    assert few_clusters.level(0.01, math.inf) == 0.01 and few_clusters.p_value(0.3, math.inf) == 0.3
    assert few_clusters.level(0.05, 1.5) == 0.0 and few_clusters.p_value(1e-9, 1.5) == 1.0
    assert few_clusters.quantile(0.05, math.inf) == pytest.approx(stats.norm.isf(0.05))
    assert bounds(np.random.default_rng(1).normal(size=999), alpha=0.05, clusters=1.5) is None


def test_a_loss_under_stress_is_bounded_by_students_quantile() -> None:
    one = Strain("missing", "without a column", 600, True, "", 0.2, 0.1, 0.02, clusters=12.0)
    low, high = one.bounds(alpha=0.05, among=3) or (0.0, 0.0)
    assert high == pytest.approx(0.1 + 0.02 * stats.t.isf(0.05, 11))
    assert low == pytest.approx(0.1 - 0.02 * stats.t.isf(0.05 / 3, 11))
    assert replace(one, clusters=1.0).bounds(alpha=0.05) is None
    of_before = replace(one, clusters=None).bounds(alpha=0.05)
    assert of_before is not None and of_before[1] == pytest.approx(0.1 + 0.02 * stats.norm.isf(0.05))


@pytest.mark.parametrize("clusters", [8, 20, 200])
def test_of_a_mean_of_equal_clusters_it_is_students_interval(clusters: int) -> None:
    """Normal scores, so that nothing is skewed; the oracle is scipy's t test. The number of Poisson draws varies, which
    widens by another part of order 1 / clusters: never narrower, and hardly wider."""
    x = stats.norm.ppf((np.arange(clusters) + 0.5) / clusters) + 0.6
    weights = PoissonWeights(clusters, seed=4).next(40_000)
    total = weights.sum(axis=1)
    draws = (weights @ x)[total > 0] / total[total > 0]
    peer = stats.ttest_1samp(x, 0.0)
    wanted = peer.confidence_interval(0.9)
    width = wanted.high - wanted.low
    found = bounds(draws, alpha=0.05, clusters=clusters)
    assert found is not None
    assert 0.985 <= (found[1] - found[0]) / width <= 1.01 + 0.8 / clusters
    assert sum(found) / 2 == pytest.approx(0.6, abs=0.02 * width)
    plain = bounds(draws, alpha=0.05, clusters=math.inf)
    assert plain is not None
    narrow = (plain[1] - plain[0]) / width
    assert (narrow < 0.97) if clusters <= 20 else (narrow == pytest.approx(1.0, abs=0.02))
    p = share_against(draws, draws > 0, clusters=clusters)
    if clusters <= 20:  # above it no draw is left on the other side
        assert stats.norm.isf(p) == pytest.approx(stats.norm.isf(peer.pvalue / 2), rel=0.15)


@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_a_true_null_is_rejected_as_often_as_said_and_was_more_often_before(sizes: str) -> None:
    """12 clusters, both sides of 3,000 histories at 0.0076, the level of a second look."""
    rng, level, histories = np.random.default_rng(5), 0.0076, 3_000
    size = np.ones(12) if sizes == "equal" else np.ceil(rng.exponential(20, 12))
    effect = size[:, None] * rng.normal(size=(12, histories))
    weights = PoissonWeights(12, seed=2).next(6_000)
    below = (weights @ effect.astype(np.float32) <= 0).sum(axis=0)
    shares = np.concatenate([1 + below, 1 + len(weights) - below]) / (1 + len(weights))
    worth = few_clusters.effective(np.arange(12), size)
    assert worth == pytest.approx(12.0) if sizes == "equal" else worth < 9
    corrected = np.array([few_clusters.p_value(share, worth) for share in shares])
    plain, mended = (int((p <= level).sum()) for p in (shares, corrected))
    assert stats.binomtest(plain, len(shares), level, alternative="greater").pvalue < 1e-6, "nothing to mend"
    assert stats.binomtest(mended, len(shares), level, alternative="greater").pvalue > 0.01
    assert mended > 0, "a test that never rejects holds every level"


def test_the_effective_number_is_kishs() -> None:
    label = np.repeat(np.arange(10), 7)
    assert few_clusters.effective(label) == pytest.approx(10.0)
    assert few_clusters.effective(np.array([0] * 90 + list(range(1, 11)))) == pytest.approx(100**2 / (90**2 + 10))
    weights = np.where(label < 5, 2.0, 0.0)
    assert few_clusters.effective(label, weights) == pytest.approx(5.0), "clusters without weight don't count"
    assert few_clusters.effective(label, np.zeros(70)) == 0.0
    assert few_clusters.told(10.0, 10) == "10 clusters"
    assert few_clusters.told(4.3, 10) == "10 clusters, worth 4.3 of one size"


def test_a_look_is_given_the_resamples_that_few_clusters_need(healthy: Comparison) -> None:
    policy, level = replace(healthy.policy, resamples=399), 0.0304
    look = Look(1, level, 0.05, 10)
    tests = policy.tests("promotion")
    needed = {n: policy.for_look(look, "promotion", clusters=n).resamples for n in (20.0, 60.0, 1_000.0, math.inf)}
    assert sorted(needed.values(), reverse=True) == list(needed.values())
    assert needed[math.inf] == policy.for_look(look, "promotion").resamples
    for clusters, resamples in needed.items():
        assert tests * few_clusters.finest(resamples, clusters) <= level, "the smallest p-value is below the level"
    assert tests * few_clusters.finest(needed[math.inf], 20.0) > level, "as many as many clusters need would not do"
    scored = healthy.challenger
    parts = [healthy.effective(("segment", s)) for s in healthy.segments]
    assert few_clusters.fewest(scored) == pytest.approx(min(parts))
    assert few_clusters.fewest(scored, minimum_rows=len(scored)) == pytest.approx(healthy.effective())


def test_a_policy_is_told_from_which_look_on_few_clusters_show_nothing(healthy: Comparison) -> None:
    policy = replace(healthy.policy, minimum_clusters=5)
    wide = math.sqrt(29 / 30) * stats.norm.ppf(1 / 100_001)
    smallest = policy.tests("promotion") * stats.t.cdf(wide, 29)
    late = next(k for k in range(1, 11) if policy.spending.level(k) < smallest)
    assert 1 < late <= 10
    (said,) = incumbent_check._late_looks(policy, 30, 30.0)
    assert said.status == "warn" and f"from place {late} of the series on" in said.detail
    assert f"after {late - 1} candidates" in said.fix
    assert incumbent_check._late_looks(policy, 3_000, 3_000.0) == []
    assert incumbent_check._late_looks(policy, 4, 4.0) == [], "too few for the policy, which is told already"
