"""The confusion matrix: counts against scikit-learn, Wilson against scipy, clusters and weights by laws."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, precision_score, recall_score
from sklearn.metrics import confusion_matrix as sklearns

from ds_workflow.domain.confusion import RATES, Rate, confusion
from ds_workflow.domain.metrics import METRICS, Scored
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import confusion as report


def scored(n: int = 600, *, seed: int = 1, clusters: Any = None, weight: Any = None) -> Scored:
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    truth = (rng.random(n) < p).astype(float)
    groups = {"segment": rng.choice(["LONG", "SHORT"], n).astype(object)}
    if clusters is not None:
        groups["cluster"] = np.asarray(clusters).astype(str).astype(object)
    return Scored(np.arange(n), truth, p, groups=groups, weight=weight)


def interval(rate: Rate) -> tuple[float, float]:
    assert rate.interval is not None
    return rate.interval


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_counts_and_rates_are_scikit_learns(threshold: float) -> None:
    s = scored()
    found = confusion(s, threshold=threshold)
    flagged = (s.prediction >= threshold).astype(float)
    for m, inside in [
        (found.overall, np.ones(len(s), dtype=bool)),
        *((one, s.groups["segment"] == one.place) for one in found.segments),
    ]:
        truth, answer = s.truth[inside], flagged[inside]
        tn, fp, fn, tp = sklearns(truth, answer).ravel()
        assert (m.true_negative, m.false_positive, m.false_negative, m.true_positive) == (tn, fp, fn, tp)
        assert m.rows == inside.sum()
        assert m.rates["accuracy"].value == pytest.approx(accuracy_score(truth, answer))
        assert m.rates["recall"].value == pytest.approx(recall_score(truth, answer))
        assert m.rates["precision"].value == pytest.approx(precision_score(truth, answer))
        assert m.rates["specificity"].value == pytest.approx(recall_score(1 - truth, 1 - answer))
        assert m.rates["negative_precision"].value == pytest.approx(precision_score(1 - truth, 1 - answer))
    assert [m.place for m in found.segments] == ["LONG", "SHORT"]
    assert set(found.overall.rates) == set(RATES)


def test_at_one_half_the_rates_are_the_metrics() -> None:
    s = scored(seed=2)
    rates = confusion(s).overall.rates
    for name, rate in (("accuracy", "accuracy"), ("tpr", "recall"), ("fpr", "false_alarms")):
        assert rates[rate].value == pytest.approx(METRICS[name](s))


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
def test_intervals_of_independent_rows_are_wilsons(seed: int, n: int) -> None:
    s = scored(n, seed=seed)
    for rate in confusion(s).overall.rates.values():
        if rate.value is None:
            assert (rate.interval, rate.rows) == (None, 0)
            continue
        ends = binomtest(round(rate.value * rate.rows), rate.rows).proportion_ci(method="wilson")
        # rows that happen to vary more than a coin does count as fewer; never as more
        assert interval(rate)[0] <= ends.low + 1e-12 and interval(rate)[1] >= ends.high - 1e-12
        if rate.effective == rate.rows:
            assert interval(rate) == pytest.approx((ends.low, ends.high))
        assert rate.effective <= rate.rows + 1e-9
        assert rate.effective >= 0.9 * rate.rows - 2


def test_rows_that_repeat_one_another_count_once() -> None:
    once = scored(400, seed=3)
    five = np.repeat(np.arange(400), 5)
    repeated = once.take(five)
    groups = {**repeated.groups, "cluster": five.astype(str).astype(object)}
    told = confusion(Scored(np.arange(2_000), repeated.truth, repeated.prediction, groups=groups)).overall.rates
    for name, rate in confusion(once).overall.rates.items():
        assert told[name].value == pytest.approx(rate.value)
        assert told[name].effective == pytest.approx(rate.effective, rel=0.01)
        assert interval(told[name]) == pytest.approx(interval(rate), abs=1e-4)


def test_intervals_cover_the_truth_where_rows_of_a_cluster_are_alike() -> None:
    """A film's reviews share its level, so plain Wilson intervals would be too narrow: 400 samples of 60 clusters."""
    rng = np.random.default_rng(4)
    covered, plain, tries = 0, 0, 400
    for _ in range(tries):
        level = rng.beta(4, 4, 60)
        cluster = np.repeat(np.arange(60), 20)
        right = rng.random(1_200) < level[cluster]
        groups = {"cluster": cluster.astype(str).astype(object)}
        rate = confusion(Scored(np.arange(1_200), np.ones(1_200), right.astype(float), groups=groups)).overall.rates[
            "recall"
        ]
        low, high = interval(rate)
        covered += low <= 0.5 <= high
        narrow = binomtest(int(right.sum()), 1_200).proportion_ci(method="wilson")
        plain += narrow.low <= 0.5 <= narrow.high
    assert covered / tries > 0.92
    assert plain / tries < 0.80


def test_weights_stand_for_the_population() -> None:
    """Shares are those of the rows written out as often as they weigh; the rows are still no more than they are."""
    weight = np.where(np.arange(300) % 3 == 0, 4.0, 1.0)
    s = scored(300, seed=5, weight=weight)
    out = s.take(np.repeat(np.arange(300), weight.astype(int)))
    written = confusion(Scored(np.arange(len(out)), out.truth, out.prediction, groups=out.groups)).overall
    found = confusion(s)
    assert found.weighted
    assert found.overall.true_positive == written.true_positive
    for name, rate in found.overall.rates.items():
        assert rate.value == pytest.approx(written.rates[name].value)
        assert rate.effective < rate.rows
    assert found.overall.rates["accuracy"].effective <= weight.sum() ** 2 / (weight**2).sum() + 1e-9


def test_what_can_not_be_counted_is_refused_in_words() -> None:
    s = scored(10)
    with pytest.raises(InvalidInput, match="needs rows"):
        confusion(s.take(np.arange(0)))
    with pytest.raises(InvalidInput, match="classes 0 and 1"):
        confusion(Scored(np.arange(2), np.array([0.0, 3.0]), np.array([0.1, 0.2])))
    with pytest.raises(InvalidInput, match="their probabilities"):
        confusion(Scored(np.arange(2), np.array([0.0, 1.0]), np.array([0.1, np.nan])))


def test_one_class_alone_has_no_rate_of_the_other() -> None:
    rates = confusion(Scored(np.arange(3), np.ones(3), np.array([0.9, 0.8, 0.1]))).overall.rates
    assert rates["specificity"].value is None and rates["false_alarms"].interval is None
    assert rates["recall"].value == pytest.approx(2 / 3)


def test_the_report_shows_counts_rates_and_segments() -> None:
    found = confusion(scored(2_000, clusters=np.arange(2_000) // 4))
    text = report.markdown(found, target="positive")
    m = found.overall
    assert f"| positive = 1 | {m.true_positive:,.0f} | {m.false_negative:,.0f} |" in text
    assert f"| positive = 0 | {m.false_positive:,.0f} | {m.true_negative:,.0f} |" in text
    assert text.count("| LONG |") == 1
    assert json.loads(json.dumps(found.to_dict()))["overall"]["rates"]["accuracy"]["rows"] == 2_000
    one_class = confusion(Scored(np.arange(60), np.ones(60), np.full(60, 0.9)))
    assert "n/a" in report.markdown(one_class, target="positive")
    for width in (350, 870):
        for one in (found, one_class):
            picture = report.chart(one, target="positive <b>", width=width, styled=True)
            texts = [e.text for e in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - ours
            assert f"{one.overall.true_positive:,.0f}" in texts
            assert texts.count("right") == texts.count("wrong") == 2
