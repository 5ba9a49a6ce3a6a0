"""movie_reviews: reading archive, folder and tables, refusing harmful ones, cleaning, features, the simulator."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
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
from ds_workflow.problems.movie_reviews.archive import Limits, read_packed
from ds_workflow.problems.movie_reviews.source import tidy

REVIEWS = plugins.load("problems", "movie_reviews")
PROBLEM = REVIEWS.PROBLEM
FILES = {
    "aclImdb/README": "Large Movie Review Dataset v1.0",
    "aclImdb/train/pos/0_9.txt": "A wonderful film.<br /><br />Don\u2019t miss it!",
    "aclImdb/train/pos/1_7.txt": "Good enough, I\u2019d say: na\u00efve and warm.",
    "aclImdb/train/neg/0_1.txt": "A waste of time.",
    "aclImdb/train/unsup/0_0.txt": "Nobody said whether this is good.",
    "aclImdb/train/urls_pos.txt": "http://films.test/title/tt0001/usercomments\nhttp://films.test/title/tt0002/x\n",
    "aclImdb/train/urls_neg.txt": "http://films.test/title/tt0001/usercomments\n",
    "aclImdb/train/labeledBow.feat": "9 0:1 1:2",
    "aclImdb/test/neg/0_4.txt": "Dull.",
    "aclImdb/test/pos/0_10.txt": "A wonderful film. Don't miss it!",
}  # fmt: skip


def packed(path: Path, files: dict[str, str], *, add: Callable[[tarfile.TarFile], None] | None = None) -> Path:
    """An archive of these files, and whatever `add` puts behind them."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            content = text.encode()
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if add:
            add(tar)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The published folder, unpacked."""
    for name, text in FILES.items():
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "unpacked"


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    made: pd.DataFrame = REVIEWS.simulate(rows=8_000, seed=7)
    return made


# --- the archive -----------------------------------------------------------------------------------------------------


def test_the_archive_is_read_whole_and_nothing_is_written(tmp_path: Path) -> None:
    path = packed(tmp_path / "aclImdb_v1.tar.gz", FILES)
    raw = REVIEWS.load(path)
    assert [p.name for p in tmp_path.iterdir()] == ["aclImdb_v1.tar.gz"]
    assert raw[["split", "label", "rating", "film_id"]].fillna("none").to_numpy().tolist() == [
        ["test", "neg", 4.0, "none"],
        ["test", "pos", 10.0, "none"],
        ["train", "neg", 1.0, "tt0001"],
        ["train", "pos", 9.0, "tt0001"],
        ["train", "pos", 7.0, "tt0002"],
    ]
    assert raw["text"].iloc[4] == FILES["aclImdb/train/pos/1_7.txt"]
    assert raw.attrs["notes"] == ("1 reviews without a label were left out",)


def test_the_unpacked_folder_says_the_same(folder: Path, tmp_path: Path) -> None:
    expected = REVIEWS.load(packed(tmp_path / "a.tar.gz", FILES))
    (folder / "aclImdb" / "train" / "pos" / ".DS_Store").write_bytes(b"\x00\x01")
    for given in (folder, folder / "aclImdb"):
        pd.testing.assert_frame_equal(REVIEWS.load(given), expected)


def member(name: str = "aclImdb/x", kind: bytes = tarfile.REGTYPE, **given: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in given.items():
        setattr(info, key, value)
    return info


HARMFUL = {
    "absolute": (member("/etc/cron.d/job"), "leads out of the folder"),
    "up": (member("../../outside.txt"), "leads out of the folder"),
    "up from within": (member("aclImdb/train/../../../outside.txt"), "leads out of the folder"),
    "backslashes": (member("..\\..\\outside.txt"), "leads out of the folder"),
    "a drive": (member("C:outside.txt"), "leads out of the folder"),
    "a line break": (member("aclImdb/a\nb"), "leads out of the folder"),
    "a symbolic link": (member("aclImdb/train/pos/2_8.txt", tarfile.SYMTYPE, linkname="/etc/passwd"), "holds a link"),
    "a link to a folder": (member("aclImdb/train", tarfile.SYMTYPE, linkname="/etc"), "holds a link"),
    "a hard link": (member("aclImdb/h", tarfile.LNKTYPE, linkname="../../etc/passwd"), "holds a link"),
    "a character device": (member("aclImdb/null", tarfile.CHRTYPE, devmajor=1, devminor=3), "neither a file"),
    "a block device": (member("aclImdb/disk", tarfile.BLKTYPE, devmajor=8), "neither a file"),
    "a pipe": (member("aclImdb/pipe", tarfile.FIFOTYPE), "neither a file"),
    "a review of 4 GB": (member("aclImdb/test/pos/9_9.txt", size=4 * 2**30), "a file of 4,294,967,296 bytes"),
    "a review of 5 MB": (member("aclImdb/test/pos/9_9.txt", size=5 * 2**20), "a file of 5,242,880 bytes"),
    "a header of 1 GB": (member("pax", tarfile.XHDTYPE, size=2**30), "absurd size"),
    "a long name of 1 GB": (member("name", tarfile.GNUTYPE_LONGNAME, size=2**30), "absurd size"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HARMFUL)
def test_a_harmful_archive_is_refused_and_touches_nothing(kind: str, tmp_path: Path) -> None:
    info, words = HARMFUL[kind]

    def add(tar: tarfile.TarFile) -> None:
        tar.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))  # type: ignore[union-attr]
        tar.offset += 512

    inner = tmp_path / "inner"
    inner.mkdir()
    path = packed(inner / "reviews.tar.gz", FILES, add=add)
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    with pytest.raises(InvalidInput, match=words) as caught:
        REVIEWS.load(path)
    assert caught.value.hint
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before
    assert not (tmp_path / "outside.txt").exists()


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    def zeros(tar: tarfile.TarFile) -> None:
        for name in ("a.feat", "b.feat"):
            tar.addfile(member(f"aclImdb/{name}", size=3 * 2**20), io.BytesIO(bytes(3 * 2**20)))

    path = packed(tmp_path / "bomb.tar.gz", FILES, add=zeros)
    assert path.stat().st_size < 20_000
    small = Limits(one_read=2**20, total=4 * 2**20)
    with pytest.raises(InvalidInput, match="more than 4,194,304 bytes, unpacked"):
        read_packed(path, limits=small)
    with pytest.raises(InvalidInput, match="more than 5 files"):
        read_packed(path, limits=Limits(members=5))
    assert len(read_packed(path)) == 5, "within the limits it is an archive like any other"


def test_headers_about_headers_end(tmp_path: Path) -> None:
    def chain(tar: tarfile.TarFile) -> None:
        for _ in range(3_000):
            tar.fileobj.write(member("n", tarfile.GNUTYPE_LONGNAME, size=2).tobuf(tarfile.GNU_FORMAT))  # type: ignore[union-attr]
            tar.fileobj.write(b"n\0".ljust(512, b"\0"))  # type: ignore[union-attr]

    with pytest.raises(InvalidInput, match="without end"):
        REVIEWS.load(packed(tmp_path / "chain.tar.gz", FILES, add=chain))


def test_a_damaged_archive_is_refused_in_words(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes(40_000).hex()
    whole = packed(tmp_path / "whole.tar.gz", {**FILES, "aclImdb/imdb.vocab": noise}).read_bytes()
    for name, content, words in (
        ("cut.tar.gz", whole[: len(whole) // 2], "not a whole archive"),
        ("bits.tar.gz", whole[:2_000] + b"\xff" * 40 + whole[2_040:], "not a whole archive"),
        ("none.tar.gz", b"no archive at all" * 60, "not a whole archive"),
        ("empty.tar", b"\0" * 10_240, "holds no reviews"),
        ("nothing.tgz", b"", "is empty"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidInput, match=words) as caught:
            REVIEWS.load(tmp_path / name)
        assert name in str(caught.value) and caught.value.hint


def test_what_is_no_review_is_named(tmp_path: Path) -> None:
    def without(*names: str) -> dict[str, str]:
        return {name: text for name, text in FILES.items() if name not in names}

    more = {"aclImdb/train/pos/notes.txt": "x"}, {"aclImdb/train/neg/0_2.txt": "again"}
    for files, words in (
        ({**FILES, **more[0]}, "train/pos/notes.txt is not named"),
        ({**FILES, **more[1]}, "review 0 of train/neg stands there twice"),
        ({**FILES, "aclImdb/train/urls_pos.txt": "x\n"}, "urls_pos.txt has 1 lines, and there is a review 1"),
        ({"aclImdb/README": "x"}, "holds no reviews"),
    ):
        with pytest.raises(InvalidInput, match=words):
            REVIEWS.load(packed(tmp_path / "odd.tar.gz", files))
    assert (
        REVIEWS.load(packed(tmp_path / "a.tar.gz", without("aclImdb/train/urls_pos.txt")))["film_id"].notna().sum() == 1
    )

    def latin(tar: tarfile.TarFile) -> None:
        tar.addfile(member("aclImdb/test/pos/1_8.txt", size=5), io.BytesIO("na\u00efve".encode("latin-1")))

    with pytest.raises(InvalidInput, match=r"test/pos/1_8\.txt is not UTF-8 text"):
        REVIEWS.load(packed(tmp_path / "latin.tar.gz", FILES, add=latin))


def test_links_in_a_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("not a review")
    review = folder / "aclImdb" / "train" / "neg" / "7_2.txt"
    review.symlink_to(secret)
    with pytest.raises(InvalidInput, match="is a link"):
        REVIEWS.load(folder)
    review.unlink()
    (folder / "aclImdb" / "test").rename(tmp_path / "elsewhere")
    (folder / "aclImdb" / "test").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match="is a link"):
        REVIEWS.load(folder)
    with pytest.raises(InvalidInput, match="neither train nor test"):
        REVIEWS.load(tmp_path / "elsewhere")


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


def test_a_review_in_both_parts_stays_in_the_holdout(tmp_path: Path) -> None:
    """The same words with and without line breaks and typographic apostrophe are the same review."""
    rows, dropped = REVIEWS.clean(REVIEWS.load(packed(tmp_path / "a.tar.gz", FILES)))
    assert dropped == {
        "no text": 0,
        "no label": 0,
        "the same review with both labels": 0,
        "in training and holdout, kept in the holdout": 1,
        "the same review twice": 0,
    }
    twice = rows[rows["text"] == "A wonderful film. Don't miss it!"]
    assert twice["split"].tolist() == [HOLDOUT]
    assert sorted(rows["split"]) == [HOLDOUT, HOLDOUT, TRAIN, TRAIN]


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
    keys = ["review_id", "text", "positive", "split"]
    pd.testing.assert_frame_equal(first[keys], again[keys])
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
