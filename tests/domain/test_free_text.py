"""Columns of running text in drift, leakage and quality: counted by their words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, somersd

from ds_workflow import plugins
from ds_workflow.domain import drift, drift_table
from ds_workflow.domain.free_text import common_words, is_free_text, length_and_strangeness, strongest_word
from ds_workflow.domain.leakage import dependence, scan
from ds_workflow.domain.quality import quality, to_markdown

REVIEWS = plugins.load("problems", "movie_reviews")
SYLLABLES = ["ka", "lo", "mi", "ren", "tu", "vas", "pel", "or", "din", "ba"]


def texts(n: int, *, seed: int, mean: float = 60.0) -> pd.Series[Any]:
    """Texts of words whose frequencies fall as in a language (Zipf)."""
    rng = np.random.default_rng(seed)
    words = np.array([a + b + c for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES])
    weight = 1 / np.arange(1, len(words) + 1)
    sizes = 5 + rng.poisson(mean * rng.gamma(4, 0.25, n))
    drawn = np.split(rng.choice(words, sizes.sum(), p=weight / weight.sum()), np.cumsum(sizes)[:-1])
    return pd.Series([" ".join(one) for one in drawn], dtype="str")


def test_what_counts_as_running_text() -> None:
    assert is_free_text(texts(20, seed=1))
    for values in (
        pd.Series(["Married-civ-spouse", "Never-married"] * 10),
        pd.Series([1.5, 2.5]),
        pd.Series([None, None], dtype=object),
        pd.Series(pd.to_datetime(["2024-01-01"])),
    ):
        assert not is_free_text(values)


def test_common_words_and_what_is_strange_beside_them() -> None:
    some = ["The cat sat.", "the dog", "A CAT"] * 20
    common = common_words(some)
    assert common == ("a", "cat", "dog", "sat", "the")
    length, strange = length_and_strangeness(["The cat ran far", "", "zebra"], common)
    assert length.tolist() == [4, 0, 1]
    assert strange.tolist() == [0.5, 0, 1]
    assert common_words(["rare word"] * 3) == ()


# --- drift -----------------------------------------------------------------------------------------------------------


def test_without_drift_the_test_of_texts_holds_its_level() -> None:
    found = []
    for seed in range(40):
        both = texts(1_000, seed=100 + seed, mean=20)
        reference = drift.profile(pd.DataFrame({"text": both[:500]}))
        found.append(drift.compare(reference, pd.DataFrame({"text": both[500:]})).features["text"].p_value)
    assert (np.array(found) < 0.05).mean() <= 0.15
    assert kstest(found, "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("longer", lambda t: t + " " + t),
        ("other words", lambda t: t.str.replace("ka", "ze").str.replace("lo", "xy")),
        ("gone", lambda t: t.where(np.arange(len(t)) % 2 == 0)),
    ],
)
def test_drift_of_texts_is_seen(name: str, changed: Any) -> None:
    both = texts(4_000, seed=2)
    reference = drift.profile(pd.DataFrame({"text": both[:2_000]}))
    again = drift.Profile.from_dict(reference.to_dict())
    assert again == reference
    new = pd.DataFrame({"text": changed(both[2_000:].reset_index(drop=True))})
    report = drift.compare(again, new)
    assert report.alerts(maximum_psi=0.2, alpha=0.05, minimum_rows=500) == ("text",), name
    assert drift.compare(again, pd.DataFrame({"text": both[2_000:]})).features["text"].psi < 0.05


def test_the_drift_table_tells_texts_by_their_words() -> None:
    both = texts(2_000, seed=3)
    old, new = (
        pd.DataFrame({"text": part, "n": np.arange(1_000) % 7}) for part in (both[:1_000], both[1_000:] + " zz")
    )
    same = drift_table.compare(old, pd.DataFrame({"text": both[1_000:].to_numpy(), "n": np.arange(1_000) % 7}))
    column = same.columns["text"]
    assert (column.kind, column.status) == ("text", "stable")
    assert sum(share for _, share, _ in column.bins) == pytest.approx(1)
    assert column.bins[0][0].startswith("words below")
    assert drift_table.compare(old, new).columns["text"].psi > column.psi
    assert drift_table.compare(old, new.assign(text=both[1_000:].str[:45].to_numpy())).status == "drift"


# --- leakage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [True, False])
def test_the_strongest_word_is_scipys_somers_d(classes: bool) -> None:
    """One word at a time against scipy's D, in both directions where there are two classes."""
    rng = np.random.default_rng(4)
    said = texts(300, seed=5, mean=6)
    target = (rng.random(300) < 0.4).astype(float) if classes else np.round(rng.normal(size=300), 1)
    said = said.where(target <= 0.5, said + " good")
    best = 0.0
    for word in {w for text in said for w in text.split()}:
        has = said.str.split().apply(lambda words, w=word: w in words).to_numpy().astype(int)
        if 20 <= has.sum() <= 280:
            best = max(best, abs(somersd(has, target).statistic))
            if classes:
                best = max(best, abs(somersd(target, has).statistic))
    assert strongest_word(said, target, least_rows=20, two_classes=classes) == pytest.approx(best)


def test_a_word_that_gives_the_answer_away_is_found() -> None:
    rng = np.random.default_rng(6)
    target = (rng.random(1_000) < 0.5).astype(float)
    said = texts(1_000, seed=7)
    assert dependence(said, target) < 0.3
    assert np.isnan(dependence(said, target)) == np.False_
    leaking = said + pd.Series(np.where(target == 1, " tenstars", ""))
    assert dependence(leaking, target) == pytest.approx(1)
    problem = REVIEWS.PROBLEM
    for values, status in ((said, "pass"), (leaking, "fail")):
        report = scan(problem, feature_names=["text"], features=pd.DataFrame({"text": values}), target=target)
        assert report.status == status, report
        assert report.constant == ()
    assert "'text' orders the target" in report.findings[0].note
    assert np.isnan(dependence(pd.Series(["unlike " + str(i) * 50 for i in range(400)]), target[:400]))


# --- quality ---------------------------------------------------------------------------------------------------------


def test_the_quality_report_tells_how_long_texts_are() -> None:
    rows, dropped = REVIEWS.clean(REVIEWS.simulate(rows=500, seed=8))
    parts = rows[rows["split"] == "train"], rows[rows["split"] == "holdout"]
    found = quality(REVIEWS.PROBLEM, *parts, dropped, now=datetime(2026, 1, 1, tzinfo=UTC))
    lengths = rows["text"].str.len()
    assert found["columns"]["text"]["maximum"] == f"{lengths.max():,} characters"
    assert found["columns"]["text"]["minimum"] == f"{lengths.min():,} characters"
    assert "minimum" not in found["columns"]["review_id"]
    assert f"{lengths.max():,} characters" in to_markdown("Quality", found)
