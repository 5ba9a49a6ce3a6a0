"""The calendar of the city: days of the week, public holidays, and the hours at which its clocks change."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.holiday import USFederalHolidayCalendar

from ds_workflow.domain.scored import Floats

SATURDAY, SUNDAY = 5, 6


def weekday(days: NDArray[Any]) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday, of days as datetime64[D] or as their number since 1970, shape (n,)."""
    return np.asarray((days.astype(np.int64) + 3) % 7, dtype=np.int64)  # 1970 began on a Thursday


def holidays(first: int, last: int) -> NDArray[np.int64]:
    """The federal holidays of the United States, as observed, from day number `first` to `last` since 1970."""
    years = [int(str(np.datetime64(int(number), "D"))[:4]) for number in (first, last)]
    found = np.array([day for year in range(years[0], years[1] + 1) for day in _of_year(year)], dtype=np.int64)
    return found[(found >= first) & (found <= last)]


@cache
def _of_year(year: int) -> tuple[int, ...]:
    """Looked up once: a calendar takes as long as the rest of an answer to one request."""
    found = USFederalHolidayCalendar().holidays(pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31))
    return tuple(found.to_numpy(dtype="datetime64[D]").astype(np.int64).tolist())


def day_kind(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 for Monday to Friday, 1 for Saturday, 2 for Sunday, of day numbers since 1970."""
    return np.maximum(weekday(days) - SATURDAY + 1, 0)


def clock_changes(days: NDArray[Any]) -> NDArray[np.bool_]:
    """Which hours of `days` (n, datetime64[D]) are not hours like others, shape (n, 24): 02 on the second Sunday of
    March, which the clock skips, and 01 on the first Sunday of November, which it shows twice (15 U.S.C. 260a, since
    2007)."""
    month = days.astype("datetime64[M]")
    number = (days - month).astype(np.int64) + 1  # day of the month
    name, sunday = month.astype(np.int64) % 12 + 1, weekday(days) == SUNDAY
    changes = np.zeros((len(days), 24), dtype=np.bool_)
    changes[sunday & (name == 3) & (number >= 8) & (number <= 14), 2] = True
    changes[sunday & (name == 11) & (number <= 7), 1] = True
    return changes


def on(days: NDArray[np.int64], marked: NDArray[np.int64]) -> Floats:
    """1 for the days that are marked, else 0, shape (n,)."""
    return np.isin(days, marked).astype(np.float64)
