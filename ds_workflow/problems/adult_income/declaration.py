"""What is predicted, from what, for whom: the declaration of adult_income."""

from __future__ import annotations

from ds_workflow.domain.problem import Column, Problem, Split
from ds_workflow.domain.snapshot import HOLDOUT, SPLIT_COLUMN, TRAIN
from ds_workflow.problems.adult_income.features import FEATURE_SETS, FEATURES, SEGMENT
from ds_workflow.problems.adult_income.source import (
    EDUCATION,
    MARITAL_STATUS,
    OCCUPATION,
    RACE,
    RELATIONSHIP,
    SEGMENTS,
    SEX,
    WORKCLASS,
)

COLUMNS = (
    Column("person_id", "text", "Id of the row, a hash of all it says", nullable=False),
    Column("age", "integer", "Age", "years", required=True, nullable=False, minimum=16, maximum=120, example=39),
    Column("workclass", "category", "Kind of employer", categories=WORKCLASS, example="Private"),
    Column(
        "education",
        "category",
        "Highest education",
        required=True,
        nullable=False,
        categories=EDUCATION,
        example="Bachelors",
    ),
    Column("occupation", "category", "Occupation", categories=OCCUPATION, example="Sales"),
    Column(
        "capital_gain",
        "number",
        "Capital gains of the year; 99,999 stands for that much or more",
        "dollars",
        minimum=0,
        maximum=99_999,
        example=0,
    ),
    Column("capital_loss", "number", "Capital losses of the year", "dollars", minimum=0, maximum=99_999, example=0),
    Column(
        "hours_per_week",
        "integer",
        "Usual hours of work in a week",
        "hours",
        required=True,
        nullable=False,
        minimum=1,
        maximum=168,
        example=40,
    ),
    Column("marital_status", "category", "Marital status", categories=MARITAL_STATUS),
    Column("relationship", "category", "Place in the household", categories=RELATIONSHIP),
    Column("race", "category", "Race, as the census asked it", nullable=False, categories=RACE),
    Column("sex", "category", "Sex, as the census asked it", nullable=False, categories=SEX),
    Column("native_country", "category", "Country of birth"),
    Column("final_weight", "number", "How many people the row stands for in the survey", "people", minimum=1),
    Column("over_50k", "integer", "Whether income is over 50,000 dollars a year", nullable=False, minimum=0, maximum=1),
    Column(SEGMENT, "category", "Education in five groups", nullable=False, categories=SEGMENTS),
    Column(SPLIT_COLUMN, "category", "Part of the published split", nullable=False, categories=(TRAIN, HOLDOUT)),
)  # fmt: skip

PROBLEM = Problem(
    name="adult_income",
    title="Income over 50,000 dollars, United States 1994",
    task="binary",
    target="over_50k",
    target_unit="probability",
    row_id="person_id",
    time_column="",
    cluster_column="person_id",
    segment_column=SEGMENT,
    segments=SEGMENTS,
    columns=COLUMNS,
    features=FEATURES,
    feature_sets=FEATURE_SETS,
    forbidden={
        "relationship": "it names husband or wife, so it tells sex and marital status, which are sensitive",
        "final_weight": "it says how many people the row stands for in the survey and is known of nobody who asks",
        "income": "the target in words",
        SPLIT_COLUMN: "it says which part of the study a row belongs to",
    },
    sensitive=("race", "sex", "native_country", "marital_status"),
    fairness_columns=("sex", "race"),
    derived=(SEGMENT,),
    metrics=("roc_auc", "pr_auc", "accuracy", "ece", "brier", "log_loss", "tpr", "fpr", "equal_opportunity_gap"),
    primary_metric="roc_auc",
    strategies=("logistic", "global", "reweighted", "equal_opportunity", "calibrated", "calibrated_isotonic"),
    split=Split("given", 1 / 3),
    source="UCI Machine Learning Repository, Adult (census of the United States, 1994)",
    licence="CC BY 4.0",
    intended_use=(
        "A benchmark for methods: how well income is told from work and schooling, how calibrated the answer is, and "
        "whom its errors hit. For teaching and for testing fairness methods."
    ),
    limits=(
        "Not for decisions about people: not for credit, hiring, housing or insurance. The rows are of 1994, the line "
        "of 50,000 dollars is of that year, and the survey's weights are not used, so shares are those of the sample. "
        "Sex, race, country of birth and marital status are no inputs, but occupation, hours and schooling carry "
        "traces of them; the fairness report shows what is left. With 590 women over the line in the "
        "test rows, a gap of 6 points in how often they are found can't be shown to fall; weighted training (strategy "
        "equal_opportunity) finds more women and more men there, and pays with some ranking. Country of birth has few "
        "rows outside the United States. Categories outside the declared ones are refused."
    ),
)
