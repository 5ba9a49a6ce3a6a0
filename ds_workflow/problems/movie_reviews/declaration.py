"""What is predicted, from what, for whom: the declaration of movie_reviews."""

from __future__ import annotations

from ds_workflow.domain.problem import Column, Problem, Split
from ds_workflow.domain.snapshot import HOLDOUT, SPLIT_COLUMN, TRAIN
from ds_workflow.problems.movie_reviews.features import FEATURE_SETS, FEATURES, SEGMENT
from ds_workflow.problems.movie_reviews.source import FIRST_OF_POSITIVE, LAST_OF_NEGATIVE, SEGMENTS

COLUMNS = (
    Column("review_id", "text", "Id of the review, a hash of its text", nullable=False),
    Column(
        "text",
        "text",
        "The review as it was written; HTML line breaks are taken out",
        required=True,
        nullable=False,
        example="A quiet film that never hurries. The two leads are wonderful and the ending is not what you expect.",
    ),
    Column("film", "text", "Id of the film that is reviewed", nullable=False),
    Column(
        "rating",
        "integer",
        f"Stars that the reviewer gave: 1 to {LAST_OF_NEGATIVE} is negative, {FIRST_OF_POSITIVE} to 10 positive",
        "stars",
        minimum=1,
        maximum=10,
    ),
    Column("positive", "integer", "Whether the review is favourable", nullable=False, minimum=0, maximum=1),
    Column(
        SEGMENT,
        "category",
        "Length of the review: under 100 words, under 200, under 400, 400 and more",
        nullable=False,
        categories=SEGMENTS,
    ),
    Column(SPLIT_COLUMN, "category", "Part of the published split", nullable=False, categories=(TRAIN, HOLDOUT)),
)

PROBLEM = Problem(
    name="movie_reviews",
    title="Favourable film reviews",
    task="binary",
    target="positive",
    target_unit="probability",
    row_id="review_id",
    time_column="",
    cluster_column="film",
    segment_column=SEGMENT,
    segments=SEGMENTS,
    columns=COLUMNS,
    features=FEATURES,
    feature_sets=FEATURE_SETS,
    forbidden={
        "rating": "it is the target in numbers: 7 stars and more are favourable, 4 and fewer are not",
        "film": "it names the film and not what the review says, and films of the holdout are not those of training",
        "label": "the target in words",
        SPLIT_COLUMN: "it says which part of the study a row belongs to",
    },
    sensitive=(),
    derived=(SEGMENT,),
    metrics=("accuracy", "roc_auc", "pr_auc", "f1", "tpr", "fpr", "ece", "brier", "log_loss"),
    primary_metric="accuracy",
    strategies=("text", "text_ratio"),
    split=Split("given", 0.5),
    source="Large Movie Review Dataset v1.0 (A. Maas, R. Daly, P. Pham, D. Huang, A. Ng, C. Potts 2011, ACL)",
    licence="free to use for research with citation of Maas et al. 2011; reviews are their writers'",
    intended_use=(
        "A benchmark for reading text: how well a long English film review is told to be favourable, how calibrated "
        "the answer is, and which words it rests on. For teaching, and for sorting reviews of films."
    ),
    limits=(
        "Reviews of 5 and 6 stars are not in the archive, so lukewarm reviews get an answer that was never tested. "
        "English only, films only, written before 2011 and mostly of ten lines or more: short messages, other goods "
        "and irony are not what it learned. Six reviews in a hundred say their stars in the text, as in 7/10, and "
        "models read that as they read any words. No list of words was checked for names of people or groups, so read "
        "the top words before an answer is used against anybody. Half of the reviews are favourable by construction, "
        "and probabilities are calibrated to that half."
    ),
)
