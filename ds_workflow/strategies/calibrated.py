"""Platt scaling: boosted trees whose log odds are put right by a line that cross-fitted answers call for.

The threshold follows from the problem's costs.
"""

from __future__ import annotations

from ds_workflow.strategies._adjusted_classifier import TRUSTED_TYPES, strategy

__all__ = ["TRUSTED_TYPES", "build", "tune"]

build, tune = strategy("calibrated", balance="none", calibrate="platt")
