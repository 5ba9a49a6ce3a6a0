"""Sale prices of homes in New York City, from the Department of Finance's published sales.

The face of this plug-in; nothing else of the folder is for outside use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.problems.nyc_sales.baseline import MedianPrice
from ds_workflow.problems.nyc_sales.cleaning import SEGMENT_OF, clean, derive
from ds_workflow.problems.nyc_sales.declaration import PROBLEM
from ds_workflow.problems.nyc_sales.loader import load
from ds_workflow.problems.nyc_sales.open_data import fetch
from ds_workflow.problems.nyc_sales.simulator import simulate

__all__ = [
    "PROBLEM",
    "TRUSTED_TYPES",
    "clean",
    "derive",
    "featurizer",
    "fetch",
    "load",
    "naive",
    "segment_of",
    "simulate",
]

TRUSTED_TYPES = (
    "ds_workflow.problems.nyc_sales.baseline.MedianPrice",
    "ds_workflow.problems.nyc_sales.features.PriceFeatures",
)


def featurizer(feature_set_version: str, *, seed: int) -> Any:
    """The unfitted as-of featurizer of that feature set; UnknownName lists the known ones."""
    from ds_workflow.problems.nyc_sales.features import PriceFeatures

    return PriceFeatures(version=PROBLEM.feature_set(feature_set_version).version, seed=seed)


def naive() -> MedianPrice:
    """The unfitted naive baseline: median price by neighbourhood and segment."""
    return MedianPrice()


def segment_of(row: Mapping[str, Any]) -> str:
    """The segment of a parsed request row, "" where it can't be told."""
    return SEGMENT_OF.get(str(row["building_class_category"])[:2], "")
