"""The archive of reviews, packed or unpacked: one text file each, under `train` or `test`, `neg` or `pos`.

A file's name tells its number and stars (`200_8.txt`); line n of `urls_pos.txt` beside the folder is the page of the
film that review n is about, counted from 0. A packed archive is read from front to back and nothing of it is written,
so no name in it can lead anywhere. What does not belong into such an archive is refused all the same, because whoever
unpacks it by other means would be harmed: names outside its folder, links, devices, sizes that no such archive has.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

import pandas as pd

from ds_workflow.errors import InvalidInput

HINT = (
    "Give aclImdb_v1.tar.gz as its authors publish it, the folder aclImdb unpacked from it, or a .csv or .parquet "
    "table with the columns text and label."
)
PACKED = (".tar.gz", ".tgz", ".tar")
PARTS, LABELS = ("train", "test"), ("neg", "pos")

_REVIEW = re.compile(r"(\d{1,9})_(\d{1,2})\.txt")
_URLS = re.compile(r"urls_(neg|pos)\.txt")
_FILM = re.compile(rb"/title/(tt\d+)")
_MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What no archive of reviews reaches: the published one has 100,000 files and 0.4 GB in all, unpacked; its longest
    review has 14 thousand characters."""

    members: int = 250_000
    one_read: int = 4 * _MIB  # bytes of a file that is read, or of a header
    total: int = 1_024 * _MIB  # bytes in all, unpacked


LIMITS = Limits()


@dataclass
class Collected:
    """Reviews and film pages as they are found, in any order."""

    where: str
    reviews: dict[tuple[str, str, int], tuple[int, str]] = field(default_factory=dict)  # -> stars, text
    films: dict[tuple[str, str], list[str | None]] = field(default_factory=dict)
    unlabelled: int = 0

    def add(self, part: str, label: str, name: str, content: bytes) -> None:
        """One file of a labelled folder. Raises InvalidInput when it is no review or stands there twice."""
        place = f"{part}/{label}/{name}"
        found = _REVIEW.fullmatch(name)
        if not found:
            raise InvalidInput(f"{self.where}: {place} is not named <number>_<stars>.txt, as reviews are.", hint=HINT)
        key = (part, label, int(found[1]))
        if key in self.reviews:
            raise InvalidInput(f"{self.where}: review {key[2]} of {part}/{label} stands there twice.", hint=HINT)
        try:
            self.reviews[key] = (int(found[2]), content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"{self.where}: {place} is not UTF-8 text (byte {error.start}: {content[error.start]:#04x}).",
                hint="Save it as UTF-8, as the published reviews are.",
            ) from error

    def add_films(self, part: str, label: str, content: bytes) -> None:
        """The pages of the films, one a line."""
        found = (_FILM.search(line) for line in content.splitlines())
        self.films[(part, label)] = [film[1].decode() if film else None for film in found]

    def frame(self) -> pd.DataFrame:
        """One row a review, ordered by part, label and number. Raises InvalidInput when there is none."""
        if not self.reviews:
            raise InvalidInput(f"{self.where} holds no reviews under train or test, neg or pos.", hint=HINT)
        rows = []
        for (part, label, number), (stars, text) in sorted(self.reviews.items()):
            films = self.films.get((part, label))
            if films is not None and number >= len(films):
                raise InvalidInput(
                    f"{self.where}: {part}/urls_{label}.txt has {len(films):,} lines, and there is a review {number}.",
                    hint="Unpack the archive again, or take the file of pages away.",
                )
            rows.append((text, label, float(stars), films[number] if films else None, part))
        frame = pd.DataFrame(rows, columns=["text", "label", "rating", "film_id", "split"])
        if self.unlabelled:
            frame.attrs["notes"] = (f"{self.unlabelled:,} reviews without a label were left out",)
        return frame


def read_packed(path: Path, *, limits: Limits = LIMITS) -> pd.DataFrame:
    """The labelled reviews of a packed archive. Raises InvalidInput for one that is damaged or does not keep to what
    archives of reviews hold."""
    found = Collected(path.name)
    try:
        with _opened(path) as plain, tarfile.open(fileobj=_Metered(plain, path.name, limits), mode="r:") as tar:
            for count, member in enumerate(tar, start=1):
                if count > limits.members:
                    raise _absurd(path.name, f"more than {limits.members:,} files")
                name = _checked(member, path.name, limits)
                place = _place(name)
                if member.isdir() or place is None:
                    found.unlabelled += name.parts[-3:-1] == ("train", "unsup") and member.isfile()
                    continue
                if member.size > limits.one_read:
                    raise _absurd(path.name, f"a file of {member.size:,} bytes, {name}")
                content = tar.extractfile(member)
                _take(found, place, content.read() if content else b"")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, OSError) as error:
        raise InvalidInput(f"{path.name} is not a whole archive: {error}", hint="Download it again.") from error
    except RecursionError as error:
        raise _absurd(path.name, "headers about headers without end") from error
    return found.frame()


