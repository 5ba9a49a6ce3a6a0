"""A challenger in traffic: who gets whom, after a restart too; the switch; and a shadow that nobody feels."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from office import Office

from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.use_cases import incidents, traffic
from ds_workflow.use_cases.arena.view import view
from serving.app import create_app
from serving.beside import Beside

ROW = {"age": 41, "education": "Masters", "hours_per_week": 45}
UNITS = [f"user {i}" for i in range(60)]


def wait_for(client: TestClient, wanted: Any, *, seconds: float = 60) -> Beside | None:
    """What runs beside the champion, once it is as wanted."""
    slot = client.app.state.hub.slot()  # type: ignore[attr-defined]
    deadline = time.monotonic() + seconds
    while not wanted(slot.beside):
        assert time.monotonic() < deadline, slot.beside
        time.sleep(0.05)
    found: Beside | None = slot.beside
    return found


def ask(client: TestClient, unit: str, **change: Any) -> dict[str, Any]:
    answer = client.post("/predict", json=[{**ROW, **change}], headers={"X-Unit": unit})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def versions(client: TestClient) -> dict[str, int]:
    return {unit: ask(client, unit)["model"]["version"] for unit in UNITS}


def test_units_keep_their_arm_over_restarts_and_a_larger_share_only_adds(own_office: Office) -> None:
    work = own_office.work
    proposal = own_office.propose(2)
    trial = traffic.start(work, mode="ab", share=0.3, by="olga")
    assert trial.proposal_id == proposal.id
    expected = {unit: 2 if trial.arm(unit) == "challenger" else 1 for unit in UNITS}
    assert len(set(expected.values())) == 2
    with TestClient(create_app(work)) as client:
        wait_for(client, lambda beside: beside is not None)
        assert versions(client) == expected
    with TestClient(create_app(work)) as client:
        wait_for(client, lambda beside: beside is not None)
        assert versions(client) == expected
        traffic.ramp(work, share=0.7, by="olga")
        wait_for(client, lambda beside: beside.trial.share == 0.7)
        then = versions(client)
        assert all(then[unit] == 2 for unit, version in expected.items() if version == 2)
        assert Counter(then.values())[2] > Counter(expected.values())[2]
        without = client.post("/predict", json=[ROW]).json()["model"]["version"]  # no unit: the row is the unit
        assert {client.post("/predict", json=[ROW]).json()["model"]["version"] for _ in range(3)} == {without}
        refused = client.post("/predict", json=[ROW], headers={"X-Unit": "u" * 300})
        assert refused.status_code == 400
    with pytest.raises(StateConflict, match="only grows"):
        traffic.ramp(work, share=0.1, by="olga")
    with pytest.raises(StateConflict, match="runs already"):
        traffic.start(work, mode="shadow", share=0.5, by="olga")


def test_the_switch_takes_every_challenger_out_without_the_arena(own_office: Office) -> None:
    work = own_office.work
    own_office.propose(2)
    traffic.start(work, mode="ab", share=1.0, by="olga")
    with TestClient(create_app(work)) as client:
        wait_for(client, lambda beside: beside is not None)
        assert set(versions(client).values()) == {2}
        arena = work.settings.store / "arena.db"
        away = arena.rename(arena.with_suffix(".away"))  # the arena is gone
        try:
            traffic.kill(work, by="olga", reason="odd answers")
            assert set(versions(client).values()) == {1}
            assert traffic.lift(work)
            assert set(versions(client).values()) == {2}
        finally:
            away.rename(arena)


def test_a_decision_ends_the_trial(own_office: Office) -> None:
    work = own_office.work
    proposal = own_office.propose(2)
    trial = traffic.start(work, mode="ab", share=1.0, by="olga")
    with TestClient(create_app(work)) as client:
        wait_for(client, lambda beside: beside is not None)
        own_office.approve(proposal)
        wait_for(client, lambda beside: beside is None)
        (ended,) = traffic.listed(work)
        assert (ended.id, ended.running) == (trial.id, False)
        assert ended.reason in ("the champion changed", f"{proposal.id} is approved")  # whichever is seen first
        deadline = time.monotonic() + 30
        while ask(client, "user 1")["model"]["version"] != 2:
            assert time.monotonic() < deadline
    with pytest.raises(StateConflict, match="no open proposal"):
        traffic.start(work, mode="ab", share=0.5, by="olga")


def test_a_challenger_that_can_not_answer_is_not_felt(own_office: Office) -> None:
    work = own_office.work
    own_office.propose(2)
    (model,) = work.registry.model_path(work.registry.version("adult_income", 2)).glob("*.skops")
    traffic.start(work, mode="ab", share=1.0, by="olga")
    model.write_bytes(model.read_bytes() + b"x")
    with TestClient(create_app(work)) as client:
        wait_for(client, lambda beside: beside is not None)
        assert set(versions(client).values()) == {1}
        (incident,) = incidents.listed(work, only_open=True)
        assert incident.cause == "challenger"
        assert client.get("/health").json()["models"][0]["version"] == 1
    rows = traffic.result(work)
    assert rows.result.arms["challenger"].units == len(UNITS)  # as they were assigned
    assert rows.result.arms["champion"].units == 0


def test_a_shadow_is_seen_by_nobody_and_judged_in_pairs(own_office: Office) -> None:
    work = own_office.work
    proposal = own_office.propose(2)
    traffic.start(work, mode="shadow", share=1.0, by="olga")
    with TestClient(create_app(work)) as client:
        beside = wait_for(client, lambda found: found is not None)
        assert beside is not None
        hub = client.app.state.hub  # type: ignore[attr-defined]
        shadow = beside._shadow
        assert shadow is not None
        answers = [ask(client, unit, age=20 + place) for place, unit in enumerate(UNITS)]
        assert {answer["model"]["version"] for answer in answers} == {1}
        until(lambda: counted(client, "answered") == len(UNITS))
        labels = [{"request_id": answer["request_id"], "label": place % 2} for place, answer in enumerate(answers)]
        assert client.post("/feedback", json=labels).json()["new"] == len(UNITS)

        # it hangs: each request waits for nobody, and what it does not answer in a second is given up
        first = shadow.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        started = time.monotonic()
        assert ask(client, "late")["model"]["version"] == 1
        assert time.monotonic() - started < 0.9
        until(lambda: counted(client, "timeout") == 1)
        # it is killed: another takes its place
        until(lambda: shadow.pid not in (None, first))
        second = shadow.pid
        assert second is not None
        until(lambda: shadow.ready)
        os.kill(second, signal.SIGKILL)
        ask(client, "cut")
        until(lambda: counted(client, "crashed") == 1)
        hub.log.flush()
    found = traffic.result(work)
    result = found.result
    assert (result.mode, result.split_p) == ("shadow", None)
    assert result.arms["challenger"].requests == len(UNITS)
    assert result.difference is not None
    assert json.loads(found.document.read_text("utf-8"))["digest"] == found.digest
    (event,) = work.registry.events()[-1:]
    assert (event.kind, event.subject, event.body["digest"]) == ("traffic_result", proposal.id, found.digest)
    assert work.registry.verify().ok
    shown = view(work, work.registry.proposal(proposal.id)).text()  # what a person reads before deciding
    assert f"{result.trial}: {result.verdict}" in shown


def counted(client: TestClient, outcome: str) -> float:
    wanted = f'ds_workflow_shadow_total{{outcome="{outcome}",problem="adult_income"}}'
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(wanted)]
    return float(lines[0].split()[1]) if lines else 0.0


def until(wanted: Any, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_can_not_be_started(own_office: Office, tmp_path: Path) -> None:
    with pytest.raises(StateConflict, match="no open proposal"):
        traffic.start(own_office.work, mode="ab", share=0.5, by="olga")
    own_office.propose(2)
    with pytest.raises(InvalidInput, match="share"):
        traffic.start(own_office.work, mode="ab", share=0.0, by="olga")
    with pytest.raises(InvalidInput, match="--by"):
        traffic.start(own_office.work, mode="ab", share=0.5, by=" ")
    with pytest.raises(StateConflict, match="No challenger"):
        traffic.stop(own_office.work, by="olga", reason="done")
