"""The code of an earlier commit is asked and taken away again, in a repository of a few lines."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ds_workflow.adapters import past_code
from ds_workflow.errors import InvalidInput, SourceUnavailable, StateConflict, WorkflowError

# what it is asked, by which code, and whether a commit was stated; the first word says how it ends
ANSWER = """
import json, os, sys
how = sys.argv[1]
if how == "usage":
    sys.exit("Error: No such command.")
if how == "newer":
    print(json.dumps({"error": {"code": 4, "message": "The ledger has schema version 9."}}))
    sys.exit(4)
if how == "conflict":
    sys.exit(3)
print(json.dumps({"ok": how == "same", "said": sys.argv[1:], "by": VERSION, "home": sys.path[0],
                  "stated": os.environ.get("DS_WORKFLOW_COMMIT"), "key": os.environ.get("DS_WORKFLOW_SIGNING_KEY")}))
sys.exit(how != "same")
"""


@dataclass(frozen=True)
class Past:
    """A repository whose first commit answers as version 1, and whose checkout as version 2."""

    repo: Path
    first: str

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=Ben", "-c", "user.email=ben@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(("git", "-C", str(self.repo), *who, *words), check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def left(self) -> tuple[int, list[Path]]:
        """How many checkouts git knows of, and what lies beside the repository."""
        return len(self.git("worktree", "list").splitlines()), sorted(self.repo.parent.iterdir())


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    repo = tmp_path_factory.mktemp("past") / "repo"
    (repo / "ds_workflow").mkdir(parents=True)
    made = Past(repo, "")
    made.git("init", "--quiet")
    for version in (1, 2):
        (repo / "ds_workflow" / "__main__.py").write_text(f"VERSION = {version}\n{ANSWER}", "utf-8")
        made.git("add", ".")
        made.git("commit", "--quiet", "--message", f"version {version}")
    return Past(repo, made.git("rev-parse", "HEAD~1"))


def ask(past: Past, *words: str) -> dict[str, Any]:
    with past_code.checked_out(past.repo, past.first, below=past.repo.parent) as place:
        return past_code.ask(place, words)


def test_the_code_of_the_commit_answers_with_this_python(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_WORKFLOW_COMMIT", "a" * 40)
    monkeypatch.setenv("DS_WORKFLOW_SIGNING_KEY", "ana.pem")
    before = past.left()
    told = ask(past, "same", "P-1")
    assert (told["by"], told["said"], told["stated"]) == (1, ["same", "P-1", "--json"], None)
    assert told["key"] is None, "earlier code gets nothing to sign with"
    assert Path(told["home"]).is_relative_to(past.repo.parent)
    assert ask(past, "otherwise")["ok"] is False, "a verdict that comes out otherwise is an answer"
    assert past.left() == before


def test_code_that_is_not_in_the_history_is_not_run(past: Past) -> None:
    """Evidence names its commit itself, and a clone also holds what was fetched and never reviewed."""
    aside = past.git("commit-tree", f"{past.first}^{{tree}}", "-p", past.first, "-m", "somebody's branch")
    before = past.left()
    with pytest.raises(InvalidInput, match="is not in the history"), past_code.checked_out(past.repo, aside):
        pytest.fail("it was checked out")
    assert past.left() == before


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("usage", SourceUnavailable, "No such command"),
        ("newer", SourceUnavailable, "schema version 9"),
        ("conflict", StateConflict, "it said nothing"),
    ],
)
def test_code_that_gives_no_answer_is_told_and_taken_away(
    past: Past, how: str, kind: type[WorkflowError], said: str
) -> None:
    before = past.left()
    with pytest.raises(kind, match=said):
        ask(past, how)
    assert past.left() == before


def test_it_is_taken_away_when_the_user_stops_it(past: Past) -> None:
    before = past.left()
    with pytest.raises(KeyboardInterrupt), past_code.checked_out(past.repo, past.first, below=past.repo.parent):
        raise KeyboardInterrupt
    assert past.left() == before


def test_what_can_not_be_checked_out_is_refused(past: Past, tmp_path: Path) -> None:
    for commit, kind, said in (
        (f"{past.first}+changes", StateConflict, "never committed"),
        ("unknown", InvalidInput, "not known"),
        ("--help", InvalidInput, "not known"),
        ("b" * 40, InvalidInput, "is not in .*"),
    ):
        with pytest.raises(kind, match=said), past_code.checked_out(past.repo, commit):
            pytest.fail("nothing is checked out")
    with pytest.raises(SourceUnavailable, match="no git checkout"):
        past_code.require_commit(tmp_path, past.first)


def test_the_commands_by_hand_do_the_same(past: Past, tmp_path: Path) -> None:
    add, run, remove = past_code.by_hand(past.repo, past.first, ("arena-replay", "P-1 2"))
    assert past.first in add and "arena-replay 'P-1 2'" in run and sys.executable in run
    place = add.split()[-2]
    for command in (add, remove):
        words = command.replace(place, str(tmp_path / "here")).split()
        subprocess.run(words, check=True, capture_output=True)
        if command is add:
            code = (tmp_path / "here" / "ds_workflow" / "__main__.py").read_text("utf-8")
            assert code.startswith("VERSION = 1")
    assert past.left()[0] == 1
