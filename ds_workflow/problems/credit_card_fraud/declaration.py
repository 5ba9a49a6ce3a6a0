"""What is predicted, from what, for whom: the declaration of credit_card_fraud."""

from __future__ import annotations

from ds_workflow.domain.costs import Costs
from ds_workflow.domain.problem import Column, Problem, Split
from ds_workflow.problems.credit_card_fraud.features import FEATURE_SETS, FEATURES, SEGMENT
from ds_workflow.problems.credit_card_fraud.source import BANDS, COMPONENTS, WEIGHT

# of a transaction nobody would look at twice, rounded
_EXAMPLES = (-0.1, 0.0, 0.3, 0.1, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.0, 0.1,
             0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # fmt: skip

COLUMNS = (
    Column("transaction_id", "text", "Second of the transaction and a hash of all its row says", nullable=False),
    Column("seconds", "number", "Time since the first transaction of the table", "seconds", nullable=False, minimum=0),
    Column("minute", "integer", "Whole minutes of that time", "minutes", nullable=False, minimum=0),
    *(
        Column(
            name,
            "number",
            f"Principal component {i + 1} of inputs that the card issuer does not disclose",
            "standard units of the issuer",
            required=True,
            nullable=False,
            minimum=-1_000,
            maximum=1_000,
            example=_EXAMPLES[i],
        )
        for i, name in enumerate(COMPONENTS)
    ),
    Column(
        "amount",
        "number",
        "Amount of the transaction",
        "euros",
        required=True,
        nullable=False,
        minimum=0,
        maximum=1_000_000,
        example=23.5,
    ),
    Column("is_fraud", "integer", "Whether the transaction was a fraud", nullable=False, minimum=0, maximum=1),
    Column(SEGMENT, "category", "Amount in three bands", nullable=False, categories=BANDS),
    Column(WEIGHT, "number", "How many published rows the row stands for", "rows", nullable=False, minimum=0),
)

PROBLEM = Problem(
    name="credit_card_fraud",
    title="Fraudulent card transactions, Europe 2013",
    task="binary",
    target="is_fraud",
    target_unit="probability",
    row_id="transaction_id",
    time_column="",  # seconds since a moment that the source does not name are an order, no dates
    cluster_column="minute",
    segment_column=SEGMENT,
    segments=BANDS,
    columns=COLUMNS,
    features=FEATURES,
    feature_sets=FEATURE_SETS,
    forbidden={
        "seconds": "it counts from the first transaction of this table, a moment that no later request knows",
        "minute": "it counts from the first transaction of this table, a moment that no later request knows",
        WEIGHT: "it says how the row was drawn, which hangs on the answer",
    },
    sensitive=(),
    derived=(SEGMENT,),
    metrics=(
        "pr_auc",
        "roc_auc",
        "recall_at_1pct_fpr",
        "expected_over_observed",
        "log_loss_skill",
        "log_loss",
        "brier",
        "ece",
    ),
    primary_metric="pr_auc",
    strategies=("logistic", "global", "weighted", "resampled", "calibrated", "calibrated_isotonic"),
    split=Split("ordered", 0.2, by="minute"),
    weight_column=WEIGHT,
    costs=Costs(
        missed=122.0,
        false_alarm=5.0,
        found=5.0,
        unit="EUR",
        reason=(
            "A missed fraud costs the mean amount of the 492 published frauds, 122 euros; looking into an alarm, right "
            "or wrong, costs 5 euros, which is assumed: put your own figure there."
        ),
    ),
    source="Machine Learning Group of the Université Libre de Bruxelles, Credit Card Fraud Detection (2013)",
    licence="DbCL 1.0 (Database Contents License)",
    intended_use=(
        "A benchmark for methods with very unequal classes: how well rare frauds are ranked, whether their "
        "probabilities can be read as such, and where to draw the line when errors cost unequally."
    ),
    limits=(
        "Two days of one card issuer in 2013; inputs are components of undisclosed ones, so nothing here can be "
        "explained beyond them, and the model has no use for other transactions. There is no card number: rows of one "
        "minute count as one cluster, since a run of frauds with one card mostly falls into one, but cards that come "
        "back later count as new, so intervals may be too narrow. The holdout is the last fifth of the rows in time, "
        "the second evening: it shows what the next hours look like to a model of the hours before. A stratified split "
        "(data-snapshot --split stratified) mixes the hours, is easier, and compares methods with less noise. On a "
        "subset of the published rows, rows weigh so that shares are those of the whole table; say 'subset' beside its "
        "figures. Costs are constant and do not follow the amount."
    ),
)
