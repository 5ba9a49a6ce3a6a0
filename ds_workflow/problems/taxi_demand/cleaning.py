"""From raw counts to a whole table: every zone, every hour of every covered day, zeros where nobody was picked up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.taxi_demand.clock import clock_changes
from ds_workflow.problems.taxi_demand.source import BOROUGHS, NOWHERE, RAW_COLUMNS, ZONES

SEGMENTS = ("HIGH", "MEDIUM", "LOW")
HIGH_FROM, MEDIUM_FROM = 10.0, 1.0  # pick-ups an hour
CLASS_DAYS = 28  # the first days of a table, by which its zones are put into volume classes


def clean(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Hourly rows in the order of time and zone, and how many trips were dropped by reason (of hours at which the clock
    changes: rows).

    A day is covered when any zone has a pick-up on it; then hours and zones without one are zeros. A zone's volume
    class is cut from its mean over the first four covered weeks of the table: it knows nothing of what is forecast.
    Raises InvalidInput for absent columns, a zone or borough that is not known, and an hour that is counted twice.
    """
    lost = [c for c in RAW_COLUMNS if c not in raw]
    if lost:
        raise InvalidInput(f"The rows lack {', '.join(lost)}.", hint="Read them with this problem's loader.")
    dropped: dict[str, int] = {}

    def drop(rows: pd.DataFrame, bad: pd.Series[Any], reason: str) -> pd.DataFrame:
        dropped[reason] = int(rows.loc[bad, "pickups"].sum())
        return rows[~bad]

    rows = drop(raw, raw["zone"].isna() | raw["day"].isna() | raw["hour"].isna(), "trips without a time or zone")
    rows = drop(rows, rows["day"].dt.strftime("%Y-%m") != rows["file_month"], "trips outside the month of their file")
    rows = drop(rows, rows["zone"].isin(NOWHERE), "trips from an unknown place or outside the city (264, 265)")
    _refuse_strangers(rows)
    if rows.empty:
        raise InvalidInput("No pick-up is left after cleaning.", hint="Look at what was dropped, and at the input.")
    filled, changed = _filled(rows)
    dropped["hours that the clock skips or repeats"] = changed
    return filled, dropped


def _refuse_strangers(rows: pd.DataFrame) -> None:
    for column, known in (("zone", ZONES), ("borough", BOROUGHS)):
        strange = rows.loc[~rows[column].isin(known), column]
        if len(strange):
            raise InvalidInput(
                f"Column '{column}' holds {strange.iloc[0]!r} ({len(strange):,} rows such), which is not known. Known: "
                + (f"{', '.join(known)}." if len(known) < 20 else f"{known[0]}, {known[1]} to {known[-1]}."),
                hint="Mend the file, or leave these rows out.",
            )
    if (rows.groupby("zone")["borough"].nunique() > 1).any():
        raise InvalidInput("A zone lies in two boroughs.", hint="Give one table of zones.")
    if rows.duplicated(["zone", "day", "hour"]).any():
        raise InvalidInput("An hour of a zone is counted twice.", hint="Give each month once.")


def _filled(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Every zone x covered day x hour, and how many of them were left out because the clock changed."""
    covered = np.sort(rows["day"].to_numpy(dtype="datetime64[D]")[rows["pickups"].to_numpy() > 0])
    days = np.unique(covered)
    if not len(days):
        raise InvalidInput("All counts are 0, so no day is covered.", hint="Check the input.")
    zones = np.array(sorted(rows["zone"].unique(), key=ZONES.index), dtype=object)
    cube = np.zeros((len(days), 24, len(zones)))
    at = np.searchsorted(days, rows["day"].to_numpy(dtype="datetime64[D]"))
    inside = np.isin(rows["day"].to_numpy(dtype="datetime64[D]"), days)
    place = pd.Index(zones).get_indexer(pd.Index(rows["zone"], dtype=object))
    hour = rows["hour"].to_numpy(dtype=np.int64)
    cube[at[inside], hour[inside], place[inside]] = rows["pickups"].to_numpy(dtype=np.float64)[inside]
    mean = cube[:CLASS_DAYS].mean(axis=(0, 1))
    classes = np.array(SEGMENTS, dtype=object)[np.where(mean >= HIGH_FROM, 0, np.where(mean >= MEDIUM_FROM, 1, 2))]
    boroughs = rows.drop_duplicates("zone").set_index("zone")["borough"].reindex(zones).to_numpy(dtype=object)

    keep = np.repeat(~clock_changes(days)[:, :, None], len(zones), axis=2).ravel()
    day_at, hour_at, zone_at = (index.ravel()[keep] for index in np.indices(cube.shape))
    text = np.array([f"{day}T{hour:02d}" for day in days for hour in range(24)], dtype=object)
    frame = pd.DataFrame(
        {
            "count_id": text[day_at * 24 + hour_at] + "/" + zones[zone_at],
            "zone": zones[zone_at],
            "day": days[day_at],
            "hour": hour_at.astype(np.float64),
            "borough": boroughs[zone_at],
            "volume_class": classes[zone_at],
            "pickups": cube.ravel()[keep],
        }
    )
    return frame, int((~keep).sum())
