"""Checking rows that are sent for a prediction against a problem's declaration.

All bad fields of all rows are reported at once, each with what was sent and what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

import pandas as pd

from ds_workflow.domain.problem import Column, Problem


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


def allowed(column: Column) -> str:
    """In words, what a column may hold."""
    if column.categories:
        shown = ", ".join(column.categories[:12])
        more = f" and {len(column.categories) - 12} more" if len(column.categories) > 12 else ""
        return f"one of {shown}{more}"
    words = {"number": "a finite number", "integer": "a whole number", "date": "a date as YYYY-MM-DD"}
    text = words.get(column.kind, "text")
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        return f"{text} from {low:,g} to {high:,g}"
    if low is not None:
        return f"{text} of at least {low:,g}"
    return f"{text} of at most {high:,g}" if high is not None else text


def check_rows(problem: Problem, rows: Sequence[Mapping[str, Any]]) -> tuple[pd.DataFrame, list[FieldError]]:
    """The rows as a frame of the problem's input columns, and every bad field.

    The frame is only meaningful when the list is empty. Absent optional fields become missing values; unknown fields
    are errors, so that a misspelt one is never silently ignored.
    """
    columns = {c.name: c for c in problem.inputs}
    errors: list[FieldError] = []
    parsed: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        for name in row:
            if name not in columns:
                errors.append(_unknown(problem, number, name, row[name], list(columns)))
        values: dict[str, Any] = {}
        for name, column in columns.items():
            value, problem_found = _value(column, row.get(name))
            if problem_found:
                errors.append(FieldError(number, name, _sendable(row.get(name)), allowed(column), problem_found))
            values[name] = value
        parsed.append(values)
    frame = pd.DataFrame(parsed, columns=list(columns))
    for name, column in columns.items():
        if column.kind in ("number", "integer"):
            frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        elif column.kind == "date":
            frame[name] = pd.to_datetime(frame[name])
    return frame, errors


def _unknown(problem: Problem, number: int, name: str, sent: Any, known: list[str]) -> FieldError:
    if name in problem.forbidden:
        message = f"'{name}' is not an input: {problem.forbidden[name]}"
    elif name == problem.target:
        message = f"'{name}' is what is predicted, not an input"
    elif name in problem.sensitive:
        message = f"'{name}' is sensitive and is never an input"
    else:
        near = get_close_matches(name, known, n=1)
        message = f"'{name}' is not a field of {problem.name}" + (f"; did you mean '{near[0]}'?" if near else "")
    return FieldError(number, name, _sendable(sent), f"only {', '.join(known)}", message)


def _value(column: Column, sent: Any) -> tuple[Any, str]:
    """The value as the model wants it, and what is wrong with it (empty: nothing)."""
    if sent is None or sent == "":
        if column.required:
            return None, f"'{column.name}' is required"
        return None, ""
    readers = {"number": _number, "integer": _number, "date": _date}
    return readers.get(column.kind, _text)(column, sent)


def _number(column: Column, sent: Any) -> tuple[Any, str]:
    if isinstance(sent, bool) or not isinstance(sent, (int, float)):
        return None, f"'{column.name}' must be a number"
    if not math.isfinite(sent):
        return None, f"'{column.name}' must be finite"
    if column.kind == "integer" and float(sent) != int(sent):
        return None, f"'{column.name}' must be a whole number"
    if (column.minimum is not None and sent < column.minimum) or (column.maximum is not None and sent > column.maximum):
        return None, f"'{column.name}' is out of range"
    return float(sent), ""


def _date(column: Column, sent: Any) -> tuple[Any, str]:
    if isinstance(sent, (date, datetime)):
        return pd.Timestamp(sent), ""
    try:
        return pd.Timestamp(date.fromisoformat(str(sent)[:10])), ""
    except ValueError:
        return None, f"'{column.name}' is not a date"


def _text(column: Column, sent: Any) -> tuple[Any, str]:
    if not isinstance(sent, str):
        return None, f"'{column.name}' must be text"
    if column.categories and sent not in column.categories:
        near = get_close_matches(sent, column.categories, n=1)
        return None, f"'{column.name}' has an unknown category" + (f"; did you mean '{near[0]}'?" if near else "")
    if len(sent) > 20_000:
        return None, f"'{column.name}' is longer than 20,000 characters"
    return sent, ""


def _sendable(sent: Any) -> Any:
    """What was sent, in a form that JSON can carry back."""
    if isinstance(sent, float) and not math.isfinite(sent):
        return str(sent)
    if isinstance(sent, str) and len(sent) > 200:
        return sent[:200] + "..."
    return sent if isinstance(sent, (str, int, float, bool, type(None))) else str(sent)[:200]
