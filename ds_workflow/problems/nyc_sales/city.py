"""The invented city of the simulator: neighbourhoods, blocks, and what a place is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.problems.nyc_sales.products import FAMILIES, Product

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CITY = {  # borough: (south, north, west, east), first ZIP, neighbourhoods
    1: ((40.705, 40.865), (-74.010, -73.935), 10001, 16),
    2: ((40.810, 40.905), (-73.925, -73.800), 10451, 16),
    3: ((40.580, 40.730), (-74.030, -73.870), 11201, 24),
    4: ((40.600, 40.790), (-73.900, -73.720), 11351, 24),
    5: ((40.510, 40.640), (-74.230, -74.070), 10301, 12),
}
SPREAD = np.array([1.0, 1.6, 0.9, 1.3, 0.85, 0.8])  # how far worth differs within a borough, by its code
_FIRST = ("NORTH", "OLD", "EAST", "UPPER", "GRAND", "WEST", "LOWER", "NEW")
_SECOND = (
    "HARBOR",
    "MILLS",
    "ORCHARD",
    "FERRY",
    "MEADOWS",
    "QUARRY",
    "COMMON",
    "RIDGE",
    "WHARF",
    "GROVE",
    "BASIN",
    "SPRINGS",
)


@dataclass(frozen=True)
class City:
    """Neighbourhoods and blocks; arrays by block unless said otherwise."""

    hood: Ints  # of the block
    number: Ints
    latitude: Floats
    longitude: Floats
    effect: Floats
    hood_borough: Ints  # by neighbourhood
    hood_weight: Floats
    hood_name: NDArray[Any]
    hood_zip: Ints
    hood_effect: Floats  # (neighbourhoods, families)
    first_block: Ints


def build_city(rng: np.random.Generator, *, blocks: int) -> City:
    borough = np.concatenate([np.full(n, b) for b, (_, _, _, n) in _CITY.items()])
    hoods = len(borough)
    weight = rng.gamma(2.0, size=hoods)
    south_west = np.array([[lat[0], lon[0]] for lat, lon, _, _ in (_CITY[b] for b in borough)])
    north_east = np.array([[lat[1], lon[1]] for lat, lon, _, _ in (_CITY[b] for b in borough)])
    centre = south_west + rng.random((hoods, 2)) * (north_east - south_west)
    peaks = np.array([[40.735, -73.99], [40.685, -73.975], [40.755, -73.93]])
    distance = np.linalg.norm((centre[:, None, :] - peaks) * [111.0, 84.0], axis=2).min(axis=1)
    level = 0.45 * np.exp(-distance / 5.0) + rng.normal(0, 0.2, hoods)
    level -= np.array([level[borough == b].mean() for b in borough])  # the borough's level stands with the product
    level *= SPREAD[borough]
    effect = level[:, None] * [1.0, 1.0, 1.3, 1.15] + rng.normal(0, 0.1, (hoods, len(FAMILIES)))

    share = np.array([weight[i] / weight.sum() for i in range(hoods)])
    per_hood = np.maximum(4, np.round(share * blocks)).astype(np.int64)
    hood = np.repeat(np.arange(hoods), per_hood)
    order = np.argsort(borough[hood], kind="stable")
    hood = hood[order]
    starts = np.searchsorted(borough[hood], np.arange(1, 6))
    number = np.arange(len(hood)) - starts[borough[hood] - 1] + 12
    place = centre[hood] + rng.normal(0, 0.0045, (len(hood), 2))
    place = np.where(rng.random((len(hood), 1)) < 0.01, np.nan, place)
    names = np.array([f"{_FIRST[i % 8]} {_SECOND[i // 8]}" for i in range(hoods)], dtype=object)
    zips = np.array([_CITY[b][2] for b in borough]) + (np.arange(hoods) - np.searchsorted(borough, borough)) // 2
    return City(
        hood=hood,
        number=number.astype(np.int64),
        latitude=np.asarray(np.round(place[:, 0], 5), dtype=np.float64),
        longitude=np.asarray(np.round(place[:, 1], 5), dtype=np.float64),
        effect=rng.normal(0, 0.1, len(hood)),
        hood_borough=borough,
        hood_weight=weight,
        hood_name=names,
        hood_zip=zips,
        hood_effect=effect,
        first_block=np.concatenate([[0], np.cumsum(np.bincount(hood, minlength=hoods))]),
    )


def place_buildings(product: Product, city: City, count: int, rng: np.random.Generator) -> Ints:
    """A block for each of `count` buildings: a borough by the product's shares, a neighbourhood, a block of it."""
    weight = (
        city.hood_weight
        * np.array(product.boroughs)[city.hood_borough - 1]
        / np.bincount(city.hood_borough, weights=city.hood_weight)[city.hood_borough]
    )
    hood = rng.choice(len(weight), size=count, p=weight / weight.sum())
    width = city.first_block[hood + 1] - city.first_block[hood]
    return np.asarray(city.first_block[hood] + (rng.random(count) * width).astype(np.int64), dtype=np.int64)
