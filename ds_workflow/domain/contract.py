"""Checking rows that are sent for a prediction against a problem's declaration.

All bad fields of all rows are reported at once, each with what was sent and what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from difflib import get_close_matches
from reprlib import repr as shortened
from typing import Any

import pandas as pd

from ds_workflow.domain.problem import Column, Problem
from ds_workflow.domain.strict_json import Repeated
from ds_workflow.errors import InvalidInput

LONGEST_TEXT = 20_000
_MOST_UNKNOWN = 50  # unknown fields of one row that are told one by one
_MOST_GUESSES = 200  # a guess at what was meant costs a search; beyond, errors come without one
_LONGEST_GUESSED = 60


@dataclass(frozen=True)
class FieldError:
    """One bad field: where it stands, what was sent, what is allowed."""

    row: int
    field: str
    sent: Any
    allowed: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """As HTTP answers carry it."""
        return asdict(self)


class BadRows(InvalidInput):
    """Rows that can't be used: `errors` holds every bad field of every row."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        rows = len({error.row for error in errors})
        what = "1 row" if rows == 1 else f"{rows:,} rows"
        super().__init__(f"{what} can't be used: {errors[0].message}.", hint="Each error says what is allowed.")
        self.errors = tuple(errors)


def allowed(column: Column) -> str:
    """In words, what a column may hold."""
    if column.categories:
        shown = ", ".join(column.categories[:12])
        more = f" and {len(column.categories) - 12} more" if len(column.categories) > 12 else ""
        return f"one of {shown}{more}"
    if column.kind == "date":
        bounds = ((" from ", column.earliest), (" to ", column.latest))
        return "a date as YYYY-MM-DD" + "".join(word + day for word, day in bounds if day)
    words = {"number": "a finite number", "integer": "a whole number"}
    text = words.get(column.kind, "text")
    form = ".10g" if column.unit.startswith("year") else ",.10g"
    low, high = (None if end is None else format(end, form) for end in (column.minimum, column.maximum))
    if low is not None and high is not None:
        return f"{text} from {low} to {high}"
    if low is not None:
        return f"{text} of at least {low}"
    return f"{text} of at most {high}" if high is not None else text


def check_rows(problem: Problem, rows: Sequence[Mapping[str, Any]]) -> tuple[pd.DataFrame, list[FieldError]]:
    """The rows as a frame of the problem's input columns, and every bad field.

    The frame is only meaningful when the list is empty. Absent optional fields become missing values; unknown fields
    are errors, so that a misspelt one is never silently ignored.
    """
    parsed, errors = parse_rows(problem, rows)
    return to_frame(problem, parsed), errors


def parse_rows(problem: Problem, rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[FieldError]]:
    """The rows with a value for every input column, and every bad field.

    Numbers become float, dates `datetime.date`; what is absent is None. A row with a bad field is not meaningful.
    """
    columns = {c.name: c for c in problem.inputs}
    words = {name: allowed(column) for name, column in columns.items()}
    errors: list[FieldError] = []
    guesses = _Guesses()
    parsed: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if row.keys() - columns.keys():
            errors.extend(_unknown(problem, number, row, list(columns), guesses))
        values: dict[str, Any] = {}
        for name, column in columns.items():
            value, problem_found = _value(column, row.get(name), guesses)
            if problem_found:
                errors.append(FieldError(number, name, sendable(row.get(name)), words[name], problem_found))
            values[name] = value
        parsed.append(values)
    return parsed, errors


def to_frame(problem: Problem, parsed: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Parsed rows as a frame of the problem's input columns: float64, datetime64 and text."""
    columns = {c.name: c for c in problem.inputs}
    frame = pd.DataFrame(parsed, columns=list(columns))
    for name, column in columns.items():
        if column.kind in ("number", "integer"):
            frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        elif column.kind == "date":
            frame[name] = pd.to_datetime(frame[name])
    return frame


@dataclass
class _Guesses:
    """What was probably meant, searched once per text and for so many texts only."""

    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, where: str, sent: str, names: Sequence[str]) -> str:
        """'; did you mean ...?', or nothing."""
        if len(sent) > _LONGEST_GUESSED:
            return ""
        if (where, sent) not in self.known:
            if len(self.known) >= _MOST_GUESSES:
                return ""
            near = get_close_matches(sent, names, n=1)
            self.known[where, sent] = f"; did you mean '{near[0]}'?" if near else ""
        return self.known[where, sent]


