"""Reading trip records (parquet or csv, a file or a folder of months), hourly counts, and the table of zones.

What a table is, its columns say: trips, hourly counts of the city, hourly counts by zone, or a reference.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.taxi_demand.source import (
    BOROUGHS,
    CABS,
    CITY,
    CITY_COLUMNS,
    HOURLY_COLUMNS,
    LOOKUP_COLUMNS,
    PICKUP_ZONE,
    RAW_COLUMNS,
    normalised,
)

READABLE = (".parquet", ".csv")
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
_OF_TABLE = (*LOOKUP_COLUMNS, *CABS, PICKUP_ZONE, *CITY_COLUMNS, *HOURLY_COLUMNS, "borough", "file_month")


@dataclass(frozen=True)
class _Table:
    """The known columns of one file, their headers normalised; its first data row has the number `first_row`."""

    path: Path
    headers: tuple[str, ...]
    cells: pd.DataFrame
    first_row: int

    def refuse(self, column: str, bad: Any, wanted: str) -> InvalidInput:
        """The error for the first of the `bad` cells, (n,) bool."""
        at = int(np.flatnonzero(np.asarray(bad))[0])
        held = self.cells[column].astype(object).iloc[at]
        shown = repr(held.item() if isinstance(held, np.generic) else held)  # 999, not np.int64(999)
        return InvalidInput(
            f"{self.path.name}, row {at + self.first_row}: column '{column}' holds {shown}; {wanted} is wanted.",
            hint="Mend or leave out that row; nothing is repaired by guessing.",
        )

    def moments(self, column: str) -> pd.Series[Any]:
        """Times as the city's clock shows them; an empty cell is NaT."""
        cells = self.cells[column]
        parsed = pd.to_datetime(cells, errors="coerce", utc=True).dt.tz_localize(None)
        bad = parsed.isna() & cells.notna()
        if bad.any():
            raise self.refuse(column, bad, "a date with a time")
        return parsed

    def whole(self, column: str, *, low: float, high: float = np.inf) -> pd.Series[Any]:
        """Whole numbers from `low` to `high`; an empty cell is NaN."""
        cells = self.cells[column]
        parsed = pd.to_numeric(cells, errors="coerce").astype("float64")
        bad = (parsed.isna() & cells.notna()) | (parsed != parsed.round()) & parsed.notna()
        bad |= (parsed < low) | (parsed > high)
        if bad.any():
            limit = f"from {low:g} to {high:g}" if np.isfinite(high) else f"of at least {low:g}"
            raise self.refuse(column, bad, f"a whole number {limit}")
        return parsed


def load(path: Path, *, references: Sequence[Path] = ()) -> pd.DataFrame:
    """Raw hourly counts (source.RAW_COLUMNS), by zone, day, hour and the month that the file is of.

    `path` is a file of trips (green, yellow or for-hire; parquet or csv), of hourly counts of the city (TimePeriod,
    Volume), of hourly counts by zone (zone, day, hour, pickups), or a folder of one of these kinds. Tables of zones
    (LocationID, Borough) give the boroughs; they are `references` or lie in the folder. Trips without a time or a zone
    come as rows without them, for `clean` to count.

    Raises InvalidInput: no such file, empty, unreadable, missing columns, a value of the wrong type with its row, files
    of several kinds, or a month given twice.
    """
    tables = [_read(file) for file in _files(Path(path))]
    places = [t for t in tables if _kind(t) == "zones"]
    tables = [t for t in tables if _kind(t) != "zones"]
    if not tables:
        raise InvalidInput(f"{path} holds no trips and no counts.", hint="Give a file of trips, or a folder of months.")
    kinds = {_kind(t): t.path.name for t in tables}
    if len(kinds) > 1:
        listed = ", ".join(f"{kind} ({name})" for kind, name in sorted(kinds.items()))
        raise InvalidInput(
            f"{path} holds tables of {len(kinds)} kinds: {listed}. Their counts don't add up to one demand.",
            hint="Give a file or a folder of one kind.",
        )
    for reference in references:
        for table in map(_read, _files(Path(reference))):
            if _kind(table) != "zones":
                raise InvalidInput(
                    f"{table.path.name} is no table of zones: found {', '.join(table.headers)}.",
                    hint="A reference has the columns LocationID and Borough.",
                )
            places.append(table)
    read = _READERS[next(iter(kinds)).split(" ")[-1]]
    rows = pd.concat([read(t) for t in tables], ignore_index=True)
    rows = rows.groupby(["zone", "borough", "day", "hour", "file_month"], dropna=False, sort=True, as_index=False)[
        ["pickups", "tables"]
    ].sum()
    twice = (rows["tables"] > 1) & rows["zone"].notna()
    if twice.any():
        first = rows[twice].iloc[0]
        raise InvalidInput(
            f"{path}: zone {first['zone']}, {first['day']:%Y-%m-%d}, hour {first['hour']:.0f} is counted twice, in two "
            f"files or rows ({int(twice.sum()):,} hours such).",
            hint="Give each month, and each hour of a table of counts, once.",
        )
    known = _boroughs(places)
    if known:
        rows["borough"] = rows["zone"].map(known).fillna(rows["borough"])
    return rows[list(RAW_COLUMNS)]


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InvalidInput(f"There is no file or folder {path}.", hint="Check the path given as the input.")
    if not path.is_dir():
        return [path]
    inside = [p for p in sorted(path.iterdir()) if p.suffix.lower() in READABLE and not p.name.startswith((".", "~"))]
    if not inside:
        raise InvalidInput(
            f"The folder {path} holds no file that can be read.", hint=f"Readable are {', '.join(READABLE)}."
        )
    return inside


