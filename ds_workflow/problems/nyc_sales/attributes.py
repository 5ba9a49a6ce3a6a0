"""Cleaned rows as arrays: what is known of a home when it is offered, and the keys under which its like was sold.

A key is a 64-bit hash of the text that names a unit, a line of apartments, a building, a block, a street, a
neighbourhood. The hash depends on the row alone, so that one request and a table of 300,000 rows agree on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
DAYS = 1 << 15  # days since 1970 fit in 15 bits until 2059
KM_PER_DEGREE = (84.4, 111.2)  # of longitude and latitude, at 40.7 degrees north
CENTRE = (-73.95, 40.72)
# Side of the squares, in km, that neighbouring sales are looked up by: houses are sparse, apartments dense.
SQUARE_KM = np.array([0.5, 0.7, 0.3, 0.3])


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
    """Where blocks, ZIP codes and boroughs lie (degrees), for rows that come without coordinates."""

    known: Mapping[str, tuple[float, float]]

    @staticmethod
    def learn(rows: pd.DataFrame) -> Places:
        """The median coordinates of every block, ZIP code and borough of rows that have them."""
        known: dict[str, tuple[float, float]] = {}
        if "latitude" in rows and "longitude" in rows:
            located = rows[rows["latitude"].notna() & rows["longitude"].notna()]
            for names in _place_names(located):
                medians = located[["latitude", "longitude"]].groupby(names).median()
                known |= {
                    str(name): (float(lat), float(lon)) for name, lat, lon in medians.itertuples(index=True, name=None)
                }
        return Places(known)

    def fill(self, rows: pd.DataFrame) -> tuple[Floats, Floats]:
        """Latitude and longitude of every row: its own, else its block's, ZIP code's, borough's, the city's centre."""
        latitude, longitude = _numbers(rows, "latitude"), _numbers(rows, "longitude")
        lost = ~(np.isfinite(latitude) & np.isfinite(longitude))
        if lost.any():
            some = rows[lost]
            lat, lon = np.full(len(some), np.nan), np.full(len(some), np.nan)
            for names in _place_names(some):
                for i in np.flatnonzero(np.isnan(lat)):
                    lat[i], lon[i] = self.known.get(names[i], (np.nan, np.nan))
            latitude[lost] = np.where(np.isnan(lat), CENTRE[1], lat)
            longitude[lost] = np.where(np.isnan(lon), CENTRE[0], lon)
        return latitude, longitude


def _place_names(rows: pd.DataFrame) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    borough = _text(rows, "borough")
    block = _numbers(rows, "block").astype(np.int64).astype(str).astype(object)
    return borough + "/" + block, "zip/" + _text(rows, "zip_code"), borough


def segments(rows: pd.DataFrame) -> NDArray[Any]:
    """The segment of every row as text, shape (n,), from its building class category."""
    return _each(_categories(rows), lambda code: SEGMENT_OF[code])


def homes(rows: pd.DataFrame, places: Places) -> Homes:
    """Cleaned rows (n) as arrays. Only category, date, borough, block and lot must be there.

    Raises InvalidInput when one of them is absent, or a category is not residential, or a date is out of range.
    """
    for name in ("sale_date", "building_class_category", "borough", "block", "lot"):
        if name not in rows:
            raise InvalidInput(f"The rows have no column '{name}', which every price history is looked up by.")
    day = rows["sale_date"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    if ((day < 0) | (day >= DAYS)).any():
        raise InvalidInput("sale_date must lie between 1970 and 2059.")
    code = _categories(rows)
    family = _each(code, lambda text: FAMILY_OF[text]).astype(np.int64)
    full = _text(rows, "address")
    street = _each(full, addresses.street)
    named = _text(rows, "apartment_number")
    named = np.where(named == "", _each(full, addresses.inside), named)
    return Homes(
        day,
        family,
        _values(rows, code, family, named, places),
        _keys(rows, code, family, street, _each(named, lambda text: addresses.apartment(text).name), named, places),
    )


def _values(
    rows: pd.DataFrame, code: NDArray[Any], family: Integers, named: NDArray[Any], places: Places
) -> dict[str, Floats]:
    def parsed(part: str) -> Floats:
        return _each(named, lambda text: getattr(addresses.apartment(text), part)).astype(np.float64)

    def log(name: str) -> Floats:
        area = _numbers(rows, name)
        return np.log(np.where(area > 100, area, np.nan))  # fewer square feet than a room: not an area

    latitude, longitude = places.fill(rows)
    east = (longitude - CENTRE[0]) * KM_PER_DEGREE[0]
    north = (latitude - CENTRE[1]) * KM_PER_DEGREE[1]
    gross, land, units = log("gross_square_feet"), log("land_square_feet"), _numbers(rows, "total_units")
    return {
        "log_gross_square_feet": gross,
        "log_land_square_feet": land,
        "log_floor_area_ratio": gross - land,
        "log_square_feet_per_unit": gross - np.log(np.maximum(np.nan_to_num(units, nan=1.0), 1.0)),
        "year_built": _numbers(rows, "year_built"),
        "residential_units": _numbers(rows, "residential_units"),
        "commercial_units": _numbers(rows, "commercial_units"),
        "total_units": units,
        "borough_code": _each(_text(rows, "borough"), _borough).astype(np.float64),
        "building_category": code.astype(np.float64),
        "building_family": family.astype(np.float64),
        "building_class_code": _each(_text(rows, "building_class"), _class).astype(np.float64),
        "apartment_floor": parsed("floor"),
        "apartment_is_penthouse": parsed("penthouse"),
        "apartment_is_combined": parsed("combined"),
        "apartment_is_named": (named != "").astype(np.float64),
        "block": _numbers(rows, "block"),
        "lot": _numbers(rows, "lot"),
        "zip": _each(_text(rows, "zip_code"), lambda text: float(text) if text.isdigit() else np.nan).astype(float),
        "km_east": east,
        "km_north": north,
        "km_northeast": east + north,
        "km_southeast": east - north,
    }


def _keys(
    rows: pd.DataFrame, code: NDArray[Any], family: Integers, street: NDArray[Any], apartment: NDArray[Any],
    named: NDArray[Any], places: Places,
) -> dict[str, Keys]:  # fmt: skip
    line = _each(named, lambda text: addresses.apartment(text).line)
    borough, hood = hashed(_text(rows, "borough")), hashed(_text(rows, "neighborhood"))
    block, lot = (_numbers(rows, name).astype(np.int64).astype(np.uint64) for name in ("block", "lot"))
    condo, coop = family == CONDO, family == COOP
    # Houses and rental buildings are parcels and share histories; condominiums and cooperatives have their own.
    kind = np.where(condo | coop, family, HOUSE).astype(np.uint64)
    at, flat, stack = hashed(street), hashed(apartment), hashed(line)
    none = np.zeros_like(block)
    group = family.astype(np.uint64)
    building = mixed(borough, block, at, kind)
    return {
        # All apartments of a cooperative lie on one lot; a condominium unit has a lot of its own.
        "unit": np.where(
            coop, mixed(borough, block, at, flat, kind), mixed(borough, block, lot, np.where(condo, flat, none), kind)
        ),
        "parcel": mixed(borough, block, lot, np.where(coop, flat, none), coop.astype(np.uint64)),
        "line": mixed(building, stack),
        "building": building,
        "complex": mixed(borough, block, np.where(condo, none, lot), kind),
        "block": mixed(borough, block, kind),
        "street": mixed(borough, hood, hashed(_each(street, addresses.street_name)), kind),
        "neighbourhood": mixed(hood, borough, group),
        "category": mixed(hood, borough, hashed(code)),
        "class": mixed(hood, borough, hashed(_text(rows, "building_class"))),
        "zip": mixed(hashed(_text(rows, "zip_code")), group),
        "borough": mixed(borough, group),
        "family": mixed(group),
        "stack": stack,
        "place": mixed(borough, hood),
        "building_class": hashed(_text(rows, "building_class")),
    }


def hashed(text: NDArray[Any]) -> Keys:
    """A 64-bit hash of every text, the same on every machine and in every process."""
    return np.asarray(pd.util.hash_array(text, categorize=len(text) > 1), dtype=np.uint64)


def mixed(*parts: Keys) -> Keys:
    """One key of several, order mattering (rounds of the splitmix64 generator, Steele et al. 2014)."""
    key = np.full(len(parts[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for part in parts:
        key = (key ^ part) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        key ^= key >> np.uint64(31)
    return key


def _borough(text: str) -> float:
    return float(BOROUGHS.index(text) + 1) if text in BOROUGHS else float("nan")


def _class(text: str) -> float:
    """A building class as a number that keeps its letter's order: 'A1' 651, 'R4' 824."""
    if not text:
        return float("nan")
    rest = text[1:]
    return ord(text[0]) * 10.0 + (int(rest) if rest.isdigit() else sum(map(ord, rest)) % 10)


def _categories(rows: pd.DataFrame) -> NDArray[Any]:
    code = _each(_text(rows, "building_class_category"), lambda text: text[:2])
    unknown = sorted({c for c in code if c not in FAMILY_OF})
    if unknown:
        raise InvalidInput(f"building_class_category {unknown[0]!r} isn't residential; known: {', '.join(FAMILY_OF)}.")
    return code


def _text(rows: pd.DataFrame, name: str) -> NDArray[Any]:
    """A column as text, '' where it is missing."""
    if name not in rows:
        return np.full(len(rows), "", dtype=object)
    values = rows[name].to_numpy(dtype=object, na_value="")
    return np.array([str(v).strip() for v in values], dtype=object)


def _numbers(rows: pd.DataFrame, name: str) -> Floats:
    """A column as numbers, NaN where it is missing."""
    if name not in rows:
        return np.full(len(rows), np.nan)
    return np.array(rows[name].to_numpy(dtype=np.float64, na_value=np.nan))


def _each(text: NDArray[Any], function: Callable[[str], Any]) -> NDArray[Any]:
    """`function` of every text, computed once per distinct text."""
    codes, distinct = pd.factorize(text)
    return np.array([function(t) for t in distinct] or [""], dtype=object)[codes]
