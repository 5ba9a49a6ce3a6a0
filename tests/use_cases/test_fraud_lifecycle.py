"""Rare positives go through the same use cases as any other problem, weights, costs and calibration included."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ds_workflow.adapters import models, run_files, snapshots
from ds_workflow.domain.metrics import METRICS
from ds_workflow.errors import InvalidInput, StateConflict, UnknownName
from ds_workflow.use_cases import daily, data, predict, train
from ds_workflow.use_cases.arena import apply, propose
from ds_workflow.use_cases.arena.status import View
from ds_workflow.workspace import Workspace


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory, house: Path) -> tuple[Workspace, View]:
    """A workspace whose logistic champion was challenged by calibrated trees, as H-FRD-001 plans."""
    home = tmp_path_factory.mktemp("fraud")
    work = Workspace.at(home, "credit_card_fraud")
    (home / "docs" / "hypotheses").mkdir(parents=True)
    shutil.copy(house / "docs" / "hypotheses" / "H-FRD-001.md", home / "docs" / "hypotheses")
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42)
    first = train.baseline(
        work, owner="noor", dataset_version="sim-v1", feature_set_version="v1.0", strategy="logistic", seed=42
    )
    appointed = propose.bootstrap(work, first.version, owner="noor", approved_by="noor", reason="first")
    assert appointed.proposal.effect == "applied", appointed.text()
    request = train.TrainRequest(
        "H-FRD-001", "architecture", "calibrated trees", "noor", "v2.0", "sim-v1", strategy="calibrated"
    )
    train.candidate(work, request)
    return work, propose.propose(work).views[0]


def test_the_claim_is_supported_and_every_gate_is_green(fraud: tuple[Workspace, View]) -> None:
    _, view = fraud
    assert view.proposal.verdict == "pass", view.text()
    assert view.proposal.hypothesis is not None
    assert view.proposal.hypothesis.outcome == "supported"
    ranking = view.proposal.summary["overall"]["pr_auc"]
    assert ranking["interval"][0] > 0.05


def test_figures_are_those_of_the_population_that_rows_stand_for(fraud: tuple[Workspace, View]) -> None:
    work, _ = fraud
    run = work.registry.run_artifacts(work.registry.version("credit_card_fraud", 2))
    scored = models.read_scored(run / run_files.PREDICTIONS)
    assert np.average(scored.truth, weights=scored.weight) == pytest.approx(492 / 284_807, rel=0.2)
    assert scored.truth.mean() > 0.02, "frauds are common among the rows themselves"
    card = run_files.read_json(run / run_files.SCORECARD)["overall"]
    for name in ("pr_auc", "brier", "ece"):
        assert card[name] == pytest.approx(METRICS[name](scored))


def test_the_run_says_how_calibrated_it_is_and_what_thresholds_cost(fraud: tuple[Workspace, View]) -> None:
    work, _ = fraud
    for number in (1, 2):
        run = work.registry.run_artifacts(work.registry.version("credit_card_fraud", number))
        found = run_files.read_json(run / "calibration.json")
        assert found["by_chance"] < found["by_chance_high"]
        assert found["slope"]["interval"][0] < found["slope"]["value"] < found["slope"]["interval"][1]
        text = (run / "run_card.md").read_text("utf-8")
        assert "## Calibration" in text
        assert "## Threshold and costs" in text
        for picture in ("reliability.svg", "thresholds.svg"):
            assert (run / picture).read_text("utf-8").startswith("<svg")
    table = json.loads((run / "thresholds.json").read_text("utf-8"))
    by_reason = {row["why"]: row["cost"] for row in table["table"]}
    mine = next(cost for why, cost in by_reason.items() if "the model's own" in why)
    assert mine < 0.6 * by_reason["nothing is flagged"]
    assert mine < by_reason["everything is flagged"] / 10


def test_it_is_promoted_answers_and_is_healthy(fraud: tuple[Workspace, View]) -> None:
    work, view = fraud
    done = apply.approve(work, view.proposal.id, by="noor", reason="supported, all gates green")
    assert done.proposal.effect == "applied"
    champion = predict.champion(work)
    usual = {c.name: c.example for c in work.problem.inputs}
    odd = {**usual, "v3": -7.0, "v4": 4.5, "v10": -5.7, "v11": 3.8, "v12": -6.3, "v14": -7.0, "v16": -4.1, "v17": -6.7}
    answers, errors = champion.predict([usual, odd])
    assert not errors
    assert answers[0]["probability"] < 0.001
    assert answers[1]["probability"] > 0.1
    assert [a["label"] for a in answers] == [0, 1]  # at the model's own threshold, far below one half
    refused, found = champion.predict([{**usual, "minute": 3, "v14": "low"}])
    assert refused == []
    assert {e.field for e in found} == {"minute", "v14"}
    assert daily.check(work).status == "healthy"


def test_a_snapshot_may_be_split_otherwise_and_stays_so(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "credit_card_fraud")

    def freeze(name: str, split: str = "") -> data.Frozen:
        return data.snapshot(work, name, source=None, references=(), simulate=True, seed=1, rows=4_000, split=split)

    ordered, mixed = freeze("in-time"), freeze("mixed", "stratified")
    assert ordered.record.digest == mixed.record.digest
    assert ordered.record.holdout_digest != mixed.record.holdout_digest
    assert mixed.record.source.endswith("stratified split")
    for frozen, words in ((ordered, "the last by minute"), (mixed, "by hash of")):
        assert f"{words}" in frozen.text() and f"digest {frozen.record.holdout_digest}" in frozen.text()
        assert frozen.to_dict()["holdout"]["digest"] == frozen.record.holdout_digest
    assert mixed.record.holdout_digest[:12] in data.table(data.listed(work))
    store = snapshots.SnapshotStore(work.settings.data)
    late, dealt = (store.load(work.problem, name) for name in ("in-time", "mixed"))
    assert late.train["minute"].max() < late.holdout["minute"].min()
    assert dealt.train["minute"].max() > dealt.holdout["minute"].min()
    assert not set(dealt.train["minute"]) & set(dealt.holdout["minute"])
    assert dealt.split.method == "stratified"
    assert not dealt.split.by_time
    with pytest.raises(StateConflict, match="already stands for these rows with another holdout"):
        freeze("mixed")
    with pytest.raises(UnknownName, match="no split method 'random'"):
        freeze("other", "random")
    with pytest.raises(InvalidInput, match="needs a time column"):
        freeze("other", "chronological")
