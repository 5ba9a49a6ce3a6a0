"""The archive of film reviews, packed and unpacked: read whole, and refused where it would harm."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.domain.snapshot import HOLDOUT, TRAIN
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.movie_reviews.archive import Limits, read_packed

REVIEWS = plugins.load("problems", "movie_reviews")
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
