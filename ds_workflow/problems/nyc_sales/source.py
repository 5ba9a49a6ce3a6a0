"""The Department of Finance's table of sales: its columns under all the names that they have had.

Annualized and rolling files of 2016 to 2025 and the open-data API differ in case, spaces, line breaks inside the
header, `EASE-MENT`, `TAX CLASS AS OF FINAL ROLL 18/19`, and in how a price or a date is written. Here each becomes
one canonical column of one type, or an error that names the row and the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput

BOROUGHS = ("MANHATTAN", "BRONX", "BROOKLYN", "QUEENS", "STATEN ISLAND")  # codes 1 to 5, in this order

# Canonical column -> kind, in the order of the published files; coordinates are ours, from references.
RAW_COLUMNS: dict[str, str] = {
    "borough": "borough",
    "neighborhood": "text",
    "building_class_category": "text",
    "tax_class_at_present": "text",
    "block": "number",
    "lot": "number",
    "building_class_at_present": "text",
    "address": "text",
    "apartment_number": "text",
    "zip_code": "number",
    "residential_units": "number",
    "commercial_units": "number",
    "total_units": "number",
    "land_square_feet": "number",
    "gross_square_feet": "number",
    "year_built": "number",
    "tax_class_at_time_of_sale": "text",
    "building_class_at_time_of_sale": "text",
    "sale_price": "number",
    "sale_date": "date",
    "latitude": "number",
    "longitude": "number",
}
OPTIONAL = ("tax_class_at_present", "building_class_at_present", "apartment_number", "latitude", "longitude")
REQUIRED = tuple(name for name in RAW_COLUMNS if name not in OPTIONAL)

_SQUASHED = {name.replace("_", ""): name for name in RAW_COLUMNS} | {
    "zip": "zip_code",
    "boro": "borough",
    "neighbourhood": "neighborhood",
    "aptno": "apartment_number",
    "saleamount": "sale_price",
}
_PREFIXES = (  # the final-roll columns carry the roll's year; the API cuts long names short
    ("taxclassasoffinal", "tax_class_at_present"),
    ("buildingclassasoffinal", "building_class_at_present"),
    ("buildingclassattimeof", "building_class_at_time_of_sale"),
    ("taxclassattimeof", "tax_class_at_time_of_sale"),
)
_EMPTY = {"", "-", "--", "NA", "N/A", "NAN", "NONE", "NULL", "<NA>", "NAT"}
_DATE_FORMATS = (  # month before day, as in the United States
    "%m/%d/%Y",
    "%m/%d/%y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y/%m/%d",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%B %d, %Y",
)
_EXCEL_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - sales carry a calendar day without a zone


def canonical(header: object) -> str | None:
    """The canonical name of a header cell, None for one that isn't ours."""
    squashed = re.sub(r"[^a-z0-9]", "", str(header).lower())
    if squashed in _SQUASHED:
        return _SQUASHED[squashed]
    return next((name for prefix, name in _PREFIXES if squashed.startswith(prefix)), None)


def rename(frame: pd.DataFrame) -> pd.DataFrame:
    """Only the columns that are ours, under canonical names; the first of two with one meaning wins."""
    chosen: dict[str, int] = {}
    for position, header in enumerate(frame.columns):
        name = canonical(header)
        if name is not None:
            chosen.setdefault(name, position)
    found = frame.iloc[:, list(chosen.values())]
    return found.set_axis(list(chosen), axis="columns")


def typed(frame: pd.DataFrame, *, where: str, first_row: int) -> pd.DataFrame:
    """The canonical table of one file: RAW_COLUMNS, text stripped, numbers float64, dates as days.

    `where` names the file and `first_row` its first data row, for messages. Raises InvalidInput on missing columns
    (what was found, what is needed) and on a value of the wrong type (row and value).
    """
    ours = rename(frame)
    lacking = [name for name in REQUIRED if name not in ours]
    if lacking:
        found = ", ".join(" ".join(str(c).split()) for c in frame.columns) or "nothing"
        raise InvalidInput(
            f"{where} lacks the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}. Found: {found}. "
            f"Needed: {', '.join(REQUIRED)}.",
            hint="Give the Department of Finance's annualized or rolling sales file, with its header row.",
        )
    ours = ours.reset_index(drop=True)
    blank = ours[list(REQUIRED)].isna().all(axis=1)  # spreadsheets end in empty rows
    converters = {"text": _text, "number": parse_numbers, "date": _date, "borough": parse_boroughs}
    columns: dict[str, pd.Series[Any]] = {}
    for name, kind in RAW_COLUMNS.items():
        if name in ours:
            columns[name] = converters[kind](ours[name], name, where, first_row)
        elif kind == "text":
            columns[name] = pd.Series(pd.NA, index=ours.index, dtype="str")
        else:
            columns[name] = pd.Series(np.nan, index=ours.index)
    return pd.DataFrame(columns)[~blank].reset_index(drop=True)


