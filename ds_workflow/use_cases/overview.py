"""Where each problem stands, for the first page: champion, custody, open proposals, incidents, what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_workflow import steps
from ds_workflow.adapters.incidents import Incidents
from ds_workflow.errors import WorkflowError
from ds_workflow.reports.proposal_marks import marks
from registry.errors import RegistryError

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion, PointerMove, Proposal, Status


_OUT = {
    "drifted": "Find out who moved the champion. Decisions and release are blocked until it is put back "
    "(arena-restore), or what stands there is tried and adopted (arena-adopt).",
    "unknown": "The versions can't be reached, so nothing is decided. Look again once they can.",
}


@dataclass(frozen=True)
class Standing:
    """One problem on one day.

    `custody` is in_custody, drifted, unknown or none. `step` is the thing to do next in words, `command` how to do it
    in a terminal; `incidents` say what is wrong, each in a sentence.
    """

    problem: str
    title: str
    task: str
    custody: str
    detail: str
    champion: ModelVersion | None
    move: PointerMove | None
    pending: tuple[Proposal, ...]  # open, with a verdict that can be approved
    others: tuple[Proposal, ...]  # open, to be closed
    versions: int
    incidents: tuple[str, ...]
    step: str
    command: str
    marks: str = ""  # in red: what was not the usual way of the champion into office


def standing(work: Workspace) -> Standing:
    """Where the workspace's problem stands now. What can't be read is an incident, never an end of the page."""
    try:
        problem = work.problem
        now = work.registry.judged(problem.name)
        status = work.registry.status(problem.name)
        champion = _champion(work, status)
        versions = len(work.registry.versions(problem.name))
    except (RegistryError, WorkflowError, OSError) as error:
        return _unreadable(work.settings.problem, error)
    live = [p for p in status.proposals if p.disposition == "open" and not p.expired(now)]
    pending = tuple(p for p in live if p.verdict == "pass")
    step, command = _next(work, status, live)
    return Standing(
        problem=problem.name,
        title=problem.title,
        task=problem.task,
        custody=status.custody.status,
        detail=status.custody.detail,
        champion=champion,
        move=status.moves[-1] if status.moves else None,
        pending=pending,
        others=tuple(p for p in live if p.verdict != "pass"),
        versions=versions,
        incidents=(*_incidents(status), *_recorded(work)),
        step=step,
        command=command,
        marks=_marks(work, status),
    )


def _marks(work: Workspace, status: Status) -> str:
    """The marks of the decisions that put the champion where it is: the last one, and the one that judged it."""
    if not status.moves:
        return ""
    here = status.moves[-1].to_ref
    found = (work.registry.proposal(move.proposal_id) for move in reversed(status.moves) if move.to_ref == here)
    return ", ".join(dict.fromkeys(mark for p in found if (mark := marks(p))))


def _unreadable(name: str, error: Exception) -> Standing:
    """A problem whose plug-in or stores can't be read."""
    said, hint = str(error), str(getattr(error, "hint", ""))
    return Standing(name, name, "", "unknown", said, None, None, (), (), 0, (said,), hint, "")


def _champion(work: Workspace, status: Status) -> ModelVersion | None:
    try:
        return work.registry.champion(status.problem)
    except RegistryError:
        return None  # custody says so


def _incidents(status: Status) -> list[str]:
    found = []
    if status.custody.status in ("drifted", "unknown"):
        found.append(f"Custody is {status.custody.status}: {status.custody.detail}")
    for p in status.proposals:
        if p.effect in ("applying", "apply_failed"):
            found.append(f"{p.id} was approved but is {p.effect.replace('_', ' ')}.")
    return found


def _recorded(work: Workspace) -> list[str]:
    """The open incidents, newest first."""
    found = Incidents(work.settings.store).listed(work.problem.name, only_open=True)
    return [f"{i.id}, {i.severity}, since {i.opened_at[:16]}Z: {i.detail}" for i in reversed(found)]


def _next(work: Workspace, status: Status, live: list[Proposal]) -> tuple[str, str]:
    """What to do next in words, and the command that does it."""
    problem = work.problem
    command = f"ds-workflow --problem {problem.name}"
    if status.custody.status == "none" and live:
        return "Read which gates stand against the first champion, then train it otherwise.", ""
    if status.custody.status == "none":
        found = steps.first_champion(work)
        freeze = "" if len(found) == 1 else "Freeze rows, then appoint"
        return f"{freeze or 'Appoint'} the first champion.", "\n".join(found)
    if status.custody.status in ("drifted", "unknown"):
        return _OUT[status.custody.status], "\n".join(steps.out_of_custody(problem.name, status.custody.status))
    if any(p.verdict == "pass" for p in live):
        return "Read the proposal and decide.", ""
    if number := steps.waiting(work):
        return f"Version {number} waits: let the arena compare it with the champion.", f"{command} arena-propose"
    return "Write the next hypothesis and train a candidate for it.", f"{command} hypothesis-new H-AREA-001 --owner YOU"
