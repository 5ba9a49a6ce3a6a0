"""Incidents of a workspace: opened once per cause, listed, and closed with what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters.incidents import Incident, Incidents
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.adapters.incidents import Severity
    from ds_workflow.workspace import Workspace

__all__ = ["Incident", "close", "listed", "note", "settle"]


def note(work: Workspace, cause: str, detail: str, *, by: str, severity: Severity = "critical") -> Incident:
    """Open an incident of the workspace's problem, or count one more sight of the open one of that cause."""
    at = utc_text(work.clock())
    return _of(work).note(work.problem.name, cause, detail, at=at, by=by, severity=severity)


def settle(work: Workspace, cause: str, *, by: str, resolution: str) -> None:
    """Close the open incident of a cause that is gone, if there is one."""
    _of(work).settle(work.problem.name, cause, at=utc_text(work.clock()), by=by, resolution=resolution)


def close(work: Workspace, ident: str, *, by: str, resolution: str) -> Incident:
    """Close one. Raises UnknownName for one that was never opened, InvalidInput without a resolution."""
    return _of(work).close(ident, at=utc_text(work.clock()), by=by, resolution=resolution)


def listed(work: Workspace, *, only_open: bool = False) -> list[Incident]:
    """The incidents of the workspace's problem, oldest first."""
    return _of(work).listed(work.problem.name, only_open=only_open)


def _of(work: Workspace) -> Incidents:
    return Incidents(work.settings.store)
