"""A full disk, a locked database, an MLflow that is away, a clock turned back, and five people at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import forked
import pytest
from ground import Ground, found

HURRIED = {"DS_WORKFLOW_BUSY_SECONDS": "0.2"}
ROLL_BACK = ["arena-rollback", "--by", "ada", "--reason", "it errs"]
NOTHING: dict[str, Any] = {"events": [], "decisions": []}


def sound(ground: Ground, before: dict[str, Any]) -> dict[str, Any]:
    """What is there after a fault; AssertionError when anything of it is not as it should be."""
    after = ground.look()
    wrong = found(before, after)
    assert wrong.sound, (wrong, after["text"])
    return after


@pytest.mark.parametrize("fatal", [False, True])
@pytest.mark.parametrize("full_at", [0, 60_000])
def test_a_full_disk_loses_nothing_and_is_said(ground: Ground, full_at: int, fatal: bool) -> None:
    ended = ground.run("saga", kind="promotion", full_at=full_at, fatal=fatal)
    if ended.status == 0 and "error" in ended.answer:
        assert ended.answer["error"] == "Unavailable", ended.answer
        assert ended.answer["hint"], "what to do next"
    else:
        assert fatal or "label" in ended.answer, ended.answer
    after = sound(ground, ended.said)
    mine = next(p for p in after["json"]["proposals"] if p["id"] == ended.said["id"])
    assert mine["disposition"] in ("open", "approved")
    if mine["disposition"] == "open":
        assert ground.run("approved", id=mine["id"]).done == "approved", "and the same command works again"


def test_a_full_disk_leaves_no_half_snapshot(ground: Ground) -> None:
    told = ground.run("bundle", full_at=4_000).done
    assert told["error"] in ("OSError", "InvalidInput", "Unavailable", "SourceUnavailable"), told
    names = [path.name for path in (ground.root / "data").rglob("*")]
    assert "sim-v9" not in names
    assert not [name for name in names if name.startswith(".")], "what was begun is cleared away"


def test_an_mlflow_locked_too_long_is_an_exit_4_within_the_wait_and_nothing_is_lost(ground: Ground) -> None:
    assert ground.run("moved", number=2).done == "moved"
    before, until = ground.run("facts").done, ground.root / "until"
    holder = forked.start("stricken.hold", path=str(ground.store / "mlflow.db"), until=str(until))
    assert holder.said() == "locked"
    restore = ["arena-restore", "--by", "ada", "--reason", "x", "--json"]
    done = ground.run("command", words=restore, environ={"DS_WORKFLOW_MLFLOW_SECONDS": "0.2"}).done
    until.touch()
    assert holder.wait().done == "let go", "the command ended while the lock was held"
    until.unlink()
    assert done["code"] == 4, done
    assert "MLflow's database stayed locked for 0.2 s" in json.loads(done["out"])["error"]["message"]
    assert ground.run("command", words=restore).done["code"] == 0
    assert sound(ground, before)["champion"] == 1


def test_a_ledger_locked_too_long_is_an_exit_4_and_nothing_is_lost(ground: Ground) -> None:
    before = ground.run("facts").done
    until = ground.root / "until"
    holder = forked.start("stricken.hold", path=str(ground.store / "arena.db"), until=str(until))
    assert holder.said() == "locked"
    ready = ground.run("moved", number=2).done
    assert ready == "moved"
    done = ground.run(
        "command", words=["arena-restore", "--by", "ada", "--reason", "x", "--json"], environ=HURRIED
    ).done
    looked = ground.run("command", words=["arena-status", "--json"], environ=HURRIED).done
    assert looked["code"] == 0, "looking changes nothing, so it waits for nobody"
    until.touch()
    assert holder.wait().done == "let go"
    until.unlink()
    assert done["code"] == 4, done
    error = json.loads(done["out"])["error"]
    assert "stayed locked for 0.2 s by another process" in error["message"]
    assert "repeat the command" in error["hint"]
    assert ground.run("restored").done == "in_custody"
    assert sound(ground, before)["champion"] == 1


@pytest.mark.parametrize("how", ["moved away", "damaged", "no answer"])
def test_without_mlflow_custody_is_unknown_and_nothing_is_decided(ground: Ground, how: str) -> None:
    before = ground.run("facts").done
    file, aside = ground.store / "mlflow.db", ground.root / "aside"
    environ: dict[str, str] = {}
    if how == "no answer":
        pytest.importorskip("psycopg")
        environ["DS_WORKFLOW_TRACKING_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"
    else:
        file.rename(aside)
        if how == "damaged":
            file.write_bytes(b"no database " * 100)
    status = ground.run("command", words=["arena-status", "--json"], environ=environ).done
    verdict = ground.run("command", words=["arena-verify", "--json"], environ=environ).done
    rolled = ground.run("command", words=[*ROLL_BACK, "--to", "2"], environ=environ).done
    if how != "no answer":
        aside.replace(file)
    told = json.loads(status["out"])
    assert (status["code"], told["custody"]) == (0, "unknown")
    assert told["custody_detail"]["detail"].startswith("The registry can't be read: ")
    assert told["custody_detail"]["expected"]["version"] == 1, "who should be champion is known all the same"
    assert verdict["code"] in (1, 4), verdict
    assert rolled["code"] in (3, 4), rolled
    assert "Traceback" not in status["all"] + verdict["all"] + rolled["all"]
    assert sound(ground, before)["champion"] == 1


def test_a_half_applied_decision_is_shown_while_mlflow_is_away(ground: Ground) -> None:
    killed = ground.run("saga", kind="promotion", kill_at="recorded")
    file, aside = ground.store / "mlflow.db", ground.root / "aside"
    file.rename(aside)
    status = ground.run("command", words=["arena-status", "--json"]).done
    aside.replace(file)
    told = json.loads(status["out"])
    assert (status["code"], told["custody"]) == (0, "unknown")
    assert [p["effect"] for p in told["proposals"] if p["id"] == killed.said["id"]] == ["applying"]
    assert sound(ground, killed.said)["champion"] == 2


def test_the_way_back_needs_no_server(ground: Ground) -> None:
    assert ground.run("saga", kind="promotion").done["label"] == "approved"
    dead = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "MLFLOW_REGISTRY_URI": "http://127.0.0.1:1"}
    done = ground.run("command", words=ROLL_BACK, environ=dead).done
    assert done["code"] == 0, done
    assert sound(ground, NOTHING)["champion"] == 1


def test_with_the_clock_turned_back_nothing_is_promoted_and_the_way_back_is_open(ground: Ground) -> None:
    assert ground.run("saga", kind="promotion").done["label"] == "approved"
    ended = ground.run("saga", kind="promotion", days=-40)
    assert ended.done["error"] == "ClockBehind"
    after = sound(ground, ended.said)
    assert after["champion"] == 2, "and nobody is champion whom a wrong clock made so"
    assert after["events"] == ended.said["events"], "what is refused leaves no trace"
    assert ground.run("saga", kind="rollback", days=-40).done["label"] == "approved"
    after = sound(ground, ended.said)
    assert (after["champion"], after["kinds"].count("clock.turned_back")) == (1, 1)
    assert after["json"]["clock_behind"] is None, "the clock is right again"


def test_a_clock_that_was_ahead_revives_nothing_and_is_set_right_by_a_command(ground: Ground) -> None:
    ended = ground.run("saga", kind="promotion", days=400)
    assert ended.done["error"] == "ProposalClosed"
    after = sound(ground, ended.said)
    assert "this machine's clock is behind" in after["text"]
    assert "arena-clock --by NAME --reason WHY" in after["text"]
    assert after["json"]["clock_behind"] > after["json"]["proposals"][-1]["expires_at"]
    said = ["arena-clock", "--by", "ada", "--reason", "a year ahead", "--json"]
    codes = [ground.run("command", words=words).done["code"] for words in ([*said[:2], "olga", *said[3:]], said, said)]
    assert codes == [3, 0, 0]
    assert sound(ground, ended.said)["json"]["clock_behind"] is None
    assert ground.run("tried", id=ended.said["id"]).done["error"] == "ProposalClosed", "it stays expired"
    assert ground.run("saga", kind="promotion").done["label"] == "approved"


def test_two_approvers_two_trainers_and_a_rollback_at_once(ground: Ground) -> None:
    assert ground.run("saga", kind="promotion").done["label"] == "approved"  # so that there is a way back
    gate = ground.root.with_name("gate")
    gate.unlink(missing_ok=True)
    jobs = [ground.start("saga", kind="promotion", by=by, gate=str(gate)) for by in ("ada", "bob")]
    jobs += [ground.start("saga", kind="rollback", by="ada", gate=str(gate))]
    began = [job.said() for job in jobs]
    trainers = [ground.start("trained", seed=seed) for seed in (11, 12)]
    gate.touch()
    ended = [job.wait() for job in jobs]
    made = [job.wait().done for job in trainers]
    assert all(end.status == 0 for end in ended), ended
    assert {end.answer.get("label") or end.answer["error"] for end in ended} <= {
        "approved", "rolled back", "ProposalClosed", "ChampionMoved", "Conflict",
    }  # fmt: skip
    assert sum("label" in end.answer for end in ended) >= 1
    assert sorted(m["version"] for m in made) == [3, 4], "both trained, each a version of its own"
    after = sound(ground, began[0])
    done = [end.answer["id"] for end in ended if "label" in end.answer]
    decided = {p["id"]: p["disposition"] for p in after["json"]["proposals"]}
    assert [decided[ident] for ident in done] == ["approved"] * len(done), "whoever was told so finds it so"


def test_how_long_to_wait_is_a_number(ground: Ground) -> None:
    for name in ("DS_WORKFLOW_BUSY_SECONDS", "DS_WORKFLOW_MLFLOW_SECONDS"):
        for wrong in ("soon", "-1", "nan", "1e9"):
            done = ground.run("command", words=["arena-status"], environ={name: wrong}).done
            assert done["code"] == 2, done
            assert name in done["all"]
    assert Path(ground.store / "arena.db").exists()
