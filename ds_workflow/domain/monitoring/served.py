"""Answered rows and what is known of their outcome at a moment: labels come late, so every figure is "as of".

The rule that makes windows comparable: of each row that label counts which was the newest when the row was as old as
labels need to mature, or at the moment asked, whichever is earlier. So an old window, whose labels have all come by
now, is seen as it was at the age of the newest one that is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput

# columns of a table of served rows: one line per row and label that came for it, in the order of coming; a row without
# label has one line, its label NaN. label_at is NaT where nobody wrote down when it came: it counts as in time.
COLUMNS = ("row_id", "at", "version", "answer", "label", "label_at")


@dataclass(frozen=True)
class Window:
    """`first` and `last` are days, both included; `labelled` of `rows` have a label that counts."""

    first: np.datetime64
    last: np.datetime64
    rows: int
    labelled: int

    @property
    def coverage(self) -> float:
        """Share of rows with a label."""
        return self.labelled / self.rows if self.rows else 0.0

    def words(self) -> str:
        """For people."""
        return f"{self.first} to {self.last}"


def as_of(lines: pd.DataFrame, moment: pd.Timestamp, *, mature_after_days: int) -> pd.DataFrame:
    """One line per row answered until `moment`, with the label that counts (NaN: none) and the day it was answered.

    Raises InvalidInput for a table without the columns of COLUMNS.
    """
    lost = [name for name in COLUMNS if name not in lines.columns]
    if lost:
        raise InvalidInput(f"The table of served rows has no column {', '.join(lost)}.")
    seen = lines[lines["at"] <= moment]
    until = (seen["at"] + pd.Timedelta(days=mature_after_days)).clip(upper=moment)
    late = seen["label_at"].notna() & (seen["label_at"] > until)
    counted = seen.assign(label=seen["label"].mask(late))
    rows = counted.drop_duplicates("row_id", keep="first").drop(columns=["label", "label_at"])
    newest = counted.dropna(subset=["label"]).drop_duplicates("row_id", keep="last").set_index("row_id")["label"]
    label = rows["row_id"].map(newest).astype("float64")
    return rows.assign(label=label, day=rows["at"].dt.floor("D")).reset_index(drop=True)


def mature_until(moment: pd.Timestamp, *, mature_after_days: int) -> pd.Timestamp:
    """The first day that is not mature: rows answered before it are all old enough at `moment`."""
    return (moment - pd.Timedelta(days=mature_after_days)).floor("D")


def newest_window(
    rows: pd.DataFrame, moment: pd.Timestamp, *, days: int, mature_after_days: int
) -> tuple[pd.DataFrame, Window] | None:
    """The last `days` days of mature rows of what `as_of` gave, ending with the newest such row; None without any."""
    old = rows[rows["day"] < mature_until(moment, mature_after_days=mature_after_days)]
    if not len(old):
        return None
    last = old["day"].max()
    first = last - pd.Timedelta(days=days - 1)
    inside = old[old["day"] >= first]
    return inside, window_of(inside, first, last)


def young(rows: pd.DataFrame, moment: pd.Timestamp, *, mature_after_days: int) -> pd.DataFrame:
    """The rows that are too young to be compared."""
    return rows[rows["day"] >= mature_until(moment, mature_after_days=mature_after_days)]


def window_of(rows: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> Window:
    """The window that holds these rows."""
    begin, end = (np.datetime64(day.date(), "D") for day in (first, last))
    return Window(begin, end, len(rows), int(rows["label"].notna().sum()))


def rolling(
    rows: pd.DataFrame, moment: pd.Timestamp, *, days: int, mature_after_days: int, most: int
) -> list[tuple[pd.Timestamp, pd.DataFrame]]:
    """For each of the newest `most` days with mature rows: the labelled rows of the `days` days that end with it."""
    old = rows[(rows["day"] < mature_until(moment, mature_after_days=mature_after_days)) & rows["label"].notna()]
    old = old.sort_values("day", kind="stable")
    day = old["day"].to_numpy()
    found = []
    for last in np.unique(day)[-most:]:
        first = last - np.timedelta64(days - 1, "D")
        low, high = np.searchsorted(day, first, side="left"), np.searchsorted(day, last, side="right")
        found.append((pd.Timestamp(last), old.iloc[low:high]))
    return found
