"""Training in one go: a folder that holds the model and its figures, whole or not at all, for every problem."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flow import Flow
from sklearn.base import BaseEstimator
from sklearn.metrics import roc_auc_score

from ds_workflow import plugins
from ds_workflow.adapters import models
from ds_workflow.domain.metrics import metric
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.snapshot import conform, holdout_mask
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.use_cases import fit
from ds_workflow.workspace import Workspace

SEED = 5
ROWS = {"taxi_demand": 24_000}  # hours of zones: a month to hold out needs more than one
FEW = 1_500  # of any other problem


def parts_of(problem: Problem) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that `fit` trains and measures on, made again."""
    plugin = plugins.load("problems", problem.name)
    rows = conform(problem, plugin.clean(plugin.simulate(rows=ROWS.get(problem.name, FEW), seed=SEED))[0])
    held = holdout_mask(problem, rows)
    return rows[~held].reset_index(drop=True), rows[held].reset_index(drop=True)


def beside(folder: Path) -> set[str]:
    return {path.name for path in folder.parent.iterdir()}


@pytest.fixture(scope="module", params=plugins.names("problems"))
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, fit.FitResult]:
    home = tmp_path_factory.mktemp("fit")
    work = Workspace.at(home, request.param)
    rows = ROWS.get(request.param, FEW)
    asked = fit.FitRequest(home / "made" / "out", simulate=True, rows=rows, seed=SEED)
    return work, fit.fit(work, asked)


def test_the_folder_holds_what_it_promises(fitted: tuple[Workspace, fit.FitResult]) -> None:
    work, result = fitted
    problem = work.problem
    assert {path.name for path in result.outdir.iterdir()} == set(fit.FILES)
    assert beside(result.outdir) == {"out"}, "something was left beside the folder"
    assert not work.settings.store.exists(), "no registry was asked for"
    content = json.loads((result.outdir / fit.METRICS).read_text("utf-8"))
    assert content["strategy"] == problem.strategies[0]
    assert content["feature_set_version"] == problem.feature_sets[-1].version
    assert {*content["metrics"], *(name for name in content["missing"] if "." not in name)} == set(problem.metrics)
    assert content["git_sha"] == work.commit
    assert datetime.fromisoformat(content["at"]).utcoffset().total_seconds() == 0
    assert [content["rows"][part] for part in ("train", "holdout")] == [len(part) for part in parts_of(problem)]
    low, high = content["intervals"][problem.primary_metric]
    assert low < content["metrics"][problem.primary_metric] < high
    shares = pd.read_csv(result.outdir / "feature_importances.csv")
    assert shares["importance"].sum() == pytest.approx(1.0)
    assert problem.primary_metric in result.text()


def test_the_model_is_loaded_without_pickle_and_answers_as_it_was_measured(
    fitted: tuple[Workspace, fit.FitResult],
) -> None:
    work, result = fitted
    problem, (train, holdout) = work.problem, parts_of(work.problem)
    for name in (fit.MODEL, fit.PIPELINE):
        inside = zipfile.ZipFile(result.outdir / name).namelist()
        assert "schema.json" in inside and not [n for n in inside if n.endswith((".pkl", ".pickle", ".joblib"))]
    model = fit.load(result.outdir)
    scored = models.score(model, problem, holdout, past=train)
    measured = metric(problem.primary_metric)(scored)
    assert measured == pytest.approx(result.content["metrics"][problem.primary_metric], rel=1e-9)
    if problem.task == "binary":
        outside = roc_auc_score(holdout[problem.target], model.predict(holdout[[c.name for c in problem.inputs]]))
        assert outside == pytest.approx(result.content["metrics"]["roc_auc"], rel=1e-9)
    features = models.read_file(result.outdir / fit.PIPELINE).transform(holdout)
    pd.testing.assert_frame_equal(features, model["features"].transform(holdout))


@pytest.fixture
def asked(tmp_path: Path) -> fit.FitRequest:
    return fit.FitRequest(tmp_path / "out", simulate=True, rows=600)


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path / "home", "adult_income")


