"""The watch over decisions: what nobody foresaw ends neither it nor the answers, and it is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from office import Office

from ds_workflow.use_cases import incidents, predict
from serving.app import create_app
from serving.hub import WATCH, Hub
from serving.pause import Pause
from serving.slot import Slot

ROW = {"age": 41, "education": "Masters", "hours_per_week": 45}


def until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def fails(*_: object, **__: object) -> Any:
    raise TypeError("missing 1 required positional argument")


def causes(office: Office) -> dict[str, int]:
    return {one.cause: one.times for one in incidents.listed(office.work, only_open=True)}


def test_a_step_that_fails_in_an_unforeseen_way_neither_ends_the_watch_nor_stays_unsaid(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(own_office.work, poll_seconds=0.01)
    follow = hub._follow_trial
    monkeypatch.setattr(hub, "_follow_trial", fails)
    hub.start()
    try:
        until(lambda: WATCH in causes(own_office))
        own_office.approve(own_office.propose(2))
        slot = hub.slot()
        until(lambda: slot.live is not None and slot.live.ref.version == 2)  # decisions are followed all the same
        assert hub.watched
        assert causes(own_office)[WATCH] == 1  # told once, not at each look
        monkeypatch.setattr(hub, "_follow_trial", follow)
        until(lambda: WATCH not in causes(own_office))
    finally:
        hub.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watcher_that_ended_is_told_by_health_and_ready(own_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(own_office.work)
    hub = app.state.hub

    def ends(_: Slot) -> None:
        raise SystemExit  # what a plug-in may do in its thread

    with TestClient(app) as client:
        until(lambda: client.get("/ready").status_code == 200)
        monkeypatch.setattr(hub, "_follow_trial", ends)
        until(lambda: not hub.watched)
        health, ready = client.get("/health"), client.get("/ready")
        assert (health.status_code, health.json()["status"]) == (200, "not watched")
        assert "restart" in health.json()["detail"]
        assert ready.status_code == 503
        assert client.post("/predict", json=[ROW]).status_code == 200


def test_a_version_whose_loading_raises_a_type_error_is_left_alone_for_longer_each_time(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = Slot(own_office.work)
    slot.look()
    loaded = []
    monkeypatch.setattr(predict, "ensure_quick", lambda *_: loaded.append(1) or fails())
    own_office.approve(own_office.propose(2))
    for _ in range(4):
        slot.look()
    assert len(loaded) == 1
    assert slot.get().ref.version == 1
    assert "TypeError" in slot.behind
    assert causes(own_office)["swap"] == 1
    assert not slot.ready


def test_a_first_load_that_raises_a_type_error_is_a_refusal_in_words(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(predict, "champion", fails)
        client = TestClient(create_app(own_office.work))
        for _ in range(2):
            answer = client.post("/predict", json=[ROW])
            assert answer.status_code == 503
            assert "TypeError: missing" in answer.json()["errors"][0]["message"]
        assert client.get("/health").status_code == 503
        assert causes(own_office)["load"] == 1
    slot = Slot(own_office.work)
    slot.look()
    assert slot.get().ref.version == 1
    assert "load" not in causes(own_office)


def test_a_quick_way_that_can_not_be_tried_leaves_the_pipeline_answering(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = Slot(own_office.work)
    plain = predict.champion(own_office.work)
    monkeypatch.setattr(predict, "known_quick", lambda *_: replace(plain, way="pipeline"))
    monkeypatch.setattr(predict, "ensure_quick", fails)
    slot.look()
    assert slot.ready
    assert slot.get().answerer.way == "pipeline"
    assert "TypeError" in slot.get().answerer.why
    assert "quick way" in causes(own_office)


def test_a_pause_doubles_up_to_its_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pause = Pause(2.0, 5.0)
    for seconds in (2.0, 4.0, 5.0, 5.0):
        assert pause.over
        pause.fail()
        now += seconds - 0.01
        assert not pause.over
        now += 0.01
    pause.fail()
    pause.reset()
    assert pause.over
