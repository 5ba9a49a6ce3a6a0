"""The watch over decisions: what nobody foresaw ends neither it nor the answers, and it is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from office import Office

from ds_workflow.errors import StateConflict
from ds_workflow.use_cases import incidents
from ds_workflow.use_cases.predict import Answerer
from serving.api import health
from serving.errors import status_of
from serving.hub import WATCH, Hub
from serving.pause import Pause
from serving.slot import Live, Slot

SAID = "missing 1 required positional argument"


class Failing(Hub):
    """A service whose trials can't be followed, for a reason that nobody foresaw, until `well`."""

    well = False

    def _follow_trial(self, slot: Slot) -> None:
        if not self.well:
            raise TypeError(SAID)


class Ending(Hub):
    """A service whose watcher a plug-in ends, once `ending`."""

    ending = False

    def _follow_trial(self, slot: Slot) -> None:
        if self.ending:
            raise SystemExit


@dataclass
class Stubborn(Slot):
    """A place where the quick way, and with `never` even the first load, fails in an unforeseen way."""

    never: bool = False
    tried: int = 0

    def _first(self) -> Live:
        if self.never:
            raise TypeError(SAID)
        return Live(super()._first().answerer, settled=True)

    def _quick(self, found: Answerer) -> Answerer:
        self.tried += 1
        raise TypeError(SAID)


def until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def causes(office: Office) -> dict[str, int]:
    return {one.cause: one.times for one in incidents.listed(office.work, only_open=True)}


def test_a_step_that_fails_in_an_unforeseen_way_neither_ends_the_watch_nor_stays_unsaid(own_office: Office) -> None:
    hub = Failing(own_office.work, poll_seconds=0.01)
    hub.start()
    try:
        until(lambda: WATCH in causes(own_office))
        own_office.approve(own_office.propose(2))
        slot = hub.slot()
        until(lambda: slot.live is not None and slot.live.ref.version == 2)  # decisions are followed all the same
        assert hub.watched
        assert causes(own_office)[WATCH] == 1  # told once, not at each look
        hub.well = True
        until(lambda: WATCH not in causes(own_office))
    finally:
        hub.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watcher_that_ended_is_told_by_health_and_ready(own_office: Office) -> None:
    hub = Ending(own_office.work, poll_seconds=0.01)
    app = FastAPI()
    health.mount(app, hub)
    client = TestClient(app)
    hub.start()
    try:
        until(lambda: client.get("/ready").status_code == 200)
        hub.ending = True
        until(lambda: not hub.watched)
        told, ready = client.get("/health"), client.get("/ready")
        assert (told.status_code, told.json()["status"]) == (200, "not watched")
        assert "restart" in told.json()["detail"]
        assert ready.status_code == 503
    finally:
        hub.stop()


def test_a_version_whose_loading_raises_a_type_error_is_left_alone_and_told(own_office: Office) -> None:
    slot = Stubborn(own_office.work)
    slot.look()
    own_office.approve(own_office.propose(2))
    for _ in range(4):
        slot.look()
    assert slot.tried == 1
    assert slot.get().ref.version == 1
    assert f"TypeError: {SAID}" in slot.behind
    assert causes(own_office)["swap"] == 1
    assert not slot.ready


def test_a_first_load_that_raises_a_type_error_is_a_refusal_in_words(own_office: Office) -> None:
    slot = Stubborn(own_office.work, never=True)
    for _ in range(2):
        with pytest.raises(StateConflict, match="TypeError: missing") as refused:
            slot.get()
        assert status_of(refused.value) == 503
        slot.look()
    assert causes(own_office)["load"] == 1


def test_a_quick_way_that_can_not_be_tried_leaves_the_pipeline_answering(own_office: Office) -> None:
    slot = Stubborn(own_office.work)
    found = slot.get()
    found.settled = False
    slot.look()
    assert slot.ready
    assert "TypeError" in slot.get().answerer.why
    assert "quick way" in causes(own_office)


def test_a_pause_doubles_up_to_its_longest() -> None:
    now = [100.0]
    pause = Pause(2.0, 5.0, clock=lambda: now[0])
    for seconds in (2.0, 4.0, 5.0, 5.0):
        assert pause.over
        pause.fail()
        now[0] += seconds - 0.25
        assert not pause.over
        now[0] += 0.25
    pause.fail()
    pause.reset()
    assert pause.over
