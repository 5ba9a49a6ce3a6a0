"""Strategies that read text: against scikit-learn's own pipeline, laws of their words and probabilities, refusals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from ds_workflow import plugins
from ds_workflow.adapters import models, scorer
from ds_workflow.domain.problem import Column, Feature, FeatureSet, Problem
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, LeakageRefused
from ds_workflow.strategies._text import FOLDS, WORD, Vocabulary, _folds, _gathered

KINDS = ["text", "text_ratio"]
ADULT = plugins.load("problems", "adult_income").PROBLEM
FEATURES = ("note", "title", "marks", "desk")
OPINION = {"fine": 1.2, "kind": 0.8, "late": -0.9, "broken": -1.4, "not": 0.0}
FILLER = ("the", "parcel", "was", "box", "sent", "again", "to", "us", "today", "by", "post", "and", "came", "here")


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Notes about parcels: two free texts, a number and a category."""
    columns = (
        *(replace(c, required=False) for c in ADULT.columns),
        Column("note", "text", "What was written"),
        Column("title", "text", "What stands above it"),
        Column("marks", "number", "Marks on the parcel"),
        Column("desk", "category", "Where it came in"),
    )
    features = tuple(Feature(name, name, "request", "", (name,)) for name in FEATURES)
    return replace(ADULT, columns=columns, features=features, feature_sets=(FeatureSet("v1.0", FEATURES, "all"),))


def notes(n: int, *, seed: int) -> tuple[pd.DataFrame, Any]:
    """Notes whose words make their odds: an opinion after "not" counts with the other sign."""
    rng = np.random.default_rng(seed)
    texts, odds = [], np.zeros(n)
    for i in range(n):
        words: list[str] = rng.choice(FILLER, int(rng.integers(4, 20))).tolist()
        for word in rng.choice([w for w in OPINION if w != "not"], int(rng.integers(1, 4))).tolist():
            negated = rng.random() < 0.3
            odds[i] += -OPINION[word] if negated else OPINION[word]
            words += ["not", word] if negated else [word]
            words += rng.choice(FILLER, 2).tolist()
        texts.append(" ".join(words))
    marks = rng.normal(0, 1, n)
    X = pd.DataFrame({"note": texts, "title": rng.choice(["parcel late today", "a fine box"], n), "marks": marks})
    X["desk"] = rng.choice(["north", "south"], n)
    odds = 1.5 * odds + 0.7 * marks
    X.attrs["odds"] = odds
    X.loc[rng.random(n) < 0.05, "marks"] = np.nan
    return X, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)


def made(kind: str, problem: Problem, features: tuple[str, ...] = FEATURES, **params: Any) -> Any:
    return plugins.load("strategies", kind).build(problem, StrategyOptions(params=params), features)


@pytest.fixture(scope="module", params=KINDS)
def fitted(request: pytest.FixtureRequest, problem: Problem) -> tuple[Any, pd.DataFrame]:
    X, y = notes(1_500, seed=1)
    return made(request.param, problem).fit(X, y), notes(400, seed=2)[0]


# --- against scikit-learn --------------------------------------------------------------------------------------------


def slope_and_rest(odds: Any, oracle: Any) -> tuple[float, float]:
    """The line from the oracle's log odds to ours, and how far off the worst row lies from it."""
    slope, intercept = np.polyfit(oracle, odds, 1)
    return float(slope), float(np.abs(odds - slope * oracle - intercept).max())


def log_odds(p: Any) -> Any:
    return np.log(p) - np.log1p(-p)


@pytest.mark.parametrize("longest", [1, 2])
def test_tfidf_is_scikit_learns_up_to_the_calibration_line(longest: int, problem: Problem) -> None:
    X, y = notes(1_200, seed=3)
    fresh, _ = notes(300, seed=4)
    model = made("text", problem, ("note",), longest=longest, least_rows=2, C=2.0).fit(X, y)
    oracle = TfidfVectorizer(token_pattern=WORD, ngram_range=(1, longest), min_df=2, sublinear_tf=True)
    logistic = LogisticRegression(C=2.0, solver="liblinear", dual=True, random_state=42, max_iter=2_000)
    logistic.fit(oracle.fit_transform(X["note"]), y)
    theirs = logistic.decision_function(oracle.transform(fresh["note"]))
    slope, worst = slope_and_rest(log_odds(model.predict(fresh)), theirs)
    assert 0.5 < slope < 1.5
    assert worst < 0.02  # coordinate descent ends within its tolerance, in another order of the columns


