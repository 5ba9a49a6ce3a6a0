"""price_tier_proxy: the price quartile that a small model foresees, never the one that was paid.

Edges and model come from training rows. A training row's own value is told by a model of the other folds, so that
what a later model learns from it is as good as what it will get on new rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.problems.nyc_sales.attributes import Floats

INPUTS = (
    "neighbourhood_estimate", "category_estimate", "unit_estimate", "comparables_estimate", "nearby_median",
    "similar_median", "unit_last_price_adj", "log_gross_square_feet", "building_category", "borough_code",
)  # fmt: skip
FOLDS = 5
_TREES = 60


class TierModel:
    """Quartile edges (3,) of the log price and a small booster per fold, plus one of all rows."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, inputs: NDArray[np.float32], log_price: Floats, fold: NDArray[np.int64]) -> Floats:
        """Learn from training rows (n, len(INPUTS)); returns their out-of-fold tiers, shape (n,)."""
        self.edges = np.quantile(log_price, [0.25, 0.5, 0.75])
        foreseen = np.empty(len(log_price))
        for one in np.unique(fold):
            inside = fold == one
            learned = self._boost(inputs[~inside], log_price[~inside]) if (~inside).any() else None
            foreseen[inside] = np.median(log_price) if learned is None else learned.inplace_predict(inputs[inside])
        self.booster = self._boost(inputs, log_price)
        return self._tier(foreseen)

    def predict(self, inputs: NDArray[np.float32]) -> Floats:
        """Tiers 0 to 3 of new rows, shape (n,)."""
        return self._tier(self.booster.inplace_predict(inputs))

    def _tier(self, log_price: Any) -> Floats:
        return np.searchsorted(self.edges, log_price, side="left").astype(np.float64)

    def _boost(self, inputs: NDArray[np.float32], log_price: Floats) -> Any:
        import xgboost

        params = {"objective": "reg:absoluteerror", "max_depth": 5, "eta": 0.15, "subsample": 0.7, "nthread": 2,
                  "tree_method": "hist", "max_bin": 64, "seed": self.seed}  # fmt: skip
        return xgboost.train(params, xgboost.QuantileDMatrix(inputs, log_price, max_bin=64), _TREES)
