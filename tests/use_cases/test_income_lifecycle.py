"""A problem of two classes without time goes through the same use cases as any other, from snapshot to promotion."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ds_workflow import plugins, steps
from ds_workflow.adapters import run_files
from ds_workflow.use_cases import daily, data, overview, predict, train
from ds_workflow.use_cases.arena import apply, propose, status
from ds_workflow.use_cases.arena.status import View
from ds_workflow.workspace import Workspace
from registry.records import Proposal


@pytest.fixture(scope="module")
def income(tmp_path_factory: pytest.TempPathFactory, house: Path) -> tuple[Workspace, View]:
    """A workspace whose logistic champion was challenged by trees, as H-INC-001 plans."""
    home = tmp_path_factory.mktemp("income")
    work = Workspace.at(home, "adult_income")
    (home / "docs" / "hypotheses").mkdir(parents=True)
    shutil.copy(house / "docs" / "hypotheses" / "H-INC-001.md", home / "docs" / "hypotheses")
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=20_000)
    first = train.baseline(
        work, owner="ines", dataset_version="sim-v1", feature_set_version="v1.0", strategy="logistic", seed=42
    )
    appointed = propose.bootstrap(work, first.version, owner="ines", approved_by="ines", reason="first")
    assert appointed.proposal.effect == "applied", appointed.text()
    request = train.TrainRequest(
        "H-INC-001", "feature", "trees on capital and interactions", "ines", "v2.0", "sim-v1", strategy="global"
    )
    assert steps.waiting(work) is None
    train.candidate(work, request)
    assert steps.waiting(work) == 2
    assert "arena-propose" in status.read(work).next()
    assert overview.standing(work).command.endswith("arena-propose")
    found = propose.propose(work).views[0]
    assert steps.waiting(work) is None  # it was asked about
    return work, found


def test_the_snapshot_keeps_every_check(income: tuple[Workspace, View]) -> None:
    work, _ = income
    assert data.check(work, "sim-v1").ok


def test_the_candidate_wins_by_its_own_claim(income: tuple[Workspace, View]) -> None:
    _, view = income
    proposal = view.proposal
    assert proposal.verdict == "pass", view.text()
    assert proposal.hypothesis is not None
    assert proposal.hypothesis.outcome == "supported"
    gates = {g.name for g in proposal.gates}
    assert {"better_or_fairer", "no_new_fairness_alerts", "leakage"} <= gates
    assert proposal.summary["holdout"]["from"] == ""
    assert proposal.summary["residuals"] == []
    assert proposal.summary["overall"]["roc_auc"]["greater_is_better"] is True


def test_each_run_says_how_it_treats_groups(income: tuple[Workspace, View]) -> None:
    work, _ = income
    for number in (1, 2):
        folder = work.registry.run_artifacts(work.registry.version("adult_income", number))
        content = json.loads((folder / run_files.FAIRNESS).read_text("utf-8"))
        assert {d["column"] for d in content["differences"]} == {"sex", "race"}
        assert {f["metric"] for f in content["figures"]} == {"roc_auc", "tpr", "fpr", "selection_rate"}
        assert "## By race" in (folder / "fairness.md").read_text("utf-8")


def test_each_run_keeps_how_sure_it_is_and_why_it_answers_so(income: tuple[Workspace, View]) -> None:
    work, view = income
    version = work.registry.version("adult_income", 2)
    folder = work.registry.run_artifacts(version)
    assert len(run_files.explanations(folder).curves) == 6
    made = run_files.read_json(folder / run_files.SCORECARD)["intervals"]
    assert set(made["overall"]) == set(work.problem.metrics)
    card = (folder / "run_card.md").read_text("utf-8")
    for heading in ("Training beside holdout", "How stable it is", "Why it answers so"):
        assert f"## {heading}" in card
    (stress,) = [g for g in view.proposal.gates if g.name == "stress_tolerance"]
    assert stress.status == "pass" and "rows have no time" in stress.note


def test_the_logistic_run_tells_its_odds_ratios(income: tuple[Workspace, View]) -> None:
    work, _ = income
    folder = work.registry.run_artifacts(work.registry.version("adult_income", 1))
    content = json.loads((folder / "odds_ratios.json").read_text("utf-8"))
    told = {t["term"]: t for t in content["terms"]}
    assert {"age", "education_level", "occupation=Exec-managerial"} <= set(told)
    for name in ("age", "education_level", "hours_per_week"):
        low, high = told[name]["interval"]
        assert 1 < low < told[name]["ratio"] < high, "more of it raises the odds, in the simulator's own constants too"
    assert content["clusters"] == content["rows"], "a person is a row"


def test_it_is_promoted_answers_and_is_healthy(income: tuple[Workspace, View]) -> None:
    work, view = income
    done = apply.approve(work, view.proposal.id, by="ines", reason="supported, all gates green")
    assert done.proposal.effect == "applied"
    champion = predict.champion(work)
    rich = {"age": 50, "education": "Masters", "hours_per_week": 50, "capital_gain": 15_024, "workclass": "Private"}
    young = {"age": 19, "education": "Some-college", "hours_per_week": 20}
    answers, errors = champion.predict([rich, young])
    assert not errors
    assert 0.9 < answers[0]["probability"] < 1
    assert 0 < answers[1]["probability"] < 0.1
    assert [a["label"] for a in answers] == [1, 0]
    refused, found = champion.predict([{**young, "sex": "Male", "relationship": "Husband", "education": "Abitur"}])
    assert refused == []
    assert {e.field for e in found} == {"sex", "relationship", "education"}
    assert daily.check(work).status == "healthy"


HERS = ("Adm-clerical", "Other-service", "Priv-house-serv", "Sales", "Prof-specialty")


def apart(rows: int) -> pd.DataFrame:
    """Simulated people of a town where men and women seldom share an occupation: of those who do, one in six is kept.
    Who earns what is as the simulator draws it; nobody is chosen by income."""
    people = plugins.load("problems", "adult_income").simulate(rows=rows, seed=42)
    shared = (people["occupation"].isin(HERS) != (people["sex"] == "Female")) & people["occupation"].notna()
    kept = ~shared | (np.random.default_rng(5).random(rows) < 1 / 6)
    made: pd.DataFrame = people[kept].reset_index(drop=True)
    return made


def contest(work: Workspace, version: str) -> Proposal:
    """Plain trees in office, challenged by what H-INC-002 plans: same features, same rows, other weights."""
    first = train.baseline(
        work, owner="ines", dataset_version=version, feature_set_version="v2.0", strategy="global", seed=42
    )
    appointed = propose.bootstrap(work, first.version, owner="ines", approved_by="ines", reason="first")
    assert appointed.proposal.effect == "applied", appointed.text()
    request = train.TrainRequest(
        "H-INC-002", "objective", "weighted rows", "ines", "v2.0", version, strategy="equal_opportunity"
    )
    train.candidate(work, request)
    return propose.propose(work).views[0].proposal


def found(work: Workspace, number: int) -> dict[str, float]:
    """By sex, the share of those over the line who are found."""
    folder = work.registry.run_artifacts(work.registry.version("adult_income", number))
    figures = json.loads((folder / run_files.FAIRNESS).read_text("utf-8"))["figures"]
    return {f["group"]: f["value"] for f in figures if f["column"] == "sex" and f["metric"] == "tpr"}


def test_a_fairer_challenger_on_the_same_features_wins(tmp_path: Path, house: Path) -> None:
    work = Workspace.at(tmp_path, "adult_income")
    shutil.copytree(house / "docs" / "hypotheses", tmp_path / "docs" / "hypotheses")
    apart(36_000).to_csv(tmp_path / "town.csv", index=False)
    data.snapshot(work, "town", source=tmp_path / "town.csv", references=(), simulate=False, seed=42, rows=0)
    proposal = contest(work, "town")
    assert proposal.verdict == "pass", [(g.name, g.status, g.note) for g in proposal.gates]
    assert proposal.hypothesis is not None and proposal.hypothesis.outcome == "supported"
    overall = proposal.summary["overall"]
    assert overall["equal_opportunity_gap"]["interval"][1] < -0.02
    assert overall["roc_auc"]["challenger"] < overall["roc_auc"]["champion"], "fairness has a price, and it is bounded:"
    gates = {g.name: g.status for g in proposal.gates}
    assert gates["max_overall_pr_auc_drop"] == gates["max_major_segment_roc_auc_drop"] == "pass"
    before, after = found(work, 1), found(work, 2)
    assert after["Female"] - before["Female"] > 0.03, "the gap falls because more women are found,"
    assert before["Male"] - after["Male"] < 0.015, "not because men are lost"
    assert apply.approve(work, proposal.id, by="ines", reason="fairer").proposal.effect == "applied"


@pytest.mark.real_data
def test_on_the_real_rows_women_are_found_more_often_but_the_gap_is_not_shown_to_fall(
    tmp_path: Path, house: Path, real_data: Path
) -> None:
    """590 women over the line are too few for the gap of 5.6 points (official test rows), and nobody is promoted; what
    the weights do is seen in the groups, each of which is found more often."""
    work = Workspace.at(tmp_path, "adult_income")
    shutil.copytree(house / "docs" / "hypotheses", tmp_path / "docs" / "hypotheses")
    data.snapshot(work, "uci", source=real_data / "adult", references=(), simulate=False, seed=42, rows=0)
    proposal = contest(work, "uci")
    assert proposal.verdict != "pass"
    assert proposal.hypothesis is not None and proposal.hypothesis.outcome == "inconclusive"
    overall = proposal.summary["overall"]
    gap = overall["equal_opportunity_gap"]
    assert gap["challenger"] < 0.7 * gap["champion"]
    assert overall["roc_auc"]["challenger"] >= 0.88
    before, after = found(work, 1), found(work, 2)
    assert after["Female"] - before["Female"] > 0.03
    assert after["Male"] > before["Male"], "no levelling down"
