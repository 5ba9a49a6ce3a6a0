"""Metrics of two classes against scikit-learn, scipy and closed forms, and their resampling against repeated rows."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as peer

from ds_workflow.domain import classification, health, mutants
from ds_workflow.domain.classification import BINS, bin_of
from ds_workflow.domain.leakage import dependence, scan
from ds_workflow.domain.metrics import METRICS, Scored
from ds_workflow.domain.policy import TRIALS, Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.resample import Ask, Cell, PoissonWeights, codes, draw, paired_difference
from ds_workflow.errors import InvalidInput

NAMES = [m.name for m in classification.METRICS]


def people(n: int, *, seed: int, decimals: int | None = None, distance: float = 1.5, clusters: int = 0) -> Scored:
    """Calibrated probabilities of a normal signal; rounded, many of them are equal."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.3).astype(float)
    odds = np.log(0.3 / 0.7) + distance * rng.normal(distance * (truth - 0.5))
    p = 1 / (1 + np.exp(-odds))
    label = rng.integers(0, clusters, n) if clusters else np.arange(n)
    group = np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, n)]
    shown = p if decimals is None else p.round(decimals)
    return Scored(np.arange(n), truth, shown, groups={"cluster": label, "fairness": group})


def best_recall(s: Scored) -> float:
    fpr, tpr, _ = peer.roc_curve(s.truth, s.prediction, drop_intermediate=False)
    return float(tpr[fpr <= 0.01].max())


def flags(s: Scored) -> Any:
    return s.prediction >= 0.5


def widest(s: Scored, *, of: Any) -> float:
    shares = [flags(s)[of & (s.groups["fairness"] == g)].mean() for g in np.unique(s.groups["fairness"].astype(str))]
    return float(max(shares) - min(shares))


ORACLES = {
    "equal_opportunity_gap": lambda s: widest(s, of=s.truth == 1),
    "demographic_parity_gap": lambda s: widest(s, of=s.truth < 2),
    "roc_auc": lambda s: peer.roc_auc_score(s.truth, s.prediction),
    "pr_auc": lambda s: peer.average_precision_score(s.truth, s.prediction),
    "recall_at_1pct_fpr": best_recall,
    "accuracy": lambda s: peer.accuracy_score(s.truth, flags(s)),
    "brier": lambda s: peer.brier_score_loss(s.truth, s.prediction),
    "log_loss": lambda s: peer.log_loss(s.truth, s.prediction, labels=[0, 1]),
    "tpr": lambda s: peer.recall_score(s.truth, flags(s)),
    "fpr": lambda s: 1 - peer.recall_score(1 - s.truth, ~flags(s)),
    "selection_rate": lambda s: flags(s).mean(),
    "f1": lambda s: peer.f1_score(s.truth, flags(s)),
    "expected_over_observed": lambda s: s.prediction.mean() / s.truth.mean(),
    "log_loss_skill": lambda s: peer.d2_log_loss_score(s.truth, s.prediction, labels=[0, 1]),
}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("decimals", [None, 2, 1])
def test_as_scikit_learn_says(name: str, decimals: int | None) -> None:
    for seed in range(5):
        scored = people(400, seed=seed, decimals=decimals)
        assert METRICS[name](scored) == pytest.approx(ORACLES[name](scored), rel=1e-12, abs=1e-12)


def test_every_metric_has_an_oracle() -> None:
    assert {*ORACLES, "ece"} == set(NAMES)


def test_the_published_toy_of_calibration() -> None:
    """Brier 0.1625 and expected calibration error 0.075, each distinct prediction a bin of its own."""
    p, y = [0.1, 0.1, 0.4, 0.4, 0.8, 0.8, 0.8, 0.8], [0, 0, 0, 1, 1, 1, 1, 0]
    toy = Scored(np.arange(8), np.array(y, dtype=float), np.array(p))
    assert METRICS["brier"](toy) == pytest.approx(0.1625)
    assert METRICS["ece"](toy) == pytest.approx(0.075)


def test_bins_have_equal_mass_and_keep_ties_together() -> None:
    p = np.random.default_rng(1).random(3_000)
    assert np.bincount(bin_of(p), minlength=BINS).tolist() == [200] * BINS
    tied = p.round(1)
    assert all(len(np.unique(bin_of(tied)[tied == v])) == 1 for v in np.unique(tied))


def test_the_bias_of_the_calibration_error_is_as_documented() -> None:
    """A calibrated model: the mean |normal error| of a bin is sqrt(2 p(1-p) / (pi n_bin)), so its mean is known."""
    found = [METRICS["ece"](people(3_000, seed=seed)) for seed in range(60)]
    some = people(200_000, seed=99).prediction
    said = np.sqrt(2 / np.pi) * np.mean(np.sqrt(some * (1 - some))) * np.sqrt(BINS / 3_000)
    assert np.mean(found) == pytest.approx(said, rel=0.10)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "ece"])
