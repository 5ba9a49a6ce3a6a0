"""price_tier_proxy: the price quartile that earlier sales lead to expect, never the one that was paid.

A linear blend, per family of homes, of the estimates that histories and comparables give, with edges at the
quartiles of the training prices. A training row's own value is told by a blend learned on the other folds, so that
what a later model learns from it is as good as what it will get on new rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.problems.nyc_sales.attributes import Floats

INPUTS = ("neighbourhood_estimate", "category_estimate", "unit_estimate", "comparables_estimate", "attribute_value")
FOLDS = 5
_PENALTY = 10.0
_TRUST = 0.5  # log price: a row further from its comparables than this doesn't bend the blend


@dataclass(frozen=True)
class TierModel:
    """`edges` (3,) of the log price, and a blend (1 + len(INPUTS),) of the inputs for every family."""

    edges: Floats
    blends: Mapping[str, Floats]

    def predict(self, inputs: Floats, family: NDArray[np.int64]) -> Floats:
        """Tiers 0 to 3 of rows whose `inputs` are (n, len(INPUTS)), shape (n,)."""
        return _tier(self.edges, _apply(self.blends, inputs, family))


def learn(
    inputs: Floats, family: NDArray[np.int64], log_price: Floats, fold: NDArray[np.int64]
) -> tuple[TierModel, Floats]:
    """The model of all training rows (n), and their own tiers out of fold, shape (n,)."""
    edges = np.quantile(log_price, [0.25, 0.5, 0.75])
    foreseen = np.empty(len(log_price))
    for one in np.unique(fold):
        inside = fold == one
        blends = _blends(inputs[~inside], family[~inside], log_price[~inside])
        foreseen[inside] = _apply(blends, inputs[inside], family[inside])
    return TierModel(edges, _blends(inputs, family, log_price)), _tier(edges, foreseen)


def _blends(inputs: Floats, family: NDArray[np.int64], log_price: Floats) -> dict[str, Floats]:
    """Ridge around the comparables estimate: with few rows the blend is that estimate itself."""
    anchor = inputs[:, INPUTS.index("comparables_estimate")]
    blends: dict[str, Floats] = {}
    for name in np.unique(family):
        rows = (family == name) & (np.abs(log_price - anchor) < _TRUST)
        design = np.column_stack([np.ones(rows.sum()), inputs[rows] - anchor[rows, None]])
        penalty = _PENALTY * np.eye(design.shape[1])
        blends[str(name)] = np.linalg.solve(design.T @ design + penalty, design.T @ (log_price - anchor)[rows])
    return blends


def _apply(blends: Mapping[str, Floats], inputs: Floats, family: NDArray[Any]) -> Floats:
    anchor = inputs[:, INPUTS.index("comparables_estimate")]
    answer = anchor.copy()
    for name, blend in blends.items():
        rows = family == int(name)
        differences = inputs[rows] - anchor[rows, None]
        # Summed column by column: a matrix product rounds differently for one row and for many.
        answer[rows] += blend[0] + sum(differences[:, i] * weight for i, weight in enumerate(blend[1:]))
    return answer


def _tier(edges: Floats, log_price: Floats) -> Floats:
    return np.searchsorted(edges, log_price, side="left").astype(np.float64)
