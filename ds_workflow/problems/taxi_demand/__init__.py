"""How many taxi pick-ups each zone of New York City will see in each hour of the coming day.

The face of this plug-in; nothing else of the folder is for outside use.
"""

from __future__ import annotations

from ds_workflow.problems.taxi_demand.baseline import SeasonalNaive
from ds_workflow.problems.taxi_demand.cleaning import clean
from ds_workflow.problems.taxi_demand.declaration import PROBLEM
from ds_workflow.problems.taxi_demand.features import DemandFeatures
from ds_workflow.problems.taxi_demand.loader import load
from ds_workflow.problems.taxi_demand.open_data import fetch
from ds_workflow.problems.taxi_demand.simulator import SIMULATED_ROWS, simulate

__all__ = ["PROBLEM", "SIMULATED_ROWS", "TRUSTED_TYPES", "clean", "featurizer", "fetch", "load", "naive", "simulate"]

TRUSTED_TYPES = (
    "ds_workflow.problems.taxi_demand.baseline.SeasonalNaive",
    "ds_workflow.problems.taxi_demand.features.DemandFeatures",
)


def featurizer(feature_set_version: str, *, seed: int) -> DemandFeatures:
    """The unfitted as-of featurizer of that feature set; UnknownName lists the known ones. Nothing in it is drawn."""
    return DemandFeatures(PROBLEM.feature_set(feature_set_version).version)


def naive() -> SeasonalNaive:
    """The unfitted naive baseline: the same hour a week before."""
    return SeasonalNaive()
