"""A challenger in traffic: who gets whom, after a restart too; the switch; and a shadow that nobody feels."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from office import Office

from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.use_cases import incidents, traffic, traffic_status
from ds_workflow.use_cases.arena.view import view
from serving.app import create_app
from serving.beside import MOST_FAILURES, RETRY_SECONDS, Beside
from serving.slot import Live

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
    whole = model.read_bytes()
    model.write_bytes(whole + b"x")
    with TestClient(create_app(work)) as client:
        beside = wait_for(client, lambda beside: beside is not None)
        assert beside is not None
        assert set(versions(client).values()) == {1}
        (incident,) = incidents.listed(work, only_open=True)
        assert incident.cause == "challenger"
        assert client.get("/health").json()["models"][0]["version"] == 1
        model.write_bytes(whole)
        beside._retry_at = 0.0  # the time of the next try has come
        until(lambda: not incidents.listed(work, only_open=True))
        assert set(versions(client).values()) == {2}
    rows = traffic.result(work)
    assert rows.result.arms["challenger"].units == len(UNITS)  # as they were assigned
    assert rows.result.arms["champion"].units == 0


def test_a_challenger_that_fails_keeps_its_units_and_is_tried_again(own_office: Office) -> None:
    work = own_office.work
    own_office.propose(2)
    trial = traffic.start(work, mode="ab", share=0.5, by="olga")
    theirs = [unit for unit in UNITS if trial.arm(unit) == "challenger"]
    assert MOST_FAILURES < len(theirs) < len(UNITS)
    broken = True
    with TestClient(create_app(work)) as client:
        beside = wait_for(client, lambda beside: beside is not None)
        assert beside is not None and beside._live is not None
        answerer = beside._live.answerer

        def score(rows: Any) -> Any:
            if broken:
                raise ZeroDivisionError("broken")
            return answerer.score(rows)

        beside._live = Live(replace(answerer, score=score), settled=True, aside=True)
        assert set(versions(client).values()) == {1}
        assert counted(client, "fell back") == len(theirs)
        until(lambda: incidents.listed(work, only_open=True))
        (incident,) = incidents.listed(work, only_open=True)
        assert "in a row failed (ZeroDivisionError: broken)" in incident.detail
        beside._retry_at = 0.0  # tried in vain: the pause doubles
        ask(client, theirs[0])
        until(lambda: beside._retry_at > time.monotonic() + RETRY_SECONDS)
        broken = False
        beside._retry_at = 0.0
        assert ask(client, theirs[0])["model"]["version"] == 1  # nobody waits for the try
        until(lambda: ask(client, theirs[0])["model"]["version"] == 2)
        until(lambda: not incidents.listed(work, only_open=True))
        assert versions(client) == {unit: 2 if unit in theirs else 1 for unit in UNITS}
    arms = traffic.result(work).result.arms
    assert (arms["challenger"].units, arms["champion"].units) == (len(theirs), len(UNITS) - len(theirs))
    (status,) = traffic_status.read(work)
    told = status.to_dict()
    assert told["arms"]["champion"]["requests"] == 2 * (len(UNITS) - len(theirs))  # every unit was asked for twice
    assert told["arms"]["fallback"]["units"] == len(theirs)
    assert told["failed"] == told["arms"]["fallback"]["requests"] >= len(theirs) + 2
    assert told["seen_share"] == len(theirs) / len(UNITS)
    assert (told["labelled_requests"], status.asked_of_challenger) == (
        0, told["failed"] + told["arms"]["challenger"]["requests"],
    )  # fmt: skip
    text = status.text()
    for part in (
        f"salt {trial.salt[:8]}",
        "since 20",
        "by olga",
        "median ms",
        "next: the challenger fails",
        "/feedback",
    ):
        assert part in text


def test_rows_that_the_challenger_alone_refuses_are_answered(own_office: Office) -> None:
    work = own_office.work
    own_office.propose(2)
    traffic.start(work, mode="ab", share=1.0, by="olga")

    def refuse(rows: Any) -> Any:
        raise InvalidInput("not these")

    with TestClient(create_app(work)) as client:
        beside = wait_for(client, lambda beside: beside is not None)
        assert beside is not None and beside._live is not None
        beside._live = Live(replace(beside._live.answerer, score=refuse), settled=True, aside=True)
        assert ask(client, "user 1")["model"]["version"] == 1
        slot = client.app.state.hub.slot()  # type: ignore[attr-defined]
        slot.live = Live(replace(slot.live.answerer, score=refuse), settled=True)
        before = beside._failures
        refused = client.post("/predict", json=[ROW])
        assert (refused.status_code, refused.json()["errors"][0]["message"]) == (400, "not these")
        assert beside._failures == before


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
        # another takes its place, and stands still before a request that is more than the line holds
        until(lambda: shadow.pid not in (None, first) and shadow.ready)
        os.kill(int(shadow.pid or 0), signal.SIGSTOP)
        large = client.post("/predict", json=[ROW] * 3_000, headers={"X-Unit": "large"})
        assert large.status_code == 200
        until(lambda: counted(client, "timeout") == 2)
        # the next is killed
        until(lambda: shadow.ready)
        second = shadow.pid
        assert second is not None
        os.kill(second, signal.SIGKILL)
        ask(client, "cut")
        until(lambda: counted(client, "crashed") == 1)
        hub.log.flush()
    found = traffic.result(work)
    (status,) = traffic_status.read(work)
    assert (status.seen_share, status.labelled, status.asked_of_challenger - status.failed) == (
        None, len(UNITS), status.arms["shadow"].requests,
    )  # fmt: skip
    assert "next: traffic-result, traffic-stop" in status.text()
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
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


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
