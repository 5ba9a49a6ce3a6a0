"""Costs and thresholds: Elkan's formula, brute force, scikit-learn's confusion matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from ds_workflow.domain.costs import Costs
from ds_workflow.domain.scored import Floats, Scored
from ds_workflow.domain.thresholds import at_false_alarms, cheapest_threshold, cost_of, tradeoffs
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import thresholds as report

COSTS = Costs(missed=100.0, false_alarm=4.0, found=1.0, left_alone=-1.0, unit="EUR", reason="Made up.")


def scored(p: Floats, y: Floats, weight: Floats | None = None) -> Scored:
    cluster = np.array([f"c{i // 2}" for i in range(len(p))], dtype=object)
    return Scored(np.arange(len(p)), y.astype(float), p, groups={"cluster": cluster}, weight=weight)


def rare(n: int, *, seed: int) -> Scored:
    """Calibrated probabilities of a class of about 4 %, weights from 1 to 3."""
    rng = np.random.default_rng(seed)
    p = expit(rng.normal(-4.5, 2.0, n))
    return scored(p, rng.random(n) < p, rng.uniform(1, 3, n))


def cost(s: Scored, threshold: float, costs: Costs = COSTS) -> float:
    flags = (s.prediction >= threshold).astype(float)
    return float(np.average(cost_of(flags, s.truth, costs), weights=s.weights))


# --- costs -----------------------------------------------------------------------------------------------------------


def test_at_the_threshold_flagging_costs_what_leaving_alone_does() -> None:
    for costs in (COSTS, Costs(missed=122.0, false_alarm=5.0, found=5.0, unit="EUR", reason="As declared.")):
        p = costs.threshold
        flag = p * costs.found + (1 - p) * costs.false_alarm
        leave = p * costs.missed + (1 - p) * costs.left_alone
        assert flag == pytest.approx(leave, rel=1e-12)
    # with nothing to pay for being right, the share of false alarms among both errors' costs
    assert Costs(missed=9.0, false_alarm=1.0, unit="EUR", reason="Made up.").threshold == pytest.approx(0.1)
    assert Costs(missed=1.0, false_alarm=1.0, unit="EUR", reason="Made up.").threshold == 0.5


@pytest.mark.parametrize("wrong", [{"missed": 1.0}, {"false_alarm": -2.0}, {"missed": float("nan")}, {"found": 1e9}])
def test_costs_that_reward_errors_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=r"must cost more|finite numbers"):
        replace(COSTS, **wrong)


# --- choosing --------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.sampled_from([0.01, 0.02, 0.05, 0.3, 0.5, 0.9]), st.booleans(), st.integers(1, 3)),
        min_size=1,
        max_size=25,
    )
)
def test_no_threshold_is_cheaper_than_the_cheapest(rows: list[tuple[float, bool, int]]) -> None:
    p, y, w = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    s = scored(p, y, w)
    chosen = cheapest_threshold(p, s.truth, w, COSTS)
    assert 0 <= chosen <= 1
    least = min(cost(s, t) for t in (0.0, *p, np.inf))
    assert cost(s, chosen) == pytest.approx(least, abs=1e-12)


def test_calibrated_rows_choose_about_what_the_costs_call_for() -> None:
    """Over seeds: the chosen threshold scatters round Elkan's, and on new rows it costs hardly more."""
    fresh, chosen = rare(60_000, seed=1), []
    for seed in range(20):
        s = rare(20_000, seed=10 + seed)
        chosen.append(cheapest_threshold(s.prediction, s.truth, s.weights, COSTS))
    assert np.median(chosen) == pytest.approx(COSTS.threshold, rel=0.25)
    assert np.mean([cost(fresh, t) for t in chosen]) == pytest.approx(cost(fresh, COSTS.threshold), rel=0.02)


def test_the_ideal_threshold_is_taken_where_the_rows_leave_a_choice() -> None:
    p, y = np.array([0.01, 0.9]), np.array([0.0, 1.0])
    assert cheapest_threshold(p, y, np.ones(2), COSTS) == COSTS.threshold
    far = np.array([0.5, 0.9])  # the ideal one would flag an honest row: the middle of what parts them
    assert cheapest_threshold(far, y, np.ones(2), COSTS) == pytest.approx(0.7)
    assert cheapest_threshold(p, np.zeros(2), np.ones(2), COSTS) > 0.9
    with pytest.raises(InvalidInput, match="no rows"):
        cheapest_threshold(np.array([]), np.array([]), np.array([]), COSTS)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.2])
