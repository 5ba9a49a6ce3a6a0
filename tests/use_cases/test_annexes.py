"""What a training run stores beside its card: how sure, how representative, how stable, why; and pages can read it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ds_workflow import plugins
from ds_workflow.adapters import datasets, fitting, run_files
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain.scorecard import with_intervals
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import run_card
from ds_workflow.use_cases import train
from ds_workflow.use_cases.train import annexes
from ds_workflow.use_cases.train.run import Run

PLUGIN = plugins.load("problems", "adult_income")
PROBLEM = PLUGIN.PROBLEM
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small snapshot of incomes."""
    root = tmp_path_factory.mktemp("annexes")
    datasets.freeze(SnapshotStore(root), PLUGIN, "sim-v1", created_at=AT, simulate=True, rows=5_000, seed=42)
    return root


@pytest.fixture(scope="module")
def trained(home: Path) -> tuple[Run, Any, Path]:
    """A small income model, its scorecard with intervals, and its run's folder; nothing is registered."""
    snapshot = SnapshotStore(home).load(PROBLEM, "sim-v1")
    recipe = fitting.Recipe("v1.0", "logistic", StrategyOptions(seed=42))
    parts = {"rows": snapshot.rows, "train": snapshot.train, "holdout": snapshot.holdout}
    fitted = fitting.fit(PLUGIN, recipe, **parts, say=print)
    card = with_intervals(fitted.card, fitted.scored, primary="roc_auc", seed=42)
    folder = home / "run"
    tables = run_files.write(
        folder,
        model=fitted.model,
        problem=PROBLEM,
        holdout=snapshot.holdout,
        features=fitted.holdout_features,
        scored=fitted.scored,
        card=card.to_dict(),
        commit="0" * 40,
        seed=42,
    )
    shap = dict(tables["shap"].itertuples(index=False, name=None))
    rows, features = (snapshot.train, snapshot.holdout), (fitted.features, fitted.holdout_features)
    return Run(PROBLEM, fitted.model, 42, *rows, *features, fitted.scored, shap), card, folder


@pytest.fixture(scope="module")
def written(trained: tuple[Run, Any, Path]) -> dict[str, Any]:
    """The annexes by title, their files written."""
    run, _, folder = trained
    return {annex.title: annex for annex in annexes.written(run, folder)}


def test_every_headline_figure_has_an_interval(trained: tuple[Run, Any, Path]) -> None:
    _, card, folder = trained
    rows = {"train": 1, "holdout": 1}
    made = train.TrainResult("run", 1, "d" * 64, card, rows, 1.0, 1.0, 1.0, PROBLEM.name, PROBLEM.primary_metric)
    document = made.to_dict()
    assert set(document["intervals"]) == set(document["metrics"]) == set(PROBLEM.metrics)
    for name, (low, high) in document["intervals"].items():
        assert low < document["metrics"][name] < high
    for end in document["intervals"]["roc_auc"]:
        assert run_card.metric_text("roc_auc", end) in made.text()
    assert "600 resamples of" in made.text()
    stored = json.loads((folder / run_files.SCORECARD).read_text("utf-8"))["intervals"]
    assert stored["overall"] == document["intervals"] and set(stored["segments"]) == set(PROBLEM.segments)


def test_the_run_says_how_representative_and_how_stable(
    written: dict[str, Any], trained: tuple[Run, Any, Path]
) -> None:
    folder = trained[2]
    found = json.loads((folder / run_files.REPRESENTATIVENESS).read_text("utf-8"))
    assert {s["name"] for s in found["shifts"]} == set(PROBLEM.feature_set("v1.0").features)
    assert not any(s["moved"] for s in found["shifts"]), "the split is random"
    assert found["interval"][0] < found["auc"] < found["interval"][1]
    stable = json.loads((folder / run_files.STABILITY).read_text("utf-8"))
    assert {s["group"] for s in stable["spreads"]} == {"segment", "sex", "race"}
    assert {p["value"] for p in stable["parts"] if p["group"] == "segment"} == set(PROBLEM.segments)
    assert "so they can't be told apart" in written["Training beside holdout"].markdown
    assert "By race: " in written["How stable it is"].markdown
    titles = [title for title, *_ in written["How stable it is"].charts]
    assert titles == [f"Area under the ROC curve, by {group}" for group in ("segment", "sex", "race")]


def test_pages_can_read_why_it_answers_so(
    written: dict[str, Any], trained: tuple[Run, Any, Path], tmp_path: Path
) -> None:
    folder = trained[2]
    found = run_files.explanations(folder)
    assert found.unit == "log odds" and found.base is not None
    assert set(found.summary) == set(PROBLEM.feature_set("v1.0").features)
    strongest = sorted(found.summary, key=lambda n: -found.summary[n])
    assert [c.feature for c in found.curves] == strongest[:6] and not found.absent
    assert {c.role for c in found.cases} == {"worst", "typical", "best"} and len(found.cases) == 9
    for case in found.cases:  # SHAP values of a row and the base add up to its log odds
        odds = found.base + case.others + sum(c.contribution for c in case.contributions)
        assert 1 / (1 + 2.718281828459045**-odds) == pytest.approx(case.prediction, abs=1e-6)
    education = next(c for c in found.curves if c.feature == "education_level")
    means = [p.mean for p in education.points]
    assert means == sorted(means), "a logistic regression rises with schooling"
    charts = {title: wide for title, wide, _ in written["Why it answers so"].charts}
    assert set(charts) == {f"Mean answer by {c.feature}" for c in found.curves}
    for picture in charts.values():
        ET.fromstring(picture)  # noqa: S314  our own text
    with pytest.raises(InvalidInput, match="can't be read"):
        run_files.explanations(tmp_path)


def test_the_quality_report_lies_beside_the_snapshot(home: Path) -> None:
    folder = SnapshotStore(home).folder(PROBLEM.name, "sim-v1")
    content = json.loads((folder / "quality.json").read_text("utf-8"))
    assert [c["name"] for c in content["checks"]] == [
        "contract", "missingness", "duplicates", "freshness", "representativeness",
    ]  # fmt: skip
    assert {c["status"] for c in content["checks"]} == {"pass"}
    assert "age" in {s["name"] for s in content["representativeness"]["shifts"]}
    text = (folder / "quality.md").read_text("utf-8")
    assert "## The data contract" in text and "| freshness | pass |" in text and "population stability index" in text