def test_a_folder_with_something_in_it_is_left_alone(work: Workspace, asked: fit.FitRequest) -> None:
    asked.outdir.mkdir()
    fit.fit(work, asked)  # an empty folder is free
    first = (asked.outdir / fit.METRICS).read_bytes()
    with pytest.raises(InvalidInput, match="is not empty") as caught:
        fit.fit(work, replace(asked, seed=8))
    assert "--force" in caught.value.hint
    assert (asked.outdir / fit.METRICS).read_bytes() == first
    again = fit.fit(work, replace(asked, seed=8, force=True))
    assert json.loads((again.outdir / fit.METRICS).read_text("utf-8"))["seed"] == 8
    (asked.outdir / "thesis.tex").write_text("years of work")
    with pytest.raises(InvalidInput, match=r"thesis\.tex"):
        fit.fit(work, replace(asked, force=True))
    assert (asked.outdir / "thesis.tex").exists()
    assert beside(asked.outdir) == {"out"}


def test_what_goes_wrong_leaves_nothing_behind(work: Workspace, asked: fit.FitRequest, tmp_path: Path) -> None:
    broken = tmp_path / "rows.csv"
    broken.write_text("age,income\n39,<=50K\n", "utf-8")
    with pytest.raises(InvalidInput, match="lacks the columns"):
        fit.fit(work, replace(asked, simulate=False, data=broken))
    (tmp_path / "a file").write_text("x")
    with pytest.raises(InvalidInput, match="is not a folder"):
        fit.fit(work, replace(asked, outdir=tmp_path / "a file"))
    assert beside(asked.outdir) == {"a file", "rows.csv"}


def test_what_can_not_be_trained_is_refused_before_anything_is_read(work: Workspace, asked: fit.FitRequest) -> None:
    with pytest.raises(UnknownName, match=r"Known: .*equal_opportunity, global, logistic, reweighted"):
        fit.fit(work, replace(asked, strategy="oracle"))
    with pytest.raises(UnknownName, match=r"Known: v1\.0, v2\.0"):
        fit.fit(work, replace(asked, feature_set_version="v9"))
    with pytest.raises(InvalidInput, match="neither was asked for"):
        fit.fit(work, replace(asked, simulate=False))
    with pytest.raises(InvalidInput, match="0 or more"):
        fit.fit(work, replace(asked, optuna_trials=-1))
    assert not asked.outdir.exists()


def test_a_search_is_seeded_and_recorded(work: Workspace, asked: fit.FitRequest) -> None:
    told: list[str] = []
    one, two = (
        fit.fit(replace(work, say=told.append), replace(asked, optuna_trials=2, force=True)).content for _ in "ab"
    )
    assert sum("trial 2 of 2" in line for line in told) == 2
    assert one["optuna_trials"] == 2 and one["params"] == two["params"] != {}
    assert one["metrics"] == two["metrics"]


class Stranger(BaseEstimator):
    """No plug-in trusts it."""


def test_a_model_with_a_type_that_nobody_trusts_is_not_loaded(tmp_path: Path) -> None:
    models.write(tmp_path / fit.MODEL, Stranger())
    with pytest.raises(InvalidInput, match="not trusted"):
        fit.load(tmp_path)
    (tmp_path / fit.MODEL).write_bytes(b"no zip")
    with pytest.raises(InvalidInput, match="can't be read"):
        fit.load(tmp_path)
    with pytest.raises(InvalidInput, match="can't be read"):
        fit.load(tmp_path / "nowhere")


@pytest.mark.end_to_end
def test_the_command_says_what_is_missing(house: Path, tmp_path: Path) -> None:
    flow = Flow(house, tmp_path)
    refused = flow("train", "--problem", "adult_income", "--outdir", str(tmp_path / "out"), "--json", code=2)
    assert "--data PATH, or --simulate" in refused.json["error"]["hint"]


@pytest.mark.real_data
def test_the_real_income_table_reaches_the_floor_in_one_command(tmp_path: Path, real_data: Path) -> None:
    """ROC-AUC of 0.83 on the 16,276 distinct people of adult.test, none of whom is in training."""
    work = Workspace.at(tmp_path, "adult_income")
    content = fit.fit(work, fit.FitRequest(tmp_path / "out", data=real_data / "adult", strategy="global")).content
    assert content["rows"]["holdout"] == 16_276
    assert content["metrics"]["roc_auc"] >= 0.83
    assert np.isclose(content["naive"]["roc_auc"], 0.5)
