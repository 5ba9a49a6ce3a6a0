"""Who earns over 50,000 dollars a year: the Adult table of the UCI repository.

The face of this plug-in; nothing else of the folder is for outside use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.domain.base_rate import BaseRate
from ds_workflow.problems.adult_income.cleaning import clean
from ds_workflow.problems.adult_income.declaration import PROBLEM
from ds_workflow.problems.adult_income.features import IncomeFeatures
from ds_workflow.problems.adult_income.loader import load
from ds_workflow.problems.adult_income.simulator import simulate
from ds_workflow.problems.adult_income.source import MISSING, SEGMENT_OF

__all__ = ["MISSING", "PROBLEM", "TRUSTED_TYPES", "clean", "featurizer", "load", "naive", "segment_of", "simulate"]

TRUSTED_TYPES = ("ds_workflow.problems.adult_income.features.IncomeFeatures",)


def featurizer(feature_set_version: str, *, seed: int) -> IncomeFeatures:
    """The unfitted featurizer of that feature set; UnknownName lists the known ones. Nothing in it is drawn."""
    return IncomeFeatures(PROBLEM.feature_set(feature_set_version).version)


def naive() -> BaseRate:
    """The unfitted naive baseline: the training share of class 1."""
    return BaseRate()


def segment_of(row: Mapping[str, Any]) -> str:
    """The segment of a parsed request row, "" where it can't be told."""
    return SEGMENT_OF.get(str(row["education"]), "")