@pytest.mark.parametrize("clusters", [0, 40])
@pytest.mark.parametrize("decimals", [None, 1])
def test_every_draw_is_the_metric_of_the_repeated_rows(name: str, clusters: int, decimals: int | None) -> None:
    scored = people(301, seed=3, clusters=clusters, decimals=decimals)
    coded, count = codes(scored.groups["cluster"])
    drawn = draw([Cell(coded, (Ask("x", METRICS[name], scored),))], clusters=count, resamples=60, seed=9)["x"]
    for got, weight in zip(drawn, PoissonWeights(count, seed=9).next(60), strict=True):
        repeated = scored.take(np.repeat(np.arange(301), weight[coded].astype(int)))
        assert got == pytest.approx(METRICS[name](repeated), rel=1e-9)


def test_draws_of_the_calibration_error_keep_the_bins() -> None:
    scored = people(600, seed=4)
    coded, count = codes(scored.groups["cluster"])
    drawn = draw([Cell(coded, (Ask("x", METRICS["ece"], scored),))], clusters=count, resamples=20, seed=2)["x"]
    place = bin_of(scored.prediction)
    for got, weight in zip(drawn, PoissonWeights(count, seed=2).next(20), strict=True):
        w = weight[coded]
        gaps = [abs(np.sum((w * (scored.truth - scored.prediction))[place == k])) for k in range(BINS)]
        assert got == pytest.approx(sum(gaps) / w.sum(), rel=1e-5)


def test_figures_that_share_a_ranking_do_not_disturb_one_another() -> None:
    first, second = people(500, seed=5), people(500, seed=5, distance=2.5)
    coded, count = codes(first.groups["cluster"])
    asked = [(n, s) for n in ("roc_auc", "pr_auc", "recall_at_1pct_fpr") for s in (first, second)]
    together = draw(
        [Cell(coded, tuple(Ask((n, id(s)), METRICS[n], s) for n, s in asked))], clusters=count, resamples=900, seed=1
    )
    for n, s in asked:
        alone = draw([Cell(coded, (Ask("x", METRICS[n], s),))], clusters=count, resamples=900, seed=1)["x"]
        assert np.array_equal(together[(n, id(s))], alone)


def delong(truth: Any, first: Any, second: Any) -> float:
    """Standard error of the difference of two areas (DeLong, DeLong and Clarke-Pearson 1988), by brute force."""
    parts = []
    for p in (first, second):
        wins = (p[truth == 1][:, None] > p[truth == 0][None, :]) + 0.5 * (
            p[truth == 1][:, None] == p[truth == 0][None, :]
        )
        parts.append((wins.mean(axis=1), wins.mean(axis=0)))
    up, down = (parts[0][i] - parts[1][i] for i in (0, 1))
    return float(np.sqrt(up.var(ddof=1) / len(up) + down.var(ddof=1) / len(down)))


def test_the_spread_of_an_area_difference_is_delongs() -> None:
    first = people(3_000, seed=6)
    noise = np.random.default_rng(7).normal(0, 0.5, 3_000)
    second = replace(first, prediction=1 / (1 + np.exp(-np.log(first.prediction / (1 - first.prediction)) - noise)))
    drawn = paired_difference(METRICS["roc_auc"], first, second, clusters=np.arange(3_000), resamples=4_000, seed=3)
    assert drawn.std() == pytest.approx(delong(first.truth, first.prediction, second.prediction), rel=0.05)


def test_an_area_is_the_mann_whitney_statistic() -> None:
    scored = people(700, seed=8, decimals=2)
    up, down = scored.prediction[scored.truth == 1], scored.prediction[scored.truth == 0]
    expected = stats.mannwhitneyu(up, down).statistic / (len(up) * len(down))
    assert METRICS["roc_auc"](scored) == pytest.approx(expected)


@given(st.integers(0, 10_000))
def test_laws_of_ranking(seed: int) -> None:
    scored = people(200, seed=seed, decimals=1)
    turned = replace(scored, prediction=1 - scored.prediction)
    constant = replace(scored, prediction=np.full(200, 0.4))
    auc, ap = METRICS["roc_auc"], METRICS["pr_auc"]
    assert auc(turned) == pytest.approx(1 - auc(scored))
    assert auc(constant) == 0.5
    assert ap(constant) == pytest.approx(scored.truth.mean())
    squeezed = replace(scored, prediction=scored.prediction**3)
    assert auc(squeezed) == auc(scored)
    assert METRICS["log_loss"](replace(scored, prediction=scored.truth)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "pr_auc", "recall_at_1pct_fpr", "tpr", "fpr", "f1"])
def test_what_has_no_meaning_says_so(name: str) -> None:
    sure = people(50, seed=1)
    lacking = replace(sure, truth=np.ones(50) if name == "fpr" else np.zeros(50))
    assert "true value" in METRICS[name].absent(lacking)
    assert METRICS[name].absent(sure) == ""


# --- gates on two classes --------------------------------------------------------------------------------------------


@pytest.fixture
def two_classes(problem: Problem) -> Problem:
    return replace(problem, task="binary", metrics=tuple(NAMES), primary_metric="roc_auc")


