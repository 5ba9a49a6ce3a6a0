"""Past counts by day, hour and zone: what was known at the midnight before a day, and nothing else.

A forecast for a day is issued at its first midnight, so every figure is read from days strictly before it. Where the
known days end earlier, the forecast is issued at the end of the last known one, and weekdays still line up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.scored import Floats
from ds_workflow.problems.taxi_demand.clock import day_kind

WINDOW = 28  # days that the usual figures are read from
LEAST_DAYS = 7  # known days in the window, for there to be usual figures
WEEKS = 4
_PRIOR_DAYS = 2.0  # the city's daily profile counts as so many days of a zone's own
_KIND_DAYS = 4.0  # days of the same kind count as so many of the same weekday
FLOOR = 0.0001  # pick-ups an hour, about one in a year: less is not told apart
_LONG_DAYS = 7.0  # all days known count as so many of the window's: a quiet zone's month says little
_TOTAL = 3.0  # pick-ups, added to both sides of a ratio of totals


@dataclass(frozen=True)
class Past:
    """Known counts: `days` (d,) sorted day numbers since 1970, `zones` (z,), `counts` (d, 24, z); `known` (d, 24) is 0
    for the hours that nobody counted, whose counts are 0."""

    days: NDArray[np.int64]
    zones: NDArray[np.object_]
    counts: Floats
    known: Floats

    @cached_property
    def running(self) -> tuple[Floats, Floats]:
        """Counts by zone (d + 1, z) and known hours (d + 1,) of all days before each."""
        totals = np.vstack([np.zeros((1, len(self.zones))), self.counts.sum(axis=1).cumsum(axis=0)])
        return totals, np.append(0.0, self.known.sum(axis=1).cumsum())

    def before(self, day: int) -> AsOf:
        """What was known when the forecast for `day` was issued."""
        issued = min(day, int(self.days[-1]) + 1)  # the first day that is not known yet
        first, last = np.searchsorted(self.days, (issued - WINDOW, issued))
        return AsOf(self, day, issued, slice(int(first), int(last)))

    def at(self, day: int) -> int:
        """The position of a day, or -1."""
        place = int(np.searchsorted(self.days, day))
        return place if place < len(self.days) and int(self.days[place]) == day else -1


@dataclass(frozen=True)
class AsOf:
    """The past of one day. Figures by hour and zone have shape (24, z), by zone (z,); NaN where nothing tells them."""

    past: Past
    day: int
    issued: int
    window: slice

    @property
    def enough(self) -> bool:
        """Whether the window tells what is usual."""
        return bool(self.window.stop - self.window.start >= LEAST_DAYS)

    def last_week(self) -> Floats:
        """Counts of the newest known day of the same weekday, (24, z)."""
        return self._counts(self._weekdays(self.day)[0])

    def yesterday(self) -> Floats:
        """Counts of the newest day before the forecast was issued, (24, z)."""
        return self._counts(self.issued - 1)

    def level(self) -> Floats:
        """Mean count an hour over the window, drawn to that of all days known, (z,)."""
        totals, hours = self.past.running
        first, last = self.window.start, self.window.stop
        ever = totals[last] / max(hours[last], 1.0)
        own = 24.0 * _LONG_DAYS
        return np.asarray((totals[last] - totals[first] + own * ever) / (hours[last] - hours[first] + own))

    def of_kind(self, kind: int, level: Floats) -> Floats:
        """Mean count by hour over the window's days of that kind (working day, Saturday, Sunday), (24, z).

        A zone's own days are drawn to its level x the profile of the whole city on such days, as by two days more.
        """
        past, inside = self.past, day_kind(self.past.days[self.window]) == kind
        sums = past.counts[self.window][inside].sum(axis=0)
        number = past.known[self.window][inside].sum(axis=0)[:, None]
        city = sums.sum(axis=1, keepdims=True) / np.maximum(number, 1.0)
        mean = float(city.mean())
        profile = city / mean if mean > 0 else np.ones_like(city)
        return np.asarray((sums + _PRIOR_DAYS * level * profile) / (number + _PRIOR_DAYS) + FLOOR, dtype=np.float64)

    def same_weekday(self) -> tuple[Floats, Floats]:
        """Sums over the last four days of the same weekday, (24, z), and how many of them are known, (24, 1)."""
        places = [p for p in map(self.past.at, self._weekdays(self.day)) if p >= 0]
        return self.past.counts[places].sum(axis=0), self.past.known[places].sum(axis=0)[:, None]

    @staticmethod
    def usual(of_kind: Floats, same_weekday: tuple[Floats, Floats]) -> Floats:
        """What is to be expected, (24, z): the last four days of the same weekday, drawn to the days of its kind."""
        sums, number = same_weekday
        return np.asarray((sums + _KIND_DAYS * of_kind) / (number + _KIND_DAYS), dtype=np.float64)

    def week_ratio(self) -> tuple[Floats, float]:
        """Log of the last seven days' total over that of a mean week in the three before, by zone (z,) and for the
        city; NaN unless every week is whole."""
        totals, there = self._totals([self.issued - back for back in range(1, WINDOW + 1)])
        if not there.all():
            return np.full(len(self.past.zones), np.nan), float("nan")
        new, old = totals[:7].sum(axis=0), totals[7:].sum(axis=0) / (WEEKS - 1)
        by_zone = np.log((new + _TOTAL) / (old + _TOTAL))
        return by_zone, float(np.log((new.sum() + _TOTAL) / (old.sum() + _TOTAL)))

    def yesterday_ratio(self) -> float:
        """Log of the city's total on the last day over the mean of the four days of that weekday before it."""
        last = self.issued - 1
        totals, there = self._totals([last, *(last - 7 * back for back in range(1, WEEKS + 1))])
        if not there[0] or not there[1:].any():
            return float("nan")
        mean = totals[1:][there[1:]].sum() / there[1:].sum()
        return float(np.log((totals[0].sum() + _TOTAL) / (mean + _TOTAL)))

    def _weekdays(self, day: int) -> list[int]:
        """The newest four days of the weekday of `day` that lie before the forecast was issued."""
        newest = day - 7 * (-(-(day - self.issued + 1) // 7))
        return [newest - 7 * back for back in range(WEEKS)]

    def _counts(self, day: int) -> Floats:
        place = self.past.at(day)
        if place < 0:
            return np.full(self.past.counts.shape[1:], np.nan)
        known = self.past.known[place][:, None] > 0
        return np.where(known, self.past.counts[place], np.nan)

    def _totals(self, days: list[int]) -> tuple[Floats, NDArray[np.bool_]]:
        """Totals by day and zone, (n, z), and which days are known."""
        places = np.array([self.past.at(day) for day in days])
        there = places >= 0
        totals = np.where(there[:, None], self.past.counts[places].sum(axis=1), 0.0)
        return totals, there