def _read(path: Path) -> _Table:
    if path.suffix.lower() not in READABLE:
        raise InvalidInput(f"{path.name} is not of a readable kind.", hint=f"Readable are {', '.join(READABLE)}.")
    if not path.stat().st_size:
        raise InvalidInput(f"{path.name} is empty.", hint="Download or write it again.")
    table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    if table.cells.empty:
        raise InvalidInput(f"{path.name} has a header and no rows.", hint="Download or write it again.")
    return table


def _known(headers: Sequence[str]) -> dict[str, str]:
    """Those headers that mean something here: as they stand -> normalised."""
    return {name: normalised(name) for name in headers if normalised(name) in _OF_TABLE}


def _parquet(path: Path) -> _Table:
    from pyarrow import parquet

    try:
        headers = parquet.read_schema(path).names
        wanted = _known(headers)
        cells = pd.read_parquet(path, columns=list(wanted) or None).rename(columns=wanted)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise InvalidInput(f"{path.name} is not a whole parquet file: {error}.", hint="Download it again.") from error
    return _Table(path, tuple(headers), cells, 1)


def _csv(path: Path) -> _Table:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the header
            cells = pd.read_csv(
                path, dtype=str, encoding="utf-8-sig", index_col=False, keep_default_na=False, na_values=[""]
            )
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8 text: {error}.", hint="Save it as UTF-8.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise InvalidInput(f"{path.name} is not a regular csv table: {error}.", hint="Save it again.") from error
    headers = tuple(map(str, cells.columns))
    wanted = _known(headers)
    return _Table(path, headers, cells[list(wanted)].rename(columns=wanted), 2)


def _kind(table: _Table) -> str:
    """What a table holds, in words whose last names the reader. Raises InvalidInput when its columns fit nothing."""
    there = set(table.cells.columns)
    cab = next((name for name in CABS if name in there), None)
    if cab is not None and PICKUP_ZONE in there:
        return f"{CABS[cab]} trips"
    if set(CITY_COLUMNS) <= there:
        return "city counts"
    if set(HOURLY_COLUMNS) <= there:
        return "hourly counts by zone"
    if set(LOOKUP_COLUMNS) <= there:
        return "zones"
    lost = "PULocationID" if cab is not None else "a pick-up time (lpep_pickup_datetime, tpep_pickup_datetime)"
    if cab is None and PICKUP_ZONE not in there:
        lost += " and PULocationID"
    for counted in (HOURLY_COLUMNS, CITY_COLUMNS):
        if 2 * len(there & set(counted)) > len(counted):  # mostly a table of counts
            lost = ", ".join(name for name in counted if name not in there)
    raise InvalidInput(
        f"{table.path.name} lacks {lost}. Found: {', '.join(table.headers)}.",
        hint="Give trip records, or hourly counts with the columns zone, day, hour, pickups (or TimePeriod, Volume).",
    )


