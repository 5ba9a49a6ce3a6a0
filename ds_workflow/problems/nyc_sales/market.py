"""The history of sales, prepared for questions: what did the market say of a home strictly before a day?

A price is split into what its attributes are worth (hedonics, learned on training rows), the market index of its
borough and family, and the rest, its *level*. Levels don't age, so those of other days and other homes can be
compared. A sale at no market price (between relatives, mistyped) is kept in bounds around its neighbourhood's level
before it becomes the history of later sales, and sales of several homes in one deal are left out of the history.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ds_workflow.problems.nyc_sales import comparables
from ds_workflow.problems.nyc_sales.attributes import CONDO, FAMILIES, Floats, Homes, Integers
from ds_workflow.problems.nyc_sales.comparables import NEARBY, SIMILAR
from ds_workflow.problems.nyc_sales.hedonics import Hedonics
from ds_workflow.problems.nyc_sales.history import Shelf, bulk_sales

# What is looked up of past sales, beside their keys; the rest of their attributes needn't be kept.
LOOKED_UP = (
    "apartment_floor", "apartment_is_penthouse", "apartment_is_combined", "building_category", "commercial_units",
    "km_east", "km_north", "log_gross_square_feet", "log_land_square_feet", "lot", "total_units", "year_built",
)  # fmt: skip
INDEX_HALF_LIFE = 60.0  # days
_INDEX_STRENGTH = 150.0  # sales that the family's index counts for against the borough's own
_BOUND = 1.5  # log price: how far from its neighbourhood's a level is believed
_RECENT = 12


@dataclass(frozen=True)
class _Level:
    """A recency-weighted mean of past levels under a key, shrunk towards `prior` as if that were `strength` sales."""

    key: str
    prior: str
    strength: float
    half_life: float  # days


_LEVELS = {
    "borough_level": _Level("borough", "", 5, 365),
    "neighbourhood_level": _Level("neighbourhood", "borough_level", 5, 365),
    "neighbourhood_recent_level": _Level("neighbourhood", "neighbourhood_level", 10, 60),
    "zip_level": _Level("zip", "borough_level", 8, 365),
    "category_level": _Level("category", "neighbourhood_level", 5, 365),
    "class_level": _Level("class", "category_level", 8, 500),
    "street_level": _Level("street", "category_level", 3, 700),
    "block_level": _Level("block", "category_level", 3, 700),
    "complex_level": _Level("complex", "block_level", 2, 500),
    "building_level": _Level("building", "complex_level", 2, 500),
    "line_level": _Level("line", "building_level", 1.5, 700),
    "unit_level": _Level("unit", "line_level", 0.4, 700),
}
_ABSOLUTE = ("borough_level", "neighbourhood_level")  # all below them are told against the category's
_LEVEL_FEATURES = frozenset(SIMILAR + NEARBY) - {
    "similar_weight", "similar_spread", "similar_line_weight", "similar_best_1_weight", "nearby_distance",
    "nearby_spread", "nearby_weight",
}  # fmt: skip


class Market:
    """Past sales, sorted by day then id, and the shelves from which they are looked up."""

    def __init__(self, homes: Homes, log_price: Floats, hedonics: Hedonics, *, lag_days: int = 0) -> None:
        self.homes, self.log_price, self.hedonics, self.lag_days = homes, log_price, hedonics, lag_days
        self.worth, place = hedonics.worth(homes)
        self._shelves: dict[str, Shelf] = {}
        self._listed = np.flatnonzero(~bulk_sales(homes.keys["block"], homes.day, log_price))
        surprise = np.clip(log_price - self.worth - place, -1.0, 1.0)
        for key in ("family", "borough"):
            self.shelf(key).follow("index", surprise, INDEX_HALF_LIFE)
        self.level = log_price - self.worth - self.index(homes, self._before(homes))
        self.believed = place + np.clip(self.level - place, -_BOUND, _BOUND)
        for level in _LEVELS.values():
            self.shelf(level.key).follow("level", self.believed, level.half_life)

    def shelf(self, key: str) -> Shelf:
        """The sales that are no part of a bulk deal, by one of the homes' keys or by `square`."""
        if key not in self._shelves:
            keys = comparables.squares(self.homes) if key == "square" else self.homes.keys[key]
            self._shelves[key] = Shelf(keys, self.homes.day, self._listed)
        return self._shelves[key]

    @cached_property
    def _coordinates(self) -> dict[int, list[NDArray[np.float32]]]:
        return {family: comparables.coordinates(self.homes, family) for family in FAMILIES}

    def _before(self, homes: Homes) -> Integers:
        return homes.day - self.lag_days

    def index(self, asked: Homes, before: Integers) -> Floats:
        """The market index (log price) of each home's borough and family before a day, shape (n,)."""

        def mean(key: str) -> tuple[Floats, Floats]:
            shelf = self.shelf(key)
            return shelf.mean("index", INDEX_HALF_LIFE, shelf.span(asked.keys[key], before), before)

        family, _ = mean("family")
        own, number = mean("borough")
        return (own * number + _INDEX_STRENGTH * family) / (number + _INDEX_STRENGTH)

    def features(self, asked: Homes, wanted: Collection[str]) -> dict[str, Floats]:
        """Features of the homes, each (n,), computed from sales strictly before each home's own day.

        Groups of features none of which is wanted are left out.
        """
        out: dict[str, Floats] = {}
        before = self._before(asked)
        worth, _ = self.hedonics.worth(asked)
        index = self.index(asked, before)
        now = worth + index
        levels = self._levels(asked, before, out)
        category = levels["category_level"]
        out |= {"attribute_value": worth, "price_index": index}
        out["neighbourhood_estimate"] = now + levels["neighbourhood_level"]
        out["category_estimate"] = now + category
        out["line_estimate"], out["unit_estimate"] = now + levels["line_level"], now + levels["unit_level"]
        out |= {name: level if name in _ABSOLUTE else level - category for name, level in levels.items()}
        out["category_level"] = category - levels["neighbourhood_level"]

        def asks(prefix: str) -> bool:
            return any(name.startswith(prefix) for name in wanted)

        groups: dict[str, Callable[[], dict[str, Floats]]] = {
            "unit_": lambda: self._unit(asked, before, category),
            "building_": lambda: self._building(asked, before, category),
            "index_": lambda: self._trend(asked, before, index),
        }
        for prefix, group in groups.items():
            if asks(prefix):
                out |= group()
        if asks("similar_") or asks("nearby_") or "comparables_estimate" in wanted:
            alike = comparables.similar(asked, self.homes, self.shelf("complex"), self.believed, before)
            near = comparables.nearby(asked, self._coordinates, self.shelf("square"), self.believed, before)
            for name, values in {**alike, **near}.items():
                out[name] = values - category if name in _LEVEL_FEATURES else values
            best = np.where(np.isfinite(out["similar_median"]), out["similar_median"], out["nearby_median"])
            out["comparables_estimate"] = now + category + np.nan_to_num(best)
        return out

    def _levels(self, asked: Homes, before: Integers, out: dict[str, Floats]) -> dict[str, Floats]:
        """The levels; `out` also gets the recency-weighted numbers of sales behind them."""
        levels: dict[str, Floats] = {"": np.zeros(len(asked))}
        spans = {}
        for name, level in _LEVELS.items():
            shelf = self.shelf(level.key)
            if level.key not in spans:
                spans[level.key] = shelf.span(asked.keys[level.key], before)
            mean, number = shelf.mean("level", level.half_life, spans[level.key], before)
            levels[name] = (mean * number + level.strength * levels[level.prior]) / (number + level.strength)
            out[name.removesuffix("_level") + "_sales"] = number
        del levels[""]
        return levels

    def _unit(self, asked: Homes, before: Integers, category: Floats) -> dict[str, Floats]:
        """The last sale of the same unit. An apartment without a name can't be told from its neighbours."""
        shelf = self.shelf("unit")
        span = shelf.span(asked.keys["unit"], before)
        found, there = (one[:, 0] for one in shelf.recent(span, 1))
        nameless = (asked.family >= CONDO) & (asked.values["apartment_is_named"] == 0)
        there = there & ~nameless
        return {
            "unit_last_price_adj": np.where(there, self.level[found] - category, np.nan),
            "unit_last_age": np.where(there, asked.day - self.homes.day[found], np.nan),
            "unit_last_log_price": np.where(there, self.log_price[found], np.nan),
            "unit_sales_count": np.where(nameless, 0.0, span[1] - span[0]),
        }

    def _building(self, asked: Homes, before: Integers, category: Floats) -> dict[str, Floats]:
        """The last sales of the building: the newest, and median, low and high of the last twelve."""
        shelf = self.shelf("building")
        span = shelf.span(asked.keys["building"], before)
        found, there = shelf.recent(span, _RECENT)
        level = np.where(there, self.level[found] - category[:, None], np.inf)
        ordered = np.sort(level, axis=1)
        number = there.sum(axis=1)
        some = number > 0

        def quantile(share: float) -> Floats:
            place = np.floor(share * np.maximum(number - 1, 0) + 0.5).astype(np.int64)
            return np.where(some, ordered[np.arange(len(asked)), place], np.nan)

        return {
            "building_last_price_adj": np.where(there[:, 0], level[:, 0], np.nan),
            "building_last_age": np.where(some, asked.day - self.homes.day[found[:, 0]], np.nan),
            "building_sales_count": (span[1] - span[0]).astype(np.float64),
            "building_median": quantile(0.5),
            "building_low": quantile(0.2),
            "building_high": quantile(0.8),
        }

    def _trend(self, asked: Homes, before: Integers, index: Floats) -> dict[str, Floats]:
        """How far the index moved over half a year and a year."""
        return {f"index_change_{days}": index - self.index(asked, before - days) for days in (180, 365)}
