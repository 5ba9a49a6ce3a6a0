"""Comparable sales: which past sales speak for a home, and what they say.

Apartments are compared with the last sales of their own building or complex, weighted by line, floor, lot number and
age; every home is compared with the nearest past sales by place, size, age and time. Both start from the last sales
under a key (a complex, a square of the map), so that a sale is found by the same rule in a table of 300,000 rows and
in one request. Levels are in log dollars after taking off what attributes and the market index explain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.problems.nyc_sales.attributes import CONDO, HOUSE, RENTAL, SQUARE_KM, Floats, Homes, Keys, mixed
from ds_workflow.problems.nyc_sales.history import Positions, Shelf, weighted_median

LAST_IN_COMPLEX = 64
LAST_IN_SQUARE = 32
NEAREST = 30
_OFFSETS = tuple((east, north) for east in (-1, 0, 1) for north in (-1, 0, 1))  # squares to look into
_CHUNK = 8_192  # homes at a time: bounds the memory
# Apartments: days by which a sale loses weight e-fold, and factors for what differs.
_AGE, _OTHER_BUILDING, _OTHER_LINE, _FLOORS, _OTHER_KIND = 1000.0, 0.35, 0.015, 6.0, 0.3
_LOT_FLOOR, _LOTS = 0.15, 8.0
# Nearest sales: units of distance per km, per log square foot, per log units, per 100 years, per 1000 days, ...
_METRIC = {
    HOUSE: {"km": 2.0, "gross": 2.0, "land": 1.2, "year": 1 / 50, "day": 1 / 500, "category": 0.6},
    RENTAL: {"km": 1.0, "gross": 1.5, "units": 1.0, "year": 1 / 50, "day": 1 / 600, "category": 0.15},
}
_APARTMENTS = {"km": 4.0, "floor": 0.6, "year": 1 / 20, "day": 1 / 600, "combined": 1.0, "category": 0.1}

SIMILAR = (
    "similar_median", "similar_mean", "similar_weight", "similar_spread", "similar_wide_median", "similar_lots_mean",
    "similar_line_mean", "similar_line_weight", "similar_best_1", "similar_best_2", "similar_best_3",
    "similar_best_1_weight",
)  # fmt: skip
NEARBY = ("nearby_mean", "nearby_median", "nearby_closest_median", "nearby_flat_median", "nearby_distance",
          "nearby_spread", "nearby_weight")  # fmt: skip


def squares(homes: Homes) -> Keys:
    """The key of each home's square of the map, shape (n,)."""
    across, up = _place(homes)
    return mixed(homes.family.astype(np.uint64), across.astype(np.uint64), up.astype(np.uint64))


def _around(homes: Homes) -> Keys:
    """The keys of each home's square and the eight around it, shape (9 n,): one square of all homes after the other."""
    across, up = _place(homes)
    east = np.concatenate([across + step for step, _ in _OFFSETS])
    north = np.concatenate([up + step for _, step in _OFFSETS])
    family = np.tile(homes.family.astype(np.uint64), len(_OFFSETS))
    return mixed(family, east.astype(np.uint64), north.astype(np.uint64))


def _beside(looks: NDArray[Any], homes: int) -> NDArray[Any]:
    """(squares x homes, k), one square of all homes after the other, as (homes, squares x k)."""
    return looks.reshape(-1, homes, looks.shape[1]).swapaxes(0, 1).reshape(homes, -1)


