"""The bootstrap against scipy, against numpy on the repeated rows, and against known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from ds_workflow.domain.metrics import METRICS, Metric, Scored
from ds_workflow.domain.resample import (
    Ask,
    Cell,
    PoissonWeights,
    bounds,
    codes,
    draw,
    paired_difference,
    share_against,
)
from ds_workflow.errors import InvalidInput


def houses(n: int, *, seed: int, noise: float = 0.2, clusters: int | None = None) -> Scored:
    rng = np.random.default_rng(seed)
    truth = np.exp(rng.normal(13, 0.8, n))
    label = np.arange(n) if clusters is None else rng.integers(0, clusters, n)
    prediction = truth * np.exp(rng.normal(0, noise, n))
    return Scored(np.arange(n), truth, prediction, prediction * 0.8, prediction * 1.2, {"cluster": label})


def test_weights_are_poisson_one_and_do_not_depend_on_the_chunks() -> None:
    whole = PoissonWeights(1001, seed=4).next(300)
    stream = PoissonWeights(1001, seed=4)
    assert np.array_equal(whole, np.concatenate([stream.next(n) for n in (1, 99, 200)]))
    assert (
        stats.chisquare(
            np.bincount(np.minimum(whole.astype(int).ravel(), 6), minlength=7),
            whole.size * np.append(stats.poisson.pmf(range(6), 1), stats.poisson.sf(5, 1)),
        ).pvalue
        > 1e-3
    )


@pytest.mark.parametrize("name", ["mdape", "bias", "ppe10", "mape", "r2", "rmse_log", "interval_coverage"])
@pytest.mark.parametrize("clusters", [None, 40])
def test_every_draw_is_the_metric_of_the_repeated_rows(name: str, clusters: int | None) -> None:
    scored = houses(301, seed=1, clusters=clusters)
    coded, count = codes(scored.groups["cluster"])
    drawn = draw([Cell(coded, (Ask("x", METRICS[name], scored),))], clusters=count, resamples=60, seed=9)["x"]
    weights = PoissonWeights(count, seed=9).next(60)
    for got, weight in zip(drawn, weights, strict=True):
        repeated = scored.take(np.repeat(np.arange(301), weight[coded].astype(int)))
        assert got == pytest.approx(METRICS[name](repeated), rel=1e-10)


@pytest.mark.parametrize("name", ["roc_auc", "pr_auc", "recall_at_1pct_fpr"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_steps_without_positives_may_be_one(name: str, share: float) -> None:
    """Ties and long runs of either class: every draw is still the metric of the rows repeated."""
    rng = np.random.default_rng(5)
    truth = (rng.random(400) < share).astype(float)
    score = np.round(expit(rng.normal(size=400) + 1.5 * truth), 2)
    scored = Scored(np.arange(400), truth, score)
    coded, count = codes(np.arange(400) // 2)
    drawn = draw([Cell(coded, (Ask("x", METRICS[name], scored),))], clusters=count, resamples=40, seed=9)["x"]
    for got, weight in zip(drawn, PoissonWeights(count, seed=9).next(40), strict=True):
        repeated = scored.take(np.repeat(np.arange(400), weight[coded].astype(int)))
        assert got == pytest.approx(METRICS[name](repeated), rel=1e-10)


def test_a_whole_metric_goes_through_the_rows_themselves() -> None:
    plain = Metric("spread", "Spread", lambda s: float(np.std(s.prediction / s.truth)), False, "share")
    scored = houses(200, seed=2)
    drawn = paired_difference(plain, scored, scored, clusters=np.arange(200), resamples=20, seed=1)
    assert np.array_equal(drawn, np.zeros(20))
    coded, count = codes(np.arange(200))
    got = draw([Cell(coded, (Ask("x", plain, scored),))], clusters=count, resamples=500, seed=1)["x"]
    expected = stats.bootstrap((scored.prediction / scored.truth,), np.std, n_resamples=2000, rng=1).standard_error
    assert got.std() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(("name", "statistic"), [("mdape", np.median), ("mape", np.mean), ("ppe10", np.mean)])
def test_interval_and_error_agree_with_scipy(name: str, statistic: object) -> None:
    a, b = houses(4000, seed=3, noise=0.2), houses(4000, seed=3, noise=0.2)
    b = Scored(b.row_id, b.truth, b.truth * np.exp(np.random.default_rng(8).normal(0, 0.25, 4000)))
    rows = [METRICS[name].per_row(s) for s in (a, b)]  # type: ignore[misc]
    peer = stats.bootstrap(
        tuple(rows),
        lambda x, y, axis: statistic(x, axis=axis) - statistic(y, axis=axis),  # type: ignore[operator]
        paired=True,
        n_resamples=4000,
        batch=200,
        method="percentile",
        confidence_level=0.9,
        rng=2,
    )
    drawn = paired_difference(METRICS[name], a, b, clusters=np.arange(4000), resamples=4000, seed=6)
    assert drawn.std() == pytest.approx(peer.standard_error, rel=0.06)
    interval = bounds(drawn, alpha=0.05, clusters=4000)
    assert interval is not None
    assert interval == pytest.approx(tuple(peer.confidence_interval), abs=0.15 * peer.standard_error)


def test_clusters_and_chunks_do_not_change_with_the_cells_beside() -> None:
    scored = houses(500, seed=5, clusters=90)
    coded, count = codes(scored.groups["cluster"])
    half = np.flatnonzero(np.arange(500) % 2 == 0)
    alone = Cell(coded[half], (Ask("half", METRICS["mdape"], scored.take(half)),))
    beside = Cell(coded, (Ask("all", METRICS["r2"], scored),))
    first = draw([alone], clusters=count, resamples=300, seed=1)["half"]
    assert np.array_equal(first, draw([beside, alone], clusters=count, resamples=300, seed=1)["half"])
    assert not np.array_equal(first, draw([alone], clusters=count, resamples=300, seed=2)["half"])


def test_the_interval_covers_under_cluster_correlation_and_a_row_bootstrap_does_not() -> None:
    """Cluster share 0.3 of the variance, 30 rows each: design effect about 10, so row intervals are far too narrow."""
    one = Metric("mean", "Mean", lambda s: float(s.prediction.mean()), False, "unit", "mean", lambda s: s.prediction)
    rng = np.random.default_rng(12)
    tries, covered = 300, {"cluster": 0, "row": 0}
    label = np.repeat(np.arange(60), 30)
    for seed in range(tries):
        values = np.sqrt(0.3) * rng.normal(size=60)[label] + np.sqrt(0.7) * rng.normal(size=1800)
        scored = Scored(np.arange(1800), np.ones(1800), values)
        for name, clusters in (("cluster", label), ("row", np.arange(1800))):
            coded, count = codes(clusters)
            cell = Cell(coded, (Ask("x", one, scored),))
            draws = draw([cell], clusters=count, resamples=299, seed=seed)["x"]
            interval = bounds(draws, alpha=0.05, clusters=count)
            assert interval is not None
            covered[name] += interval[0] <= 0.0 <= interval[1]
    near = stats.binomtest(covered["cluster"], tries).proportion_ci(0.99)
    assert near.low <= 0.90 and covered["cluster"] / tries > 0.84  # about the nominal 90 %
    assert covered["row"] / tries < 0.55


@pytest.mark.parametrize("clusters", [8.0, 30.0, math.inf])
def test_p_value_and_bound_agree(clusters: float) -> None:
    draws = np.random.default_rng(3).normal(1.0, 1.0, 1999)
    low, high = bounds(draws, alpha=0.05, clusters=clusters) or (0.0, 0.0)
    assert share_against(draws, draws > low, clusters=clusters) == pytest.approx(0.05, abs=0.001)
    assert share_against(draws, draws < high, clusters=clusters) == pytest.approx(0.05, abs=0.001)
    assert share_against(draws, draws > -100, clusters=math.inf) == 1 / 2000
    assert share_against(np.full(9, np.nan), np.ones(9, dtype=bool), clusters=clusters) == 1.0
    assert bounds(np.full(9, np.nan), alpha=0.05, clusters=clusters) is None


def test_rows_without_a_cluster_are_refused() -> None:
    with pytest.raises(InvalidInput, match="without a cluster"):
        codes(np.array(["a", None], dtype=object))
    with pytest.raises(InvalidInput, match="at least one cluster"):
        draw([], clusters=0, resamples=1, seed=1)
