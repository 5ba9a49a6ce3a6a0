"""What a home's attributes are worth, whatever the place and the quarter: a ridge regression per family of homes.

Log price = attributes + building class + neighbourhood + quarter. Only the first two parts and the neighbourhood's
level are used later; place and time are followed by histories, which move with the market (hedonic pricing, Rosen
1974). Three rounds of Huber weights keep sales at no market price from bending the coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ds_workflow.problems.nyc_sales.attributes import FAMILIES, RENTAL, Floats, Homes, Keys

_BUILDINGS = (
    ("log_gross_square_feet", 2), ("log_land_square_feet", 2), ("log_units", 1), ("commercial_units", 1),
    ("year_built", 2),
)  # fmt: skip
_APARTMENTS = (("log_floor", 2), ("apartment_is_penthouse", 1), ("apartment_is_combined", 1), ("year_built", 2))
_PENALTY = 3.0
_ROUNDS = 3
_QUARTER = 91
_HUBER = 0.3  # log price: errors beyond are weighted down
_FEWEST = 30  # sales of a family, to learn anything of it


@dataclass(frozen=True)
class Hedonics:
    """Learned coefficients per family, as plain numbers and arrays, so that a model file can hold them."""

    families: Mapping[str, Mapping[str, Any]]
    typical: float  # median log price, for families without sales

    def worth(self, homes: Homes) -> tuple[Floats, Floats]:
        """The worth of the attributes (log dollars) and the level of the neighbourhood, each of shape (n,)."""
        attributes, place = np.full(len(homes), self.typical), np.zeros(len(homes))
        for family in np.unique(homes.family):
            learned = self.families.get(str(family))
            if learned is None:
                continue
            rows = np.flatnonzero(homes.family == family)
            some = homes.take(rows) if len(rows) < len(homes) else homes
            effect = _look_up(learned["classes"], learned["class_effects"], some.keys["building_class"])
            attributes[rows] = learned["intercept"] + _design(some, int(family), learned["scales"]) @ learned["slopes"]
            attributes[rows] += effect
            place[rows] = _look_up(learned["places"], learned["place_effects"], some.keys["place"])
        return attributes, place


def learn(homes: Homes, log_price: Floats) -> Hedonics:
    """Coefficients from the training rows: `homes` (n) and `log_price` (n,)."""
    families = {}
    for family in FAMILIES:
        rows = np.flatnonzero(homes.family == family)
        if len(rows) >= _FEWEST:
            families[str(family)] = _learn(homes.take(rows), log_price[rows], family)
    return Hedonics(families, float(np.median(log_price)))


def _learn(homes: Homes, log_price: Floats, family: int) -> dict[str, Any]:
    from sklearn.linear_model import Ridge

    scales = _scales(homes, family)
    design = _design(homes, family, scales)
    classes, class_of = np.unique(homes.keys["building_class"], return_inverse=True)
    places, place_of = np.unique(homes.keys["place"], return_inverse=True)
    quarter_of = np.unique(homes.day // _QUARTER, return_inverse=True)[1]
    table = sparse.hstack([sparse.csr_matrix(design), *(_one_hot(c) for c in (class_of, place_of, quarter_of))]).tocsr()
    weights = np.ones(len(log_price))
    for _ in range(_ROUNDS):
        ridge = Ridge(alpha=_PENALTY, solver="sparse_cg", tol=1e-4).fit(table, log_price, sample_weight=weights)
        error = np.abs(log_price - ridge.predict(table))
        weights = 1 / np.maximum(1, error / _HUBER)
    width = design.shape[1]
    after = width + len(classes)
    return {
        "scales": scales,
        "slopes": ridge.coef_[:width].copy(),
        "intercept": float(ridge.intercept_),
        "classes": classes,
        "class_effects": ridge.coef_[width:after].copy(),
        "places": places,
        "place_effects": ridge.coef_[after : after + len(places)].copy(),
    }


def _columns(homes: Homes, family: int) -> list[tuple[Floats, int]]:
    values = dict(homes.values)
    values["log_units"] = np.log1p(np.nan_to_num(values["total_units"]))
    values["log_floor"] = np.log1p(np.maximum(np.nan_to_num(values["apartment_floor"], nan=2.0), 0.0))
    values["commercial_units"] = np.nan_to_num(values["commercial_units"])
    return [(values[name], power) for name, power in (_BUILDINGS if family <= RENTAL else _APARTMENTS)]


def _scales(homes: Homes, family: int) -> Floats:
    """Per column: what stands for a missing value, lowest and highest value trusted, mean and deviation."""
    scales = []
    for values, _ in _columns(homes, family):
        known = values[np.isfinite(values)]
        middle = float(np.median(known)) if len(known) else 0.0
        filled = np.where(np.isfinite(values), values, middle)
        low, high = np.quantile(filled, [0.002, 0.998])
        clipped = np.clip(filled, low, high)
        scales.append((middle, low, high, clipped.mean(), clipped.std() + 1e-9))
    return np.array(scales)


def _design(homes: Homes, family: int, scales: Floats) -> Floats:
    columns: list[Floats] = []
    for (values, power), (middle, low, high, mean, deviation) in zip(_columns(homes, family), scales, strict=True):
        scaled = (np.clip(np.where(np.isfinite(values), values, middle), low, high) - mean) / deviation
        columns.extend(scaled**p for p in range(1, power + 1))
    return np.column_stack(columns)


def _one_hot(codes: Any) -> Any:
    n = len(codes)
    return sparse.csr_matrix((np.ones(n), (np.arange(n), codes)), shape=(n, int(codes.max()) + 1))


def _look_up(known: Keys, effects: Floats, wanted: Keys) -> Floats:
    """The effect of every wanted key, 0 for one never seen in training."""
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, effects[at], 0.0)
