"""The commands for people: passwords never stand among the arguments, and deciding follows the roles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ds_workflow.cli.main import main

PASSWORD = "four plain words here"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DS_WORKFLOW_PASSWORD", raising=False)
    return tmp_path


def run(home: Path, *words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--workspace", str(home), *words], input=given)


def test_a_user_is_added_from_stdin_listed_and_disabled(home: Path) -> None:
    done = run(home, "user-add", "ana", "--role", "approver", "--password-stdin", given=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    assert json.loads(run(home, "user-list", "--json").stdout)["users"][0]["roles"] == ["approver"]
    assert run(home, "user-disable", "ana").exit_code == 2, "nobody stands for it"
    assert run(home, "user-disable", "ana", "--by", "ana").exit_code == 0, "there is nobody else"
    assert "disabled" in run(home, "user-list").output


def test_a_password_is_no_option_and_is_asked_for_in_words(home: Path) -> None:
    assert run(home, "user-add", "ana", "--role", "viewer", "--password", PASSWORD).exit_code == 2
    silent = run(home, "user-add", "ana", "--role", "viewer")
    assert silent.exit_code == 2
    assert "--password-stdin" in silent.output


def test_the_environment_may_bring_it_and_update_changes_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_WORKFLOW_PASSWORD", PASSWORD)
    assert run(home, "user-add", "ana", "--role", "viewer").exit_code == 0
    assert run(home, "user-add", "ana", "--role", "approver").exit_code == 2, "nobody stands for it"
    again = run(home, "user-add", "ana", "--role", "approver", "--by", "ana")
    assert again.exit_code == 3
    assert "--update" in again.output
    changed = run(
        home, "user-add", "ana", "--role", "approver", "--role", "data_scientist", "--update", "--json", "--by", "ana"
    )
    assert json.loads(changed.stdout)["roles"] == ["data_scientist", "approver"]


def test_a_token_is_shown_once_and_can_be_revoked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_WORKFLOW_PASSWORD", PASSWORD)
    run(home, "user-add", "ana", "--role", "viewer")
    made = json.loads(run(home, "token-add", "ana", "--label", "nightly", "--json").stdout)
    assert made["token"].startswith("dsw_")
    assert made["token"] not in run(home, "user-list", "--json").output
    assert run(home, "token-revoke", made["id"]).exit_code == 0
    assert "revoked" in run(home, "user-list").output
    assert run(home, "token-revoke", "nothing").exit_code == 2


def test_a_program_has_an_account_of_its_own_that_never_decides(home: Path) -> None:
    alone = run(home, "user-add", "nightly", "--role", "service")
    assert alone.exit_code == 3 and "Declare a person first" in alone.output
    run(home, "user-add", "ana", "--role", "viewer", "--password-stdin", given=f"{PASSWORD}\n")
    made = run(home, "user-add", "nightly", "--role", "service", "--by", "ana")
    assert made.exit_code == 0 and "never decides" in made.output and "Nobody here has the role approver" in made.output
    by = ("--by", "ana")
    assert run(home, "user-add", "x", "--role", "agent", "--password-stdin", *by, given=f"{PASSWORD}\n").exit_code == 2
    assert run(home, "user-add", "x", "--role", "agent", "--role", "approver", *by).exit_code == 2
    assert run(home, "user-add", "ana", "--role", "service", "--update", *by).exit_code == 3, "somebody has to be left"
    listed = json.loads(run(home, "user-list", "--json").stdout)
    assert [(u["name"], u["program"]) for u in listed["users"]] == [("ana", False), ("nightly", True)]
    assert listed["approvers"] == []
    assert run(home, "token-add", "nightly", "--label", "scoring", "--json").exit_code == 0
    assert run(home, "key-add", "nightly", "--out", str(home / "key.pem")).exit_code == 3
    assert not (home / "key.pem").exists()


def test_an_empty_list_says_how_to_begin(home: Path) -> None:
    assert "user-add" in run(home, "user-list").output
