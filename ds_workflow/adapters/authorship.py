"""Who wrote a file, by the git that keeps it."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ds_workflow.adapters import git

MOST = 1_000  # commits of one file that are looked at
_RECORD, _FIELD = "\x1e", "\x1f"

Meaning = Callable[[bytes], str]


@dataclass(frozen=True)
class Edits:
    """Who changed what a file says. `names` holds of each commit its author and committer: name, address, and the
    address up to its @. `known` is False where git can't tell all of them; `uncommitted` where what stands there was
    never committed, so that nobody's name stands on it."""

    names: tuple[str, ...] = ()
    known: bool = True
    uncommitted: bool = False


@dataclass(frozen=True)
class _Commit:
    names: tuple[str, ...]
    says: str


def digest(content: bytes) -> str:
    """SHA-256, 64 hex digits: what a file says when every byte counts."""
    return hashlib.sha256(content).hexdigest()


def edits(path: Path, *, since: str = "", meaning: Meaning = digest) -> Edits:
    """Everybody who changed what a file says, from now back to the version whose meaning is `since` (else: all).

    A commit after which the file means the same as before, by `meaning`, changed nothing. Outside git, for a file that
    git ignores, and where a shallow clone ends too early, not all are known. A file that never was gives no names.
    """
    try:
        now = meaning(path.read_bytes())
    except OSError:
        now = ""
    folder = next(one for one in path.parents if one.is_dir())
    shallow = git.said(folder, "rev-parse", "--is-shallow-repository")
    if shallow is None:
        return Edits(known=not now)
    name = str(path.relative_to(folder))
    told = git.said(folder, "log", "--follow", "--name-only", f"--max-count={MOST}",
                f"--format={_RECORD}%H{_FIELD}%an{_FIELD}%ae{_FIELD}%cn{_FIELD}%ce", "--", name)  # fmt: skip
    commits = _commits(folder, told or "", meaning)
    if now and now == since:
        return Edits()
    if now != (commits[0].says if commits else ""):
        ignored = not commits and git.said(folder, "check-ignore", "--quiet", "--", name) is not None
        return Edits(known=False, uncommitted=not ignored, names=_since(commits, since)[0])
    names, whole = _since(commits, since)
    return Edits(names, known=whole or (shallow.strip() == "false" and len(commits) < MOST))


def _since(commits: Sequence[_Commit], since: str) -> tuple[tuple[str, ...], bool]:
    """The names of those who changed something, and whether the version `since` was come to."""
    found: list[str] = []
    for at, commit in enumerate(commits):
        if since and commit.says == since:
            return tuple(dict.fromkeys(found)), True
        if commit.says != (commits[at + 1].says if at + 1 < len(commits) else ""):
            found += commit.names
    return tuple(dict.fromkeys(found)), False


def _commits(folder: Path, told: str, meaning: Meaning) -> list[_Commit]:
    """Newest first, each with what the file said after it; '' where it was deleted."""
    rows = [part.strip("\n").split("\n") for part in told.split(_RECORD)[1:]]
    heads = [row[0].split(_FIELD) for row in rows]
    asked = [f"{head[0]}:{row[-1].strip()}" for head, row in zip(heads, rows, strict=True)]
    return [
        _Commit(_names(head[1:]), meaning(content) if content is not None else "")
        for head, content in zip(heads, _contents(folder, asked), strict=True)
    ]


def _names(said: Sequence[str]) -> tuple[str, ...]:
    names = [one.strip() for one in said if one.strip()]
    return tuple(dict.fromkeys([*names, *(one.partition("@")[0] for one in names if "@" in one)]))


def _contents(folder: Path, asked: Sequence[str]) -> list[bytes | None]:
    """What `git cat-file --batch` gives for each; None for what is not there."""
    if not asked:
        return []
    try:
        done = subprocess.run(
            ("git", "-C", str(folder), "cat-file", "--batch"),  # noqa: S607
            input="".join(f"{one}\n" for one in asked).encode(),
            capture_output=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return [None] * len(asked)
    found: list[bytes | None] = []
    rest = done.stdout
    for _ in asked:
        head, _, rest = rest.partition(b"\n")
        words = head.split(b" ")
        if len(words) == 3 and words[2].isdigit():
            size = int(words[2])
            found.append(rest[:size])
            rest = rest[size + 1 :]
        else:
            found.append(None)
    return found
