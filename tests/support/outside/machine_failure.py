"""A problem from outside: does a machine fail within a week of a reading? One module and one policy, nothing else.

It stands for what somebody else would write and install; the test copies it to a folder of its own with the metadata
of a distribution whose entry point names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from ds_workflow.domain.problem import Column, Feature, FeatureSet, Problem, Split
from ds_workflow.errors import InvalidInput

KINDS = ("FAN", "PUMP")
TRUSTED_TYPES = ("machine_failure.Readings", "machine_failure.Share")

PROBLEM = Problem(
    name="machine_failure",
    title="Failures of machines within a week",
    task="binary",
    target="failed",
    target_unit="probability",
    row_id="reading_id",
    time_column="",
    cluster_column="machine_id",
    segment_column="kind",
    segments=KINDS,
    columns=(
        Column("reading_id", "text", "Id of the reading", nullable=False),
        Column("machine_id", "text", "Id of the machine", nullable=False, example="M7"),
        Column("kind", "category", "Kind of machine", required=True, nullable=False, categories=KINDS, example="FAN"),
        Column("temperature", "number", "Temperature of the bearing", "degrees Celsius", required=True, nullable=False,
               minimum=-40, maximum=200, example=61.5),
        Column("vibration", "number", "Velocity of the housing", "mm/s", minimum=0, maximum=100, example=2.4),
        Column("failed", "integer", "Whether it failed within a week", nullable=False, minimum=0, maximum=1),
    ),
    features=(
        Feature("temperature", "Temperature of the bearing", "request", "degrees Celsius", ("temperature",)),
        Feature("vibration", "Velocity of the housing", "request", "mm/s", ("vibration",)),
    ),
    feature_sets=(FeatureSet("v1.0", ("temperature", "vibration"), "The two readings as they are."),),
    forbidden={"repair_cost": "it is known after the failure"},
    sensitive=(),
    metrics=("roc_auc", "pr_auc", "brier"),
    primary_metric="roc_auc",
    strategies=("logistic", "global"),
    split=Split("hash", 0.3),
    source="Nowhere: this problem is simulated only",
    licence="Apache-2.0",
    intended_use="To show that a problem from outside goes through the same commands as the others.",
    limits="No machine has ever been measured.",
)  # fmt: skip


def load(path: Path, *, references: Sequence[Path] = ()) -> pd.DataFrame:
    """Readings of a CSV file."""
    rows = pd.read_csv(path)
    if lost := [name for name in ("machine_id", "kind", "temperature", "vibration", "failed") if name not in rows]:
        raise InvalidInput(f"{path.name} lacks {', '.join(lost)}.", hint="Export the readings again.")
    return rows


def simulate(*, rows: int, seed: int) -> pd.DataFrame:
    """Readings of machines, one in fifty rows; hot and shaking ones fail."""
    if rows < 1:
        raise InvalidInput(f"--rows must be at least 1, not {rows}.")
    rng = np.random.default_rng(seed)
    temperature, vibration = rng.normal(60, 12, rows), rng.gamma(2.0, 1.5, rows)
    odds = -3.0 + 0.06 * (temperature - 60) + 0.5 * (vibration - 3)
    return pd.DataFrame(
        {
            "machine_id": [f"M{k}" for k in rng.integers(0, max(2, rows // 50), rows)],
            "kind": rng.choice(KINDS, rows),
            "temperature": temperature.round(1),
            "vibration": vibration.round(2),
            "failed": (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float),
        }
    )


def clean(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Readings with a temperature, each once."""
    rows = raw[raw["temperature"].notna()].drop_duplicates().reset_index(drop=True)
    ids = [f"{code:016x}" for code in pd.util.hash_pandas_object(rows, index=False).tolist()]
    return rows.assign(reading_id=ids), {"no temperature": int(raw["temperature"].isna().sum())}


class Readings(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The two readings and the kind."""

    def fit(self, rows: pd.DataFrame, y: Any = None) -> Readings:
        self.fitted_ = True
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows[["temperature", "vibration"]].astype("float64").assign(kind=rows["kind"])


class Share(BaseEstimator):  # type: ignore[misc]
    """The training share of failures, for every row."""

    def fit(self, rows: pd.DataFrame, y: Any) -> Share:
        self.share_ = float(np.mean(y))
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray[Any, Any]:
        return np.full(len(rows), self.share_)


def featurizer(feature_set_version: str, *, seed: int) -> Readings:
    PROBLEM.feature_set(feature_set_version)
    return Readings()


def naive() -> Share:
    return Share()
