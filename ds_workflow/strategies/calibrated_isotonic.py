"""Isotonic regression: boosted trees whose probabilities are put right by a rising curve of cross-fitted answers.

For many rows of both classes; the threshold follows from the problem's costs.
"""

from __future__ import annotations

from ds_workflow.strategies._adjusted_classifier import TRUSTED_TYPES, strategy

__all__ = ["TRUSTED_TYPES", "build", "tune"]

build, tune = strategy("calibrated_isotonic", balance="none", calibrate="isotonic")
