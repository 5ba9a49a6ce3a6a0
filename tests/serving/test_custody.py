"""Custody as the service watches it and as commands resolve it, on trained versions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from click.testing import CliRunner
from console import visit
from fastapi.testclient import TestClient
from mlflow.webhooks.delivery import _generate_hmac_signature
from office import Office

from ds_workflow.cli.main import main
from ds_workflow.use_cases import custody, documents, incidents, train
from ds_workflow.use_cases.custody import FRESH_SECONDS, SECRET
from registry.quorum import Rule
from serving.app import create_app

NAME = "adult_income"
PEOPLE = "people: {ana: [approver], ben: [approver], olga: [data_scientist], bot: [approver, agent]}\n"


def move(office: Office, number: int) -> None:
    """As MLflow's client does, without its two seconds."""
    with closing(sqlite3.connect(office.work.settings.store / "mlflow.db")) as store:
        store.execute("UPDATE registered_model_aliases SET version = ? WHERE alias = 'champion'", (number,))
        store.commit()


Command = Callable[..., dict[str, Any]]


@pytest.fixture
def command(own_office: Office) -> Command:
    """A command on the office, with its exit code and its JSON."""

    def run(*words: str, code: int = 0, key: str = "") -> dict[str, Any]:
        place = ["--workspace", str(own_office.root), "--problem", NAME]
        done = CliRunner().invoke(main, [*place, *words, "--json"], env={"DS_WORKFLOW_SIGNING_KEY": key})
        assert done.exit_code == code, f"{words}: {done.exit_code}\n{done.output}"
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


def delivery(body: bytes, *, at: float, shared: str = "s3cret") -> dict[str, str]:
    stamp = str(int(at))
    return {
        "X-MLflow-Delivery-Id": "d-1",
        "X-MLflow-Timestamp": stamp,
        "X-MLflow-Signature": _generate_hmac_signature(shared, "d-1", stamp, body.decode()),
    }


