"""A fitted model under stress: whatever it does on a bad request becomes evidence, and evidence survives storage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from ds_workflow import plugins
from ds_workflow.adapters import evidence, models, policies, probes_stress
from ds_workflow.domain import mutants
from ds_workflow.domain.gates import evaluate
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.stress import StressReport
from ds_workflow.errors import InvalidInput

PLUGIN = plugins.load("problems", "adult_income")
PROBLEM: Problem = PLUGIN.PROBLEM


class Scores(BaseEstimator):  # type: ignore[misc]
    """P(1) by age alone; `on` says what it does where the occupation is missing or unknown."""

    feature_names_ = ("age",)

    def __init__(self, on: str = "answer") -> None:
        self.on = on

    def predict(self, X: pd.DataFrame) -> np.ndarray[Any, Any]:
        answers = 1 / (1 + np.exp(-(X["age"].to_numpy(dtype=float) - 45) / 20))
        answers[X["occupation"].isna().to_numpy()] = {"nan": np.nan, "outside": 1.5}.get(self.on, 0.5)
        return answers


class Sent(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Requests as they are; refuses or breaks where the occupation is missing throughout."""

    def __init__(self, on: str = "answer") -> None:
        self.on = on

    def fit(self, X: Any, y: Any = None) -> Sent:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        if self.on == "refuse" and X["occupation"].isna().any():
            raise InvalidInput("An occupation is wanted.")
        if self.on == "raise" and X["occupation"].isna().any():
            raise KeyError("occupation")
        if self.on == "never":
            raise RuntimeError("out of order")
        return X


@pytest.fixture(scope="module")
def holdout() -> pd.DataFrame:
    rows, _ = PLUGIN.clean(PLUGIN.simulate(rows=1500, seed=5))
    return rows.assign(occupation=rows["occupation"].fillna("Sales"))


def tried(holdout: pd.DataFrame, on: str) -> StressReport:
    model = Pipeline([("features", Sent(on)), ("model", Scores(on))])
    scored = replace(models.unanswered(PROBLEM, holdout), prediction=np.full(len(holdout), 0.2))
    truth = holdout[PROBLEM.target].to_numpy(dtype=float)
    return probes_stress.probe(
        model, PROBLEM, holdout, scored, known=truth, metric_name="roc_auc", unit="absolute", seed=1
    )


def test_a_model_that_answers_is_measured(holdout: pd.DataFrame) -> None:
    report = tried(holdout, "answer")
    assert not report.broken
    assert [s.name for s in report.strains if s.wrong] == []
    by = {s.name: s for s in report.strains}
    assert by["without occupation"].loss == pytest.approx(report.base - 0.5), "a constant ranks nobody"
    assert by["without workclass"].loss == 0.0
    age = by["age of another row in one of five"]
    assert 0 < age.loss < by["without occupation"].loss
    assert report.not_applicable == {"season": "rows have no time"}
    assert report == tried(holdout, "answer")


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ("nan", "1000 of 1000 answers are NaN or infinite"),
        ("outside", "1000 of 1000 answers lie outside 0 to 1"),
        ("refuse", "it refuses what the contract allows: An occupation is wanted."),
        ("raise", "it raises KeyError: 'occupation'"),
    ],
)
def test_what_goes_wrong_is_found_where_it_goes_wrong(holdout: pd.DataFrame, on: str, words: str) -> None:
    wrong = {s.name: s.wrong for s in tried(holdout, on).strains if s.wrong}
    assert wrong["without occupation"] == words
    assert set(wrong) == {"without occupation", "without all that may be left out"}


def test_a_model_that_answers_nothing_has_no_figures(holdout: pd.DataFrame) -> None:
    report = tried(holdout, "never")
    assert report.broken == "It answers no request: RuntimeError: out of order"
    assert report.strains == ()


def test_evidence_of_stress_survives_storage(tmp_path: Path, holdout: pd.DataFrame, house: Path) -> None:
    policy_file = house / "config" / "policies" / "adult_income.yaml"
    policy = policies.load(policy_file, PROBLEM)
    healthy = mutants.healthy(PROBLEM, replace(policy, resamples=399), seed=1)
    checks = replace(healthy.challenger_checks, stress=tried(holdout, "answer"))
    comparison = replace(healthy, challenger_checks=checks)
    evaluation = evaluate(comparison, kind="bootstrap")
    assert evaluation.of("stress_tolerance")[0].status == "fail"
    digest = evidence.write(tmp_path, comparison, evaluation, policy_text=policy_file.read_text("utf-8"), context={})
    bundle = evidence.read(tmp_path, digest, PROBLEM)
    assert bundle.comparison.challenger_checks == checks