def _trips(table: _Table) -> pd.DataFrame:
    column = next(name for name in CABS if name in table.cells)
    time, zone = table.moments(column), table.whole(PICKUP_ZONE, low=1, high=265)
    lost = time.isna() | zone.isna()
    hour = time.dt.floor("h")
    counted = pd.DataFrame({"at": hour.where(~lost), "zone": zone.where(~lost)})
    counted = counted.groupby(["at", "zone"], dropna=False).size().rename("pickups").reset_index()
    named = _MONTH.search(table.path.stem)
    month = named[0] if named else str(time.dt.strftime("%Y-%m").mode().get(0, ""))
    return _raw(
        zone=counted["zone"].map(lambda number: f"{number:.0f}", na_action="ignore").astype(object),
        at=counted["at"],
        pickups=counted["pickups"],
        file_month=month,
    )


def _city(table: _Table) -> pd.DataFrame:
    at = table.moments("timeperiod")
    if at.isna().any():
        raise table.refuse("timeperiod", at.isna(), "a date with a time")
    return _raw(zone=CITY, at=at.dt.floor("h"), pickups=_counts(table, "volume"), borough=BOROUGHS[-1])


def _hourly(table: _Table) -> pd.DataFrame:
    day, hour = table.moments("day"), table.whole("hour", low=0, high=23)
    for column, values in (("day", day), ("hour", hour), ("zone", table.cells["zone"])):
        if values.isna().any():
            raise table.refuse(column, values.isna(), "a value in every row")
    extra = {c: table.cells[c].astype(object) for c in ("borough", "file_month") if c in table.cells}
    zone = table.cells["zone"].map(lambda cell: str(cell).strip().removesuffix(".0"))
    return _raw(
        zone=zone.astype(object),
        at=day.dt.normalize() + pd.to_timedelta(hour, unit="h"),
        pickups=_counts(table, "pickups"),
        **extra,
    )


def _counts(table: _Table, column: str) -> pd.Series[Any]:
    counts = table.whole(column, low=0)
    if counts.isna().any():
        raise table.refuse(column, counts.isna(), "a count")
    return counts


def _raw(*, zone: Any, at: pd.Series[Any], pickups: Any, borough: Any = None, file_month: Any = None) -> pd.DataFrame:
    """Rows of one table. Without a month of its own, a row is of the month it stands in."""
    own = at.dt.strftime("%Y-%m")
    frame = pd.DataFrame({"zone": zone, "day": at.dt.normalize(), "hour": at.dt.hour.astype("float64")}, index=at.index)
    frame["pickups"] = np.asarray(pickups, dtype=np.float64)
    frame["borough"] = "Unknown" if borough is None else borough
    frame["borough"] = frame["borough"].fillna("Unknown")
    frame["file_month"] = own if file_month is None else file_month
    frame["file_month"] = frame["file_month"].fillna(own)
    frame["tables"] = 1
    return frame


_READERS: Mapping[str, Callable[[_Table], pd.DataFrame]] = {
    "trips": _trips,
    "counts": _city,
    "zone": _hourly,
}


def _boroughs(places: Sequence[_Table]) -> dict[str, str]:
    """Zone -> borough. Raises InvalidInput for a borough that is not one, and a zone that lies in two."""
    found: dict[str, str] = {}
    for table in places:
        zones = table.whole("locationid", low=1)
        boroughs = table.cells["borough"].fillna("Unknown").astype(str).str.strip()
        strange = ~boroughs.isin([*BOROUGHS, "N/A"]).to_numpy()
        if strange.any():
            raise table.refuse("borough", strange, f"one of {', '.join(BOROUGHS)}")
        for number, borough in zip(zones.to_numpy(), boroughs.replace("N/A", "Unknown"), strict=True):
            name = f"{number:.0f}"
            if found.setdefault(name, borough) != borough:
                raise InvalidInput(
                    f"{table.path.name} puts zone {name} into {borough}, another table into {found[name]}.",
                    hint="Give one table of zones.",
                )
    return found
