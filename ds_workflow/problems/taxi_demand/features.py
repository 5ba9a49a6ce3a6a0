"""The as-of featurizer of taxi_demand: cleaned rows in, one row of features per zone and hour out.

Training, evaluation and serving run the same code on the same stored history; figures of one day are computed together
whoever asks, so a request gets, to the last bit, what it would have got in a table.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.scored import Floats
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.problems.taxi_demand import clock
from ds_workflow.problems.taxi_demand.feature_table import FEATURE_SETS, SEGMENT
from ds_workflow.problems.taxi_demand.history import FLOOR, AsOf, Past

FURTHEST = 35  # days beyond the last known one that are still answered
_SUNDAY_KIND = 2
_AROUND, _RARE = 2.0, 0.1  # pick-ups added to both sides of a ratio: of counts, of means


class DemandFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of feature set `version`, float64, and the zone's volume class."""

    def __init__(self, version: str) -> None:
        self.version = version

    def fit(self, rows: pd.DataFrame, y: Any) -> DemandFeatures:
        """Keep cleaned rows (n) with their counts (n,) as the history. Raises InvalidInput on no rows, a count that is
        negative or missing, and an hour given twice."""
        self._names()
        self._keep(rows, y)
        return self

    def fit_transform(self, rows: pd.DataFrame, y: Any) -> pd.DataFrame:
        """`fit`, then the features of the same rows, each as of its own day."""
        return self.fit(rows, y).transform(rows)

    def with_history(self, rows: pd.DataFrame, y: Any) -> DemandFeatures:
        """A copy that knows the counts `y` (n,) of `rows` (n) instead."""
        check_is_fitted(self, "history_")
        other = copy.copy(self)
        other._keep(rows, y)
        return other

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Features of rows that name zone, day and hour (counts are not looked at), in the order and with the index of
        `rows`.

        Raises InvalidInput for a zone without a history, and for a day more than FURTHEST days after the last known.
        """
        check_is_fitted(self, "history_")
        past = self._ready()
        day = rows["day"].to_numpy(dtype="datetime64[D]").astype(np.int64)
        hour = rows["hour"].to_numpy(dtype=np.int64)
        zone = self._zones.get_indexer(pd.Index(rows["zone"], dtype=object))
        self._refuse(rows, day, zone)
        names = self._names()
        values = np.empty((len(rows), len(names)))
        order = np.argsort(day, kind="stable")
        days, starts = np.unique(day[order], return_index=True)
        holidays = clock.holidays(int(days[0]) - 1, int(days[-1]) + 1) if len(days) else days
        for number, members in zip(days.tolist(), np.split(order, starts[1:]), strict=True):
            table = _of_day(past.before(number), holidays)
            for column, name in enumerate(names):
                values[members, column] = _pick(table[name], hour[members], zone[members])
        frame = pd.DataFrame(values, columns=list(names), index=rows.index)
        return frame.assign(**{SEGMENT: np.array(self.history_["classes"], dtype=object)[zone]})

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The columns that `transform` gives, in order."""
        return np.array([*self._names(), SEGMENT], dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in ("_past", "_zones"):  # made again from the history
            state.pop(name, None)
        return state

    def _names(self) -> tuple[str, ...]:
        for feature_set in FEATURE_SETS:
            if feature_set.version == self.version:
                return feature_set.features
        raise UnknownName("feature-set version", self.version, (fs.version for fs in FEATURE_SETS))

    def _keep(self, rows: pd.DataFrame, y: Any) -> None:
        count = np.asarray(y, dtype=np.float64)
        if len(rows) != len(count) or not len(rows):
            raise InvalidInput(f"The history needs rows and a count for each; got {len(rows)} and {len(count)}.")
        if not (np.isfinite(count) & (count >= 0)).all():
            raise InvalidInput("The history holds a count that is missing or negative; clean the rows first.")
        day = rows["day"].to_numpy(dtype="datetime64[D]").astype(np.int64)
        hour = rows["hour"].to_numpy(dtype=np.int64)
        days = np.unique(day)
        place, zones = pd.factorize(rows["zone"].to_numpy(dtype=object))
        at = np.searchsorted(days, day)
        counts = np.zeros((len(days), 24, len(zones)), dtype=np.float32)
        known = np.zeros((len(days), 24), dtype=np.float32)
        counts[at, hour, place] = count
        known[at, hour] = 1.0
        if len(rows) != int(known.sum()) * len(zones):
            raise InvalidInput(
                f"The history must hold every zone for each of its hours, once: {len(rows):,} rows for "
                f"{int(known.sum()):,} hours of {len(zones)} zones.",
                hint="Give whole rows, as cleaning makes them.",
            )
        classes = rows[SEGMENT].to_numpy(dtype=object)[np.unique(place, return_index=True)[1]]
        self.history_: dict[str, Any] = {
            "days": days,
            "zones": [str(z) for z in zones],
            "classes": [str(c) for c in classes],
            "counts": counts,
            "known": known,
        }
        for name in ("_past", "_zones"):
            self.__dict__.pop(name, None)

    def _ready(self) -> Past:
        if not hasattr(self, "_past"):
            kept = self.history_
            zones = np.array(kept["zones"], dtype=object)
            counts, known = (kept[name].astype(np.float64) for name in ("counts", "known"))
            self._past, self._zones = Past(kept["days"].astype(np.int64), zones, counts, known), pd.Index(zones)
        return self._past

    def _refuse(self, rows: pd.DataFrame, day: NDArray[np.int64], zone: NDArray[Any]) -> None:
        last = int(self._past.days[-1])
        for bad, words in (
            (zone < 0, "zone {zone} has no history: nobody was picked up there in the rows that the model knows"),
            (
                day > last + FURTHEST,
                "{day:%Y-%m-%d} lies more than {furthest} days after {last:%Y-%m-%d}, the last day known",
            ),
        ):
            if bad.any():
                first = int(np.flatnonzero(bad)[0])
                row = rows.iloc[first]
                said = words.format(
                    zone=row["zone"], day=row["day"], furthest=FURTHEST, last=pd.Timestamp(last, unit="D")
                )
                raise InvalidInput(
                    f"Row {first}: {said} ({int(bad.sum()):,} rows such).",
                    hint="Ask for another zone or day, or train on newer rows.",
                )


def _pick(values: Any, hour: NDArray[np.int64], zone: NDArray[Any]) -> Any:
    """The rows' own of values that are by hour and zone (24, z), by hour (24, 1), by zone (1, z), or one for all."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim == 0:
        return table
    tall, wide = table.shape
    return table[hour if tall > 1 else 0, zone if wide > 1 or tall == 1 else 0]


def _of_day(asof: AsOf, holidays: NDArray[np.int64]) -> dict[str, Any]:
    """Every feature of one day: by hour and zone, by hour, by zone, or one figure."""
    day = np.array([asof.day])
    holiday = bool(clock.on(day, holidays)[0])
    made: dict[str, Any] = {
        "same_hour_last_week": asof.last_week(),
        "hour": np.arange(24.0)[:, None],
        "weekday": float(clock.weekday(day)[0]),
        "holiday": float(holiday),
        "beside_holiday": float(np.isin((asof.day - 1, asof.day + 1), holidays).any()),
        "city_yesterday_ratio": asof.yesterday_ratio(),
    }
    zone_week, made["city_week_ratio"] = asof.week_ratio()
    made["zone_week_ratio"] = zone_week[None, :]
    if not asof.enough:
        return made | dict.fromkeys(_USUAL, np.nan)
    level = asof.level()
    weekdays = asof.same_weekday()
    usual = asof.usual(asof.of_kind(int(clock.day_kind(day)[0]), level), weekdays)
    on_sunday = asof.of_kind(_SUNDAY_KIND, level)
    on_holiday = np.log((on_sunday + _RARE) / (usual + _RARE)) if holiday else 0.0
    return made | {
        "usual_log": np.log(usual),
        "level_log": np.log(level + FLOOR)[None, :],
        "last_week_ratio": np.log((made["same_hour_last_week"] + 1) / (usual + 1)),
        "yesterday_ratio": np.log((asof.yesterday() + 1) / (usual + 1)),
        "holiday_ratio": on_holiday,
        "hour_ratio": _smooth_ratio(weekdays, usual),
        "city_hour_ratio": _city_ratio(weekdays, usual),
    }


_USUAL = (
    "usual_log",
    "level_log",
    "last_week_ratio",
    "yesterday_ratio",
    "holiday_ratio",
    "hour_ratio",
    "city_hour_ratio",
)


def _smooth_ratio(weekdays: tuple[Floats, Floats], usual: Floats) -> Floats:
    """Log of the last same weekdays' counts around the hour (weights 1, 2, 1) over what is usual then, (24, z)."""
    sums, number = (_smooth(part) for part in weekdays)
    around = _smooth(usual)
    return np.asarray(np.log((sums + _AROUND) / (number * around + _AROUND)), dtype=np.float64)


def _smooth(values: Floats) -> Floats:
    above, below = np.vstack([values[:1], values[:-1]]), np.vstack([values[1:], values[-1:]])
    return np.asarray((above + 2 * values + below) / 4, dtype=np.float64)


def _city_ratio(weekdays: tuple[Floats, Floats], usual: Floats) -> Floats:
    """Log of the whole city's counts on the last same weekdays at that hour over what is usual, (24, 1)."""
    sums, number = weekdays
    expected = number * usual.sum(axis=1, keepdims=True)
    return np.asarray(np.log((sums.sum(axis=1, keepdims=True) + _AROUND) / (expected + _AROUND)), dtype=np.float64)