def test_a_share_of_false_alarms_is_kept_and_used_up(share: float) -> None:
    s = rare(5_000, seed=2)
    zeros = s.truth == 0

    def alarms(threshold: float) -> float:
        return float(s.weights[zeros & (s.prediction >= threshold)].sum() / s.weights[zeros].sum())

    found = at_false_alarms(s, share)
    below = s.prediction[s.prediction < found].max()
    assert alarms(found) <= share < alarms(float(below))
    top = scored(np.array([0.9, 0.9, 0.1]), np.array([0, 1, 0]))
    assert at_false_alarms(top, 0.1) > 0.9  # even the highest answer flags half of class 0


# --- the table -------------------------------------------------------------------------------------------------------


def test_the_table_is_that_of_the_confusion_matrix() -> None:
    s = rare(4_000, seed=3)
    found = tradeoffs(s, COSTS, own=0.07, seed=1, resamples=60)
    assert len({t.threshold for t in found.table}) == len(found.table)
    assert [t.threshold for t in found.table] == sorted(t.threshold for t in found.table)
    for t in found.table:
        flags = s.prediction >= t.threshold
        tn, fp, fn, tp = confusion_matrix(s.truth, flags, labels=[0, 1], sample_weight=s.weights).ravel()
        n = tn + fp + fn + tp
        assert t.flagged == pytest.approx((fp + tp) / n)
        assert (t.recall, t.fpr) == pytest.approx((tp / (tp + fn), fp / (fp + tn)))
        assert t.precision == (pytest.approx(tp / (tp + fp)) if flags.any() else None)
        expected = tp * COSTS.found + fn * COSTS.missed + fp * COSTS.false_alarm + tn * COSTS.left_alone
        assert t.cost == pytest.approx(expected / n)
        assert t.cost_interval is not None
        assert t.cost_interval[0] <= t.cost <= t.cost_interval[1]
    first, last = found.table[0], found.table[-1]
    assert (first.flagged, first.recall, last.flagged, last.recall) == (1.0, 1.0, 0.0, 0.0)
    assert found.cheapest.cost == min(t.cost for t in found.table)
    assert "in hindsight" in found.cheapest.why
    assert any("the model's own" in t.why and t.threshold == 0.07 for t in found.table)


@pytest.mark.parametrize("size", [1, 2])
def test_a_share_of_all_or_none_has_wilsons_interval_over_clusters(size: int) -> None:
    """No resample moves a share of 0 or 1, so the percentiles would claim certainty; SciPy is the oracle."""
    p = np.repeat([0.95, 0.6, 0.2], [40, 60, 300])
    y = np.repeat([1.0, 0.0, 0.0, 1.0], [40, 60, 260, 40])
    cluster = (np.arange(400) // size).astype(str).astype(object)
    s = Scored(np.arange(400), y, p, groups={"cluster": cluster})
    by = {t.threshold: t for t in tradeoffs(s, COSTS, own=0.9, seed=1, resamples=60).table}
    wanted = binomtest(40 // size, 40 // size).proportion_ci(0.95, "wilson")
    assert by[0.9].precision == 1.0 and by[0.9].precision_interval == pytest.approx(tuple(wanted))
    assert by[0.9].recall_interval is not None and np.ptp(by[0.9].recall_interval) > 0.1
    assert by[0.0].recall == 1.0 and by[0.0].recall_interval is None, "true of any rows"
    text = report.markdown(tradeoffs(s, COSTS, own=0.9, seed=1, resamples=60))
    assert "\\[100.00, 100.00\\]" not in text and "Wilson" in text


def test_the_interval_of_costs_is_that_of_a_mean_over_clusters() -> None:
    """Rows that are their own clusters: the bootstrap's spread against the standard error of a mean."""
    s = replace(rare(6_000, seed=4), weight=None)
    s = replace(s, groups={"cluster": np.arange(6_000).astype(str).astype(object)})
    table = tradeoffs(s, COSTS, own=None, seed=2, resamples=800).table
    for t in table:
        error = cost_of((s.prediction >= t.threshold).astype(float), s.truth, COSTS).std() / np.sqrt(len(s))
        assert t.cost_interval is not None
        assert np.ptp(t.cost_interval) == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_a_trade_off_needs_both_classes_and_is_told_in_words() -> None:
    with pytest.raises(InvalidInput, match="rows of both classes"):
        tradeoffs(scored(np.array([0.1, 0.2]), np.array([0, 0])), COSTS, own=None, seed=1)
    found = tradeoffs(rare(3_000, seed=5), COSTS, own=0.3, seed=1, resamples=60)
    text = report.markdown(found)
    assert "Made up." in text
    assert "nothing is flagged" in text
    assert text.count("\n| ") == len(found.table) + 2
    picture = report.chart(found, width=870)
    assert picture.startswith("<svg")
    assert "everything is flagged" not in picture
    assert all(row["threshold"] is None or row["threshold"] <= 1 for row in found.to_dict()["table"])