def test_ratios_are_those_of_naive_bayes_up_to_the_calibration_line(problem: Problem) -> None:
    """Wang and Manning 2012, written out with dense arrays."""
    X, y = notes(1_200, seed=5)
    fresh, _ = notes(300, seed=6)
    model = made("text_ratio", problem, ("note",), longest=2, least_rows=2, C=5.0).fit(X, y)
    oracle = CountVectorizer(token_pattern=WORD, ngram_range=(1, 2), min_df=2, binary=True)
    present = oracle.fit_transform(X["note"]).toarray().astype(float)
    p, q = 1 + present[y == 1].sum(axis=0), 1 + present[y == 0].sum(axis=0)
    ratio = np.log((p / p.sum()) / (q / q.sum()))
    logistic = LogisticRegression(C=5.0, solver="liblinear", dual=True, random_state=42, max_iter=2_000)
    logistic.fit(normalize(present * ratio), y)
    theirs = logistic.decision_function(normalize(oracle.transform(fresh["note"]).toarray() * ratio))
    slope, worst = slope_and_rest(log_odds(model.predict(fresh)), theirs)
    assert 0.3 < slope < 1.5
    assert worst < 0.02


def test_the_vocabulary_counts_as_scikit_learns() -> None:
    X, _ = notes(300, seed=7)
    oracle = CountVectorizer(token_pattern=WORD, ngram_range=(1, 3), min_df=3)
    theirs = oracle.fit_transform(X["note"])
    mine = Vocabulary(3, least_rows=3)
    counts = mine.fit(X["note"].tolist())
    assert counts.shape == theirs.shape
    texts = ["the box came late", "It ISN'T here, not here!", ""]
    named = [mine.runs(text) for text in texts]
    known = set(oracle.vocabulary_)
    assert [set(row.values()) for row in named] == [set(oracle.build_analyzer()(text)) & known for text in texts]
    again = mine.counter()(texts)
    said = Counter(oracle.build_analyzer()(texts[1]))
    first, last = again.indptr[1], again.indptr[2]
    for column, count in zip(again.indices[first:last], again.data[first:last], strict=True):
        assert said[named[1][int(column)]] == count


# --- laws of a fitted model ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_is_calibrated_and_survives_the_disk(kind: str, problem: Problem) -> None:
    from skops import io

    X, y = notes(2_000, seed=8)
    fresh, truth = notes(2_000, seed=9)
    estimator = made(kind, problem, longest=2, C=10.0).fit(X, y)
    p = estimator.predict(fresh)
    best = roc_auc_score(truth, fresh.attrs["odds"])  # no model can do better than the odds that made the rows
    assert best - 0.05 < roc_auc_score(truth, p) <= best + 0.005
    assert p.mean() == pytest.approx(truth.mean(), abs=0.03)
    # Cox's calibration line: slope 1 when probabilities can be read as such
    line = LogisticRegression(C=1e9).fit(log_odds(p)[:, None], truth)
    assert line.coef_[0, 0] == pytest.approx(1.0, abs=0.15)
    shares = dict(zip(FEATURES, estimator.feature_importances_, strict=True))
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda name: shares[name]) == "note"
    assert shares["marks"] > shares["desk"]
    data = io.dumps(estimator)
    assert not set(io.get_untrusted_types(data=data)) - set(models.trusted_types())
    np.testing.assert_array_equal(io.loads(data, trusted=list(models.trusted_types())).predict(fresh), p)


def test_runs_of_words_tell_what_single_words_do_not(problem: Problem) -> None:
    """Three opinions in ten are negated, so a model of single words errs where one of runs need not."""
    X, y = notes(2_000, seed=10)
    fresh, truth = notes(2_000, seed=11)
    words, runs = (
        roc_auc_score(truth, made("text_ratio", problem, longest=n).fit(X, y).predict(fresh)) for n in (1, 2)
    )
    assert runs > words + 0.04


def test_a_row_is_answered_alike_alone_and_in_company(fitted: tuple[Any, pd.DataFrame]) -> None:
    estimator, fresh = fitted
    together = estimator.predict(fresh)
    alone = np.concatenate([estimator.predict(fresh.iloc[[i]]) for i in range(40)])
    np.testing.assert_allclose(alone, together[:40], rtol=1e-12)


