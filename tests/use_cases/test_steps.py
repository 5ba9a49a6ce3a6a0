"""What a workspace says where nothing is yet: commands that work, documents of the checkout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ds_workflow import plugins, steps
from ds_workflow.cli.main import main
from ds_workflow.domain.hypothesis import Plan
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.adult_income import load
from ds_workflow.use_cases import data, documents, overview
from ds_workflow.use_cases.arena import status
from ds_workflow.use_cases.train.candidate import TrainRequest, _as_planned
from ds_workflow.workspace import Workspace

CHAMPIONS = {
    "adult_income": "logistic",
    "code_suggestions": "logistic",
    "credit_card_fraud": "logistic",
    "movie_reviews": "text",
    "nyc_sales": "global",
    "taxi_demand": "seasonal_naive",
}


@pytest.mark.parametrize("name", plugins.names("problems"))
def test_the_commands_that_appoint_a_champion_are_whole(tmp_path: Path, name: str) -> None:
    work = Workspace.at(tmp_path, name)
    freeze, appoint = (line.split() for line in steps.first_champion(work))
    assert freeze[:3] == appoint[:3] == ["ds-workflow", "--problem", name]
    for words in (freeze, appoint):
        made = main.get_command(None, words[3]).make_context(words[3], words[4:])  # type: ignore[arg-type,union-attr]
        assert made.params["dataset_version"] == "sim-v1"
    assert made.params["strategy"] == ""
    assert work.problem.feature_set(made.params["feature_set_version"])
    assert work.problem.strategies[0] == CHAMPIONS[name]
    assert " && ".join(map(" ".join, (freeze, appoint))) == status.read(work).next()
    assert overview.standing(work).command.splitlines() == [" ".join(freeze), " ".join(appoint)]


def test_what_a_training_leaves_open_is_as_the_hypothesis_plans() -> None:
    plan = Plan("segmented_router", "v2.0", (), router_mode="segment_only")
    asked = TrainRequest("H-SEG-001", "architecture", "Routes", "ana", "v2.0", "sim-v1")
    filled = _as_planned(asked, plan)
    assert (filled.strategy, filled.router_mode) == ("segmented_router", "segment_only")
    other = _as_planned(replace(asked, strategy="global"), plan)
    assert (other.strategy, other.router_mode) == ("global", "")


def test_documents_of_the_checkout_are_listed_in_any_workspace(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path)
    listed = {shelf.kind.name: {d.name for d in shelf.documents} for shelf in documents.shelves(work)}
    assert "change_process.md" in listed["change"]
    assert "nyc_sales.md" in listed["dictionary"]
    assert "0009-stress-is-a-gate.md" in listed["decisions"]
    assert not listed["model_cards"]
    own = tmp_path / "docs" / "data_dictionary"
    own.mkdir(parents=True)
    (own / "nyc_sales.md").write_text("# Ours\n", "utf-8")
    found, text = documents.read(work, "dictionary", "nyc_sales.md")
    assert (found.title, text) == ("Ours", "# Ours\n")


def test_too_few_rows_for_a_last_month_are_told_how_many_would_do(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "taxi_demand")
    with pytest.raises(InvalidInput, match="lie in 2023-05") as raised:
        data.snapshot(work, "few", source=None, references=(), simulate=True, seed=1, rows=3_000)
    assert "at 288 rows a day, 8,928 fill that month" in raised.value.hint  # 12 zones, 24 hours, 31 days


def test_a_comma_in_quotes_parts_no_fields_and_another_is_told_with_its_line(tmp_path: Path) -> None:
    row = (
        "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, {}"
    )
    path = tmp_path / "people.csv"
    path.write_text(row.format('"United-States", <=50K\n') + row.format('"Trinadad, Tobago", <=50K\n'), "utf-8")
    assert load(path)["native_country"].tolist() == ["United-States", "Trinadad, Tobago"]
    path.write_text(row.format("Cuba, <=50K\n") + row.format("Trinadad, Tobago, <=50K\n"), "utf-8")
    with pytest.raises(InvalidInput, match="line 2: 16 fields, 15 are wanted") as raised:
        load(path)
    assert "line 2" in raised.value.hint and "double quotes" in raised.value.hint
