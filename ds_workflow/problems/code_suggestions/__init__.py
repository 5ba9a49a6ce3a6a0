"""Whether a developer accepts what a code assistant suggests.

The face of this plug-in; nothing else of the folder is for outside use.
"""

from __future__ import annotations

from ds_workflow.problems.code_suggestions.baseline import ShareByTask
from ds_workflow.problems.code_suggestions.cleaning import clean
from ds_workflow.problems.code_suggestions.declaration import PROBLEM
from ds_workflow.problems.code_suggestions.effects import true_effects
from ds_workflow.problems.code_suggestions.features import SuggestionFeatures
from ds_workflow.problems.code_suggestions.loader import load
from ds_workflow.problems.code_suggestions.simulator import simulate

__all__ = ["PROBLEM", "TRUSTED_TYPES", "clean", "featurizer", "load", "naive", "simulate", "true_effects"]

TRUSTED_TYPES = (
    "ds_workflow.problems.code_suggestions.baseline.ShareByTask",
    "ds_workflow.problems.code_suggestions.features.SuggestionFeatures",
)


def featurizer(feature_set_version: str, *, seed: int) -> SuggestionFeatures:
    """The unfitted featurizer of that feature set; UnknownName lists the known ones. Nothing in it is drawn."""
    return SuggestionFeatures(PROBLEM.feature_set(feature_set_version).version)


def naive() -> ShareByTask:
    """The unfitted naive baseline: the training share of acceptances by kind of task."""
    return ShareByTask()
