"""Files on a local disk: the digest of a folder, and a lock between processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from registry.errors import NotFound, Unavailable
from registry.records import digest_of

# MLflow writes this one into a model folder whenever it downloads it by registry name.
REWRITTEN_LATER = frozenset({"registered_model_meta"})
_POLL_SECONDS = 0.02


def folder_digest(folder: Path) -> str:
    """SHA-256, 64 hex digits, over the sorted relative paths and the bytes of every file below `folder`.

    A link counts by where it leads: what stands elsewhere is no part of a model. Files that MLflow rewrites after
    registration don't count. Raises NotFound when no file is there.
    """
    found = sorted(p for p in folder.rglob("*") if (p.is_file() or p.is_symlink()) and p.name not in REWRITTEN_LATER)
    if not found:
        raise NotFound(
            f"The model's files are gone: nothing is left in {folder}.",
            hint="Restore the folder from a backup, or roll back to a version whose files are whole.",
        )
    return digest_of([[path.relative_to(folder).as_posix(), _content(path)] for path in found])


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by relative path; empty when nothing is there."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {path.relative_to(folder).as_posix(): _content(path) for path in files}


def changed_files(folder: Path, digests: Mapping[str, str]) -> list[str]:
    """Which of these files below `folder` are gone or have other bytes; others may be there as well."""
    paths = {name: folder / name for name in digests}
    return [name for name, path in paths.items() if not path.is_file() or _content(path) != digests[name]]


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def file_lock(path: Path, *, seconds: float, busy: str) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the system lets it go when the process dies, however it dies.

    Not re-entrant. Raises Unavailable, saying `busy`, when it can't be had within `seconds`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Unavailable(
            f"The lock {path} can't be made: {error.strerror}.", hint="Check that its folder exists and is writable."
        ) from error
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Unavailable(
                        f"{busy} It did not finish within {seconds:g} s.",
                        hint="Nothing was written. Wait for the other process to end, then repeat the command.",
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)