def _mapped(values: pd.Series[Any], convert: Callable[[Any], Any], expected: str, place: tuple[str, str, int]) -> Any:
    """Every distinct value converted once; None means empty, ValueError a wrong value."""
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    name, where, first_row = place
    converted: list[Any] = []
    for position, value in enumerate(distinct):
        try:
            converted.append(convert(value))
        except (ValueError, OverflowError) as error:
            row = int(np.flatnonzero(codes == position)[0])
            raise InvalidInput(
                f"{where}, row {first_row + row}: column {name} holds {value!r}, which is not {expected}.",
                hint="Correct the value in the file, or leave the cell empty if it isn't known.",
            ) from error
    return codes, converted


def _text(values: pd.Series[Any], name: str, where: str, first_row: int) -> pd.Series[Any]:
    def convert(value: Any) -> str | None:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a class '2' that a spreadsheet keeps as 2.0
        return " ".join(str(value).split()) or None

    codes, converted = _mapped(values, convert, "text", (name, where, first_row))
    return pd.Series(np.array([*converted, None], dtype=object)[codes], dtype="str")


def parse_numbers(values: pd.Series[Any], name: str, where: str, first_row: int) -> pd.Series[Any]:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        number = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(np.where(np.isinf(number), np.nan, number))

    def convert(value: Any) -> float:
        text = re.sub(r"[$,\s]", "", str(value))
        if text.upper() in _EMPTY:
            return math.nan
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number

    codes, converted = _mapped(values, convert, "a number", (name, where, first_row))
    return pd.Series(np.array([*converted, np.nan], dtype=np.float64)[codes])


def parse_boroughs(values: pd.Series[Any], name: str, where: str, first_row: int) -> pd.Series[Any]:
    def convert(value: Any) -> float:
        text = " ".join(str(value).upper().split())
        if text in _EMPTY:
            return math.nan
        if text in BOROUGHS:
            return BOROUGHS.index(text) + 1.0
        number = float(text)
        if number not in range(1, len(BOROUGHS) + 1):
            raise ValueError(text)
        return number

    codes, converted = _mapped(values, convert, f"one of 1 to 5 or {', '.join(BOROUGHS)}", (name, where, first_row))
    return pd.Series(np.array([*converted, np.nan], dtype=np.float64)[codes])


def _date(values: pd.Series[Any], name: str, where: str, first_row: int) -> pd.Series[Any]:
    if pd.api.types.is_datetime64_any_dtype(values):
        plain = values.dt.tz_localize(None) if values.dt.tz is not None else values
        return plain.astype("datetime64[us]").dt.normalize()
    codes, converted = _mapped(values, parse_date, "a date (2023-08-25 or 8/25/2023)", (name, where, first_row))
    days = np.array([*(np.datetime64(d or "NaT", "us") for d in converted), np.datetime64("NaT", "us")])
    return pd.Series(days[codes])


def parse_date(value: Any) -> date | None:
    """The calendar day of a cell: a date, ISO text, United States text (month first) or a spreadsheet's day number.

    None for an empty cell; ValueError for anything else.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip()
    if text.upper() in _EMPTY:
        return None
    if re.fullmatch(r"\d{5}(\.\d*)?", text):
        return (_EXCEL_DAY_ZERO + timedelta(days=float(text))).date()
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        pass
    for pattern in _DATE_FORMATS:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            continue
    raise ValueError(text)


def header_row(rows: Sequence[Sequence[object]]) -> int:
    """The position of the header among the first rows of a sheet: the first with the most names that are ours."""
    scores = [len({canonical(cell) for cell in row} - {None}) for row in rows]
    return max(range(len(scores)), key=lambda i: (scores[i], -i))
