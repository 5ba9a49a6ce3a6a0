"""A claim that no model could fulfil is refused before anything is locked or trained, on whatever rows."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ds_workflow.adapters import claim_reach, hypotheses, snapshots
from ds_workflow.domain.hypothesis import Claim
from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import hypotheses as use_case
from ds_workflow.use_cases import train
from ds_workflow.workspace import Workspace

CLAIM = Claim("mdape", "overall", "decrease", 0.5, "absolute")


@pytest.fixture(scope="module")
def work(champion_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("reach") / "home"
    shutil.copytree(champion_workspace, root)
    declared = root / "config" / "people.yaml"  # as they were when the champion was decided
    declared.parent.mkdir(exist_ok=True)
    declared.write_text("people: {ana: [data_scientist], paul: [approver]}\n", "utf-8")
    return Workspace.at(root, "nyc_sales")


def test_the_champion_answers_a_window_that_it_was_not_trained_beside(work: Workspace) -> None:
    """The same rows under another digest: asked again, it says what its run recorded."""
    frozen = snapshots.SnapshotStore(work.settings.data).load(work.problem, "sim-v1")
    fresh = replace(frozen, record=replace(frozen.record, holdout_digest="f" * 64))
    stored, again = (claim_reach.standing(work.registry, work.problem, rows, CLAIM) for rows in (frozen, fresh))
    assert again.levels == pytest.approx(stored.levels) and set(stored.levels) == {"overall", *work.problem.segments}
    assert 0 < stored.levels["overall"] < 0.5


def test_training_refuses_what_is_out_of_reach(work: Workspace) -> None:
    store = hypotheses.of(work.settings)
    store.adopt("H-SEG-001")
    text = store.text("H-SEG-001").replace("H-SEG-001", "H-AREA-001")
    text = text.replace('owner: "Ana Reyes"', 'owner: "ana"')
    said = text.replace("  metric: weighted_segment_mdape", "  metric: mdape").replace(
        "unit: relative", "unit: absolute", 1
    )
    said = said.replace("min_effect: 0.05", "min_effect: 0.5", 1)
    store.path_for("H-AREA-001").write_text(said, "utf-8")
    plan = store.load("H-AREA-001").plan
    assert "no model can do that" in use_case.check(work, "H-AREA-001", dataset_version="sim-v1").missing[0]
    request = train.TrainRequest(
        "H-AREA-001", "architecture", "one model for each segment", "ana", plan.feature_set_version, "sim-v1"
    )
    with pytest.raises(InvalidInput, match=r"no model can do that\. Claim less\. Nothing was trained"):
        train.candidate(work, request)
    assert work.registry.hypothesis_lock("nyc_sales", "H-AREA-001") is None
    assert len(work.registry.versions("nyc_sales")) == 1
