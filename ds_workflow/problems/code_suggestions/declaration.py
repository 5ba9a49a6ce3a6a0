"""What is predicted, from what, for whom: the declaration of code_suggestions."""

from __future__ import annotations

from ds_workflow.domain.problem import Column, Problem, Split
from ds_workflow.problems.code_suggestions.cleaning import LONGEST_WAIT
from ds_workflow.problems.code_suggestions.features import FEATURE_SETS, FEATURES, SEGMENT
from ds_workflow.problems.code_suggestions.source import ERROR_TYPES, LANGUAGES, SEGMENTS, TASKS

_LATER = "it is known only after the developer has accepted or refused"

COLUMNS = (
    Column("suggestion_id", "text", "Id of the suggestion, its session's before it", nullable=False),
    Column("session_id", "text", "Id of the session", nullable=False),
    Column(
        "developer_id",
        "text",
        "Id of the developer, a pseudonym; one that is not known has no past",
        required=True,
        nullable=False,
        example="17",
    ),
    Column(
        SEGMENT,
        "category",
        "How experienced the developer is",
        required=True,
        nullable=False,
        categories=SEGMENTS,
        example="intermediate",
    ),
    Column("task_id", "text", "Id of the task that the session is about"),
    Column("task", "category", "Kind of task that the session is about", categories=TASKS, example="test"),
    Column(
        "language",
        "category",
        "Programming language of the file",
        required=True,
        nullable=False,
        categories=LANGUAGES,
        example="python",
    ),
    Column(
        "model_version",
        "category",
        "Version of the assistant's model; a new one is answered as the most frequent",
        required=True,
        nullable=False,
        example="assistant-2",
    ),
    Column(
        "shown_at",
        "date",
        "When the suggestion was shown, UTC",
        required=True,
        nullable=False,
        example="2025-06-02",
    ),
    Column(
        "latency_ms",
        "number",
        "Time from the request to the suggestion",
        "milliseconds",
        required=True,
        nullable=False,
        minimum=0,
        maximum=LONGEST_WAIT,
        example=480,
    ),
    Column("prompt_length", "number", "Length of the prompt", "tokens", minimum=0, maximum=1_000_000, example=350),
    Column(
        "suggestion_length",
        "number",
        "Length of the suggestion",
        "tokens",
        required=True,
        nullable=False,
        minimum=0,
        maximum=1_000_000,
        example=30,
    ),
    Column("accepted", "integer", "Whether the developer accepted it", nullable=False, minimum=0, maximum=1),
    Column("edited", "integer", "Whether it was edited after it was accepted", minimum=0, maximum=1),
    Column("edit_distance", "number", "How much of it was edited", "tokens", minimum=0, maximum=1_000_000),
    Column("final_length", "number", "Length of what is left of it", "tokens", minimum=0, maximum=1_000_000),
    Column("compiled", "integer", "Whether the code then compiled", minimum=0, maximum=1),
    Column("tests_passed", "integer", "Whether the tests then passed", minimum=0, maximum=1),
    Column("error_type", "category", "Which error came first", categories=ERROR_TYPES),
    Column("hallucination", "integer", "Whether it names what does not exist", minimum=0, maximum=1),
)  # fmt: skip

PROBLEM = Problem(
    name="code_suggestions",
    title="Acceptance of a code assistant's suggestions",
    task="binary",
    target="accepted",
    target_unit="probability",
    row_id="suggestion_id",
    time_column="shown_at",
    cluster_column="developer_id",
    segment_column=SEGMENT,
    segments=SEGMENTS,
    columns=COLUMNS,
    features=FEATURES,
    feature_sets=FEATURE_SETS,
    forbidden={
        "edited": f"{_LATER}: only what is accepted is edited",
        "edit_distance": f"{_LATER}: only what is accepted is edited",
        "final_length": f"{_LATER}: only of what is accepted something is left",
        "compiled": f"{_LATER}, and missing where it was refused",
        "tests_passed": f"{_LATER}, and missing where it was refused",
        "error_type": f"{_LATER}, and missing where it was refused",
        "hallucination": "it is judged after the suggestion was shown, by reviewers who see what came of it",
        "session_id": "no later session has the same one; a model would learn sessions by heart",
        "task_id": "a number that tells nothing of a new task; its kind stands in 'task'",
    },
    sensitive=(),
    slices=("language", "model_version"),
    metrics=("roc_auc", "pr_auc", "accuracy", "ece", "brier", "log_loss"),
    primary_metric="roc_auc",
    strategies=("logistic", "global"),
    split=Split("chronological", 0.2),
    source="The event log of a code assistant; the simulator of this problem writes one with known effects",
    licence="That of the log; simulated rows belong to nobody",
    intended_use=(
        "How likely a developer is to accept a suggestion that is about to be shown: whether to show it, hold it back "
        "or rank it, and which of latency, length, model, language and task goes with acceptance."
    ),
    limits=(
        "Not for judging developers: the past of a developer is an input so that suggestions fit, and no measure of "
        "their work. What is accepted is not what is right; compile, test and edit outcomes are kept apart for that. "
        "Odds ratios tell how rows differ, not what faster answers or another model would do, unless those were dealt "
        "at random. A developer whom nobody saw before is answered as everybody in the segment. Lengths must come in "
        "one unit, in training and in requests. Categories outside the declared ones are refused."
    ),
)
