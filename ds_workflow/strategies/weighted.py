"""Class weights: in training rows of the rarer class weigh so much more that both classes weigh the same.

The probabilities are put back to the true base rate, and the threshold follows from the problem's costs.
"""

from __future__ import annotations

from ds_workflow.strategies._adjusted_classifier import TRUSTED_TYPES, strategy

__all__ = ["TRUSTED_TYPES", "build", "tune"]

build, tune = strategy("weighted", balance="weights", calibrate="prior")
