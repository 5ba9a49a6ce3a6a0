"""The quick way says what the pipeline says, and one that does not is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from ds_workflow import plugins
from ds_workflow.adapters import models, run_files, scorer
from ds_workflow.domain.contract import parse_rows
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quick import Answers, Score, SentRows
from ds_workflow.domain.strategy import StrategyOptions

ROWS = 1_500
CASES = [
    ("adult_income", "v1.0", "logistic", {}),
    ("adult_income", "v2.0", "logistic", {}),
    ("adult_income", "v2.0", "global", {}),
    ("nyc_sales", "v1.0", "global", {}),
    ("nyc_sales", "v3.0", "global", {}),
    ("nyc_sales", "v2.1", "segmented_router", {"router_mode": "segment_plus_tier", "min_segment_rows": 60}),
]


def fitted(name: str, version: str, strategy: str, **options: Any) -> tuple[Problem, Pipeline, pd.DataFrame]:
    """A model on the first four fifths of simulated rows, and the last fifth."""
    plugin = plugins.load("problems", name)
    problem: Problem = plugin.PROBLEM
    rows, _ = plugin.clean(plugin.simulate(rows=ROWS, seed=3))
    if problem.time_column:
        rows = rows.sort_values(problem.time_column, ignore_index=True)
    cut = len(rows) * 4 // 5
    train, holdout = rows.iloc[:cut], rows.iloc[cut:].reset_index(drop=True)
    truth = train[problem.target].to_numpy(dtype=np.float64)
    featurizer = plugin.featurizer(version, seed=1)
    features = featurizer.fit_transform(train, truth)
    params = {} if strategy == "logistic" else {"rounds": 30}
    build = plugins.load("strategies", strategy).build
    estimator = build(problem, StrategyOptions(seed=1, params=params, **options), problem.feature_set(version).features)
    estimator.fit(features, truth)
    return problem, models.assemble(featurizer, estimator), holdout


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case[:3]))
def case(request: pytest.FixtureRequest) -> tuple[Problem, Pipeline, pd.DataFrame]:
    name, version, strategy, options = request.param
    return fitted(name, version, strategy, **options)


@pytest.fixture(scope="module")
def income() -> tuple[Problem, Pipeline, pd.DataFrame]:
    return fitted("adult_income", "v2.0", "global")


def quick_of(model: Pipeline) -> Score:
    quick = scorer.compiled(model)
    assert quick is not None
    return quick


def test_every_holdout_row_gets_the_same_answer(case: tuple[Problem, Pipeline, pd.DataFrame]) -> None:
    problem, model, holdout = case
    proof = scorer.prove(problem, model, quick_of(model), holdout)
    assert proof.equal, proof.detail
    assert proof.compared == proof.rows == len(holdout)
    assert proof.difference <= 1e-12  # the same numbers, not merely close ones
    assert proof.code == scorer.code(model)


def test_a_row_alone_answers_as_among_others(case: tuple[Problem, Pipeline, pd.DataFrame]) -> None:
    problem, model, holdout = case
    sent = run_files.request_rows(problem, holdout.head(40), 40)
    rows, errors = parse_rows(problem, sent)
    assert not errors
    quick = quick_of(model)
    together = quick(rows)
    alone = [quick([row]).values[0] for row in rows]
    assert alone == list(together.values)
    assert together.cut(3, 5).values == together.values[3:5]


Spoil = Callable[[Score, SentRows], Answers]


def _shift(quick: Score, rows: SentRows) -> Answers:
    found = quick(rows)
    return replace(found, values=[value + 2e-6 for value in found.values])


def _swap(quick: Score, rows: SentRows) -> Answers:
    found = quick(rows)
    return replace(found, values=list(found.values[::-1]))


def _one_age(quick: Score, rows: SentRows) -> Answers:
    found = quick(rows)
    odd = [value if row["age"] != 40 else 1 - value for row, value in zip(rows, found.values, strict=True)]
    return replace(found, values=odd)


def _by_batch(quick: Score, rows: SentRows) -> Answers:
    found = quick(rows)
    return found if len(rows) < 500 else replace(found, values=[0.5] * len(rows))


def _nan(quick: Score, rows: SentRows) -> Answers:
    return replace(quick(rows), values=[float("nan")] * len(rows))


def _short(quick: Score, rows: SentRows) -> Answers:
    return replace(quick(rows), values=quick(rows).values[:-1])


def _bounds(quick: Score, rows: SentRows) -> Answers:
    found = quick(rows)
    return replace(found, lower=found.values, upper=found.values)


@pytest.mark.parametrize("spoil", [_shift, _swap, _one_age, _nan, _short, _bounds], ids=lambda f: f.__name__)
def test_a_quick_way_that_differs_is_not_proven(income: tuple[Problem, Pipeline, pd.DataFrame], spoil: Spoil) -> None:
    problem, model, holdout = income
    quick = quick_of(model)
    proof = scorer.prove(problem, model, lambda rows: spoil(quick, rows), holdout)
    assert not proof.equal, proof.detail


def test_a_quick_way_that_fails_in_large_batches_only_is_not_proven() -> None:
    problem, model, _ = fitted("adult_income", "v1.0", "logistic")
    plugin = plugins.load("problems", "adult_income")
    rows, _ = plugin.clean(plugin.simulate(rows=1_300, seed=9))
    quick = quick_of(model)
    assert scorer.prove(problem, model, quick, rows).equal
    assert not scorer.prove(problem, model, lambda asked: _by_batch(quick, asked), rows).equal


def test_rows_that_the_contract_refuses_prove_nothing(income: tuple[Problem, Pipeline, pd.DataFrame]) -> None:
    problem, model, holdout = income
    refused = holdout.assign(education="Finishing school")
    proof = scorer.prove(problem, model, quick_of(model), refused)
    assert (proof.compared, proof.equal) == (0, False)


def test_models_without_a_compiler_have_no_quick_way(income: tuple[Problem, Pipeline, pd.DataFrame]) -> None:
    class Plain:
        pass

    assert scorer.compiled(models.assemble(Plain(), income[1]["model"])) is None
    assert scorer.compiled(models.assemble(income[1]["features"], Plain())) is None


def test_proofs_hold_for_one_digest_and_one_code(
    tmp_path: Path, income: tuple[Problem, Pipeline, pd.DataFrame]
) -> None:
    problem, model, holdout = income
    proof = scorer.prove(problem, model, quick_of(model), holdout.head(50))
    proofs = scorer.Proofs(tmp_path / "proofs")
    digest = "a" * 64
    assert proofs.find(problem.name, digest, proof.code) is None
    proofs.keep(problem.name, digest, proof)
    assert proofs.find(problem.name, digest, proof.code) == proof
    assert proofs.find(problem.name, "b" * 64, proof.code) is None
    assert proofs.find(problem.name, digest, "c" * 64) is None
    path = proofs.path(problem.name, digest, proof.code)
    path.write_text(path.read_text("utf-8").replace(digest, "d" * 64), "utf-8")
    assert proofs.find(problem.name, digest, proof.code) is None
    path.write_text("{", "utf-8")
    assert proofs.find(problem.name, digest, proof.code) is None
