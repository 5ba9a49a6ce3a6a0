"""Rows that stand for several: figures and resamples are those of the population, and splits keep their word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from ds_workflow import plugins
from ds_workflow.domain.alignment import faults_of
from ds_workflow.domain.classification import bin_of
from ds_workflow.domain.metrics import METRICS
from ds_workflow.domain.problem import Problem, Split
from ds_workflow.domain.resample import Ask, Cell, codes, draw
from ds_workflow.domain.scored import Scored
from ds_workflow.domain.snapshot import conform, holdout_mask, stratified_holdout
from ds_workflow.errors import InvalidInput, UnknownName

FIGURES = ("roc_auc", "pr_auc", "recall_at_1pct_fpr", "accuracy", "brier", "log_loss", "ece", "tpr", "fpr", "f1",
           "expected_over_observed", "log_loss_skill")  # fmt: skip
FRAUD: Problem = plugins.load("problems", "credit_card_fraud").PROBLEM
SALES: Problem = plugins.load("problems", "nyc_sales").PROBLEM


def weighted(n: int, *, seed: int, distinct: int = 0) -> Scored:
    rng = np.random.default_rng(seed)
    p = rng.beta(0.6, 2.0, n).clip(0.01, 0.99)
    if distinct:
        p = np.round(p * distinct) / distinct * 0.98 + 0.01
    cluster = np.array([f"c{i // 3}" for i in range(n)], dtype=object)
    weight = rng.integers(1, 6, n).astype(float)
    return Scored(np.arange(n), (rng.random(n) < p).astype(float), p, groups={"cluster": cluster}, weight=weight)


def spelled_out(s: Scored) -> Scored:
    """Every row as often as it weighs, weighing nothing special."""
    return replace(s.take(np.repeat(np.arange(len(s)), s.weights.astype(int))), weight=None)


@pytest.mark.parametrize("name", FIGURES)
def test_a_weight_counts_as_so_many_rows(name: str) -> None:
    s = weighted(800, seed=1, distinct=10)  # ten values have ten bins, however they weigh
    assert METRICS[name](s) == pytest.approx(METRICS[name](spelled_out(s)), rel=1e-12)


ORACLES: dict[str, Callable[..., float]] = {
    "roc_auc": sk.roc_auc_score,
    "pr_auc": sk.average_precision_score,
    "brier": sk.brier_score_loss,
    "log_loss": sk.log_loss,
    "log_loss_skill": sk.d2_log_loss_score,
}


@pytest.mark.parametrize("name", ORACLES)
def test_weighted_figures_are_those_of_scikit_learn(name: str) -> None:
    s = weighted(1_000, seed=2)
    s = replace(s, weight=s.weights * 0.37)
    expected = ORACLES[name](s.truth, s.prediction, sample_weight=s.weight)
    assert METRICS[name](s) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", FIGURES)
def test_resamples_of_weighted_rows_are_those_of_the_rows_spelled_out(name: str) -> None:
    found = []
    for s in (weighted(600, seed=3, distinct=10), spelled_out(weighted(600, seed=3, distinct=10))):
        clusters, count = codes(s.groups["cluster"])
        found.append(draw([Cell(clusters, (Ask("x", METRICS[name], s),))], clusters=count, resamples=50, seed=4)["x"])
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_bins_hold_equal_weight() -> None:
    rng = np.random.default_rng(5)
    weight = rng.integers(1, 6, 30_000).astype(float)
    mass = np.bincount(bin_of(rng.beta(0.6, 2.0, 30_000), weight=weight), weights=weight)
    np.testing.assert_allclose(mass / mass.sum(), 1 / 15, atol=0.001)


def test_other_weights_are_other_rows() -> None:
    s = weighted(50, seed=6)
    s = replace(s, groups={**s.groups, "segment": np.full(50, "A", dtype=object)})
    assert faults_of({"challenger": s, "champion": s}, None) == ()
    found = faults_of({"challenger": s, "champion": replace(s, weight=None)}, None)
    assert "another weight" in found[0].note


@pytest.mark.parametrize(
    "fields",
    [{"weight_column": "sale_price"}, {"split": Split("stratified")}, {"costs": FRAUD.costs}],
    ids=lambda fields: next(iter(fields)),
)
def test_what_has_a_meaning_for_two_classes_only_is_refused_elsewhere(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="for two classes only"):
        replace(SALES, **fields)
    with pytest.raises(UnknownName, match="no column 'nothing'"):
        replace(FRAUD, weight_column="nothing")


# --- splits ----------------------------------------------------------------------------------------------------------


def test_an_ordered_split_holds_out_what_came_last() -> None:
    plugin = plugins.load("problems", "credit_card_fraud")
    rows = conform(FRAUD, plugin.clean(plugin.simulate(rows=4_000, seed=1))[0])
    assert rows["seconds"].is_monotonic_increasing
    mask = holdout_mask(FRAUD, rows)
    assert rows.loc[~mask, "minute"].max() < rows.loc[mask, "minute"].min()
    assert mask.mean() == pytest.approx(0.2, abs=0.005)
    with pytest.raises(InvalidInput, match="needs two numbers"):
        holdout_mask(FRAUD, rows.assign(minute=5.0))
    with pytest.raises(InvalidInput, match="have no 'minute'"):
        holdout_mask(FRAUD, rows.assign(minute=rows["minute"].where(rows["minute"] > 5)))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_a_stratified_split_holds_the_same_share_of_both_classes(share: float) -> None:
    rng = np.random.default_rng(7)
    names, y = pd.Series([f"row {i}" for i in range(10_000)]), (rng.random(10_000) < 0.004).astype(float)
    inside = stratified_holdout(names, y, share)
    for c in (0, 1):
        assert inside[y == c].sum() == round(share * (y == c).sum())
    order = rng.permutation(10_000)
    assert np.array_equal(stratified_holdout(names[order], y[order], share), inside[order])
    # which rows are held out says nothing about where they stood
    assert np.corrcoef(inside, np.arange(10_000))[0, 1] == pytest.approx(0, abs=0.04)


def test_a_cluster_is_never_on_both_sides_of_a_stratified_split() -> None:
    plugin = plugins.load("problems", "credit_card_fraud")
    problem = FRAUD.split_by("stratified")
    rows = conform(problem, plugin.clean(plugin.simulate(rows=6_000, seed=2))[0])
    mask = holdout_mask(problem, rows)
    assert not set(rows.loc[mask, "minute"]) & set(rows.loc[~mask, "minute"])
    share = pd.Series(mask).groupby(rows["is_fraud"].to_numpy()).mean()
    assert share.to_list() == pytest.approx([0.2, 0.2], abs=0.03)


def test_only_known_ways_to_split() -> None:
    assert FRAUD.split_by("") is FRAUD
    assert FRAUD.split_by("stratified").split == Split("stratified", 0.2, by="minute")
    with pytest.raises(UnknownName, match="no split method 'random'"):
        FRAUD.split_by("random")
    with pytest.raises(InvalidInput, match="needs a time column"):
        FRAUD.split_by("chronological")
    with pytest.raises(InvalidInput, match="by which column"):
        Split("ordered")
