"""Every problem goes through the very same commands: simulated, frozen, trained, appointed, challenged, asked, served.

What a problem promises beyond this (that its example claim is supported, what it reaches on real rows) stands in its
own tests. An outsider may run this suite on a plug-in of theirs: it is parametrised by the names that are installed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from ds_workflow import plugins
from ds_workflow.adapters import hypotheses, models, run_files, snapshots
from ds_workflow.domain.contract import check_rows
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quality import violations
from ds_workflow.domain.snapshot import Snapshot, conform, digest
from ds_workflow.errors import InvalidInput, LeakageRefused
from ds_workflow.use_cases import data, predict, train
from ds_workflow.use_cases.arena import propose
from ds_workflow.use_cases.arena.status import View
from ds_workflow.use_cases.requests import segment_of
from ds_workflow.workspace import Workspace
from registry.records import ModelVersion
from serving.app import create_app

FEW = 600  # rows for what needs no model
ENOUGH = {"nyc_sales": 30_000, "adult_income": 16_000}  # for a first champion, where that is fewer than usual


@dataclass(frozen=True)
class Lived:
    """A workspace in which a problem went the whole way."""

    work: Workspace
    snapshot: Snapshot
    appointed: View
    challenged: View

    @property
    def problem(self) -> Problem:
        return self.work.problem

    def version(self, number: int) -> ModelVersion:
        return self.work.registry.version(self.problem.name, number)


@pytest.fixture(scope="module", params=plugins.names("problems"))
def plugin(request: pytest.FixtureRequest) -> ModuleType:
    return plugins.load("problems", request.param)


@pytest.fixture(scope="module")
def lived(plugin: ModuleType, tmp_path_factory: pytest.TempPathFactory, house: Path) -> Iterator[Lived]:
    """First strategy and first feature set of the declaration, then what the first written hypothesis plans."""
    problem: Problem = plugin.PROBLEM
    home = tmp_path_factory.mktemp(problem.name)
    shutil.copytree(house / "docs" / "hypotheses", home / "docs" / "hypotheses")
    work = Workspace.at(home, problem.name)
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=ENOUGH.get(problem.name))
    first = train.baseline(
        work,
        owner="ines",
        dataset_version="sim-v1",
        feature_set_version=problem.feature_sets[0].version,
        strategy=problem.strategies[0],
        seed=42,
    )
    appointed = propose.bootstrap(work, first.version, owner="ines", approved_by="ines", reason="first")
    store = hypotheses.of(work.settings)
    document = next(d for d in map(store.load, store.ids()) if d.problem == problem.name)
    plan = document.plan
    train.candidate(
        work,
        train.TrainRequest(
            document.id,
            document.change_type,
            document.title,
            "ines",
            plan.feature_set_version,
            "sim-v1",
            strategy=plan.strategy,
            router_mode=plan.router_mode or "",
        ),
    )
    view = propose.propose(work).views[0]
    frozen = snapshots.SnapshotStore(work.settings.data).load(problem, "sim-v1")
    yield Lived(work, frozen, appointed, view)
    shutil.rmtree(home)


# --- without a model -------------------------------------------------------------------------------------------------


def test_the_simulator_is_seeded(plugin: ModuleType) -> None:
    once = plugin.simulate(rows=FEW, seed=7)
    pd.testing.assert_frame_equal(once, plugin.simulate(rows=FEW, seed=7))
    assert not once.equals(plugin.simulate(rows=FEW, seed=8))
    with pytest.raises(InvalidInput):
        plugin.simulate(rows=0, seed=7)


def test_a_request_tells_the_segment_that_cleaning_gives_its_row(plugin: ModuleType) -> None:
    """Or nothing, where it takes what a model has learned; what it tells is always true."""
    problem: Problem = plugin.PROBLEM
    rows, _ = plugin.clean(plugin.simulate(rows=FEW, seed=7))
    sent = rows[[c.name for c in problem.inputs if c.name in rows]].head(50).to_dict("records")
    told = [segment_of(problem.name, row) for row in sent]
    assert set(told) == {""} or told == rows[problem.segment_column].head(50).astype(str).tolist()
    assert problem.name == "taxi_demand" or "" not in told


def test_cleaned_rows_keep_the_contract_whatever_their_order(plugin: ModuleType) -> None:
    problem: Problem = plugin.PROBLEM
    raw = plugin.simulate(rows=FEW, seed=7)
    rows, dropped = plugin.clean(raw)
    assert len(rows) > 0
    assert all(count >= 0 for count in dropped.values())
    frame = conform(problem, rows)
    assert violations(problem, frame) == []
    assert frame[problem.row_id].is_unique
    again, _ = plugin.clean(raw.sample(frac=1.0, random_state=1).reset_index(drop=True))
    assert digest(problem, frame) == digest(problem, conform(problem, again))


def test_the_declaration_is_whole(plugin: ModuleType) -> None:
    problem: Problem = plugin.PROBLEM
    closed = {problem.target, *problem.forbidden, *problem.sensitive}
    assert not closed & {c.name for c in problem.inputs}
    for name in closed:
        with pytest.raises(LeakageRefused):
            problem.refuse_leak(name)
    for feature_set in problem.feature_sets:
        for name in feature_set.features:
            assert not closed & set(problem.feature(name).sources), f"{name} is made of what may never be an input"
    for text in (problem.intended_use, problem.limits, problem.source, problem.licence):
        assert len(text.split()) >= 2
    assert all(c.description for c in problem.columns)
    assert all(c.example is not None for c in problem.inputs if c.required), "a required column has no example"
    assert all(s in plugins.names("strategies") for s in problem.strategies)


def test_the_declared_example_is_a_request_that_is_understood(plugin: ModuleType) -> None:
    problem: Problem = plugin.PROBLEM
    row = {c.name: c.example for c in problem.inputs if c.example is not None}
    frame, errors = check_rows(problem, [row])
    assert not errors
    assert len(frame) == 1


def test_bad_requests_are_told_field_by_field(plugin: ModuleType) -> None:
    problem: Problem = plugin.PROBLEM
    good = {c.name: c.example for c in problem.inputs if c.example is not None}
    required = [c for c in problem.inputs if c.required]
    assert required, "a request that may be empty can't be asked for anything"
    for column in required:
        _, errors = check_rows(problem, [good, {k: v for k, v in good.items() if k != column.name}])
        assert [(e.row, e.field) for e in errors] == [(1, column.name)]
        assert errors[0].allowed
    for column in problem.inputs:
        _, errors = check_rows(problem, [{**good, column.name: ["a list"]}])
        assert [e.field for e in errors] == [column.name]
    _, errors = check_rows(problem, [{**good, "no such field": 1}, {**good, problem.target: 1}])
    assert [(e.row, e.field) for e in errors] == [(0, "no such field"), (1, problem.target)]


# --- with models -----------------------------------------------------------------------------------------------------


def test_the_first_champion_is_appointed(lived: Lived) -> None:
    assert lived.appointed.proposal.effect == "applied", lived.appointed.text()
    assert data.check(lived.work, "sim-v1").ok


def test_the_candidate_carries_its_whole_lineage(lived: Lived) -> None:
    lineage = lived.version(2).lineage
    assert lineage.dataset_digest == lived.snapshot.record.digest
    assert lineage.holdout_digest == lived.snapshot.record.holdout_digest
    assert lineage.hypothesis_digest
    assert lineage.base_champion_version == 1


def test_the_comparison_answers_every_gate(lived: Lived) -> None:
    proposal = lived.challenged.proposal
    assert proposal.verdict in ("pass", "fail", "inconclusive"), lived.challenged.text()
    assert proposal.champion is not None
    assert proposal.champion.version == 1
    assert all(g.status != "invalid" and (g.note or g.observed is not None) for g in proposal.gates)
    assert proposal.hypothesis is not None
    assert proposal.hypothesis.outcome in ("supported", "refuted", "inconclusive")


def test_each_version_keeps_its_explanations_and_its_card(lived: Lived) -> None:
    for number in (1, 2):
        folder = lived.work.registry.run_artifacts(lived.version(number))
        kept = {p.name for p in folder.iterdir()}
        assert {run_files.SCORECARD, run_files.IMPORTANCES, run_files.SHAP, run_files.PREDICTIONS} <= kept
        card = json.loads((folder / run_files.SCORECARD).read_text("utf-8"))
        measured = {*card["overall"], *card["missing"]}
        assert set(lived.problem.metrics) <= measured
        shares = pd.read_csv(folder / run_files.IMPORTANCES)["importance"]
        assert shares.ge(0).all()
        assert shares.sum() == pytest.approx(1.0, abs=1e-6)
        text = (folder / "run_card.md").read_text("utf-8")
        assert lived.problem.title in text


def test_a_request_gets_the_answer_that_the_table_gets(lived: Lived) -> None:
    """The contract, the featurizer and the estimator say the same of a row sent and of a row frozen."""
    champion = predict.champion(lived.work)
    rows = lived.snapshot.holdout.iloc[:: max(1, len(lived.snapshot.holdout) // 25)].head(25)
    sent = run_files.request_rows(lived.problem, rows, len(rows))
    answers, errors = champion.predict(sent)
    assert not errors, [e.to_dict() for e in errors[:3]]
    got = np.array([_figure(a) for a in answers])
    table = models.score(champion.model, lived.problem, rows)
    np.testing.assert_allclose(got, table.prediction, rtol=1e-6)


def test_contributions_add_up_to_more_than_nothing(lived: Lived) -> None:
    champion = predict.champion(lived.work)
    rows = lived.snapshot.holdout.head(50)
    features = champion.model["features"].transform(rows)
    found = champion.model["model"].contributions(features)
    assert len(found) == len(rows)
    assert np.isfinite(found.to_numpy(dtype=float)).all()
    assert np.abs(found.to_numpy(dtype=float)).sum() > 0


def test_it_is_served_by_its_name(lived: Lived) -> None:
    rows = run_files.request_rows(lived.problem, lived.snapshot.holdout, 5)
    with TestClient(create_app(lived.work)) as client:
        health = client.get("/health")
        assert health.status_code == 200, health.text
        named = client.post(f"/problems/{lived.problem.name}/predict", json=rows)
        assert named.status_code == 200, named.text
        body = named.json()
        champion = lived.version(1)
        assert body["model"]["problem"] == lived.problem.name
        assert (body["model"]["version"], body["model"]["digest"]) == (1, champion.digest)
        assert len(body["predictions"]) == len(rows)
        assert all(np.isfinite(_figure(answer)) for answer in body["predictions"])
        assert client.post("/predict", json=rows).json()["predictions"] == body["predictions"]
        refused = client.post(f"/problems/{lived.problem.name}/predict", json=[{**rows[0], "nonsense": 1}])
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["field"] == "nonsense"


def _figure(answer: dict[str, Any]) -> float:
    return float(answer["probability"] if "probability" in answer else answer["value"])
