"""Simulated sales with the structure of the real ones, for demonstrations and tests without the real files.

The city is invented: boroughs of the real names, invented neighbourhoods, blocks with places, buildings on blocks,
apartments with floors and lines in buildings. What a home is worth adds up, in logs, from the borough and product,
the neighbourhood, the block, the building, the apartment's line and floor, floor area and age (each with its own weight
per segment), the market of the month, and a heavy-tailed rest; some sales are not at arm's length. Nothing is copied
from the published rows: shares, levels and spreads were fitted by hand to their summaries.

Where it does not look like the real sales, on purpose or for want of more:

* WALKUP holds 27 % of the sales instead of 9 %, at the cost of the other segments, so that 40,000 rows leave 2,000 in
  the holdout of three segments.
* 40,000 rows stand for 300,000: there are 92 neighbourhoods instead of 255, and an apartment building has about as
  many sales as a real one, so there are fewer buildings and blocks.
* Spellings are clean; one building has one address; no lot is split or merged; no sale covers many lots at once.
* Neighbourhoods differ less within a borough than real ones, and the dearest sales are not as dear.
* Every block but 1 in 100 has a place, where 99.9 % of the real rows get one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.nyc_sales.city import SPREAD, City, Floats, Ints, build_city, place_buildings
from ds_workflow.problems.nyc_sales.products import FAMILIES, MARKET, PRODUCTS, VOLUME, WEEK, Product
from ds_workflow.problems.nyc_sales.source import RAW_COLUMNS

FIRST_DAY, DAYS = np.datetime64("2019-01-01", "D"), 2192  # to 2024-12-31
_FEWEST = 500
_TRANSFERS = {"house": 0.72, "rental": 0.55, "condo": 0.27, "coop": 0.23}  # at price 0 or a token one, per sale
_COMMERCIAL = 0.19
_LETTERS = "ABCDEFGHJKLM"  # the lines of an apartment building
_OTHERS = (  # dropped by cleaning: the category is not residential
    ("05 TAX CLASS 1 VACANT LAND", "V0", "1B", 13.2),
    ("22 STORE BUILDINGS", "K1", "4", 14.2),
    ("29 COMMERCIAL GARAGES", "G2", "4", 14.3),
    ("44 CONDO PARKING", "RP", "4", 11.6),
    ("21 OFFICE BUILDINGS", "O5", "4", 15.3),
)
_ROADS = ("STREET", "AVENUE", "ROAD", "PLACE", "DRIVE")
_TAX_AT_SALE = {"1": "1", "1B": "1", "2": "2", "2A": "2", "2C": "2", "4": "4"}


@dataclass(frozen=True)
class _Buildings:
    """The buildings of one product, an array entry each: areas in square feet, `homes` inside."""

    block: Ints
    lot: Ints
    borough: Ints
    year: Floats
    area: Floats
    land: Floats
    homes: Ints
    ends: Ints  # running sum of homes
    worth: Floats  # log, against the product's usual one of the borough


def simulate(*, rows: int = 40_000, seed: int) -> pd.DataFrame:
    """Raw sales of 2019-2024 under the source's column names, about 1.6 for each of the `rows` that cleaning keeps.

    Among them transfers at price 0, token prices, commercial categories, a few rows listed twice, and the source's
    gaps: no units for cooperatives, and no areas (missing, or 0) for any apartment. The order is that
    of the published files: by borough, then date. The same seed gives the same rows. Raises InvalidInput under 500.
    """
    if rows < _FEWEST:
        raise InvalidInput(f"A simulation needs at least {_FEWEST} rows; {rows} were asked for.")
    rng = np.random.default_rng(seed)
    city = build_city(rng, blocks=max(300, rows // 8))
    share = sum(product.share for product in PRODUCTS)
    taken = np.zeros(len(city.hood), dtype=np.int64)
    parts = [_sales(product, city, max(1, round(rows * product.share / share)), taken, rng) for product in PRODUCTS]
    parts.append(_commercial(city, round(rows * _COMMERCIAL), rng))
    frame = pd.concat(parts, ignore_index=True)
    twice = frame.iloc[rng.choice(len(frame), size=max(3, rows // 5000), replace=False)]
    frame = pd.concat([frame, twice], ignore_index=True)
    frame = frame.sort_values(["borough", "sale_date", "block", "lot", "address", "sale_price"], kind="stable")
    frame = frame.reset_index(drop=True)[list(RAW_COLUMNS)]
    frame.attrs = {"files": [f"simulated with seed {seed}"]}
    return frame


def _sales(product: Product, city: City, sold: int, taken: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """The transfers of one product, `sold` of them at a price."""
    count = sold + round(sold * _TRANSFERS[product.family])
    apartments = product.family in ("condo", "coop")
    built = _build(product, city, sold, taken, rng)
    home = (rng.random(count) * built.ends[-1]).astype(np.int64)
    of = np.searchsorted(built.ends, home, side="right")
    within = home - (built.ends - built.homes)[of]
    lines = np.clip(np.round(np.sqrt(built.homes)), 2, len(_LETTERS)).astype(np.int64)[of]
    floor, line = within // lines + 1, within % lines

    day = _days(count, rng)
    log_price = (
        np.array(product.level)[built.borough[of] - 1] + built.worth[of] + _market(product, built.borough[of], day)
    )
    if apartments:
        stacked = rng.normal(0, product.hidden, (len(built.block), len(_LETTERS)))  # a line has one floor plan
        own = rng.normal(0, 0.06, int(built.ends[-1]))
        log_price += SPREAD[built.borough[of]] * stacked[of, line] + own[home] + 0.01 * (np.minimum(floor, 40) - 3)
    else:
        log_price += _flips(home, day, rng)
    log_price += _rest(product, count, rng)
    price = _asked(np.exp(log_price), rng)
    unsold = count - sold
    price[sold:] = np.where(rng.random(unsold) < 0.94, 0.0, np.round(rng.random(unsold) * 5_000))

    unit_lot = 1001 + (within + 37 * of) % 5_900
    condominium = product.family == "condo" or product.code == "17"
    street = np.array(_streets(city, built), dtype=object)[of]
    apartment = floor.astype(str).astype(object) + np.array(list(_LETTERS), dtype=object)[line]
    block = built.block[of]
    units = _units(product, built)[of]
    gap = rng.random(count)
    # the source leaves areas of apartments empty, in some years 0; a house lacks them now and then
    no_area = np.where(gap < {"coop": 1.0, "condo": 0.72}.get(product.family, 0.0), np.nan, 0.0)
    with_area = (gap > 0.007) & (not apartments)
    no_units = product.family == "coop"
    frame = pd.DataFrame(
        {
            "building_class_category": f"{product.code} {product.name}",
            "tax_class_at_present": product.tax,
            "block": city.number[block],
            "lot": unit_lot if condominium else built.lot[of],
            "building_class_at_present": np.array(product.classes, dtype=object)[of % len(product.classes)],
            "address": street + ", " + apartment if apartments else street,
            "apartment_number": apartment if product.family == "condo" else None,
            "residential_units": np.nan if no_units else units,
            "commercial_units": np.nan if no_units else no_area,
            "total_units": np.nan if no_units else units,
            "land_square_feet": np.where(with_area, built.land[of], no_area),
            "gross_square_feet": np.where(with_area, built.area[of], no_area),
            "year_built": np.where(
                rng.random(count) < (0.18 if product.family == "condo" else 0.002), np.nan, built.year[of]
            ),
            "sale_price": price,
        }
    )
    return _common(frame, city, block, day)


def _build(product: Product, city: City, sold: int, taken: Ints, rng: np.random.Generator) -> _Buildings:
    """As many buildings as `sold` sales need; `taken` counts the lots in use by block and grows."""
    apartments = product.family in ("condo", "coop")
    number = max(2, round(sold / product.sales if apartments else sold * product.units))
    block = np.sort(place_buildings(product, city, number, rng))
    lot = taken[block] + 1 + np.arange(number) - np.searchsorted(block, block)
    taken += np.bincount(block, minlength=len(taken))
    hood = city.hood[block]
    borough = city.hood_borough[hood]
    first, last = product.year
    year = np.minimum(np.round(rng.triangular(first - 10, first + 0.3 * (last - first), last + 5, number)), 2018)
    size = rng.normal(0, product.size[1], number)
    ground = 0.5 * size + rng.normal(0, 0.3, number)
    homes = np.ones(number, dtype=np.int64)
    if apartments:
        popular = np.exp(rng.normal(0, 0.8, number) - 0.32)
        homes = np.maximum(2, np.round(popular * product.sales * product.units)).astype(np.int64)
    worth = city.hood_effect[hood, FAMILIES.index(product.family)] + city.effect[block]
    worth = worth + _attributes(product.family, size, ground, year, borough) + rng.normal(0, product.building, number)
    area, land = (np.asarray(np.round(np.exp(v)), dtype=np.float64) for v in (product.size[0] + size, 7.75 + ground))
    return _Buildings(block, lot, borough, year, area, land, homes, np.cumsum(homes), worth)


def _units(product: Product, built: _Buildings) -> Floats:
    """Homes in what is sold: one apartment, the families of a house, or all of a rental building."""
    if product.family == "house":
        return np.full(len(built.area), float(product.code))
    return np.maximum(4.0, np.round(built.area / 850)) if product.family == "rental" else np.ones(len(built.area))


def _attributes(family: str, size: Floats, ground: Floats, year: Floats, borough: Ints) -> Floats:
    """What area, land and age add, in logs: each segment weighs them in its own way, some by borough."""
    modern = (year - 1960) / 50
    if family == "house":
        return np.asarray(
            np.where(borough == 5, 0.6, 0.5) * size + np.where(borough >= 4, 0.25, 0.1) * ground + 0.06 * modern
        )
    if family == "rental":
        return np.asarray(0.85 * size + 0.05 * ground - np.where(borough == 1, 0.1, -0.05) * modern)
    if family == "condo":
        return np.asarray(0.3 * size + 0.16 * modern)
    return np.asarray(0.3 * size - np.where(borough == 1, 0.12, 0.04) * modern)


def _days(count: int, rng: np.random.Generator) -> Ints:
    """Days since the first one, after the volume of quarters and weekdays."""
    day = np.arange(DAYS)
    quarter = np.minimum(day * len(VOLUME) // DAYS, len(VOLUME) - 1)
    weekday = ((FIRST_DAY + day).astype(np.int64) + 3) % 7  # day 0 of the epoch was a Thursday
    weight = np.array(VOLUME)[quarter] * np.array(WEEK)[weekday]
    return np.asarray(rng.choice(DAYS, size=count, p=weight / weight.sum()), dtype=np.int64)


def _market(product: Product, borough: Ints, day: Ints) -> Floats:
    """Log price level of the day: trend by family, a dip in 2020 (deepest for Manhattan's apartments), a season."""
    trend = np.interp(day, np.linspace(0, DAYS, 7), MARKET[product.family])
    depth = np.where((borough == 1) & (product.family != "house"), 0.10, 0.04)
    dip = depth * np.exp(-0.5 * ((day - 530) / 110.0) ** 2)
    season = 0.02 * np.sin(2 * np.pi * (day % 365.25 - 80) / 365.25)
    return np.asarray(trend - dip + season, dtype=np.float64)


def _flips(home: Ints, day: Ints, rng: np.random.Generator) -> Floats:
    """Houses that sell again were often bought cheap: the first of several sales of a home is below its worth."""
    order = np.lexsort((day, home))
    again = np.zeros(len(home), dtype=bool)
    again[order[:-1]] = home[order[:-1]] == home[order[1:]]
    return np.asarray(np.where(again & (rng.random(len(home)) < 0.6), -rng.uniform(0.1, 0.65, len(home)), 0.0))


def _rest(product: Product, count: int, rng: np.random.Generator) -> Floats:
    """What nobody can foresee: ordinary scatter, a heavy tail, and sales between relatives below the market."""
    rest = rng.normal(0, product.rest, count)
    rest += np.where(rng.random(count) < 0.17, rng.normal(0, 0.28, count), 0.0)
    return np.asarray(rest + np.where(rng.random(count) < 0.05, np.log(rng.uniform(0.12, 0.75, count)), 0.0))


def _asked(price: Floats, rng: np.random.Generator) -> Floats:
    """Prices as people agree on them: most are multiples of 5,000, the others of 1."""
    step = np.where((rng.random(len(price)) < 0.7) & (price > 100_000), 5_000, 1)
    return np.asarray(np.maximum(np.round(price / step) * step, 12_000))


def _streets(city: City, built: _Buildings) -> list[str]:
    """`12 41 AVENUE`: the lot's number, the block's street."""
    of = city.number[built.block]
    return [f"{10 + 2 * n} {b % 190 + 1} {_ROADS[b % len(_ROADS)]}" for n, b in zip(built.lot, of, strict=True)]


def _commercial(city: City, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of categories that cleaning drops, a third of them without a price."""
    kind = rng.integers(0, len(_OTHERS), count)
    block = rng.integers(0, len(city.hood), count)
    category, building_class, tax, level = (np.array(c) for c in zip(*_OTHERS, strict=True))
    price = np.round(np.exp(level[kind] + rng.normal(0, 0.9, count)))
    frame = pd.DataFrame(
        {
            "building_class_category": category[kind],
            "tax_class_at_present": tax[kind],
            "block": city.number[block],
            "lot": 900 + rng.integers(0, 90, count),
            "building_class_at_present": building_class[kind],
            "address": [f"{n} {b % 190 + 1} AVENUE" for n, b in zip(rng.integers(1, 900, count), block, strict=True)],
            "apartment_number": None,
            "residential_units": 0.0,
            "commercial_units": 1.0,
            "total_units": 1.0,
            "land_square_feet": np.round(np.exp(rng.normal(8.1, 0.6, count))),
            "gross_square_feet": np.round(np.exp(rng.normal(8.4, 0.8, count))),
            "year_built": rng.integers(1900, 2010, count).astype(np.float64),
            "sale_price": np.where(rng.random(count) < 0.33, 0.0, price),
        }
    )
    return _common(frame, city, block, _days(count, rng))


def _common(frame: pd.DataFrame, city: City, block: Ints, day: Ints) -> pd.DataFrame:
    """The columns that every row has, with the dtypes of the loader."""
    hood = city.hood[block]
    full = frame.assign(
        borough=city.hood_borough[hood],
        neighborhood=city.hood_name[hood],
        zip_code=city.hood_zip[hood],
        latitude=city.latitude[block],
        longitude=city.longitude[block],
        tax_class_at_time_of_sale=frame["tax_class_at_present"].map(_TAX_AT_SALE),
        building_class_at_time_of_sale=frame["building_class_at_present"],
        sale_date=(FIRST_DAY + day).astype("datetime64[us]"),
    )
    kinds = {"text": "str", "date": "datetime64[us]"}
    return full.astype({name: kinds.get(kind, "float64") for name, kind in RAW_COLUMNS.items()})