def test_a_webhook_shortens_the_look_and_only_the_secrets_holder_is_heard(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = own_office.work
    body = json.dumps({"entity": "model_version_alias", "action": "created",
                       "data": {"name": NAME, "alias": "champion", "version": "2"}}).encode()  # fmt: skip
    client = TestClient(create_app(work))  # not started: nothing looks by itself
    now = work.clock().timestamp()
    move(own_office, 2)
    monkeypatch.delenv(SECRET, raising=False)
    assert client.post("/hooks/mlflow", content=body, headers=delivery(body, at=now)).status_code == 403
    monkeypatch.setenv(SECRET, "s3cret")
    late = delivery(body, at=now - FRESH_SECONDS - 5)
    early = delivery(body, at=now + FRESH_SECONDS + 60)
    other = delivery(body, at=now, shared="guessed")
    unsigned = {**delivery(body, at=now), "X-MLflow-Signature": ""}
    garbled = {**delivery(body, at=now), "X-MLflow-Signature": "v1,=="}
    changed = delivery(body + b" ", at=now)
    for headers in (late, early, other, unsigned, garbled, changed, {}):
        refused = client.post("/hooks/mlflow", content=body, headers=headers)
        assert (refused.status_code, list(refused.json())) == (403, ["errors"])
    assert incidents.listed(work) == []
    heard = client.post("/hooks/mlflow", content=body, headers=delivery(body, at=now))
    assert (heard.status_code, heard.json()) == (200, {"problem": NAME, "custody": "drifted"})
    (open_,) = incidents.listed(work, only_open=True)
    assert (open_.cause, open_.severity) == ("custody", "critical")
    assert "on version 2; the pointer log says version 1" in open_.detail
    for said, code in (({"data": {"name": "another_teams"}}, 200), ({"data": {"name": 3}}, 400), ([], 400)):
        sent = json.dumps(said).encode()
        assert client.post("/hooks/mlflow", content=sent, headers=delivery(sent, at=now)).status_code == code
    move(own_office, 1)
    client.post("/hooks/mlflow", content=body, headers=delivery(body, at=now))
    assert incidents.listed(work, only_open=True) == []


def test_the_service_looks_by_itself(own_office: Office) -> None:
    move(own_office, 2)
    app = create_app(own_office.work)
    slot = app.state.hub.slot()
    slot.watch_custody()
    slot.watch_custody()
    (open_,) = incidents.listed(own_office.work, only_open=True)
    assert (open_.cause, open_.times) == ("custody", 1), "once a minute"
    away = own_office.work.settings.store / "mlflow.db"
    away.rename(away.with_suffix(".away"))
    assert custody.look(own_office.work, by="a test").status == "unknown"
    (open_,) = incidents.listed(own_office.work, only_open=True)
    assert "unknown" in open_.detail


def test_adopt_and_restore_at_the_command_line(own_office: Office, command: Command) -> None:
    work = own_office.work
    words = ("arena-adopt", "--by", "olga", "--reason", "Moved in the UI", "--approved-by", "ana")
    assert "nothing to adopt" in command(*words, code=3)["error"]["message"]
    what = ("H-INC-001", "feature", "trees on capital", "olga", "v2.0", "sim-v1")
    train.candidate(work, train.TrainRequest(*what, strategy="global"))
    move(own_office, 2)
    assert "is a baseline" in command(*words, code=2)["error"]["message"], "adopting is no way round the doors"
    documents.retire(work, 2, criterion="age", reason="It is old", by="ana")
    assert "retired" in command(*words, code=3)["error"]["message"]
    move(own_office, 3)
    custody.look(work, by="a test")
    (work.settings.root / "config").mkdir(exist_ok=True)
    work.settings.people.write_text(PEOPLE, "utf-8")
    refused = command("arena-restore", "--by", "olga", "--reason", "mine", code=3)
    assert "approver" in refused["error"]["message"]
    told = command(*words)
    assert (told["kind"], told["champion"]["version"], told["challenger"]["version"]) == ("adopt", 1, 3)
    assert told["owner"] == "olga"
    assert len(told["gates"]) > 5, "the whole trial, after the fact"
    assert any("after the fact" in note for note in told["summary"]["notes"])
    assert (told["disposition"], told["verdict"] == "pass") == ("open", False), "two seeds of one model: no gain"
    restored = command("arena-restore", "--by", "ana", "--reason", "It did not pass")
    assert (restored["custody"], restored["changed"]) == ("in_custody", True)
    assert command("arena-status")["custody"] == "in_custody"
    assert incidents.listed(work, only_open=True) == []
    assert command("arena-verify")["ok"]


def test_two_people_keys_and_an_override_at_the_command_line(own_office: Office, command: Command) -> None:
    work = own_office.work
    config = work.settings.root / "config"
    config.mkdir(exist_ok=True)
    work.settings.people.write_text(PEOPLE, "utf-8")
    proposal = own_office.propose(2, verdict="fail")
    words = ("arena-override", "--proposal-id", proposal.id)
    assert "approved" in command("arena-approve", "--proposal-id", proposal.id, "--approved-by", "ana", code=3)[
        "error"]["message"]  # fmt: skip
    asked = command(*words, "--by", "olga", "--reason", "Recall decides")
    assert (asked["kind"], asked["verdict"], asked["disposition"]) == ("override", "fail", "open")
    own = command("arena-override", "--proposal-id", asked["id"], "--by", "olga", "--reason", "and again", code=3)
    assert "somebody else" in own["error"]["message"]
    shown = command("arena-show", asked["id"])
    assert (shown["approvals"], shown["approvers_needed"]) == ([], 1)
    text = CliRunner().invoke(main, ["--workspace", str(own_office.root), "--problem", NAME, "arena-show", asked["id"]])
    assert "OVERRIDE" in text.stdout
    # the evidence of a made-up proposal is not there to be computed again, so deciding finds that out and closes it
    gone = command(*words, "--by", "ben", "--reason", "As the board said", code=3)
    assert "changed since it was written" in gone["error"]["message"]
    key = work.settings.root / "ana.pem"
    added = command("key-add", "ana", "--by", "ben", "--out", str(key))
    assert (added["actor"], len(added["key"]), key.stat().st_mode & 0o777) == ("ana", 64, 0o600)
    move(own_office, 2)
    assert "not at hand" in command("arena-restore", "--by", "ana", "--reason", "back", code=3)["error"]["message"]
    assert command("arena-restore", "--by", "ana", "--reason", "back", key=str(key))["custody"] == "in_custody"
    assert [k["what"] for k in command("key-list")["keys"]] == ["added"]
    command("key-revoke", "ana", "--by", "ben", "--reason", "left the company")
    out = work.settings.root / "ledger.zip"
    exported = command("arena-export", "--out", str(out))
    checked = command("arena-verify", "--export", str(out), "--head", exported["head"])
    assert (checked["ok"], checked["checked"]) == (True, exported["events"])
    assert not command("arena-verify", "--export", str(out), "--head", f"9999 {'0' * 64}", code=1)["ok"]
    command("arena-verify", "--export", str(work.settings.people), code=2)
    assert command("arena-verify")["checked"] == exported["events"]
    assert command("arena-verify", "--recent")["checked"] == 0
    (work.settings.store / "arena.checkpoint.json").write_text("{")
    command("arena-verify", "--recent", code=2)


def test_a_page_says_who_approved_so_far_and_how_many_are_missing(own_office: Office) -> None:
    work = own_office.work
    config = work.settings.root / "config"
    config.mkdir(exist_ok=True)
    work.settings.people.write_text(PEOPLE, "utf-8")
    tier = "problems:\n  adult_income: {exposure: high, purpose: automated_decision, reason: Loans hang on it.}\n"
    (config / "materiality.yaml").write_text(tier, "utf-8")
    proposal = own_office.propose(2)
    first = work.registry.approve(
        proposal.id, by="ana", reason="sound", rule=Rule(2), recheck=lambda p: p.evidence, smoke=lambda version: None
    )
    assert first.disposition == "open"
    text = visit(create_app(work)).get(f"/arena/{proposal.id}").text
    assert "This takes 2 people" in text
    assert "1 approved so far: ana on" in text
