"""A forecast goes through the same use cases as any other problem: last week's hour is champion until trees beat it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import daily, data, predict, train
from ds_workflow.use_cases.arena import apply, propose
from ds_workflow.use_cases.arena.status import View
from ds_workflow.workspace import Workspace


@pytest.fixture(scope="module")
def taxi(tmp_path_factory: pytest.TempPathFactory, house: Path) -> tuple[Workspace, View]:
    """A workspace whose seasonal naive champion was challenged by the forecaster, as H-TAX-001 plans."""
    home = tmp_path_factory.mktemp("taxi")
    work = Workspace.at(home, "taxi_demand")
    (home / "docs" / "hypotheses").mkdir(parents=True)
    shutil.copy(house / "docs" / "hypotheses" / "H-TAX-001.md", home / "docs" / "hypotheses")
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=30_000)
    first = train.baseline(
        work, owner="sofia", dataset_version="sim-v1", feature_set_version="v1.0", strategy="seasonal_naive", seed=42
    )
    appointed = propose.bootstrap(work, first.version, owner="sofia", approved_by="sofia", reason="first")
    assert appointed.proposal.effect == "applied", appointed.text()
    request = train.TrainRequest(
        "H-TAX-001", "architecture", "trees on lags and calendar", "sofia", "v1.0", "sim-v1", strategy="forecaster"
    )
    train.candidate(work, request)
    return work, propose.propose(work).views[0]


def test_the_last_month_is_the_holdout(taxi: tuple[Workspace, View]) -> None:
    work, view = taxi
    assert data.check(work, "sim-v1").ok
    assert view.proposal.summary["holdout"]["from"] == "2023-05-01"


def test_the_forecaster_wins_by_its_own_claim(taxi: tuple[Workspace, View]) -> None:
    _, view = taxi
    proposal = view.proposal
    assert proposal.verdict == "pass", view.text()
    assert proposal.hypothesis is not None
    assert proposal.hypothesis.outcome == "supported"
    wape = proposal.summary["overall"]["wape"]
    assert wape["challenger"] < 0.9 * wape["champion"]
    assert {"better_forecasts", "beats_naive", "busy_mape_ceiling", "coverage_95_floor"} <= {
        g.name for g in proposal.gates
    }


def test_each_run_keeps_its_backtest(taxi: tuple[Workspace, View]) -> None:
    work, _ = taxi
    folders = [work.registry.run_artifacts(work.registry.version("taxi_demand", number)) for number in (1, 2)]
    first, second = (json.loads((folder / "backtest.json").read_text("utf-8")) for folder in folders)
    for content in (first, second):
        assert [line["origin"] for line in content["model"]] == [
            "2023-04-03", "2023-04-10", "2023-04-17", "2023-04-24", "all"
        ]  # fmt: skip
        assert sum(v["share"] for v in content["by_volume"]) == pytest.approx(1)
    # the seasonal naive as a model and as the baseline are one and the same forecast
    assert [x["figures"]["wape"] for x in first["model"]] == [x["figures"]["wape"] for x in first["naive"]]
    assert first["naive"] == second["naive"]
    assert all(
        a["figures"]["wape"] < b["figures"]["wape"] for a, b in zip(second["model"], second["naive"], strict=True)
    )
    card = (folders[1] / "run_card.md").read_text("utf-8")
    assert "## Rolling-origin backtest" in card
    assert "<svg" in (folders[1] / "run_card.html").read_text("utf-8")


def test_it_is_promoted_answers_for_the_coming_day_and_is_healthy(taxi: tuple[Workspace, View]) -> None:
    work, view = taxi
    done = apply.approve(work, view.proposal.id, by="sofia", reason="supported, all gates green")
    assert done.proposal.effect == "applied"
    champion = predict.champion(work)
    rush, night = ({"zone": "74", "day": "2023-06-01", "hour": hour} for hour in (17, 4))
    answers, errors = champion.predict([rush, night])
    assert not errors
    assert answers[0]["value"] > 10 * answers[1]["value"] > 0
    for answer in answers:
        assert 0 <= answer["interval"][0] <= answer["value"] <= answer["interval"][1]
    refused, found = champion.predict([{**rush, "zone": "Harlem", "hour": 24, "pickups": 3}])
    assert refused == []
    assert {e.field for e in found} == {"zone", "hour", "pickups"}
    for beyond in ({**rush, "day": "2024-01-01"}, {**rush, "zone": "105"}):
        with pytest.raises(InvalidInput, match=r"lies more than 35 days after|has no history"):
            champion.predict([beyond])
    assert daily.check(work).status == "healthy"
