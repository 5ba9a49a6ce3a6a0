"""Real processes over the real stores: killed after any step, or deciding at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import forked
import pytest

from registry.errors import Conflict, OutOfCustody
from registry.mlflow_store import MlflowStore

PROBLEM = "toy_prices"


class Processes:
    """Starts processes that decide, lets them go at one moment, and says how they ended."""

    def __init__(self, gate: Path) -> None:
        self._gate = gate
        self._jobs: list[forked.Job] = []

    def start(self, do: str, **options: Any) -> None:
        self._jobs.append(forked.start(f"deciding.{do}", gate=str(self._gate), **options))

    def go(self) -> list[forked.Ended]:
        self._gate.touch()
        ended = [job.wait() for job in self._jobs]
        self._gate.unlink()
        self._jobs.clear()
        return ended


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "gate")


def root(bench: Any) -> str:
    return str(bench.folder / "mlruns")


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        # every step of every kind: tests/faults
        *(("promotion", step) for step in ("recorded", "tagged", "head-tagged")),
        ("bootstrap", "alias-set"),
        ("rollback", "applied"),
    ],
)
def test_a_kill_after_any_step_is_finished_by_the_next_command(
    lasting: Any, processes: Processes, kind: str, step: str
) -> None:
    registry = lasting.registry()
    one = lasting.candidate() if kind == "bootstrap" else lasting.promote()
    if kind == "rollback":
        lasting.promote(3.0)
        processes.start("roll_back", root=root(lasting), kill_at=step)
        wanted = one
    else:
        wanted = one if kind == "bootstrap" else lasting.candidate(3.0)
        proposal = lasting.propose(wanted)
        processes.start("approve", root=root(lasting), id=proposal.id, by="ada", kill_at=step)
    before = registry.champion(PROBLEM)
    rival = lasting.candidate(4.0)
    moves = len(registry.moves(PROBLEM))
    assert [ended.status for ended in processes.go()] == [forked.KILLED]
    recorded = step in ("applied", "head-tagged")
    if not recorded:
        # Half applied: nobody is champion but the old one, and nothing else may be decided meanwhile.
        assert registry.champion(PROBLEM) == before
        with pytest.raises((Conflict, OutOfCustody), match="half applied"):
            lasting.propose(rival)
    finished = registry.reconcile(PROBLEM, smoke=lasting.smoke)
    assert [p.label for p in finished] == ([] if recorded else ["approved"])
    assert registry.champion(PROBLEM) == wanted
    assert registry.aliases(PROBLEM)["champion"] == wanted.version
    assert registry.aliases(PROBLEM).get("challenger") != wanted.version
    assert registry.custody(PROBLEM).status == "in_custody"
    assert len(registry.moves(PROBLEM)) == moves + 1
    assert registry.verify().problems == []
    assert registry.reconcile(PROBLEM, smoke=lasting.smoke) == []
    assert lasting.propose(rival).label == "pending"


def test_a_version_that_fails_after_the_kill_gives_the_alias_back(lasting: Any, processes: Processes) -> None:
    lasting.promote()
    proposal = lasting.propose(lasting.candidate(3.0))
    processes.start("approve", root=root(lasting), id=proposal.id, by="ada", kill_at="alias-set")
    processes.go()
    registry = lasting.registry()
    assert registry.aliases(PROBLEM)["champion"] == 2
    assert "half applied" in registry.custody(PROBLEM).detail

    def unfit(version: Any) -> None:
        raise RuntimeError("out of memory")

    assert [p.effect for p in registry.reconcile(PROBLEM, smoke=unfit)] == ["apply_failed"]
    assert registry.aliases(PROBLEM)["champion"] == 1
    assert registry.custody(PROBLEM).status == "in_custody"
    assert registry.verify().problems == []


@pytest.mark.parametrize("again", range(3))
def test_two_processes_approve_different_proposals_and_one_is_promoted(
    lasting: Any, processes: Processes, again: int
) -> None:
    lasting.promote()
    rivals = [lasting.propose(lasting.candidate(slope)) for slope in (3.0, 4.0)]
    for rival, by in zip(rivals, ("ada", "bob"), strict=True):
        processes.start("approve", root=root(lasting), id=rival.id, by=by)
    told = [ended.answer for ended in processes.go() if ended.status == 0]
    assert sorted(next(iter(out)) for out in told) == ["error", "ok"], told
    assert next(out["error"] for out in told if "error" in out) in ("ProposalClosed", "ChampionMoved")
    winner = next(r for r in rivals if r.id == next(out["id"] for out in told if "ok" in out))
    registry = lasting.registry()
    assert registry.champion(PROBLEM).ref == winner.challenger
    assert registry.custody(PROBLEM).status == "in_custody"
    assert sorted(registry.proposal(r.id).label for r in rivals) == ["approved", "superseded"]
    assert len(registry.moves(PROBLEM)) == 2
    assert registry.verify().problems == []


def test_two_people_approve_one_proposal_at_once(lasting: Any, processes: Processes) -> None:
    proposal = lasting.propose(lasting.candidate())
    for by in ("ada", "bob", "ada"):
        processes.start("approve", root=root(lasting), id=proposal.id, by=by)
    told = [ended.answer for ended in processes.go()]
    registry = lasting.registry()
    decided = registry.proposal(proposal.id).decided_by
    for by, out in zip(("ada", "bob", "ada"), told, strict=True):
        assert out.get("ok") == "approved" if by == decided else out.get("error") == "ProposalClosed"
    assert len(registry.decisions(proposal.id)) == len(registry.moves(PROBLEM)) == 1


def test_several_processes_create_one_store_at_once(processes: Processes, tmp_path: Path) -> None:
    for _ in range(3):
        processes.start("prepare", root=str(tmp_path / "new"))
    assert [ended.done for ended in processes.go()] == ["prepared"] * 3
    store = MlflowStore(tmp_path / "new")
    assert len(store._mlflow.client.search_registered_models(max_results=10)) == 3
    assert store.aliases(PROBLEM) == {}
    assert not list((tmp_path / "new").glob("*.new*"))


def test_several_processes_make_the_same_new_alias_at_once(lasting: Any, processes: Processes) -> None:
    lasting.candidate()
    for alias in ("a", "b", "c", "d", "e"):
        for _ in range(4):
            processes.start("alias", root=root(lasting), alias=alias, number=1)
    assert [ended.done for ended in processes.go()] == [1] * 20