def test_contributions_add_up_to_the_log_odds(fitted: tuple[Any, pd.DataFrame]) -> None:
    estimator, fresh = fitted
    p = estimator.predict(fresh)
    parts = estimator.contributions(fresh)
    assert list(parts.columns) == list(FEATURES) == estimator.feature_names_
    np.testing.assert_allclose(parts.sum(axis=1) + estimator.expected_value_, log_odds(p), atol=1e-9)
    assert estimator.contribution_unit == "log odds"


def test_top_words_are_sorted_and_all_of_them_add_up(fitted: tuple[Any, pd.DataFrame]) -> None:
    estimator, fresh = fitted
    some = fresh.head(30)
    others = estimator.contributions(some)[["marks", "desk"]].sum(axis=1).to_numpy()
    centre = dict(zip(FEATURES, estimator.centre_, strict=True))
    rest = others + centre["marks"] + centre["desk"] + estimator.intercept_
    everything = estimator.explain_words(some, top=10_000)
    np.testing.assert_allclose(
        [sum(value for _, value in row) for row in everything] + rest, log_odds(estimator.predict(some)), atol=1e-9
    )
    for row, whole in zip(estimator.explain_words(some, top=3), everything, strict=True):
        assert row == whole[:3]
        sizes = [abs(value) for _, value in whole]
        assert sizes == sorted(sizes, reverse=True)
        assert len({run for run, _ in whole}) <= len(whole)


def test_the_words_that_made_the_odds_come_first(problem: Problem) -> None:
    X, y = notes(2_000, seed=12)
    estimator = made("text_ratio", problem, ("note",)).fit(X, y)
    asked = pd.DataFrame({"note": ["the box was broken today", "the box was not broken today", "it was fine"]})
    told = [dict(row) for row in estimator.explain_words(asked, top=4)]
    assert max(told[0], key=lambda run: -told[0][run]).count("broken") == 1
    assert sum(value for run, value in told[1].items() if "not broken" in run) > 0
    assert any("fine" in run and value > 0 for run, value in told[2].items())


WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=8)


@given(words=WORDS, seed=st.integers(0, 10_000))
@settings(max_examples=80)
def test_gathering_runs_keeps_their_sum_and_loses_no_word(words: list[str], seed: int) -> None:
    runs = [" ".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)]
    counts = {run: float(n) for run, n in Counter(runs).items()}
    rng = np.random.default_rng(seed)
    added = {run: float(rng.normal()) for run in counts}
    told = dict(_gathered(added, counts))
    assert sum(told.values()) == pytest.approx(sum(added.values()))
    assert set(told) <= set(added)
    assert {w for run in told for w in run.split(" ")} == set(words)
    for run in set(added) - set(told):  # what is gone stood nowhere by itself
        assert any(f" {run} " in f" {held} " and counts[held] == counts[run] for held in added if held != run)


def test_the_quick_way_says_the_same(fitted: tuple[Any, pd.DataFrame]) -> None:
    from ds_workflow.domain.quick import FeatureRows

    estimator, fresh = fitted
    names = list(fresh.columns)
    answer = estimator.compiled(names, coverage=0.8)
    rows = FeatureRows(fresh.to_numpy(dtype=object).tolist(), [""] * len(fresh))
    np.testing.assert_allclose(answer(rows).values, estimator.predict(fresh), atol=scorer.TOLERANCE)


def test_texts_that_training_never_saw_are_answered(fitted: tuple[Any, pd.DataFrame]) -> None:
    estimator, fresh = fitted
    strange = fresh.head(5).assign(
        note=["", None, "\u4f60\u597d \U0001f600 zzz", "fine " * 4_000, "\u0130stanbul"],
        marks=[np.nan, 1e6, -1e6, 0.0, np.nan],
        desk=["west", None, "north", np.nan, ""],
    )
    answers = estimator.predict(strange)
    assert ((answers > 0) & (answers < 1)).all()
    assert estimator.explain_words(strange.assign(title=""), top=5)[:3] == [[], [], []]
    assert estimator.predict(strange.iloc[[1]]) == pytest.approx(answers[1], rel=1e-12)


def test_parts_held_back_are_whole_clusters() -> None:
    rng = np.random.default_rng(16)
    target = rng.integers(0, 2, 400).astype(float)
    clusters = rng.integers(0, 60, 400)
    fold = _folds(target, clusters)
    assert pd.Series(fold).groupby(clusters).nunique().max() == 1
    assert set(fold) == set(range(FOLDS))
    shuffled = rng.permutation(400)
    np.testing.assert_array_equal(_folds(target[shuffled], clusters[shuffled]), fold[shuffled])
    for few in (None, np.zeros(400), target):  # no clusters, one, and two that part the classes: rows by class
        dealt = _folds(target, few)
        shares = [target[dealt == k].mean() for k in range(FOLDS)]
        assert np.ptp(shares) < 0.02


