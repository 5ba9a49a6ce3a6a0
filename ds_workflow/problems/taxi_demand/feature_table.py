"""What a model of taxi_demand may see, and the feature sets.

Everything is as of the midnight before the day that is forecast; see history.
"""

from __future__ import annotations

from ds_workflow.domain.problem import Feature, FeatureSet

SEGMENT = "volume_class"
OFFSET = "usual_log"
LAST_WEEK = "same_hour_last_week"

_PAST = ("zone", "day", "hour")  # by which past counts are looked up
# name, the version that it enters with, availability, its sources, what it is, unit
_TABLE: tuple[tuple[str, str, str, tuple[str, ...], str, str], ...] = (
    (OFFSET, "v1.0", "as_of", _PAST, "Log of the usual count: the last four of the same weekday and hour, drawn to "
     "all days of its kind in four weeks", "log pick-ups"),
    ("level_log", "v1.0", "as_of", _PAST, "Log of the zone's mean an hour over four weeks", "log pick-ups"),
    (LAST_WEEK, "v1.0", "as_of", _PAST, "Count of the same hour a week before (lag 168 hours)", "pick-ups"),
    ("last_week_ratio", "v1.0", "as_of", _PAST, "Log of that count over the usual one", "log ratio"),
    ("yesterday_ratio", "v1.0", "as_of", _PAST, "Log of the count of the same hour the day before (lag 24 hours) over "
     "the usual one", "log ratio"),
    ("hour", "v1.0", "request", ("hour",), "Hour of the day", "hour"),
    ("weekday", "v1.0", "request", ("day",), "Day of the week, from 0 for Monday", "day"),
    ("holiday", "v2.0", "request", ("day",), "1 on a federal holiday as observed, else 0", ""),
    ("beside_holiday", "v2.0", "request", ("day",), "1 on the day before or after a holiday, else 0", ""),
    ("holiday_ratio", "v2.0", "as_of", _PAST, "On a holiday, log of a usual Sunday's count over that of the weekday; "
     "else 0", "log ratio"),
    ("hour_ratio", "v2.0", "as_of", _PAST, "Log of the last same weekdays' counts around the hour over the usual "
     "ones", "log ratio"),
    ("city_hour_ratio", "v2.0", "as_of", _PAST, "The same for all zones together", "log ratio"),
    ("zone_week_ratio", "v2.0", "as_of", _PAST, "Log of the zone's last seven days over a mean week of the three "
     "before", "log ratio"),
    ("city_week_ratio", "v2.0", "as_of", _PAST, "The same for all zones together", "log ratio"),
    ("city_yesterday_ratio", "v2.0", "as_of", _PAST, "Log of all zones' total on the day before over that of the same "
     "weekday in the four weeks before", "log ratio"),
)  # fmt: skip
# follow the calendar, or the slow ways of demand
_TRENDING = (
    "level_log",
    "zone_week_ratio",
    "city_hour_ratio",
    "city_week_ratio",
    "city_yesterday_ratio",
    "holiday",
    "beside_holiday",
    "holiday_ratio",
)
_NOTES = {
    "v1.0": "Lags of a day and a week, the usual count and level of four weeks, hour and weekday.",
    "v2.0": "And holidays, and how the zone, the city and the hours around have lately moved.",
}

FEATURES = tuple(
    Feature(name, words, availability, unit, sources, trending=name in _TRENDING)  # type: ignore[arg-type]
    for name, _, availability, sources, words, unit in _TABLE
)
FEATURE_SETS = FeatureSet.grown(((name, entered) for name, entered, *_ in _TABLE), _NOTES)
