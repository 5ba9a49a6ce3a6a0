"""Incidents of a workspace: opened once per cause, acknowledged, worked through by their playbook, and closed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.incidents import Incident, Incidents
from ds_workflow.domain.incident_playbooks import steps_of
from ds_workflow.errors import InvalidInput, UnknownName
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.adapters.incidents import Severity
    from ds_workflow.workspace import Workspace

__all__ = ["Incident", "Worked", "acknowledge", "close", "done", "listed", "note", "settle", "show"]


@dataclass(frozen=True)
class Worked:
    """An incident with the steps of its playbook and whether each was done."""

    incident: Incident
    steps: tuple[tuple[str, bool], ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of `incident-show --json`."""
        playbook = [{"step": n, "text": text, "done": done} for n, (text, done) in enumerate(self.steps, start=1)]
        return {**asdict(self.incident), "acknowledged_by": self.incident.acknowledged_by, "playbook": playbook}

    def text(self) -> str:
        """For the terminal."""
        one = self.incident
        seen = "seen once" if one.times == 1 else f"seen {one.times} times"
        lines = [
            f"{one.id}  {one.severity}  {one.problem}, {one.cause}: {one.detail}",
            f"  opened {one.opened_at} by {one.opened_by}, {seen}, last {one.last_at}",
            f"  acknowledged by {one.acknowledged_by or 'nobody yet'}",
        ]
        if one.closed_at:
            lines.append(f"  closed {one.closed_at} by {one.closed_by}: {one.resolution}")
        lines += [f"  [{'x' if done else ' '}] {n}. {text}" for n, (text, done) in enumerate(self.steps, start=1)]
        return "\n".join(lines)


def note(work: Workspace, cause: str, detail: str, *, by: str, severity: Severity = "critical") -> Incident:
    """Open an incident of the workspace's problem, or count one more sight of the open one of that cause."""
    at = utc_text(work.clock())
    return _of(work).note(work.problem.name, cause, detail, at=at, by=by, severity=severity)


def settle(work: Workspace, cause: str, *, by: str, resolution: str) -> None:
    """Close the open incident of a cause that is gone, if there is one."""
    _of(work).settle(work.problem.name, cause, at=utc_text(work.clock()), by=by, resolution=resolution)


def show(work: Workspace, ident: str) -> Worked:
    """One incident with its playbook. Raises UnknownName with the open ones."""
    every = listed(work)
    found = next((one for one in every if one.id == ident), None)
    if found is None:
        raise UnknownName("incident", ident, (one.id for one in every if one.closed_at is None))
    return _worked(found)


def acknowledge(work: Workspace, ident: str, *, by: str) -> Worked:
    """Say who is on it; the first one stays. Raises UnknownName, InvalidInput for a closed one."""
    return _worked(_of(work).remark(ident, 0, at=utc_text(work.clock()), by=by, said=""))


def done(work: Workspace, ident: str, step: int, *, by: str, said: str) -> Worked:
    """Note that a step of its playbook was done, with what came of it. Raises UnknownName, InvalidInput."""
    steps = show(work, ident).steps
    if not 1 <= step <= len(steps):
        raise InvalidInput(f"{ident} has no step {step}.", hint=f"Its playbook has steps 1 to {len(steps)}.")
    return _worked(_of(work).remark(ident, step, at=utc_text(work.clock()), by=by, said=said))


def _worked(found: Incident) -> Worked:
    texts = steps_of(found.cause)
    acknowledged = found.acknowledged_by is not None
    marks = ((n in found.steps_done) or (n == 1 and acknowledged) for n in range(1, len(texts) + 1))
    return Worked(found, tuple(zip(texts, marks, strict=True)))


def close(work: Workspace, ident: str, *, by: str, resolution: str) -> Incident:
    """Close one. Raises UnknownName for one that was never opened, InvalidInput without a resolution."""
    return _of(work).close(ident, at=utc_text(work.clock()), by=by, resolution=resolution)


def listed(work: Workspace, *, only_open: bool = False) -> list[Incident]:
    """The incidents of the workspace's problem, oldest first."""
    return _of(work).listed(work.problem.name, only_open=only_open)


def _of(work: Workspace) -> Incidents:
    return Incidents(work.settings.store)
