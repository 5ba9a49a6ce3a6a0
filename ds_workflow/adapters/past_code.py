"""The code of an earlier commit: checked out beside this one, asked in a process of its own, and taken away again."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ds_workflow.adapters import git
from ds_workflow.errors import InvalidInput, SourceUnavailable, StateConflict, WorkflowError

CHANGES = "+changes"  # what a commit ends with when the checkout differed from it
SECRETS = (
    "DS_WORKFLOW_SIGNING_KEY", "DS_WORKFLOW_PASSWORD", "DS_WORKFLOW_SMTP_PASSWORD", "DS_WORKFLOW_WEBHOOK_SECRET",
    "KAGGLE_KEY", "OPENAI_API_KEY",
)  # fmt: skip
SECONDS = 600  # that the earlier code may take to answer
# the commit and the packages are its own; keys, passwords and tokens are nothing that a replay needs
WITHHELD = frozenset({"DS_WORKFLOW_COMMIT", "PYTHONPATH", *SECRETS})
_git = partial(git.said, seconds=120)  # checking out takes its time
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_KINDS: dict[int, type[WorkflowError]] = {2: InvalidInput, 3: StateConflict}


def is_commit(text: str) -> bool:
    """Whether this names a commit whose code can be checked out as it was."""
    return bool(_COMMIT.fullmatch(text))


def same(one: str, other: str) -> bool:
    """Whether both name the same code; two checkouts with changes may differ although they say the same."""
    return one == other and is_commit(one)


def short(commit: str) -> str:
    """The first 12 digits, and whether the checkout differed from it."""
    return commit.removesuffix(CHANGES)[:12] + (CHANGES if commit.endswith(CHANGES) else "")


def require_commit(repo: Path, commit: str) -> str:
    """The commit, when its code can be checked out of `repo`.

    Raises StateConflict for code that was never committed, InvalidInput for no commit of this repository, and
    SourceUnavailable where there is no git.
    """
    plain = commit.removesuffix(CHANGES)
    if plain != commit:
        raise StateConflict(
            f"It was written by {plain[:12]} with changes that were never committed: that code can't be checked out.",
            hint="Replay it by the code at hand, without --at-commit.",
        )
    if not is_commit(plain):
        raise InvalidInput(
            f"Which code wrote it is not known: it says '{plain or 'nothing'}', which is no commit.",
            hint="Replay it by the code at hand, without --at-commit.",
        )
    if _git(repo, "rev-parse", "--git-dir") is None:
        raise SourceUnavailable(
            f"{repo} is no git checkout, or git is not installed, so the code of {plain[:12]} can't be had.",
            hint="Run this in a clone of the repository.",
        )
    if _git(repo, "cat-file", "-e", f"{plain}^{{commit}}") is None:
        raise InvalidInput(
            f"Commit {plain[:12]} is not in {repo}.",
            hint=f"Fetch it: git -C {shlex.quote(str(repo))} fetch origin {plain}",
        )
    # Evidence says itself which commit wrote it, and what was never part of this code's history nobody reviewed.
    if _git(repo, "merge-base", "--is-ancestor", plain, "HEAD") is None:
        raise InvalidInput(
            f"Commit {plain[:12]} is not in the history of what is checked out in {repo}, so its code is not run.",
            hint="Look at that commit; then replay by hand, with the commands that 'arena-replay' prints.",
        )
    return plain


@contextmanager
def checked_out(repo: Path, commit: str, *, below: Path | None = None) -> Iterator[Path]:
    """A folder with the files of that commit, for as long as it is used; raises as `require_commit`. It is made `below`
    a folder, by default the machine's for what is temporary."""
    plain = require_commit(repo, commit)
    folder = Path(mkdtemp(prefix="arena-replay-", dir=below))
    place = folder / plain[:12]
    try:
        if _git(repo, "worktree", "add", "--quiet", "--detach", str(place), plain) is None:
            raise SourceUnavailable(
                f"git could not check out {plain[:12]} into {place}.",
                hint="Is the disk full, or the checkout read-only?",
            )
        yield place
    finally:
        _git(repo, "worktree", "remove", "--force", str(place))
        shutil.rmtree(folder, ignore_errors=True)
        _git(repo, "worktree", "prune")


def ask(place: Path, words: Sequence[str], *, seconds: float = SECONDS) -> dict[str, Any]:
    """The JSON document of a command, run by the code in `place` with this Python and its libraries.

    It is not given what signs or logs in. Exit codes 0 and 1 are answers. Raises InvalidInput, StateConflict or
    SourceUnavailable, as that code's exit says.
    """
    kept = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    command = (sys.executable, "-P", "-m", "ds_workflow", *words, "--json")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds, cwd=place,
            env={**kept, "PYTHONPATH": str(place)},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailable(f"The code in {place.name} did not answer within {seconds:g} s.") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if done.returncode in (0, 1) and isinstance(answer, dict) and "ok" in answer:
        return answer
    said = answer.get("error", {}).get("message") if isinstance(answer, dict) else None
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    raise _KINDS.get(done.returncode, SourceUnavailable)(
        f"The code of {place.name} can't replay it: {said or last.removeprefix('Error: ')}",
        hint="A ledger of a newer release, for one, is not read by an older one. Without --at-commit the code at hand "
        "replays it.",
    )


def by_hand(repo: Path, commit: str, words: Sequence[str]) -> tuple[str, ...]:
    """The commands that do the same, to be typed: check out, ask, take away."""
    plain = commit.removesuffix(CHANGES)
    place, at = shlex.quote(str(repo.with_name(f"replay-{plain[:12]}"))), shlex.quote(str(repo))
    return (
        f"git -C {at} worktree add --detach {place} {plain}",
        f"DS_WORKFLOW_PYTHON={shlex.quote(sys.executable)} {place}/scripts/ds_workflow.sh {shlex.join(words)}",
        f"git -C {at} worktree remove --force {place}",
    )