def _place(homes: Homes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Column and row of each home's square on the map, each (n,)."""
    side = SQUARE_KM[homes.family]
    across = np.floor(homes.values["km_east"] / side).astype(np.int64)
    return across, np.floor(homes.values["km_north"] / side).astype(np.int64)


def similar(asked: Homes, past: Homes, shelf: Shelf, level: Floats, before: NDArray[np.int64]) -> dict[str, Floats]:
    """What the last sales of the same complex say of each apartment; NaN for houses and where there is none.

    `shelf` holds `past` by complex, `level` (one per past sale) what they were sold for.
    """
    out = {name: np.full(len(asked), np.nan) for name in SIMILAR}
    apartments = np.flatnonzero(asked.family >= CONDO)
    for rows in _chunks(apartments):
        some = asked.take(rows)
        found, there = shelf.recent(shelf.span(some.keys["complex"], before[rows]), LAST_IN_COMPLEX)
        for name, values in _similar(some, past, level, found, there).items():
            out[name][rows] = values
    return out


def _similar(asked: Homes, past: Homes, level: Floats, found: Positions, there: NDArray[np.bool_]) -> dict[str, Floats]:
    def apart(name: str, missing: float) -> NDArray[Any]:
        theirs = np.nan_to_num(past.values[name][found], nan=missing)
        return np.abs(theirs - np.nan_to_num(asked.values[name], nan=missing)[:, None])

    def same(name: str) -> NDArray[np.bool_]:
        return np.asarray(past.keys[name][found] == asked.keys[name][:, None])

    age = (asked.day[:, None] - past.day[found]).astype(np.float64)
    floors, lots = apart("apartment_floor", -9.0), apart("lot", 0.0)
    condo = (asked.family == CONDO)[:, None]
    same_building, same_line = same("building"), same("stack")
    same_kind = apart("apartment_is_combined", 0.0) == 0
    values = level[found]
    weight = (
        there
        * np.exp(-age / _AGE)
        * np.where(same_building, 1.0, _OTHER_BUILDING)
        * np.where(same_line, 1.0, _OTHER_LINE)
        * np.exp(-np.minimum(floors, 12.0) / _FLOORS)
        * np.where(condo, _LOT_FLOOR + np.exp(-lots / _LOTS), 1.0)
        * np.where(same_kind, 1.0, _OTHER_KIND)
    )
    out = {"similar_median": weighted_median(values, weight)}
    out["similar_mean"], out["similar_spread"] = _mean_and_spread(values, weight)
    out["similar_weight"] = weight.sum(axis=1)
    out["similar_wide_median"] = weighted_median(
        values, there * np.exp(-age / 500.0) * np.where(same_building, 1.0, 0.3)
    )
    by_lot = (there & condo) * np.exp(-age / 1200.0) * np.exp(-lots / 2.5)
    out["similar_lots_mean"] = _mean_and_spread(values, by_lot)[0]
    by_line = (there & same_line & same_building) * np.exp(-age / 1000.0) * np.exp(-floors / 3.0)
    out["similar_line_mean"] = _mean_and_spread(values, by_line)[0]
    out["similar_line_weight"] = by_line.sum(axis=1)
    best = np.argsort(-weight, axis=1, kind="stable")[:, :3]
    best_weight = np.take_along_axis(weight, best, axis=1)
    best_values = np.where(best_weight > 0, np.take_along_axis(values, best, axis=1), np.nan)
    for i in range(3):
        out[f"similar_best_{i + 1}"] = best_values[:, i]
    out["similar_best_1_weight"] = best_weight[:, 0]
    return out


def nearby(
    asked: Homes,
    past: Mapping[int, list[NDArray[np.float32]]],
    shelf: Shelf,
    level: Floats,
    before: NDArray[np.int64],
) -> dict[str, Floats]:
    """What the nearest past sales of the same family say of each home; NaN where there is none within reach.

    Of the last sales in the home's square of the map and the eight around it, the nearest by place, attributes and
    time. `shelf` holds the past sales by square, `past` their `coordinates` for every family.
    """
    out = {name: np.full(len(asked), np.nan) for name in NEARBY}
    for family in np.unique(asked.family):
        for rows in _chunks(np.flatnonzero(asked.family == family)):
            some = asked.take(rows)
            span = shelf.span(_around(some), np.tile(before[rows], len(_OFFSETS)))
            newest, exists = shelf.recent(span, LAST_IN_SQUARE)
            found: NDArray[Any] = _beside(newest, len(rows))
            there: NDArray[Any] = _beside(exists, len(rows))
            far = np.zeros(found.shape, dtype=np.float32)
            for mine, past_values in zip(coordinates(some, int(family)), past[int(family)], strict=True):
                far += (past_values[found] - mine[:, None]) ** 2
            far[~there] = np.inf
            near = np.argpartition(far, NEAREST - 1, axis=1)[:, :NEAREST]
            far, found = np.take_along_axis(far, near, axis=1), np.take_along_axis(found, near, axis=1)
            order = np.argsort(far, axis=1, kind="stable")
            far, found = np.sqrt(np.take_along_axis(far, order, axis=1)), np.take_along_axis(found, order, axis=1)
            for name, values in _nearby(level[found], far.astype(np.float64)).items():
                out[name][rows] = values
    return out


def _nearby(values: Floats, far: Floats) -> dict[str, Floats]:
    weight = np.where(np.isfinite(far), 1 / (0.15 + far) ** 2, 0.0)
    out = {"nearby_median": weighted_median(values, weight)}
    out["nearby_mean"], out["nearby_spread"] = _mean_and_spread(values, weight)
    out["nearby_closest_median"] = weighted_median(values[:, :6], weight[:, :6])
    out["nearby_flat_median"] = weighted_median(values, np.isfinite(far) * 1.0)
    out["nearby_distance"] = np.where(np.isfinite(far[:, 9]), far[:, 9], np.nan)
    out["nearby_weight"] = weight.sum(axis=1)
    return out


def coordinates(homes: Homes, family: int) -> list[NDArray[np.float32]]:
    """The scaled columns, each (n,), between which distance is measured; a missing value stands at a fixed middle."""

    def column(name: str, missing: float = 0.0) -> Floats:
        return np.asarray(np.nan_to_num(homes.values[name], nan=missing))

    getters: dict[str, Callable[[], NDArray[Any]]] = {
        "gross": lambda: column("log_gross_square_feet", 7.5),
        "land": lambda: column("log_land_square_feet", 7.8),
        "units": lambda: np.log1p(column("total_units")),
        "year": lambda: column("year_built", 1945.0),
        "day": lambda: homes.day - 18_000.0,
        "floor": lambda: np.log1p(np.maximum(column("apartment_floor", 2.0), 0.0)),
        "combined": lambda: column("apartment_is_combined"),
        "category": lambda: column("building_category"),
    }
    metric = _METRIC.get(family, _APARTMENTS)
    scaled = [homes.values["km_east"] * metric["km"], homes.values["km_north"] * metric["km"]]
    scaled += [getters[name]() * unit for name, unit in metric.items() if name != "km"]
    return [values.astype(np.float32) for values in scaled]


def _mean_and_spread(values: Floats, weight: NDArray[Any]) -> tuple[Floats, Floats]:
    """Weighted mean and standard deviation of each row, NaN without weight."""
    total = weight.sum(axis=1)
    some = total > 1e-6
    safe = np.where(some, total, 1.0)
    mean = (weight * values).sum(axis=1) / safe
    spread = np.sqrt((weight * (values - mean[:, None]) ** 2).sum(axis=1) / safe)
    return np.where(some, mean, np.nan), np.where(some, spread, np.nan)


def _chunks(rows: Positions) -> list[Positions]:
    return [rows[i : i + _CHUNK] for i in range(0, len(rows), _CHUNK)]
