"""Folders that are built out of sight and take their place when they are whole.

Whoever builds holds a lock on the folder, which the system lets go when the process dies, however it dies. So what was
left half built is known from what somebody builds right now, and the next one to build there clears it away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp


@contextmanager
def building(place: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `place`, made if there is none, for what is to be renamed when it is whole; whatever is left of
    it is removed at the end, and what earlier ones left is removed first. `prefix` begins with a dot."""
    place.mkdir(parents=True, exist_ok=True)
    for old in abandoned(place, prefix):
        shutil.rmtree(old, ignore_errors=True)
    folder, handle = _made(place, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def abandoned(place: Path, *prefixes: str) -> list[Path]:
    """The folders in `place` that a process which is no more left half built, by name."""
    try:
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(prefixes))
    except OSError:
        return []
    return [place / name for name in names if _let_go(place / name)]


def _made(place: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(mkdtemp(prefix=prefix, dir=place))
        with suppress(OSError):  # somebody cleared it away before it was locked
            handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if folder.exists():
                return folder, handle
            os.close(handle)


def _let_go(folder: Path) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)