@pytest.fixture
def binary_policy(mapping: dict[str, Any], two_classes: Problem) -> Policy:
    content = copy.deepcopy(mapping)
    gates = content["gates"]
    gates["either"]["alternatives"] = [
        {"metric": "equal_opportunity_gap", "minimum": 0.2, "unit": "absolute", "over": "overall"},
        {"metric": "roc_auc", "minimum": 0.005, "unit": "absolute", "over": "weighted_segments"},
    ]
    gates["better"] |= {"metric": "roc_auc", "minimum": 0.005, "unit": "absolute"}
    gates["no_drop"] |= {"metric": "pr_auc", "maximum": 0.01, "unit": "relative"}
    gates["floor"] |= {"metric": "roc_auc", "unit": "score", "minimum": 0.9}
    gates["ceiling"] |= {"metric": "ece", "maximum": 0.1}
    gates["naive"] |= {"metric": "roc_auc", "minimum": 0.2}
    gates["fair"]["tolerances"] = {"roc_auc": 0.05, "tpr": 0.1}
    gates["stress"] |= {"metric": "roc_auc", "unit": "absolute"}
    return Policy.parse(content, segments=two_classes.segments, metrics=two_classes.metrics)


@pytest.mark.parametrize("kind", TRIALS)
def test_no_mutant_of_two_classes_escapes(two_classes: Problem, binary_policy: Policy, kind: Any) -> None:
    comparison = mutants.healthy(two_classes, binary_policy, seed=5)
    auc = [METRICS["roc_auc"](comparison.scored(role)) for role in ("challenger", "champion", "naive")]
    # two normal signals `d` deviations apart have the area Phi(d / sqrt(2))
    assert auc == pytest.approx([stats.norm.cdf(d / np.sqrt(2)) for d in (7, 3, 0)], abs=0.01)
    assert mutants.escapes(comparison, kind=kind) == {}


@pytest.mark.parametrize(("key", "limit"), [("minimum", 1.2), ("minimum", 1.0)])
def test_a_score_above_one_is_refused(mapping: dict[str, Any], two_classes: Problem, key: str, limit: float) -> None:
    mapping["gates"] = {
        "floor": {**mapping["gates"]["floor"], "metric": "roc_auc", "unit": "score", key: limit},
    }
    with pytest.raises(InvalidInput, match=r"number from 0 to 1|no model can be shown to reach a score of 1"):
        Policy.parse(mapping, segments=two_classes.segments, metrics=two_classes.metrics)


def test_a_gap_needs_two_groups_and_says_so() -> None:
    scored = people(60, seed=1)
    for name in ("equal_opportunity_gap", "demographic_parity_gap"):
        assert METRICS[name].absent(scored) == ""
        assert "fewer than two" in METRICS[name].absent(scored.take(np.flatnonzero(scored.groups["fairness"] == "a")))
        assert "no fairness column" in METRICS[name].absent(replace(scored, groups={}))


# --- decay and leakage of two classes --------------------------------------------------------------------------------


@pytest.mark.parametrize(("late", "status"), [(1.5, "healthy"), (0.8, "warn"), (0.3, "critical")])
def test_decay_of_an_area(late: float, status: str) -> None:
    old, new = people(3_000, seed=1), people(3_000, seed=2, distance=late)
    day = np.array(["2024-01-01", "2024-12-01"], dtype="datetime64[D]").repeat(3_000)
    both = Scored(
        np.arange(6_000),
        np.concatenate([old.truth, new.truth]),
        np.concatenate([old.prediction, new.prediction]),
        groups={"cluster": np.arange(6_000)},
        time=day,
    )
    assert health.decay(both, "roc_auc", seed=1).status == status


def test_rows_without_time_can_not_have_decayed_but_say_so() -> None:
    scored = people(500, seed=1)
    assert health.decay(scored, "roc_auc", seed=1).status == "unknown"
    found = health.decay(scored, "roc_auc", seed=1, timeless=True)
    assert found.status == "healthy"
    assert "newer snapshot" in found.detail


def test_a_leak_of_two_classes_is_found_in_every_dress(problem: Problem) -> None:
    rng = np.random.default_rng(3)
    y = (rng.random(2_000) < 0.2).astype(float)
    honest = y + rng.normal(0, 1, 2_000)  # an area of 0.76
    assert dependence(pd.Series(honest), y) == pytest.approx(2 * stats.norm.cdf(1 / np.sqrt(2)) - 1, abs=0.05)
    dresses = {
        "copy": pd.Series(np.where(y == 1, "yes", "no")),
        "noisy": pd.Series(y + rng.normal(0, 0.1, 2_000)),
        "scrambled": pd.Series(np.where(y == 1, rng.integers(0, 5, 2_000), rng.integers(5, 10, 2_000)).astype(float)),
    }
    for values in dresses.values():
        assert dependence(values, y) > 0.98
    frame = pd.DataFrame({"area": honest, "age": dresses["noisy"]})
    report = scan(problem, feature_names=["area", "age"], features=frame, target=y, feature_set_version="v1")
    assert [f.name for f in report.findings] == ["age"]
