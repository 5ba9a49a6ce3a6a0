"""Carry the agent's plan to people: an incident, requests of work in the arena's ledger, a hypothesis to finish.

Nothing here changes a model, a limit or a decision. Doing it twice on the same figures leaves what doing it once left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import hypotheses
from ds_workflow.adapters.incidents import Incidents
from ds_workflow.domain import hypothesis_draft
from ds_workflow.domain.metrics import metric
from ds_workflow.domain.work_proposals import (
    CLOSED,
    KINDS,
    PROPOSED,
    RESTATED,
    TITLES,
    WorkProposal,
    closing,
    folded,
    next_id,
    restating,
    still_open,
)
from ds_workflow.errors import UnknownName
from ds_workflow.use_cases.monitor import alarms, retraining
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.adapters.incidents import Incident
    from ds_workflow.domain.agent import Plan
    from ds_workflow.workspace import Workspace

AGENT, CAUSE = "monitoring agent", "agent: performance"


@dataclass(frozen=True)
class Carried:
    """What stands open after the plan was carried out, and in words what was not proposed and why."""

    incident: Incident | None
    work: tuple[WorkProposal, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "incident": asdict(self.incident) if self.incident else None,
            "work": [one.to_dict() for one in self.work],
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """For the terminal."""
        lines = [f"Incident {self.incident.id}: {self.incident.detail}"] if self.incident else []
        lines += [told(one) for one in self.work]
        return "\n".join([*lines, *self.notes]) or "The plan asks for nothing."


def told(one: WorkProposal) -> str:
    """A request in words."""
    state = "" if one.disposition == "open" else f"  {one.disposition} by {one.decided_by}: {one.reason}"
    drafted = f"\n    drafted: {one.reference}" if one.reference else ""
    return f"{one.id}  {one.title}: {one.detail}{state}{drafted}\n    {one.command}"


def carry_out(work: Workspace, plan: Plan) -> Carried:
    """Open what the plan asks for. A status of healthy closes the agent's own incident; unknown closes nothing."""
    problem = work.problem.name
    at = utc_text(work.clock())
    book = Incidents(work.settings.store)
    incident: Incident | None = None
    notes: list[str] = []
    if "open_incident" in plan.actions:
        known = {one.cause for one in book.listed(problem, only_open=True)}
        looked = alarms.cause("performance")  # what a look opened already is not opened twice
        incident = book.note(problem, looked if looked in known else CAUSE, plan.rationale, at=at, by=AGENT)
    elif plan.status == "healthy":
        book.settle(problem, CAUSE, at=at, by=AGENT, resolution="The figures are back within their limits.")
    made = []
    for action in (a for a in plan.actions if a in TITLES):
        if action == "trigger_retraining" and (held := _held(work)):
            notes.append(held)
            continue
        found = _proposed(work, plan, action, at)
        if isinstance(found, str):
            notes.append(found)
        else:
            made.append(found)
    return Carried(incident, tuple(made), tuple(notes))


def listed(work: Workspace, *, only_open: bool = False) -> list[WorkProposal]:
    """The requests of the workspace's problem, oldest first."""
    return [
        one for one in _all(work) if one.problem == work.problem.name and not (only_open and one.disposition != "open")
    ]


def close(work: Workspace, ident: str, *, accepted: bool, by: str, reason: str) -> WorkProposal:
    """Take a request on, or decline it. Closing it so again changes nothing. Raises as `work_proposals.closing`."""
    at = utc_text(work.clock())
    body = closing(_all(work), ident, accepted=accepted, by=by, reason=reason, at=at)
    if body is not None:
        work.registry.record_event(CLOSED, work.problem.name, body)
    return next(one for one in _all(work) if one.id == ident)


def _all(work: Workspace) -> list[WorkProposal]:
    events = [event for kind in KINDS for event in work.registry.events(kind=kind)]
    return folded((event.kind, event.body) for event in events)


def _held(work: Workspace) -> str:
    """Why retraining is not asked for, or ""."""
    override = retraining.newest(work)
    if override is None or not override.holds(utc_text(work.clock())):
        return ""
    return f"Retraining is held back by {override.by} until {override.until[:10]}: {override.reason}."


def _proposed(work: Workspace, plan: Plan, action: str, at: str) -> WorkProposal | str:
    problem = work.problem.name
    known = _all(work)
    there = still_open(known, problem, action)
    if there is not None and there.detail == plan.rationale:
        return there
    command, reference = f"ds-workflow --problem {problem} ", ""
    if action == "roll_back_model":
        former = _former(work)
        if former is None:
            return "There is no former champion to roll back to; stop serving if its answers do harm."
        command += f"arena-rollback --to {former} --by YOU --reason {_quoted(plan.rationale)}"
    if there is not None:  # the same request, for what is seen now
        command = command if action == "roll_back_model" else there.command
        work.registry.record_event(RESTATED, problem, restating(there, plan.rationale, command, at=at))
        return next(one for one in _all(work) if one.id == there.id)
    if action == "trigger_retraining":
        ident = _draft(work, plan)
        command += f"hypothesis-check {ident}"
        reference = f"docs/hypotheses/{ident}.md"
    elif action != "roll_back_model":
        command = f"Edit config/monitoring/{problem}.yaml or the policy under review, then: {command}policy-check"
    made = WorkProposal(
        next_id(known, problem, action), problem, action, TITLES[action], plan.rationale, command, reference, at, AGENT
    )
    work.registry.record_event(PROPOSED, problem, made.to_dict())
    return made


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def _former(work: Workspace) -> int | None:
    """The champion before the present one, by the pointer log."""
    champion = work.registry.champion(work.problem.name)
    moves = work.registry.moves(work.problem.name)
    others = [m.to_ref.version for m in moves if champion is not None and m.to_ref.version != champion.version]
    return others[-1] if others else None


def _draft(work: Workspace, plan: Plan) -> str:
    """Begin a hypothesis under the next free number; returns its id."""
    problem = work.problem
    store = hypotheses.of(work.settings)
    ident = next_draft(store.ids())
    primary = metric(problem.primary_metric)
    title = f"Newer rows bring the {primary.title[0].lower()}{primary.title[1:]} back"
    path = store.new(ident, owner="", title=title, problem=problem.name, parent="")
    figures = "\n".join(f"* {name}: {value}" for finding in plan.findings for name, value in finding.items())
    champion = work.registry.champion(problem.name)
    seen = (
        f"Seen by the monitoring agent on {utc_text(work.clock())[:10]}"
        f"{f', champion v{champion.version}' if champion else ''}. {plan.rationale}\n\n{figures}"
    )
    text = hypothesis_draft.about(hypothesis_draft.observed(path.read_text("utf-8"), seen), problem)
    path.write_text(text, "utf-8", newline="\n")
    return ident


def next_draft(known: Sequence[str]) -> str:
    """The first number of H-MON that is free."""
    for number in range(1, 1000):
        if (ident := f"H-MON-{number:03d}") not in known:
            return ident
    raise UnknownName("free number of", "H-MON", ())
