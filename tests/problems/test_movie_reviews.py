"""movie_reviews: reading archive, folder and tables, refusing harmful ones, cleaning, features, the simulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.adapters import models, scorer
from ds_workflow.domain.contract import check_rows
from ds_workflow.domain.metrics import METRICS
from ds_workflow.domain.quality import violations
from ds_workflow.domain.snapshot import HOLDOUT, TRAIN, conform, digest, holdout_mask
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, LeakageRefused, UnknownName
from ds_workflow.problems.movie_reviews.source import tidy

REVIEWS = plugins.load("problems", "movie_reviews")
PROBLEM = REVIEWS.PROBLEM


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    made: pd.DataFrame = REVIEWS.simulate(rows=8_000, seed=7)
    return made


# --- tables ----------------------------------------------------------------------------------------------------------


def test_a_table_under_other_names_is_read_and_dealt(tmp_path: Path) -> None:
    pd.DataFrame({"review": ["Good.", "Bad.", ""], "sentiment": ["positive", "negative", "negative"]}).to_csv(
        tmp_path / "reviews.csv", index=False
    )
    rows, dropped = REVIEWS.clean(REVIEWS.load(tmp_path / "reviews.csv"))
    assert rows.set_index("text")["positive"].to_dict() == {"Good.": 1, "Bad.": 0}
    assert dropped["no text"] == 1
    assert (rows["film"] == rows["review_id"]).all(), "a review without a film is a film of its own"


BAD = {
    "columns": (b"review,stars\nx,1\n", "has no column label"),
    "two of one": (b"text,review,label\nx,y,pos\n", "two columns for 'text'"),
    "stars": (b"text,label,rating\nx,pos,9\ny,neg,few\n", "row 2: column 'rating' holds 'few'"),
    "label": (b"text,label\nx,pos\ny,so-so\n", "Column 'label', row 2: 'so-so'.*Known: neg, pos"),
    "part": (b"text,label,split\nx,pos,dev\n", "Column 'split', row 1: 'dev'.*Known: train, test, holdout"),
    "contradiction": (b"text,label,rating\nx,pos,9\ny,pos,3\n", "row 2: 3 stars on a positive review"),
    "half a star": (b"text,label,rating\nx,pos,8.5\n", "8.5 stars"),
    "nothing left": (b"text,label\n,pos\nx,\n", "None of the 2 rows is a labelled review"),
    "fields": (b'text,label\n"x,pos\n', "not a regular csv|no rows"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_table_is_refused_in_words(kind: str, tmp_path: Path) -> None:
    content, words = BAD[kind]
    (tmp_path / "reviews.csv").write_bytes(content)
    with pytest.raises(InvalidInput, match=words) as caught:
        REVIEWS.clean(REVIEWS.load(tmp_path / "reviews.csv"))
    assert caught.value.hint


# --- cleaning --------------------------------------------------------------------------------------------------------


def test_a_review_with_both_labels_goes() -> None:
    raw = pd.DataFrame(
        [
            ("Fine.", "pos", None, "f1", "train"),
            ("Fine.", "neg", None, "f2", "test"),
            ("Dull.", "neg", None, "f2", "test"),
            ("Dull.", "neg", None, "f3", "test"),
        ],
        columns=["text", "label", "rating", "film_id", "split"],
    )
    rows, dropped = REVIEWS.clean(raw)
    assert rows["text"].tolist() == ["Dull."]
    assert (dropped["the same review with both labels"], dropped["the same review twice"]) == (2, 1)


def test_ids_tell_nothing_and_do_not_depend_on_the_order(simulated: pd.DataFrame) -> None:
    some = simulated.head(1_000)
    first, _ = REVIEWS.clean(some)
    again, _ = REVIEWS.clean(some.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(first, again)
    dealt, _ = REVIEWS.clean(some.assign(split=None))
    assert dealt.groupby("film")["split"].nunique().max() == 1, "a film is never on both sides"
    flipped, _ = REVIEWS.clean(some.assign(label=some["label"].map({"pos": "neg", "neg": "pos"}), rating=np.nan))
    assert flipped["review_id"].tolist() == first["review_id"].tolist()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one<br />two<BR>three<br/>", "one two three"),
        ("  a \t b\n\u00a0c\x85d ", "a b c d"),
        ("it\u2019s", "it's"),
        ("i < 3 <b>films</b>", "i < 3 <b>films</b>"),
        ("", ""),
    ],
)
def test_a_text_is_tidied_once_and_for_all(text: str, said: str) -> None:
    assert tidy(text) == said == tidy(said)


# --- declaration and features ----------------------------------------------------------------------------------------


def test_nothing_but_the_text_is_an_input() -> None:
    assert [c.name for c in PROBLEM.inputs] == ["text"]
    for name in ("rating", "film", "split", "positive"):
        with pytest.raises(LeakageRefused, match=name):
            PROBLEM.refuse_leak(name)
    assert "target in numbers" in PROBLEM.forbidden["rating"]
    _, errors = check_rows(PROBLEM, [{"text": "Fine.", "rating": 9}, {"text": ""}, {"text": "x" * 20_001}])
    assert [(e.row, e.field) for e in errors] == [(0, "rating"), (1, "text"), (2, "text")]


@pytest.mark.parametrize("version", [fs.version for fs in PROBLEM.feature_sets])
def test_features_of_a_request_are_those_of_the_table(version: str, simulated: pd.DataFrame) -> None:
    """A request carries the text as it was written, a table of cleaned rows as it was tidied."""
    some = simulated.drop_duplicates("text").head(200)
    rows, _ = REVIEWS.clean(some)
    featurizer = REVIEWS.featurizer(version, seed=1)
    table = featurizer.fit_transform(rows, rows["positive"])
    assert list(table.columns) == [*PROBLEM.feature_set(version).features, PROBLEM.segment_column]
    assert list(table.columns) == featurizer.get_feature_names_out().tolist()
    assert (table[PROBLEM.segment_column] == rows["length_band"]).all()
    request, errors = check_rows(PROBLEM, [{"text": text} for text in some["text"]])
    assert not errors
    asked = featurizer.transform(request).set_index("text").loc[rows["text"]].reset_index()
    pd.testing.assert_frame_equal(asked, table[asked.columns])
    compiled = featurizer.compiled()([{"text": text} for text in rows["text"]])
    assert [tuple(row) for row in compiled.values] == list(
        table.drop(columns="length_band").itertuples(index=False, name=None)
    )
    assert list(compiled.groups) == rows["length_band"].tolist()


def test_features_mean_what_they_say() -> None:
    request, _ = check_rows(PROBLEM, [{"text": "WHAT a FILM! Why?<br />Who knows? I do!!"}, {"text": "word " * 250}])
    made = REVIEWS.featurizer("v2.0", seed=1).fit_transform(request)
    assert made["text"].iloc[0] == "WHAT a FILM! Why? Who knows? I do!!"
    assert np.expm1(made["words_log"]).tolist() == pytest.approx([8, 250])
    assert np.expm1(made["exclamations_log"]).tolist() == pytest.approx([3, 0])
    assert np.expm1(made["questions_log"]).tolist() == pytest.approx([2, 0])
    assert made["capitals_share"].tolist() == pytest.approx([2 / 8, 0])
    assert made["length_band"].tolist() == ["SHORT", "LONG"]
    with pytest.raises(UnknownName, match=r"v1\.0, v2\.0"):
        REVIEWS.featurizer("v9", seed=1)


# --- the simulator ---------------------------------------------------------------------------------------------------


def test_the_simulator_is_seeded_and_keeps_the_declaration(simulated: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(REVIEWS.simulate(rows=300, seed=3), REVIEWS.simulate(rows=300, seed=3))
    assert not REVIEWS.simulate(rows=300, seed=3).equals(REVIEWS.simulate(rows=300, seed=4))
    rows, dropped = REVIEWS.clean(simulated)
    frame = conform(PROBLEM, rows)
    assert violations(PROBLEM, frame) == []
    assert holdout_mask(PROBLEM, frame).mean() == pytest.approx(0.5, abs=0.03)
    assert 0 < dropped["in training and holdout, kept in the holdout"] < 0.01 * len(simulated)
    with pytest.raises(InvalidInput, match="at least 1"):
        REVIEWS.simulate(rows=0, seed=1)


def test_the_simulator_looks_like_the_public_reviews(simulated: pd.DataFrame) -> None:
    """Beside each figure that of the 50,000 public reviews."""
    text, bad = simulated["text"], simulated["label"] == "neg"
    words = text.str.replace("<br />", " ").str.split().str.len()
    assert words.quantile([0.1, 0.25, 0.5, 0.75, 0.9]).tolist() == pytest.approx([89, 125, 171, 278, 447], rel=0.2)
    assert words.mean() == pytest.approx(229, rel=0.15)
    stars = simulated["rating"].value_counts(normalize=True)
    public = {1: 0.202, 2: 0.092, 3: 0.099, 4: 0.107, 7: 0.096, 8: 0.117, 9: 0.092, 10: 0.195}
    assert stars.sort_index().to_dict() == pytest.approx(public, abs=0.02)
    assert text.str.contains("<br").mean() == pytest.approx(0.584, abs=0.03)
    assert text.str.count("!").mean() == pytest.approx(0.98, abs=0.2)
    assert text.str.count(r"\?")[bad].mean() == pytest.approx(0.907, abs=0.25)
    assert text.str.count(r"\?")[~bad].mean() == pytest.approx(0.387, abs=0.15)
    films = simulated.groupby("film_id")
    assert films.size().mean() == pytest.approx(7.1, abs=1.0)
    assert films.size().max() == 30
    assert simulated["film_id"].nunique() > 1_000
    # reviewers of one film agree: the share of favourable ones spreads widely between films of ten reviews or more
    shares = films["label"].apply(lambda labels: (labels == "pos").mean())[films.size() >= 10]
    assert shares.std() == pytest.approx(0.406, abs=0.04)
    for _, part in simulated.groupby("split"):
        assert (part["label"] == "pos").mean() == pytest.approx(0.5, abs=0.01)


# --- the real reviews ------------------------------------------------------------------------------------------------


@pytest.mark.real_data
def test_nine_in_ten_of_the_official_test_reviews_are_told_right(real_data: Path) -> None:
    """All 25,000 official test reviews, the challenger trained on the official training reviews."""
    raw = REVIEWS.load(real_data / "imdb_reviews" / "aclImdb_labelled_50k.parquet")
    rows, dropped = REVIEWS.clean(raw)
    assert dropped["in training and holdout, kept in the holdout"] == 123
    assert (len(rows), sum(dropped.values())) == (49_578, 422)
    frame = conform(PROBLEM, rows)
    assert violations(PROBLEM, frame) == []
    assert (len(digest(PROBLEM, frame)), holdout_mask(PROBLEM, frame).sum()) == (64, 24_799)
    train, holdout = rows[rows["split"] == TRAIN], rows[rows["split"] == HOLDOUT]
    y = train["positive"].to_numpy(dtype=float)
    featurizer = REVIEWS.featurizer("v1.0", seed=1)
    module = plugins.load("strategies", "text_ratio")
    estimator = module.build(PROBLEM, StrategyOptions(), PROBLEM.feature_set("v1.0").features)
    model = models.assemble(featurizer, estimator.fit(featurizer.fit_transform(train, y), y, clusters=train["film"]))
    scored = models.score(model, PROBLEM, holdout)
    # a review that stands twice in the official test is told alike each time
    answers = pd.Series(scored.prediction >= 0.5, index=holdout["text"])
    official = raw[raw["split"] == "test"]
    right = answers.loc[[tidy(text) for text in official["text"]]].to_numpy() == (official["label"] == "pos").to_numpy()
    assert len(right) == 25_000
    assert right.mean() >= 0.90
    assert METRICS["ece"](scored) <= 0.01
    quick = scorer.compiled(model)
    assert quick is not None
    assert scorer.prove(PROBLEM, model, quick, holdout.head(300)).equal
    said = estimator.explain_words(featurizer.transform(holdout.iloc[:50]), top=10)
    assert all(len(row) == 10 for row in said)
