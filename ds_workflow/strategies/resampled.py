"""Resampling: trees grow on all rows of class 1 and on ten of class 0 for each of them, drawn without replacement.

The probabilities are put back to the true base rate, and the threshold follows from the problem's costs.
"""

from __future__ import annotations

from ds_workflow.strategies._adjusted_classifier import TRUSTED_TYPES, strategy

__all__ = ["TRUSTED_TYPES", "build", "tune"]

build, tune = strategy("resampled", balance="resampling", calibrate="prior")
