"""The retrain policy: each trigger at its limit, overrides that expire, and proposals of work that are open once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ds_workflow.domain import retraining, work_proposals
from ds_workflow.domain.monitoring.looks import Finding, Look
from ds_workflow.domain.monitoring.policy import MonitoringPolicy
from ds_workflow.domain.retraining import Need, Override
from ds_workflow.errors import InvalidInput, StateConflict, UnknownName

POLICY = MonitoringPolicy("p")  # worse 0.10, drifted 0.3, calibration 0.03
NOW = "2026-03-10T00:00:00Z"
HELD = Override("p", "new source in May", "ana", "2026-03-01T00:00:00Z", "2026-03-11T00:00:00Z")


def need(
    *, worse: float = 0.0, drifted: float = 0.0, ece: float = 0.0, age: int = 0, version: int = 1, seen: str = "warn",
    override: Override | None = None, now: str = NOW,
) -> Need:  # fmt: skip
    performance = Look(
        "p", "performance", NOW, version, "d", "p", "healthy",
        (Finding("performance", seen, "", worse, 0.1), Finding("calibration", seen, "", ece, 0.03)),  # type: ignore[arg-type]
    )  # fmt: skip
    drift = Finding("drift", seen, "", 1.0, 0.0)  # type: ignore[arg-type]
    inputs = Look("p", "inputs", NOW, version, "d", "p", "healthy", (drift,), {"drifted_share": drifted})
    return retraining.need(
        "p", now=now, version=1, age_days=age, age_limit=90, looks={"performance": performance, "inputs": inputs},
        policy=POLICY, override=override,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("figures", "fired"),
    [
        ({}, []),
        ({"worse": 0.10}, []),
        ({"worse": 0.1001}, ["performance"]),
        ({"drifted": 0.3}, []),
        ({"drifted": 0.31}, ["drift"]),
        ({"ece": 0.03}, []),
        ({"ece": 0.031}, ["calibration"]),
        ({"age": 90}, []),
        ({"age": 91}, ["age"]),
        ({"worse": 0.2, "age": 91}, ["performance", "age"]),
        ({"worse": 0.2, "seen": "healthy"}, []),  # seen, but not shown
        ({"worse": 0.2, "version": 2}, []),  # a look at another champion
    ],
)
def test_each_trigger_at_its_limit(figures: dict[str, object], fired: list[str]) -> None:
    found = need(**figures)  # type: ignore[arg-type]
    assert [t.name for t in found.fired] == fired
    assert found.status == ("due" if fired else "not due")


def test_what_was_not_measured_is_said() -> None:
    found = need(version=2)
    assert [t.state for t in found.triggers] == ["unknown", "unknown", "unknown", "not due"]
    assert "not measured yet: performance, drift, calibration" in found.sentence()


def test_an_override_holds_back_until_it_expires_and_is_always_shown() -> None:
    held = need(age=91, override=HELD)
    assert held.status == "held"
    assert "ana" in held.sentence()
    assert need(age=91, override=HELD, now=HELD.until).status == "due", "half-open: at its end it has expired"
    assert need(age=91, override=replace(HELD, lifted=True)).status == "due"
    assert need(override=HELD).status == "not due"
    events = [HELD, replace(HELD, problem="q")]
    assert retraining.override_of(events, "p") == HELD
    assert retraining.override_of([*events, replace(HELD, lifted=True)], "p") is None


@pytest.mark.parametrize(
    ("reason", "days", "words"),
    [(" ", 5, "reason"), ("why", 0, "expire"), ("why", -1, "expire"), ("why", 61, "61 days")],
)
def test_an_override_needs_a_reason_and_a_near_end(reason: str, days: int, words: str) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(InvalidInput, match=words):
        retraining.require_override(reason, at, at + timedelta(days=days), most_days=60)
    retraining.require_override("why", at, at + timedelta(days=60), most_days=60)


def body(ident: str) -> dict[str, object]:
    return {
        "id": ident, "problem": "p", "action": "trigger_retraining", "title": "t", "detail": "d", "command": "c",
        "reference": "", "at": NOW, "by": "agent",
    }  # fmt: skip


def test_two_runs_at_once_leave_one_proposal_of_work() -> None:
    ident = work_proposals.next_id([], "p", "trigger_retraining")
    twice = [(work_proposals.PROPOSED, body(ident))] * 2
    known = work_proposals.folded(twice)
    assert len(known) == 1
    assert work_proposals.still_open(known, "p", "trigger_retraining") == known[0]
    assert work_proposals.still_open(known, "q", "trigger_retraining") is None
    closed = work_proposals.closing(known, ident, accepted=True, by="ana", reason="on it", at=NOW)
    assert closed is not None
    late = {**closed, "disposition": "declined", "decided_by": "ben"}
    after = work_proposals.folded([*twice, (work_proposals.CLOSED, closed), (work_proposals.CLOSED, late)])
    assert (after[0].disposition, after[0].decided_by) == ("accepted", "ana"), "the first decision stands"
    assert work_proposals.closing(after, ident, accepted=True, by="ana", reason="on it", at="later") is None
    with pytest.raises(StateConflict, match="accepted by ana"):
        work_proposals.closing(after, ident, accepted=False, by="ben", reason="no", at=NOW)
    assert work_proposals.next_id(after, "p", "trigger_retraining") == "W-p-trigger_retraining-2"


def test_closing_work_needs_a_name_a_reason_and_a_known_id() -> None:
    known = work_proposals.folded([(work_proposals.PROPOSED, body("W-1"))])
    for by, reason in ((" ", "r"), ("ana", " ")):
        with pytest.raises(InvalidInput, match="name and a reason"):
            work_proposals.closing(known, "W-1", accepted=True, by=by, reason=reason, at=NOW)
    with pytest.raises(UnknownName, match="W-1"):
        work_proposals.closing(known, "W-9", accepted=True, by="a", reason="r", at=NOW)
