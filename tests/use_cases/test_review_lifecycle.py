"""A problem of free text goes through the same use cases as any other, from snapshot to promotion and prediction."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from ds_workflow.use_cases import daily, data, predict, train
from ds_workflow.use_cases.arena import apply, propose
from ds_workflow.use_cases.arena.status import View
from ds_workflow.workspace import Workspace


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory, house: Path) -> tuple[Workspace, View]:
    """A workspace whose TF-IDF champion was challenged by runs of words, as H-REV-001 plans."""
    home = tmp_path_factory.mktemp("reviews")
    work = Workspace.at(home, "movie_reviews")
    (home / "docs" / "hypotheses").mkdir(parents=True)
    shutil.copy(house / "docs" / "hypotheses" / "H-REV-001.md", home / "docs" / "hypotheses")
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=10_000)
    first = train.baseline(
        work, owner="rita", dataset_version="sim-v1", feature_set_version="v1.0", strategy="text", seed=42
    )
    appointed = propose.bootstrap(work, first.version, owner="rita", approved_by="rita", reason="first")
    assert appointed.proposal.effect == "applied", appointed.text()
    request = train.TrainRequest(
        "H-REV-001", "architecture", "runs of words by ratio", "rita", "v1.0", "sim-v1", strategy="text_ratio"
    )
    train.candidate(work, request)
    return work, propose.propose(work).views[0]


def test_the_candidate_wins_by_its_own_claim(reviews: tuple[Workspace, View]) -> None:
    work, view = reviews
    proposal = view.proposal
    assert proposal.verdict == "pass", view.text()
    assert proposal.hypothesis is not None
    assert proposal.hypothesis.outcome == "supported"
    assert {"leakage", "servability", "stress_tolerance", "no_new_drift_alerts"} <= {g.name for g in proposal.gates}
    assert proposal.summary["overall"]["accuracy"]["challenger"] > 0.9
    assert data.check(work, "sim-v1").ok


def test_each_run_counts_its_errors_and_tells_its_words(reviews: tuple[Workspace, View]) -> None:
    work, _ = reviews
    for number in (1, 2):
        folder = work.registry.run_artifacts(work.registry.version("movie_reviews", number))
        counted = json.loads((folder / "confusion.json").read_text("utf-8"))
        card = json.loads((folder / "scorecard.json").read_text("utf-8"))
        overall = counted["overall"]
        right = overall["true_positive"] + overall["true_negative"]
        assert right / overall["rows"] == pytest.approx(card["overall"]["accuracy"])
        assert sum(one["rows"] for one in counted["segments"]) == overall["rows"]
        text = (folder / "run_card.md").read_text("utf-8")
        assert "## Confusion matrix" in text and "## Top words" in text
        with (folder / "top_words.csv").open(encoding="utf-8", newline="") as file:
            told = list(csv.DictReader(file))
        assert {row["rank"] for row in told} == {str(n) for n in range(1, 11)}
        assert any("text" in line for line in (folder / "representativeness.json").read_text("utf-8").splitlines())


def test_it_is_promoted_answers_and_is_healthy(reviews: tuple[Workspace, View]) -> None:
    work, view = reviews
    done = apply.approve(work, view.proposal.id, by="rita", reason="supported, all gates green")
    assert done.proposal.effect == "applied"
    champion = predict.champion(work)
    good = {
        "text": "I loved every minute of this drama.<br /><br />The acting is not boring at all. What a superb film!"
    }
    bad = {"text": "It is a complete waste of time and money. The plot was far from clever. Who wrote the script?"}
    answers, errors = champion.predict([good, bad])
    assert not errors
    assert [a["label"] for a in answers] == [1, 0]
    assert answers[0]["probability"] > 0.7
    assert answers[1]["probability"] < 0.3
    refused, found = champion.predict([{**good, "rating": 9}, {"text": ""}])
    assert refused == []
    assert [(e.row, e.field) for e in found] == [(0, "rating"), (1, "text")]
    assert daily.check(work).status == "healthy"
