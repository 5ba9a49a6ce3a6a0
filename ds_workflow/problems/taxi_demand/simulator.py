"""Simulated hourly counts that look like the green cabs' of early 2023 in the ways that matter for a forecast.

Fitted by hand to figures of the trip records of January to March 2023: the means of twelve zones, the city's profile by
hour on working days and weekends, the pattern of the week, how far days and hours differ beyond chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.scored import Floats
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.taxi_demand import clock
from ds_workflow.problems.taxi_demand.source import RAW_COLUMNS

SIMULATED_ROWS = 40_000
LAST_DAY = np.datetime64("2023-05-31", "D")  # its month holds a public holiday


@dataclass(frozen=True)
class _Zone:
    """`mean` pick-ups an hour; `weekend` over working days; `peak`: the power to which the city's profile is raised."""

    number: str
    borough: str
    mean: float
    weekend: float
    peak: float


_ZONES = (
    _Zone("74", "Manhattan", 18.0, 0.81, 1.55),
    _Zone("75", "Manhattan", 13.4, 0.40, 1.45),
    _Zone("41", "Manhattan", 5.8, 1.04, 1.40),
    _Zone("166", "Manhattan", 5.8, 0.55, 1.80),
    _Zone("95", "Queens", 5.2, 0.73, 0.90),
    _Zone("82", "Queens", 3.9, 0.97, 0.60),
    _Zone("97", "Brooklyn", 3.0, 1.21, 1.80),
    _Zone("130", "Queens", 1.9, 0.74, 1.10),
    _Zone("25", "Brooklyn", 0.68, 1.00, 1.00),
    _Zone("24", "Manhattan", 0.66, 0.80, 1.10),
    _Zone("193", "Queens", 0.50, 0.90, 0.70),
    _Zone("80", "Brooklyn", 0.26, 1.10, 0.90),
)
# share of the mean hour, from 0 to 23
_WORKING = (0.30, 0.20, 0.13, 0.11, 0.10, 0.12, 0.40, 1.08, 1.33, 1.40, 1.31, 1.30,
            1.28, 1.31, 1.51, 1.74, 1.89, 1.95, 1.91, 1.46, 1.13, 0.85, 0.69, 0.50)  # fmt: skip
_WEEKEND = (0.80, 0.66, 0.54, 0.48, 0.35, 0.20, 0.20, 0.36, 0.52, 0.79, 1.08, 1.33,
            1.41, 1.55, 1.61, 1.75, 1.75, 1.64, 1.67, 1.42, 1.23, 0.99, 0.88, 0.77)  # fmt: skip
_WEEK = (0.89, 0.96, 1.03, 1.06, 1.06, 1.09, 0.91)  # of the mean working day; of the mean day of a weekend
_HOLIDAY = 0.72  # of the same weekday
_DAY_SPREAD, _DAY_MEMORY = 0.04, 0.6  # of the city's daily log shock: its deviation, its correlation with yesterday's
_ZONE_SPREAD, _ZONE_MEMORY = 0.06, 0.97  # of a zone's own level, likewise
_STORMS = 0.05  # share of days on which some hours are shaken
_STORM = (0.60, 1.30)  # by factors between
_OVERDISPERSION = 0.01  # variance of the hourly factor that nothing explains


def simulate(*, rows: int, seed: int) -> pd.DataFrame:
    """Raw hourly counts (source.RAW_COLUMNS) of twelve zones for as many whole days as `rows` needs, up to 31 May 2023.

    It has no trend over months, no link between neighbouring zones but the city's shocks, no zone that opens or
    closes, and far fewer zones of no demand than the city has (of 246 with a green pick-up, 228 see less than one an
    hour). Raises InvalidInput for less than one row.
    """
    if rows < 1:
        raise InvalidInput(f"At least one row must be simulated, not {rows}.")
    rng = np.random.default_rng(seed)
    number = -(-rows // (24 * len(_ZONES)))
    days = LAST_DAY - np.arange(number)[::-1]
    mean = _usual(days) * _shocks(rng, number)
    lift = rng.gamma(1 / _OVERDISPERSION, _OVERDISPERSION, mean.shape)
    counts = rng.poisson(mean * lift).astype(np.float64)
    changed = clock.clock_changes(days)
    counts[changed & (np.arange(24) == 2)] = 0.0
    counts[changed & (np.arange(24) == 1)] *= 2.0
    day, hour, zone = (index.ravel() for index in np.indices(counts.shape))
    frame = pd.DataFrame(
        {
            "zone": np.array([z.number for z in _ZONES], dtype=object)[zone],
            "borough": np.array([z.borough for z in _ZONES], dtype=object)[zone],
            "day": days.astype("datetime64[us]")[day],
            "hour": hour.astype(np.float64),
            "pickups": counts.ravel(),
            "file_month": days.astype("datetime64[M]").astype(str).astype(object)[day],
        }
    )
    return frame[list(RAW_COLUMNS)]


def _usual(days: NDArray[np.datetime64]) -> Floats:
    """The mean count of every day, hour and zone without any shock, (d, 24, z)."""
    weekday = clock.weekday(days)
    weekend = weekday >= clock.SATURDAY
    numbers = days.astype(np.int64)
    holiday = clock.on(numbers, clock.holidays(int(numbers[0]), int(numbers[-1])))
    of_day = np.array(_WEEK)[weekday] * np.where(holiday > 0, _HOLIDAY, 1.0)
    table = np.empty((len(days), 24, len(_ZONES)))
    for i, zone in enumerate(_ZONES):
        profiles = np.array([_WORKING, _WEEKEND]) ** zone.peak
        profiles /= profiles.mean(axis=1, keepdims=True)
        working = zone.mean / (5 / 7 + 2 / 7 * zone.weekend)
        level = working * np.where(weekend, zone.weekend, 1.0) * of_day
        table[:, :, i] = level[:, None] * profiles[weekend.astype(np.int64)]
    return table


def _shocks(rng: np.random.Generator, days: int) -> Floats:
    """Factors by day, hour and zone, (d, 24, z): the city's days, the zones' own ways, and storms of some hours."""
    city = np.exp(_wander(rng, days, 1, _DAY_SPREAD, _DAY_MEMORY))[:, None, :]
    zones = np.exp(_wander(rng, days, len(_ZONES), _ZONE_SPREAD, _ZONE_MEMORY))[:, None, :]
    stormy = rng.random(days) < _STORMS
    start, length = rng.integers(0, 20, days), rng.integers(3, 9, days)
    factor = rng.uniform(*_STORM, days)
    hour = np.arange(24)
    inside = stormy[:, None] & (hour >= start[:, None]) & (hour < (start + length)[:, None])
    return np.asarray(city * zones * np.where(inside, factor[:, None], 1.0)[:, :, None], dtype=np.float64)


def _wander(rng: np.random.Generator, days: int, paths: int, spread: float, memory: float) -> Floats:
    """Autoregressive paths of that standard deviation and daily memory, (days, paths)."""
    steps = rng.normal(0.0, spread, (days, paths))
    for day in range(1, days):
        steps[day] = memory * steps[day - 1] + np.sqrt(1 - memory**2) * steps[day]
    return steps
