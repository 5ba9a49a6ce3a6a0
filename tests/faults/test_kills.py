"""SIGKILL: after every step of every decision, and at any moment while others write."""

from __future__ import annotations

import random
import time

import pytest
from forked import KILLED
from ground import Ground, found

from registry.applying import STEPS
from registry.resolving import RESTORE_STEPS

APPLIED = ("bootstrap", "promotion", "rollback", "override", "adopt")
KILLS = 5


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        *(("promotion", step) for step in STEPS),
        # the others go the same steps, all of which benchmarks/faults.py kills at
        *((kind, step) for kind in APPLIED if kind != "promotion" for step in ("recorded", "alias-set", "applied")),
        *(("restore", step) for step in RESTORE_STEPS),
    ],
)
def test_after_a_kill_status_finishes_the_decision_and_explains_it(ground: Ground, kind: str, step: str) -> None:
    if kind == "bootstrap":
        ground.put_back("none")
    elif kind == "rollback":
        ground.put_back("promoted") if ground.kept("promoted") else _promote(ground)
    ended = ground.run("saga", kind=kind, kill_at=step)
    assert ended.status == KILLED, ended.answer
    assert len(ended.said["events"]) > 0
    drifted = (kind, step) == ("restore", "recorded")
    after = ground.look()
    assert found(ended.said, after, drifted=drifted).sound, (found(ended.said, after, drifted=drifted), after)
    if kind == "restore":
        assert sum("champion.restored" in kind for kind in after["kinds"]) == 1, "who put it back is kept"
        assert ("arena-restore" in after["text"]) == drifted
        return
    decided = next(p for p in after["json"]["proposals"] if p["id"] == ended.said["id"] or kind == p["kind"])
    assert (decided["disposition"], decided["effect"], decided["decided_by"]) == ("approved", "applied", "ada")
    assert after["champion"] == decided["challenger"]["version"]
    assert after["moves"] == ended.said["moves"] + 1
    assert after["said"] == [] if step == "head-tagged" else True
    if step not in ("applied", "head-tagged"):
        assert any("finished the half-applied decision" in line for line in after["said"])


def _promote(ground: Ground) -> None:
    assert ground.run("saga", kind="promotion").done["label"] == "approved"
    ground.keep("promoted")


def test_killed_at_any_moment_under_load_nothing_is_lost(ground: Ground) -> None:
    chance = random.Random(20)  # noqa: S311 - no secret
    load = [ground.start("busy", seconds=600) for _ in range(2)]
    try:
        for job in load:
            assert job.said() == "begins"
        longest = ground.run("saga", kind="promotion")
        span = max(0.05, longest.seconds)
        for _ in range(KILLS):
            victim = ground.start("saga", kind=chance.choice(("promotion", "rollback", "restore", "reject")))
            time.sleep(chance.uniform(0, span))
            victim.kill()
            ended = victim.wait()
            after = ground.look()
            wrong = found(ended.said or {"events": [], "decisions": []}, after, drifted=True)
            assert wrong.sound, (wrong, after["text"])
            if after["json"]["custody"] == "drifted":  # killed after it moved the alias itself, before it put it back
                assert "arena-restore" in after["text"]
                assert ground.run("restored").done == "in_custody"
    finally:
        for job in load:
            job.kill()
            job.wait()
    after = ground.look()
    assert found({"events": [], "decisions": []}, after).sound, after


def test_verify_sees_no_tampering_in_what_others_write_meanwhile(ground: Ground) -> None:
    load = ground.start("busy", seconds=600)
    assert load.said() == "begins"
    try:
        assert ground.run("verified", times=10).done == []
    finally:
        load.kill()
        load.wait()
