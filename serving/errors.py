"""One table from errors to HTTP status; the core knows none."""

from __future__ import annotations

from ds_workflow.errors import InvalidInput, StateConflict
from registry.errors import Conflict, NoChampion, NotFound, Unavailable

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NoChampion, 503),
    (Unavailable, 503),
    (StateConflict, 503),
    (NotFound, 404),
    (Conflict, 409),
    (InvalidInput, 400),
)


def status_of(error: Exception) -> int:
    """The HTTP status of an error; 500 for one that nobody foresaw."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)