def test_what_a_cluster_taught_is_not_taken_for_knowledge(problem: Problem) -> None:
    """Notes of one sender carry a name, and its notes agree. Held back with its own, names look like knowledge, and
    answers about new senders would be too sure."""
    rng = np.random.default_rng(17)

    def senders(first: int) -> tuple[pd.DataFrame, Any, Any]:
        X, y = notes(2_000, seed=18 + first)
        sender = np.repeat(np.arange(first, first + 200), 10)
        taste = rng.choice([-3.0, 3.0], 200)[sender - first]
        y = (rng.random(2_000) < 1 / (1 + np.exp(-X.attrs["odds"] - taste))).astype(float)
        names = np.array([f" name{i} name{i}b" for i in sender])
        return X.assign(note=X["note"] + names), y, sender

    X, y, sender = senders(0)
    fresh, truth, _ = senders(1_000)
    slopes = []
    for clusters in (None, sender):
        p = made("text_ratio", problem, ("note",), longest=1).fit(X, y, clusters=clusters).predict(fresh)
        slopes.append(LogisticRegression(C=1e9).fit(log_odds(p)[:, None], truth).coef_[0, 0])
    assert slopes[0] < 0.75
    assert slopes[1] == pytest.approx(1.0, abs=0.2)


# --- refusals and tuning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_not_be_learned_is_refused_in_words(kind: str, problem: Problem) -> None:
    X, y = notes(200, seed=13)
    rare = np.where(np.arange(200) < 5, 1.0, 0.0)
    for target, words in (
        (y * 2, "neither 0 nor 1"),
        (np.ones(200), "All 200"),
        (y[:10], "10 classes"),
        (rare, "rarer class has 5"),
    ):
        with pytest.raises(InvalidInput, match=words):
            made(kind, problem).fit(X, target)
    with pytest.raises(InvalidInput, match="lack title"):
        made(kind, problem).fit(X.drop(columns="title"), y)
    with pytest.raises(InvalidInput, match="No run of words stands in 500"):
        made(kind, problem, least_rows=500).fit(X, y)
    with pytest.raises(InvalidInput, match="Unknown hyperparameter 'eta'; known: C, least_rows, longest"):
        made(kind, problem, eta=1)
    with pytest.raises(InvalidInput, match="reads free text, and none of marks, desk"):
        made(kind, problem, ("marks", "desk"))
    with pytest.raises(LeakageRefused, match="relationship"):
        made(kind, problem, ("note", "relationship"))
    with pytest.raises(InvalidInput, match="no routes"):
        plugins.load("strategies", kind).build(problem, StrategyOptions(min_segment_rows=5), FEATURES)
    with pytest.raises(InvalidInput, match="regression problem"):
        made(kind, replace(problem, task="regression"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_that_a_coin_decided_is_not_told_with_confidence(kind: str, problem: Problem) -> None:
    """What was learned by heart does not show on rows held back: such a model is refused, or answers about a half."""
    refused = 0
    for seed in range(8):
        X, _ = notes(300, seed=40 + seed)
        coin = np.random.default_rng(seed).integers(0, 2, len(X)).astype(float)
        try:
            answers = made(kind, problem).fit(X, coin).predict(X)
        except InvalidInput as error:
            assert "don't rise with the truth" in str(error)
            refused += 1
        else:
            assert np.abs(answers - 0.5).mean() < 0.15
    assert refused


@pytest.mark.parametrize("kind", KINDS)
def test_tuning_is_seeded_told_and_gives_what_the_strategy_takes(kind: str, problem: Problem) -> None:
    X, y = notes(400, seed=15)
    module, found, said = plugins.load("strategies", kind), [], []
    for _ in range(2):
        found.append(module.tune(problem, StrategyOptions(seed=3), FEATURES, X, y, trials=2, say=said.append))
    assert found[0] == found[1]
    assert sum("log loss" in line for line in said) == 4
    tuned = module.build(problem, StrategyOptions(params=found[0]), FEATURES)
    assert np.isfinite(tuned.fit(X, y).predict(X)).all()
