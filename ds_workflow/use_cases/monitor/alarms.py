"""A look that is critical opens an incident by itself, once per problem and kind; a healthy one closes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ds_workflow.adapters.incidents import Incidents
from ds_workflow.domain.monitoring.looks import TODAY_DAYS
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.domain.monitoring.looks import Look
    from ds_workflow.workspace import Workspace

BY = "monitoring"


def cause(kind: str) -> str:
    """What the incident of a kind of look is opened for, and found again by."""
    return f"look: {kind}"


def follow(work: Workspace, look: Look) -> None:
    """Open, repeat or close the incident of this look. One that looks back further than `TODAY_DAYS` changes none; what
    only warns, or can't be told, closes none."""
    now = work.clock()
    if now - datetime.fromisoformat(look.at) > timedelta(days=TODAY_DAYS):
        return
    book, at = Incidents(work.settings.store), utc_text(now)
    if look.status == "critical":
        book.note(look.problem, cause(look.kind), look.sentence(), at=at, by=BY)
    elif look.status == "healthy":
        book.settle(look.problem, cause(look.kind), at=at, by=BY, resolution=f"The look of {look.at} is healthy.")