def _unknown(
    problem: Problem, number: int, row: Mapping[str, Any], known: list[str], guesses: _Guesses
) -> list[FieldError]:
    strangers = [name for name in row if name not in known]
    only = f"only {', '.join(known)}"
    found = []
    for name in strangers[:_MOST_UNKNOWN]:
        shown = str(sendable(name))
        if name in problem.forbidden:
            message = f"'{name}' is not an input: {problem.forbidden[name]}"
        elif name == problem.target:
            message = f"'{name}' is what is predicted, not an input"
        elif name in problem.sensitive:
            message = f"'{name}' is sensitive and is never an input"
        else:
            message = f"'{shown}' is not a field of {problem.name}{guesses.of('', name, known)}"
        found.append(FieldError(number, shown, sendable(row[name]), only, message))
    if len(strangers) > _MOST_UNKNOWN:
        more = len(strangers) - _MOST_UNKNOWN
        name = str(sendable(strangers[_MOST_UNKNOWN]))
        found.append(FieldError(number, name, None, only, f"and {more:,} more fields that are none of {problem.name}"))
    return found


def _value(column: Column, sent: Any, guesses: _Guesses) -> tuple[Any, str]:
    """The value as the model wants it, and what is wrong with it (empty: nothing)."""
    if sent is None or (isinstance(sent, str) and sent == ""):
        if column.required:
            return None, f"'{column.name}' is required"
        return None, ""
    if column.kind in ("number", "integer"):
        return _number(column, sent)
    return _date(column, sent) if column.kind == "date" else _text(column, sent, guesses)


def _number(column: Column, sent: Any) -> tuple[Any, str]:
    if isinstance(sent, bool) or not isinstance(sent, (int, float)):
        return None, f"'{column.name}' must be a number"
    try:
        value = float(sent)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        return None, f"'{column.name}' must be finite"
    if column.kind == "integer" and not value.is_integer():
        return None, f"'{column.name}' must be a whole number"
    low, high = column.minimum, column.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        return None, f"'{column.name}' is out of range"
    return value, ""


def _date(column: Column, sent: Any) -> tuple[Any, str]:
    try:
        value = sent if isinstance(sent, date) else date.fromisoformat(sent[:10] if isinstance(sent, str) else "")
    except ValueError:
        return None, f"'{column.name}' is not a date"
    day = value.isoformat()[:10]
    if day < column.earliest or (column.latest and day > column.latest):
        return None, f"'{column.name}' is out of range"
    return value, ""


def _text(column: Column, sent: Any, guesses: _Guesses) -> tuple[Any, str]:
    if not isinstance(sent, str):
        return None, f"'{column.name}' must be text"
    if column.categories and sent not in column.categories:
        return None, f"'{column.name}' has an unknown category{guesses.of(column.name, sent, column.categories)}"
    if len(sent) > LONGEST_TEXT:
        return None, f"'{column.name}' is longer than {LONGEST_TEXT:,} characters"
    if not sent.isascii() and any("\ud800" <= letter <= "\udfff" for letter in sent):
        return None, f"'{column.name}' holds half of a character (a lone surrogate), which no text may"
    return sent, ""


def sendable(sent: Any) -> Any:
    """What was sent, in a form that JSON can carry back."""
    if isinstance(sent, float) and not math.isfinite(sent):
        return str(sent)
    if isinstance(sent, int) and not isinstance(sent, bool) and abs(sent) > 1 << 63:
        return "a whole number beyond 64 bits"
    if isinstance(sent, str):
        short = sent[:200] + "..." if len(sent) > 200 else sent
        return short.encode("utf-8", "replace").decode()
    return sent if isinstance(sent, (int, float, type(None))) else sendable(shortened(sent))


def said_twice(repeated: Sequence[Repeated]) -> list[FieldError]:
    """Fields that stand more than once in a row of a JSON list: whichever were taken, the other would be ignored."""
    found = []
    for one in repeated:
        if not isinstance(one.path[0], int):
            continue  # not of a list of rows, and refused as such
        name = next((str(sendable(part)) for part in one.path if isinstance(part, str)), "")
        sent = sendable(list(one.values))
        found.append(FieldError(one.path[0], name, sent, "each field once", f"'{name}' stands {one.times} in this row"))
    return found


def set_aside(problem: Problem) -> frozenset[str]:
    """Columns that a table of rows may carry though they are no inputs: declared ones that are never looked at."""
    inputs = {column.name for column in problem.inputs}
    declared = {column.name for column in problem.columns}
    return frozenset({*declared, *problem.forbidden, *problem.sensitive, *problem.derived, problem.target} - inputs)


def typed(column: Column, text: str, *, missing: Collection[str] = ()) -> Any:
    """A cell of a text file as JSON would have brought it: numbers as numbers, '' and what is among
    `missing` as nothing.

    What is no number stays text, for the contract to refuse.
    """
    cell = text.strip()
    if cell == "" or cell in missing:
        return None
    if column.kind in ("number", "integer") and "_" not in cell:
        try:
            return float(cell)
        except ValueError:
            return cell
    return text if column.kind == "text" else cell
