"""One table from errors to HTTP status; the core knows none."""

from __future__ import annotations

from typing import Any

from ds_workflow.errors import InvalidInput, StateConflict, UnknownName
from ds_workflow.use_cases.custody import Forged
from ds_workflow.use_cases.predict import BadRows, SaidTwice, TooMany
from registry.errors import Conflict, NoChampion, NotFound, Unavailable
from serving.batcher import Overloaded
from serving.body import TooLarge
from serving.guard import Foreign, NeedsToken, WrongKind

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NoChampion, 503),
    (Unavailable, 503),
    (StateConflict, 503),
    (Overloaded, 503),
    (TooLarge, 413),
    (TooMany, 413),
    (NotFound, 404),
    (UnknownName, 404),
    (Conflict, 409),
    (Forged, 403),
    (Foreign, 403),
    (NeedsToken, 401),
    (WrongKind, 415),
    (InvalidInput, 400),
)
MOST_TOLD = 1_000  # bad fields that one answer spells out; the numbers of all bad rows come with them


def status_of(error: Exception) -> int:
    """The HTTP status of an error; 500 for one that nobody foresaw."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def body_of(error: Exception) -> dict[str, Any]:
    """`{errors: [{row, field, sent, allowed, message}]}`; of bad rows, the numbers of all of them too."""
    if isinstance(error, BadRows):
        rows = sorted({bad.row for bad in error.errors})
        return {"errors": [bad.to_dict() for bad in error.errors[:MOST_TOLD]], "bad_rows": rows}
    told: dict[str, Any] = {"row": None, "field": None, "sent": None}
    if isinstance(error, TooLarge):
        told |= {"field": "body", "sent": error.sent}
    elif isinstance(error, TooMany):
        told |= {"field": "rows", "sent": error.rows}
    elif isinstance(error, SaidTwice):
        told |= {"row": error.row, "field": error.field}
    return {"errors": [{**told, "allowed": getattr(error, "hint", ""), "message": str(error)}]}
