"""Cleaned rows as arrays: what is known of a home when it is offered, and the keys under which its like was sold.

A key is a 64-bit hash of the text that names a unit, a line of apartments, a building, a block, a street, a
neighbourhood. The hash depends on the row alone, so that one request and a table of 300,000 rows agree on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.quick import SentRows
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.nyc_sales import addresses
from ds_workflow.problems.nyc_sales.cleaning import SEGMENT_OF
from ds_workflow.problems.nyc_sales.source import BOROUGHS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Keys = NDArray[np.uint64]

HOUSE, RENTAL, CONDO, COOP = range(4)
FAMILIES = (HOUSE, RENTAL, CONDO, COOP)
FAMILY_OF = {
    "01": HOUSE, "02": HOUSE, "03": HOUSE, "07": RENTAL, "08": RENTAL, "14": RENTAL,
    "12": CONDO, "13": CONDO, "15": CONDO, "16": CONDO, "09": COOP, "10": COOP, "17": COOP,
}  # fmt: skip
_FEW = 64  # texts: so few are hashed one by one, most of them known
_EPOCH = date(1970, 1, 1).toordinal()
DAYS = 1 << 15  # days since 1970 fit in 15 bits until 2059
KM_PER_DEGREE = (84.4, 111.2)  # of longitude and latitude, at 40.7 degrees north
CENTRE = (-73.95, 40.72)
# Side of the squares, in km, that neighbouring sales are looked up by: houses are sparse, apartments dense.
SQUARE_KM = np.array([0.5, 0.7, 0.3, 0.3])


class Rows(Protocol):
    """n cleaned rows, wherever they come from."""

    def __len__(self) -> int: ...

    def __contains__(self, name: object) -> bool: ...

    def text(self, name: str) -> NDArray[Any]:
        """A column as text, '' where it is missing."""
        ...

    def numbers(self, name: str) -> Floats:
        """A column as numbers, NaN where it is missing."""
        ...

    def days(self) -> Integers:
        """Days from 1970 to the sale."""
        ...


class TableRows:
    """The rows of a table."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame.copy(deep=False)
        self._frame.attrs = {}  # pandas would copy them at every look at a column

    def __len__(self) -> int:
        return len(self._frame)

    def __contains__(self, name: object) -> bool:
        return name in self._frame

    def text(self, name: str) -> NDArray[Any]:
        if name not in self._frame:
            return np.full(len(self), "", dtype=object)
        values = self._frame[name].to_numpy(dtype=object, na_value="")
        return np.array([str(v).strip() for v in values], dtype=object)

    def numbers(self, name: str) -> Floats:
        if name not in self._frame:
            return np.full(len(self), np.nan)
        return np.array(self._frame[name].to_numpy(dtype=np.float64, na_value=np.nan))

    def days(self) -> Integers:
        return np.asarray(self._frame["sale_date"].to_numpy(dtype="datetime64[D]").astype(np.int64))


