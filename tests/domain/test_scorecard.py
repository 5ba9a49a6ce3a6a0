"""The scorecard against numpy on the parts, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_percentage_error, r2_score, root_mean_squared_error

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.scorecard import Intervals, scorecard, with_intervals
from ds_workflow.errors import InvalidInput, UnknownName
from registry.records import canonical_json


def test_figures_are_those_of_sklearn_on_each_part(problem: Problem, healthy: Comparison) -> None:
    scored = healthy.challenger
    card = scorecard(problem.metrics, scored, slices=("district",))
    for segment, figures in card.segments.items():
        at = scored.groups["segment"] == segment
        y, p = scored.truth[at], scored.prediction[at]
        assert figures["mape"] == pytest.approx(mean_absolute_percentage_error(y, p))
        assert figures["r2"] == pytest.approx(r2_score(y, p))
        assert figures["rmse_log"] == pytest.approx(root_mean_squared_error(np.log(y), np.log(p)))
        assert figures["mdape"] == pytest.approx(np.median(np.abs(p / y - 1)))
        assert figures["rows"] == at.sum()
    assert sum(f["rows"] for f in card.slices["district"].values()) == card.rows == len(scored)
    flat = card.flat()
    assert flat["segment.NORTH.mdape"] == card.segments["NORTH"]["mdape"]
    assert flat["ppe10"] == card.overall["ppe10"]
    assert card.missing == {}
    canonical_json(card.to_dict())


def test_what_has_no_input_is_missing_and_has_no_default(problem: Problem, healthy: Comparison) -> None:
    card = scorecard(problem.metrics, replace(healthy.challenger, lower=None))
    assert set(card.missing) == {"interval_coverage", "interval_width"}
    assert "lower" in card.missing["interval_width"]
    assert not any("interval" in name for name in card.flat())


def test_a_segment_of_one_value_has_no_r2_but_the_rest(problem: Problem, healthy: Comparison) -> None:
    north = healthy.challenger.groups["segment"] == "NORTH"
    card = scorecard(problem.metrics, replace(healthy.challenger, truth=np.where(north, 5.0, healthy.challenger.truth)))
    assert set(card.missing) == {"segment.NORTH.r2"}
    assert "r2" in card.overall and "mdape" in card.segments["NORTH"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_inf_are_refused_by_name(problem: Problem, healthy: Comparison, value: float) -> None:
    prediction = healthy.challenger.prediction.copy()
    prediction[0] = value
    with pytest.raises(InvalidInput, match="overall: 'ppe10'"):
        scorecard(problem.metrics, replace(healthy.challenger, prediction=prediction))


def test_what_comes_out_as_nan_is_refused_by_name(healthy: Comparison) -> None:
    with pytest.raises(InvalidInput, match="'rmse_log' came out as nan"):
        scorecard(["rmse_log"], replace(healthy.challenger, prediction=-healthy.challenger.prediction))


def test_no_rows_unknown_metrics_and_unknown_groups_are_refused(healthy: Comparison) -> None:
    with pytest.raises(InvalidInput, match="no rows"):
        scorecard(["mdape"], healthy.challenger.take(np.arange(0)))
    with pytest.raises(UnknownName, match="nonsense"):
        scorecard(["nonsense"], healthy.challenger)
    with pytest.raises(InvalidInput, match="no group 'planet'"):
        scorecard(["mdape"], healthy.challenger, slices=("planet",))


def test_intervals_stand_around_every_figure_and_say_how_they_were_made(problem: Problem, healthy: Comparison) -> None:
    scored = healthy.challenger
    plain = scorecard(problem.metrics, scored)
    card = with_intervals(plain, scored, primary="mdape", seed=1)
    made = card.intervals
    assert made is not None and plain.intervals is None and plain.to_dict()["intervals"] is None
    assert set(made.overall) == set(card.overall) and set(made.segments) == set(card.segments)
    for name, (low, high) in made.overall.items():
        assert low <= card.overall[name] <= high
    for name, (low, high) in made.segments.items():
        assert low < card.segments[name]["mdape"] < high
    assert made.flat()["mdape.lo"] == made.overall["mdape"][0]
    assert made.flat()["segment.NORTH.mdape.hi"] == made.segments["NORTH"][1]
    assert f"600 resamples of {made.clusters:,} clusters" in made.words and "rough" not in made.words
    assert Intervals.from_dict(card.to_dict()["intervals"]) == made
    assert with_intervals(plain, scored, primary="mdape", seed=1) == card
    canonical_json(card.to_dict())


def _by_row(truth: np.ndarray, prediction: np.ndarray) -> Scored:
    ids = np.array([f"r{i}" for i in range(len(truth))], dtype=object)
    return Scored(ids, truth, prediction, groups={"cluster": ids, "segment": np.full(len(ids), "all", dtype=object)})


def test_the_interval_of_a_mean_is_the_normal_one_and_of_an_area_delongs() -> None:
    """Oracles: the standard error of a mean; DeLong, DeLong and Clarke-Pearson 1988 by its placement values."""
    rng = np.random.default_rng(3)
    truth = rng.uniform(1, 2, 3000)
    scored = _by_row(truth, truth * np.exp(rng.normal(0, 0.2, 3000)))
    made = with_intervals(scorecard(["mape"], scored), scored, primary="mape", seed=1).intervals
    each = np.abs(scored.prediction / truth - 1)
    half = 1.96 * each.std() / np.sqrt(3000)
    assert made is not None
    assert made.overall["mape"] == pytest.approx((each.mean() - half, each.mean() + half), abs=0.2 * half)

    label = (rng.random(2000) < 0.3).astype(float)
    binary = _by_row(label, 1 / (1 + np.exp(-rng.normal(label, 1.0))))
    made = with_intervals(scorecard(["roc_auc"], binary), binary, primary="roc_auc", seed=1).intervals
    ones, zeros = binary.prediction[label == 1], binary.prediction[label == 0]
    above = ones[:, None] > zeros[None, :]
    error = np.sqrt(above.mean(axis=1).var(ddof=1) / len(ones) + above.mean(axis=0).var(ddof=1) / len(zeros))
    assert made is not None
    low, high = made.overall["roc_auc"]
    assert (low + high) / 2 == pytest.approx(above.mean(), abs=0.2 * error)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.12)


def test_the_interval_of_a_median_covers_the_truth_as_often_as_it_says() -> None:
    """200 samples of 300 rows in 150 clusters that share half of their error: the median of |e| is known."""
    rng = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        shared = np.repeat(rng.normal(0, 1, 150), 2)
        error = 0.1 * (np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(0, 1, 300))
        scored = _by_row(np.ones(300), 1 + error)
        scored = replace(scored, groups={**scored.groups, "cluster": np.repeat(np.arange(150).astype(str), 2)})
        made = with_intervals(scorecard(["mdape"], scored), scored, primary="mdape", seed=seed).intervals
        assert made is not None
        low, high = made.overall["mdape"]
        covered += low <= 0.067449 <= high  # the upper quartile of a normal of deviation 0.1
    assert 0.91 <= covered / 200 <= 0.985


def test_a_figure_that_chance_inflates_stays_inside_its_interval() -> None:
    """Perfectly calibrated: every resample shows chance twice, and the plain percentiles lie above the figure."""
    rng = np.random.default_rng(6)
    p = rng.uniform(0.05, 0.95, 3000)
    scored = _by_row((rng.random(3000) < p).astype(float), p)
    card = with_intervals(scorecard(["ece"], scored), scored, primary="ece", seed=1)
    assert card.intervals is not None
    low, high = card.intervals.overall["ece"]
    assert low < card.overall["ece"] < high


def test_few_clusters_are_said_and_a_segment_that_resamples_lose_has_no_interval() -> None:
    rng = np.random.default_rng(7)
    scored = _by_row(np.ones(400), 1 + rng.normal(0, 0.1, 400))
    cluster = np.array([f"c{i % 8}" for i in range(400)], dtype=object)
    segment = np.where(cluster == "c0", "one cluster", "others").astype(object)
    scored = replace(scored, groups={"cluster": cluster, "segment": segment})
    made = with_intervals(scorecard(["mdape"], scored), scored, primary="mdape", seed=1).intervals
    assert made is not None and "fewer than 30 clusters they are rough" in made.words
    assert set(made.segments) == {"others"}, "a resample in three leaves a single cluster out"
