"""Which card transactions are frauds: the table of the Université Libre de Bruxelles.

The face of this plug-in; nothing else of the folder is for outside use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ds_workflow.domain.base_rate import BaseRate
from ds_workflow.problems.credit_card_fraud.cleaning import clean
from ds_workflow.problems.credit_card_fraud.declaration import PROBLEM
from ds_workflow.problems.credit_card_fraud.features import FraudFeatures
from ds_workflow.problems.credit_card_fraud.kaggle import fetch
from ds_workflow.problems.credit_card_fraud.loader import load
from ds_workflow.problems.credit_card_fraud.simulator import simulate
from ds_workflow.problems.credit_card_fraud.source import bands

__all__ = [
    "PROBLEM",
    "SIMULATED_ROWS",
    "TRUSTED_TYPES",
    "clean",
    "featurizer",
    "fetch",
    "load",
    "naive",
    "segment_of",
    "simulate",
]

SIMULATED_ROWS = 20_000
TRUSTED_TYPES = ("ds_workflow.problems.credit_card_fraud.features.FraudFeatures",)


def featurizer(feature_set_version: str, *, seed: int) -> FraudFeatures:
    """The unfitted featurizer of that feature set; UnknownName lists the known ones. Nothing in it is drawn."""
    return FraudFeatures(PROBLEM.feature_set(feature_set_version).version)


def naive() -> BaseRate:
    """The unfitted naive baseline: the share of frauds in what the training rows stand for."""
    return BaseRate(weight=PROBLEM.weight_column)


def segment_of(row: Mapping[str, Any]) -> str:
    """The segment of a parsed request row, "" where it can't be told."""
    return str(bands(np.array([float(row["amount"])]))[0])