class ParsedRows:
    """The rows of a request, as the contract parses them."""

    def __init__(self, rows: SentRows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return True  # the contract gives every column a value

    def text(self, name: str) -> NDArray[Any]:
        values = [row[name] for row in self._rows]
        return np.array(["" if value is None else value.strip() for value in values], dtype=object)

    def numbers(self, name: str) -> Floats:
        return np.array([row[name] for row in self._rows], dtype=np.float64)

    def days(self) -> Integers:
        return np.array([row["sale_date"].toordinal() - _EPOCH for row in self._rows], dtype=np.int64)


@dataclass(frozen=True)
class Homes:
    """n homes as arrays: `day` since 1970 and `family`, shape (n,); `values` float64 and `keys` uint64 by name."""

    day: Integers
    family: NDArray[np.int64]
    values: Mapping[str, Floats]
    keys: Mapping[str, Keys]

    def __len__(self) -> int:
        return len(self.day)

    def take(self, index: NDArray[Any]) -> Homes:
        """The homes at `index` (positions or a mask), in that order."""
        return Homes(
            self.day[index],
            self.family[index],
            {name: array[index] for name, array in self.values.items()},
            {name: array[index] for name, array in self.keys.items()},
        )


@dataclass(frozen=True)
class Places:
    """Where blocks, ZIP codes and boroughs lie, for rows that come without coordinates.

    `keys` (m,) sorted, `where` (m, 2) latitude and longitude in degrees.
    """

    keys: Keys
    where: Floats

    @staticmethod
    def learn(rows: pd.DataFrame) -> Places:
        """The median coordinates of every block, ZIP code and borough of rows that have them."""
        table = TableRows(rows)
        located = rows[np.isfinite(table.numbers("latitude")) & np.isfinite(table.numbers("longitude"))]
        keyed = _place_keys(TableRows(located))
        found = [located[["latitude", "longitude"]].groupby(keys).median() for keys in keyed]
        medians = pd.concat(found) if len(located) else pd.DataFrame(np.empty((0, 2)))
        medians = medians[~medians.index.duplicated()].sort_index()
        return Places(medians.index.to_numpy(dtype=np.uint64), medians.to_numpy(dtype=np.float64))

    def fill(self, rows: Rows) -> tuple[Floats, Floats]:
        """Latitude and longitude of every row: its own, else its block's, ZIP code's, borough's, the city's centre."""
        latitude, longitude = rows.numbers("latitude"), rows.numbers("longitude")
        lost = ~(np.isfinite(latitude) & np.isfinite(longitude))
        if lost.any():
            latitude[lost], longitude[lost] = CENTRE[1], CENTRE[0]
            for keys in _place_keys(rows)[::-1] if len(self.keys) else ():  # the finest last, so that it stays
                at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
                known = lost & (self.keys[at] == keys)
                latitude[known], longitude[known] = self.where[at[known]].T
        return latitude, longitude


def _place_keys(rows: Rows) -> tuple[Keys, Keys, Keys]:
    borough, zip_code = hashed(rows.text("borough")), hashed(rows.text("zip_code"))
    one = np.ones_like(borough)
    return (
        mixed(borough, rows.numbers("block").astype(np.int64).astype(np.uint64)),
        mixed(zip_code, one, one),
        borough,
    )


def segments(asked: Homes) -> NDArray[Any]:
    """The segment of every home as text, shape (n,), from its building class category."""
    codes, inverse = np.unique(asked.values["building_category"], return_inverse=True)
    return np.array([SEGMENT_OF[f"{code:02.0f}"] for code in codes], dtype=object)[inverse]


def homes(cleaned: pd.DataFrame | Rows, places: Places) -> Homes:
    """Cleaned rows (n) as arrays. Only category, date, borough, block and lot must be there.

    Raises InvalidInput when one of them is absent, or a category is not residential, or a date is out of range.
    """
    rows: Rows = TableRows(cleaned) if isinstance(cleaned, pd.DataFrame) else cleaned
    for name in ("sale_date", "building_class_category", "borough", "block", "lot"):
        if name not in rows:
            raise InvalidInput(f"The rows have no column '{name}', which every price history is looked up by.")
    day = rows.days()
    if ((day < 0) | (day >= DAYS)).any():
        raise InvalidInput("sale_date must lie between 1970 and 2059.")
    code = _categories(rows)
    family = _each(code, lambda text: FAMILY_OF[text]).astype(np.int64)
    address = rows.text("address")
    named = rows.text("apartment_number")
    named = np.where(named == "", _each(address, addresses.inside), named)
    values = _values(rows, places) | _apartments(named)
    values["building_category"] = code.astype(np.float64)
    return Homes(
        day,
        family,
        # Rounded to what a model file keeps, so that a model read back answers the same to the last bit.
        {name: array.astype(np.float32).astype(np.float64) for name, array in values.items()},
        _keys(rows, code, family, _each(address, addresses.street), named),
    )


def _values(rows: Rows, places: Places) -> dict[str, Floats]:
    def log(name: str) -> Floats:
        area = rows.numbers(name)
        return np.log(np.where(area > 100, area, np.nan))  # fewer square feet than a room: not an area

    latitude, longitude = places.fill(rows)
    east = (longitude - CENTRE[0]) * KM_PER_DEGREE[0]
    north = (latitude - CENTRE[1]) * KM_PER_DEGREE[1]
    gross, land, units = log("gross_square_feet"), log("land_square_feet"), rows.numbers("total_units")
    return {
        "log_gross_square_feet": gross,
        "log_land_square_feet": land,
        "log_floor_area_ratio": gross - land,
        "log_square_feet_per_unit": gross - np.log(np.maximum(np.nan_to_num(units, nan=1.0), 1.0)),
        "year_built": rows.numbers("year_built"),
        "residential_units": rows.numbers("residential_units"),
        "commercial_units": rows.numbers("commercial_units"),
        "total_units": units,
        "borough_code": _each(rows.text("borough"), _borough).astype(np.float64),
        "building_class_code": _each(rows.text("building_class"), _class).astype(np.float64),
        "block": rows.numbers("block"),
        "lot": rows.numbers("lot"),
        "zip": _each(rows.text("zip_code"), _zip).astype(np.float64),
        "km_east": east,
        "km_north": north,
        "km_northeast": east + north,
        "km_southeast": east - north,
    }


def _apartments(named: NDArray[Any]) -> dict[str, Floats]:
    parsed = _each(named, lambda text: (addresses.apartment(text),))
    floor, penthouse, combined = (
        np.array([getattr(found[0], part) for found in parsed], dtype=np.float64)
        for part in ("floor", "penthouse", "combined")
    )
    return {
        "apartment_floor": floor,
        "apartment_is_penthouse": penthouse,
        "apartment_is_combined": combined,
        "apartment_is_named": (named != "").astype(np.float64),
    }


def _keys(
    rows: Rows, code: NDArray[Any], family: Integers, street: NDArray[Any], named: NDArray[Any]
) -> dict[str, Keys]:
    borough, hood = hashed(rows.text("borough")), hashed(rows.text("neighborhood"))
    block, lot = (rows.numbers(name).astype(np.int64).astype(np.uint64) for name in ("block", "lot"))
    building_class = hashed(rows.text("building_class"))
    condo, coop = family == CONDO, family == COOP
    # Houses and rental buildings are parcels and share histories; condominiums and cooperatives have their own.
    kind = np.where(condo | coop, family, HOUSE).astype(np.uint64)
    apartment = hashed(_each(named, lambda text: addresses.apartment(text).name))
    line = hashed(_each(named, lambda text: addresses.apartment(text).line))
    none = np.zeros_like(block)
    group = family.astype(np.uint64)
    building = mixed(borough, block, hashed(street), kind)
    return {
        # All apartments of a cooperative lie on one lot; a condominium unit has a lot of its own.
        "unit": np.where(
            coop, mixed(building, apartment), mixed(borough, block, lot, np.where(condo, apartment, none), kind)
        ),
        "line": mixed(building, line),
        "building": building,
        "complex": mixed(borough, block, np.where(condo, none, lot), kind),
        "block": mixed(borough, block, kind),
        "street": mixed(borough, hood, hashed(_each(street, addresses.street_name)), kind),
        "neighbourhood": mixed(hood, borough, group),
        "category": mixed(hood, borough, hashed(code)),
        "class": mixed(hood, borough, building_class),
        "zip": mixed(hashed(rows.text("zip_code")), group),
        "borough": mixed(borough, group),
        "family": mixed(group),
        "stack": line,
        "place": mixed(borough, hood),
        "building_class": building_class,
    }


def hashed(text: NDArray[Any]) -> Keys:
    """A 64-bit hash of every text, the same on every machine and in every process."""
    if len(text) <= _FEW:
        return np.array([_hash(one) for one in text], dtype=np.uint64)
    return np.asarray(pd.util.hash_array(text, categorize=True), dtype=np.uint64)


@lru_cache(maxsize=1 << 16)
def _hash(text: str) -> int:
    return int(pd.util.hash_array(np.array([text], dtype=object), categorize=False)[0])


def mixed(*parts: Keys) -> Keys:
    """One key of several, order mattering (rounds of the splitmix64 generator, Steele et al. 2014)."""
    key = np.full(len(parts[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for part in parts:
        key = (key ^ part) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        key ^= key >> np.uint64(31)
    return key


def _zip(text: str) -> float:
    return float(text) if text.isdigit() else float("nan")


def _borough(text: str) -> float:
    return float(BOROUGHS.index(text) + 1) if text in BOROUGHS else float("nan")


def _class(text: str) -> float:
    """A building class as a number that keeps its letter's order: 'A1' 651, 'R4' 824."""
    if not text:
        return float("nan")
    rest = text[1:]
    return ord(text[0]) * 10.0 + (int(rest) if rest.isdigit() else sum(map(ord, rest)) % 10)


def _categories(rows: Rows) -> NDArray[Any]:
    code = _each(rows.text("building_class_category"), lambda text: text[:2])
    unknown = sorted({c for c in code if c not in FAMILY_OF})
    if unknown:
        raise InvalidInput(f"building_class_category {unknown[0]!r} isn't residential; known: {', '.join(FAMILY_OF)}.")
    return code


def _each(text: NDArray[Any], function: Callable[[str], Any]) -> NDArray[Any]:
    """`function` of every text, computed once per distinct text."""
    known = {t: function(t) for t in set(text.tolist())}
    out = np.empty(len(text), dtype=object)
    out[:] = [known[t] for t in text]
    return out
