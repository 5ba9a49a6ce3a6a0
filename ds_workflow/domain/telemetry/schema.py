"""The events of a code assistant: their kinds, their fields, and what is wrong with an event that breaks the rules.

The declaration stands here once. Ingestion compiles it to SQL (`adapters/telemetry/checks.py`) and checks millions of
events a second; `faults` checks one event in Python by the same rules, and a test holds the two against each other.

Every event carries who, where and which model, so that most questions need no join. What an event measures stands on
its own kind alone: a field of another kind must be empty.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Type = Literal["text", "number", "integer", "flag", "time"]

SHOWN, ACCEPTED, IGNORED, EDITED = "shown", "accepted", "ignored", "edited"
COMPILED, TESTED, SESSION = "compiled", "tested", "session"
OF_SUGGESTIONS = (SHOWN, ACCEPTED, IGNORED, EDITED, COMPILED, TESTED)
KINDS: Mapping[str, str] = {
    SHOWN: "a suggestion was put on the screen",
    ACCEPTED: "the developer took it",
    IGNORED: "the developer refused it or typed on",
    EDITED: "an accepted suggestion was changed afterwards",
    COMPILED: "the code with it was compiled, or failed to",
    TESTED: "the tests ran on what compiled, and passed or failed",
    SESSION: "a session ended",
}
SEGMENTS = ("beginner", "intermediate", "expert")
LANGUAGES = (
    *("c", "c#", "c++", "go", "java", "javascript", "kotlin", "php", "python", "ruby", "rust", "shell", "sql"),
    *("swift", "typescript", "other"),
)
TASKS = ("boilerplate", "bug_fix", "documentation", "feature", "refactoring", "test")
ERRORS = ("none", "syntax_error", "runtime_error", "logical_bug")
LONGEST_TEXT = 120  # characters of an id or a version
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # how far a clock elsewhere may be before ours
NUMBER_SHAPE = "[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?"  # no underscores, no hexadecimal
MOMENT_SHAPE = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d"
_NUMBER = re.compile(NUMBER_SHAPE)


@dataclass(frozen=True)
class Field:
    """A column of the event table. `of`: the kinds of event that must have it; on any other kind it must be empty."""

    name: str
    type: Type
    meaning: str
    of: tuple[str, ...] = tuple(KINDS)
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


FIELDS = (
    Field("event_id", "text", "Identity of the event; the same one twice is the same event"),
    Field("event_type", "text", "What happened", allowed=tuple(KINDS)),
    Field("occurred_at", "time", "When it happened, UTC"),
    Field("session_id", "text", "Session of one developer on one task"),
    Field("suggestion_id", "text", "Suggestion that the event is about", OF_SUGGESTIONS),
    Field("developer_id", "text", "Pseudonym of the developer"),
    Field("developer_segment", "text", "How experienced the developer is", allowed=SEGMENTS),
    Field("language", "text", "Programming language of the file", allowed=LANGUAGES),
    Field("task_id", "text", "Task that the session is about"),
    Field("task", "text", "Kind of that task", allowed=TASKS),
    Field("model_version", "text", "Version of the assistant's model"),
    Field("latency_ms", "number", "From request to suggestion, milliseconds", (SHOWN,), minimum=0, maximum=600_000),
    Field("prompt_length", "integer", "Length of the prompt, tokens", (SHOWN,), minimum=0, maximum=1_000_000),
    Field("suggestion_length", "integer", "Length of the suggestion, tokens", (SHOWN,), minimum=0, maximum=1_000_000),
    Field("hallucination", "flag", "Whether it names what does not exist, as reviewed", (ACCEPTED, IGNORED)),
    Field("edit_distance", "integer", "Tokens changed", (EDITED,), minimum=0, maximum=1_000_000),
    Field("final_length", "integer", "Tokens left of it", (EDITED,), minimum=0, maximum=1_000_000),
    Field("compiled", "flag", "Whether it compiled", (COMPILED,)),
    Field("tests_passed", "flag", "Whether the tests passed", (TESTED,)),
    Field("error_type", "text", "Which error came first", (COMPILED, TESTED), allowed=ERRORS),
    Field("duration_seconds", "number", "Length of the session, seconds", (SESSION,), minimum=0, maximum=604_800),
)
NAMES = tuple(f.name for f in FIELDS)
IDENTITY = ("event_id", "event_type", "occurred_at")  # without these columns a file is no file of events

REASONS: Mapping[str, str] = {
    "unreadable": "the line is no JSON object",
    "missing": "a value is missing",
    "not_a_number": "a number is no finite number",
    "not_whole": "a whole number has a fraction",
    "not_a_flag": "a flag is neither true nor false",
    "not_a_time": "a time is no ISO 8601 time",
    "unknown_value": "a value is none of the known ones",
    "too_long": f"a text has more than {LONGEST_TEXT} characters",
    "out_of_range": "a figure is outside its limits",
    "misplaced": "a value stands on a kind of event that has none",
    "in_the_future": "it is dated more than a day ahead of its arrival",
    "too_old": f"it is dated before {EARLIEST:%Y}",
    "contradiction": "the error named and the outcome contradict each other",
    "conflict": "its event_id is known, with another content",
}


def faults(event: Mapping[str, Any], *, received_at: datetime) -> tuple[str, ...]:
    """What is wrong with one event, as `reason:field` in the order of the fields; empty for a sound one.

    Texts count as the value that they spell ("12" is a number, "true" a flag). Times without a zone are UTC.
    """
    kind = _text(event.get("event_type"))
    found: list[str] = []
    for field in FIELDS:
        value = event.get(field.name)
        empty = value is None or (isinstance(value, str) and not value.strip())
        if kind in KINDS and kind not in field.of:
            if not empty:
                found.append(f"misplaced:{field.name}")
        elif empty:
            if kind in KINDS or field.of == tuple(KINDS):
                found.append(f"missing:{field.name}")
        elif reason := _fault(field, value, received_at):
            found.append(f"{reason}:{field.name}")
    if not found and kind in (COMPILED, TESTED):
        good = _flag(event["compiled" if kind == COMPILED else "tests_passed"])
        if good != (_text(event["error_type"]) == "none"):
            found.append("contradiction:error_type")
    return tuple(found)


def _fault(field: Field, value: Any, received_at: datetime) -> str:
    if field.type == "text":
        text = _text(value)
        unknown = bool(field.allowed) and text not in field.allowed
        return "unknown_value" if unknown else "too_long" if len(text) > LONGEST_TEXT else ""
    if field.type == "flag":
        return "not_a_flag" if _flag(value) is None else ""
    return _fault_of_time(value, received_at) if field.type == "time" else _fault_of_number(field, value)


def _fault_of_time(value: Any, received_at: datetime) -> str:
    at = _time(value)
    if at is None:
        return "not_a_time"
    return "in_the_future" if at > received_at + AHEAD else "too_old" if at < EARLIEST else ""


def _fault_of_number(field: Field, value: Any) -> str:
    number = _number(value)
    if number is None:
        return "not_a_number"
    if field.type == "integer" and number != math.floor(number):
        return "not_whole"
    low, high = field.minimum, field.maximum
    return "out_of_range" if (low is not None and number < low) or (high is not None and number > high) else ""


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _number(value: Any) -> float | None:
    text = _text(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        return None
    found = float(text)
    return found if math.isfinite(found) else None


def _flag(value: Any) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(_text(value).lower())


def _time(value: Any) -> datetime | None:
    text = _text(value)
    if not re.match(MOMENT_SHAPE, text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
