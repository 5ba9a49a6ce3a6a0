"""Is a film review favourable? The Large Movie Review Dataset of Maas et al. 2011.

The face of this plug-in; nothing else of the folder is for outside use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.domain.base_rate import BaseRate
from ds_workflow.problems.movie_reviews.cleaning import clean
from ds_workflow.problems.movie_reviews.declaration import PROBLEM
from ds_workflow.problems.movie_reviews.download import fetch
from ds_workflow.problems.movie_reviews.features import ReviewFeatures
from ds_workflow.problems.movie_reviews.loader import load
from ds_workflow.problems.movie_reviews.simulator import simulate
from ds_workflow.problems.movie_reviews.source import band, tidy

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

SIMULATED_ROWS = 10_000  # of 6,000 too few are held out to show that a first champion is calibrated
TRUSTED_TYPES = ("ds_workflow.problems.movie_reviews.features.ReviewFeatures",)


def featurizer(feature_set_version: str, *, seed: int) -> ReviewFeatures:
    """The unfitted featurizer of that feature set; UnknownName lists the known ones. Nothing in it is drawn."""
    return ReviewFeatures(PROBLEM.feature_set(feature_set_version).version)


def naive() -> BaseRate:
    """The unfitted naive baseline: the training share of class 1."""
    return BaseRate()


def segment_of(row: Mapping[str, Any]) -> str:
    """The segment of a parsed request row, "" where it can't be told."""
    return band(len(tidy(str(row["text"])).split()))
