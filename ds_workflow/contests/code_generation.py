"""Which model writes programs that work: a row is a task, an answer the share of a model's samples that pass its tests.

Nothing is trained here. A version is what a model wrote, kept with how it ended in the sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from ds_workflow.domain.code_eval.evaluation import NONE_SAID
from ds_workflow.domain.code_eval.tasks import Task
from ds_workflow.domain.problem import Column, Feature, FeatureSet, Problem, Split
from ds_workflow.errors import InvalidInput

SCOPE = "ALL"
FEATURES, STRATEGY = "prompt", "recorded"
TRUSTED_TYPES = (
    "ds_workflow.contests.code_generation.Prompts",
    "ds_workflow.contests.code_generation.RecordedGenerator",
)


def _text(name: str, description: str, **more: Any) -> Column:
    return Column(name, "text", description, nullable=False, **more)


PROBLEM = Problem(
    name="code_generation",
    title="Programs written by language models",
    task="regression",
    target="solved",
    target_unit="share",
    row_id="row",
    time_column="",
    cluster_column="task",
    segment_column="scope",
    segments=(SCOPE,),
    columns=(
        _text("row", "The task's id in its set"),
        _text("task", "The task asked for, by its id", required=True, example="own/initials"),
        Column("scope", "category", "All tasks count alike", nullable=False, categories=(SCOPE,), example=SCOPE),
        _text("category", "What the task is about", example="strings"),
        _text("difficulty", "How hard its author thinks it is", example="easy"),
        _text("prompt", "What a model is given", example="def initials(name: str) -> str: ..."),
        _text("tests", "What decides"),
        _text("helpers", "What the tests need beside the program"),
        _text("reference", "A solution that passes"),
        Column("solved", "number", "1: every task is to be solved", "share", nullable=False, minimum=1.0, maximum=1.0),
    ),
    features=(Feature("task", "The task asked for", "request", sources=("task",)),),
    feature_sets=(FeatureSet(FEATURES, ("task",), "What was written for each task"),),
    forbidden=dict.fromkeys(("tests", "helpers", "reference"), "it decides whether an answer is right"),
    sensitive=(),
    metrics=("pass_at_1",),
    primary_metric="pass_at_1",
    strategies=(STRATEGY,),
    source="A set of tasks with tests: HumanEval, MBPP or our own",
    licence="That of the task set",
    intended_use="To decide which of two models writes more programs that pass the tests of a fixed set of tasks.",
    limits="Small programs of one function with public tests: a model may have seen them, and passing is not safety.",
    slices=("category", "difficulty"),
    split=Split("all"),
)  # fmt: skip


def rows_of(tasks: Sequence[Task]) -> pd.DataFrame:
    """The tasks as rows to freeze, one each."""
    return pd.DataFrame(
        {
            "row": [t.task_id for t in tasks],
            "task": [t.task_id for t in tasks],
            "scope": SCOPE,
            "category": [t.category or NONE_SAID for t in tasks],
            "difficulty": [t.difficulty or NONE_SAID for t in tasks],
            "prompt": [t.prompt for t in tasks],
            "tests": [t.tests for t in tasks],
            "helpers": [t.helpers for t in tasks],
            "reference": [t.reference for t in tasks],
            "solved": 1.0,
        }
    )


class Prompts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The one column that an answer is looked up by."""

    def fit(self, rows: pd.DataFrame, truth: Any = None) -> Prompts:
        """Nothing is learned."""
        self.fitted_ = True
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The column `task`, shape (n, 1)."""
        return rows[["task"]]


class RecordedGenerator(BaseEstimator):  # type: ignore[misc]
    """What a model wrote, and how it ended. `records` hold task, sample, completion, mode and whether it passed."""

    def __init__(self, model: str, records: Sequence[Mapping[str, Any]]) -> None:
        self.model = model
        self.records = records

    def fit(self, rows: pd.DataFrame, truth: Any = None) -> RecordedGenerator:
        """Nothing is learned: the records are the model."""
        self.feature_names_ = ["task"]
        return self

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The share of samples that passed, shape (n,). InvalidInput for a task that it was never asked."""
        ended: dict[str, list[bool]] = {}
        for record in self.records:
            ended.setdefault(str(record["task_id"]), []).append(bool(record["passed"]))
        lost = sorted(set(rows["task"].astype(str)) - set(ended))
        if lost:
            raise InvalidInput(f"{self.model} wrote nothing for {len(lost)} of these tasks: {', '.join(lost[:5])}.")
        return np.array([np.mean(ended[str(task)]) for task in rows["task"]], dtype=np.float64)