def read_folder(path: Path, *, limits: Limits = LIMITS) -> pd.DataFrame:
    """The labelled reviews of an unpacked archive, or of the folder that holds it. Links are refused, since they may
    lead out of it."""
    roots = [root for root in (path, path / "aclImdb") if any((root / part).is_dir() for part in PARTS)]
    if not roots:
        raise InvalidInput(f"The folder {path} holds neither train nor test.", hint=HINT)
    found = Collected(str(path))
    for part in PARTS:
        folder = _no_link(roots[0] / part, path)
        if not folder.is_dir():
            continue
        for label in LABELS:
            pages = _no_link(folder / f"urls_{label}.txt", path)
            if pages.is_file():
                _take(found, (part, label, pages.name), _read(pages, path, limits))
            inside = _no_link(folder / label, path)
            for file in sorted(inside.iterdir()) if inside.is_dir() else ():
                if not file.name.startswith("."):
                    _take(found, (part, label, file.name), _read(file, path, limits))
        unlabelled = _no_link(folder / "unsup", path)
        found.unlabelled += sum(1 for _ in unlabelled.glob("*.txt")) if unlabelled.is_dir() else 0
    return found.frame()


def _take(found: Collected, place: tuple[str, str, str], content: bytes) -> None:
    part, label, name = place
    if _URLS.fullmatch(name):
        found.add_films(part, label, content)
    else:
        found.add(part, label, name, content)


def _place(name: PurePosixPath) -> tuple[str, str, str] | None:
    """Part, label and file name of a review or of a file of pages; None for what is neither."""
    parts = name.parts
    if parts[-1].startswith("."):
        return None
    if len(parts) >= 3 and parts[-3] in PARTS and parts[-2] in LABELS:
        return parts[-3], parts[-2], parts[-1]
    pages = _URLS.fullmatch(parts[-1])
    if pages and len(parts) >= 2 and parts[-2] in PARTS:
        return parts[-2], pages[1], parts[-1]
    return None


def _checked(member: tarfile.TarInfo, where: str, limits: Limits) -> PurePosixPath:
    """The member's name, if the member is a plain file or folder inside the archive's own folder."""
    name = member.name
    if not (member.isreg() or member.isdir()) or member.issparse():
        kind = "a link" if member.issym() or member.islnk() else "neither a file nor a folder"
        raise InvalidInput(f"{where} holds {kind}, {name!r}; an archive of reviews has none.", hint=HINT)
    inside = PurePosixPath(name)
    bad = not inside.parts or inside.is_absolute() or ".." in inside.parts or "\\" in name or ":" in name
    if bad or any(ord(c) < 32 for c in name):
        raise InvalidInput(f"{where} holds {name!r}, a name that leads out of the folder.", hint=HINT)
    if member.size > limits.total:
        raise _absurd(where, f"a file of {member.size:,} bytes, {name}")
    return inside


def _absurd(where: str, what: str) -> InvalidInput:
    return InvalidInput(f"{where} holds {what}; no archive of reviews does, so it is not read.", hint=HINT)


def _opened(path: Path) -> IO[bytes]:
    """The archive's bytes, unpacked if they are packed."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


class _Metered(io.RawIOBase):
    """A file that stops whoever reads more of it at once, or gets further into it, than the limits allow."""

    def __init__(self, inner: IO[bytes], where: str, limits: Limits) -> None:
        self.inner, self.where, self.limits = inner, where, limits

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self.limits.one_read:
            raise _absurd(self.where, "a file or header of absurd size")
        self._reach(self.inner.tell() + size)
        return self.inner.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._reach(offset if whence == 0 else self.inner.tell() + offset)
        return self.inner.seek(offset, whence)

    def tell(self) -> int:
        return self.inner.tell()

    def _reach(self, end: int) -> None:
        if end > self.limits.total + self.limits.one_read:
            raise _absurd(self.where, f"more than {self.limits.total:,} bytes, unpacked")


def _no_link(path: Path, root: Path) -> Path:
    if path.is_symlink():
        raise InvalidInput(f"{path.relative_to(root)} in {root} is a link, which may lead out of it.", hint=HINT)
    return path


def _read(path: Path, root: Path, limits: Limits) -> bytes:
    if not _no_link(path, root).is_file():
        raise InvalidInput(f"{path.relative_to(root)} in {root} is no file.", hint=HINT)
    if path.stat().st_size > limits.one_read:
        raise _absurd(str(root), f"a file of {path.stat().st_size:,} bytes, {path.relative_to(root)}")
    return path.read_bytes()
