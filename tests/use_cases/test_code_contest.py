"""Models that write programs as champion and challenger: the same proposals, approvals and replays as any problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ds_workflow import plugins
from ds_workflow.adapters import policies, run_files
from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.sandbox import seccomp
from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.use_cases import data
from ds_workflow.use_cases.arena import apply, replay, status
from ds_workflow.use_cases.arena import propose as arena_propose
from ds_workflow.use_cases.code_eval import compare
from ds_workflow.workspace import Workspace
from registry.errors import Conflict
from serving.app import create_app

pytestmark = pytest.mark.skipif(bool(seccomp.unavailable()), reason=seccomp.unavailable() or "confined")
RECORDS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "ds_workflow/templates/code_tasks.jsonl").read_text("utf-8").splitlines()
]


def model(folder: Path, name: str, *, right: int) -> Path:
    """Completions of our tasks, the first `right` of which are the references, the others wrong."""
    path = folder / f"{name}.jsonl"
    kinds = ["canonical_solution"] * right + ["wrong_solution"] * (len(RECORDS) - right)
    files.write_lines(
        path, ({"task_id": r["task_id"], "completion": r[k]} for r, k in zip(RECORDS, kinds, strict=True))
    )
    return path


def ask(path: Path, **more: Any) -> compare.Ask:
    return compare.Ask("own", path, timeout=2, **more)


def test_the_contest_is_declared_whole(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, compare.CONTEST)
    problem = work.problem
    assert problem.name not in plugins.names("problems"), "nothing trains or serves it"
    rows = work.plugin.rows_of(list(files.read_tasks("own").tasks.values()))
    assert set(rows) == {c.name for c in problem.columns}
    policy = policies.load(work.settings.policy(problem.name), problem)
    assert {g.metric for g in policy.gates} == {"pass_at_1"}
    assert not {"tests", "helpers", "reference"} & {c.name for c in problem.inputs}


def test_from_the_first_champion_to_the_next(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, compare.CONTEST)
    first = compare.propose(work, ask(model(tmp_path, "old", right=8)), owner="ana").proposal
    assert (first.kind, first.verdict, first.champion) == ("bootstrap", "pass", None)
    assert work.registry.champion(compare.CONTEST) is None, "nobody is champion before a decision"
    assert apply.approve(work, first.id, by="ana", reason="the first").proposal.effect == "applied"

    worse = compare.propose(work, ask(model(tmp_path, "worse", right=2)), owner="ben")
    assert worse.proposal.verdict == "fail"
    assert apply.reject(work, worse.proposal.id, by="ana", reason="It solves less.").proposal.disposition == "rejected"

    made = compare.propose(work, ask(model(tmp_path, "new", right=23)), owner="ben")
    proposal = made.proposal
    gates = {g.name: g for g in proposal.gates}
    assert (proposal.kind, proposal.verdict) == ("promotion", "pass"), made.text()
    # 15 of 24 tasks are won and none is lost
    assert gates["solves_more"].observed == pytest.approx(15 / 24)
    assert proposal.summary["overall"]["pass_at_1"]["champion"] == pytest.approx(8 / 24)
    assert set(proposal.summary["slices"]["category"]) == {r["category"] for r in RECORDS}
    assert any("McNemar, exact: p = 0.0001" in note for note in proposal.summary["notes"])
    assert "new" in made.text() and "old" in made.text()

    shown = status.show(work, proposal.id, html=tmp_path / "page.html", markdown=None)
    assert shown.to_dict() | made.to_dict() == shown.to_dict()
    assert replay.replay(work, proposal.id).ok
    assert apply.approve(work, proposal.id, by="ana", reason="better").proposal.effect == "applied"
    assert work.registry.champion(compare.CONTEST).version == proposal.challenger.version
    kept = {p.name for p in work.registry.run_artifacts(work.registry.version(compare.CONTEST, 3)).iterdir()}
    assert {"results.jsonl", "codeeval.html", run_files.PREDICTIONS, run_files.SCORECARD} <= kept
    assert list((tmp_path / "docs" / "model_cards").glob("code_generation-v3.md"))
    assert apply.roll_back(work, to=None, by="ana", reason="It was slow.").proposal.effect == "applied"
    assert status.read(work).to_dict()["aliases"]["champion"]["version"] == 1

    with pytest.raises(Conflict):
        compare.propose(work, ask(model(tmp_path, "old", right=8)), owner="ana")
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(r) + "\n" for r in RECORDS[:20]))
    answers = tmp_path / "few-answers.jsonl"
    files.write_lines(answers, ({"task_id": r["task_id"], "completion": r["canonical_solution"]} for r in RECORDS[:20]))
    with pytest.raises(StateConflict, match="same tasks"):
        compare.propose(work, compare.Ask(str(few), answers, timeout=2), owner="ana")
    with pytest.raises(InvalidInput, match="leaves 4 of 24 tasks out"):
        compare.propose(work, ask(answers), owner="ana")
    with pytest.raises(InvalidInput, match="--owner"):
        compare.propose(work, ask(answers), owner=" ")
    (snapshot,) = data.listed(work)
    checked = data.check(work, snapshot.record.dataset_version)
    assert checked.ok, checked.text()
    for command in (lambda: arena_propose.propose(work, [2]), lambda: data.snapshot(
        work, "x", source=None, references=(), simulate=True, seed=1)):  # fmt: skip
        with pytest.raises(InvalidInput, match="is a contest"):
            command()
    with TestClient(create_app(Workspace.at(tmp_path, "nyc_sales"))) as client:
        assert client.get("/health").status_code in (200, 503)
        assert client.get("/").status_code == 200


def test_two_files_are_compared_and_nothing_is_written(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "nyc_sales")
    old, new = model(tmp_path, "old", right=20), model(tmp_path, "new", right=22)
    made = compare.beside(work, ask(new), old)
    assert (made.found.only_challenger, made.found.only_champion) == (2, 0)
    assert made.found.difference == pytest.approx(2 / 24)
    assert made.to_dict()["champion"]["model"] == "old"
    assert "p = 0.5000" in made.text()
    assert not (tmp_path / "mlruns").exists()
