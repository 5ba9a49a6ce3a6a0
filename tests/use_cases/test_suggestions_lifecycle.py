"""A logistic champion with odds ratios is challenged by trees that know developers' pasts, on a simulated log."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ds_workflow import plugins
from ds_workflow.use_cases import daily, data, predict, train
from ds_workflow.use_cases.arena import apply, propose
from ds_workflow.use_cases.arena.status import View
from ds_workflow.use_cases.train import annex_odds
from ds_workflow.workspace import Workspace

NAME = "code_suggestions"


@pytest.fixture(scope="module")
def suggestions(tmp_path_factory: pytest.TempPathFactory, house: Path) -> tuple[Workspace, View]:
    """A workspace whose logistic champion was challenged as H-SUG-001 plans."""
    home = tmp_path_factory.mktemp("suggestions")
    work = Workspace.at(home, NAME)
    (home / "docs" / "hypotheses").mkdir(parents=True)
    for name in ("H-SUG-001.md", "H-SUG-002.md"):
        shutil.copy(house / "docs" / "hypotheses" / name, home / "docs" / "hypotheses")
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=30_000)
    first = train.baseline(
        work, owner="noor", dataset_version="sim-v1", feature_set_version="v1.0", strategy="logistic", seed=42
    )
    appointed = propose.bootstrap(work, first.version, owner="noor", approved_by="noor", reason="first")
    assert appointed.proposal.effect == "applied", appointed.text()
    request = train.TrainRequest(
        "H-SUG-001", "feature", "trees that know the past", "noor", "v2.0", "sim-v1", strategy="global"
    )
    train.candidate(work, request)
    return work, propose.propose(work).views[0]


def test_the_snapshot_keeps_every_check(suggestions: tuple[Workspace, View]) -> None:
    work, _ = suggestions
    assert data.check(work, "sim-v1").ok


def test_the_run_of_the_logistic_champion_shows_its_odds_ratios(suggestions: tuple[Workspace, View]) -> None:
    work, _ = suggestions
    folder = work.registry.run_artifacts(work.registry.version(NAME, 1))
    content = json.loads((folder / annex_odds.FILE).read_text("utf-8"))
    references = {t["feature"]: t["per"].removeprefix("against ") for t in content["terms"] if "against" in t["per"]}
    truths = {e.level or e.feature: e for e in plugins.load("problems", NAME).true_effects(references)}
    assert len(content["terms"]) == len(truths) == 15
    assert content["clusters"] > 200
    for term in content["terms"]:
        effect = truths[term["term"].partition("=")[2] or term["term"]]
        if abs(effect.marginal) > 0.25:  # large ones are found on the right side of 1
            assert (term["ratio"] > 1) == (effect.marginal > 0), term
    card = (folder / "run_card.md").read_text("utf-8")
    assert "## Odds ratios" in card
    assert "task=boilerplate" in card
    page = (folder / "run_card.html").read_text("utf-8")
    assert page.count('aria-label="Odds ratios"') == 2, "a wide and a slim plot"
    assert (folder / annex_odds.PICTURE).read_text("utf-8").startswith("<svg")


def test_a_run_without_coefficients_has_no_odds_ratios(suggestions: tuple[Workspace, View]) -> None:
    work, _ = suggestions
    folder = work.registry.run_artifacts(work.registry.version(NAME, 2))
    assert not (folder / annex_odds.FILE).exists()
    assert "## Odds ratios" not in (folder / "run_card.md").read_text("utf-8")


def test_the_candidate_wins_by_its_claim_answers_and_leaves_a_healthy_house(
    suggestions: tuple[Workspace, View],
) -> None:
    work, view = suggestions
    assert view.proposal.verdict == "pass", view.text()
    assert view.proposal.hypothesis is not None
    assert view.proposal.hypothesis.outcome == "supported"
    done = apply.approve(work, view.proposal.id, by="noor", reason="supported, all gates green")
    assert done.proposal.effect == "applied"
    champion = predict.champion(work)
    row = {
        "developer_id": "nobody yet",
        "developer_segment": "intermediate",
        "language": "python",
        "model_version": "assistant-2",
        "shown_at": "2025-07-01",
        "latency_ms": 400,
        "suggestion_length": 20,
        "prompt_length": 400,
        "task": "feature",
    }
    answers, errors = champion.predict(
        [{**row, "task": "boilerplate"}, {**row, "task": "bug_fix", "latency_ms": 2_000}]
    )
    assert not errors
    assert 0.4 < answers[0]["probability"] < 0.8
    assert 0.05 < answers[1]["probability"] < 0.35
    refused, found = champion.predict([{**row, "edited": 1, "session_id": "7", "language": "cobol"}])
    assert refused == []
    assert {e.field for e in found} == {"edited", "session_id", "language"}
    assert "only what is accepted is edited" in next(e.message for e in found if e.field == "edited")
    assert daily.check(work).status == "healthy"
