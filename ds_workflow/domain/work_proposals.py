"""Work that the monitoring agent proposes: a request to people, open until one of them takes it on or declines it.

It is no proposal of a challenger: it moves nothing. What is proposed once is open once, so two runs of the agent on the
same figures leave one request. Its id is made of problem, action and how many of the kind were closed before, so that
two runs at the same moment write the same line. Where what is seen has changed while it is open, it is restated: the
newest reason stands, and the chain of events keeps those before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ds_workflow.errors import InvalidInput, StateConflict, UnknownName

Disposition = Literal["open", "accepted", "declined"]
# kinds of event in the ledger's chain, in the order in which `folded` takes them
PROPOSED, RESTATED, CLOSED = KINDS = ("work_proposed", "work_restated", "work_closed")
TITLES: Mapping[str, str] = {
    "trigger_retraining": "Train a new candidate",
    "roll_back_model": "Roll the champion back",
    "raise_thresholds": "Tighten a limit",
}


@dataclass(frozen=True)
class WorkProposal:
    """One request. `command` is how to take it on, `reference` what was drafted for it."""

    id: str
    problem: str
    action: str
    title: str
    detail: str
    command: str
    reference: str
    at: str
    by: str
    disposition: Disposition = "open"
    decided_at: str | None = None
    decided_by: str | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def folded(events: Iterable[tuple[str, Mapping[str, Any]]]) -> list[WorkProposal]:
    """The requests that events (kind, body) tell of, oldest first; the first decision on one stands."""
    found: dict[str, WorkProposal] = {}
    for kind, body in events:
        if kind == PROPOSED:
            found.setdefault(body["id"], WorkProposal(**body))
        elif kind == RESTATED and body["id"] in found:
            found[body["id"]] = replace(found[body["id"]], detail=body["detail"], command=body["command"])
        elif kind == CLOSED and body["id"] in found and found[body["id"]].disposition == "open":
            told = {k: body[k] for k in ("disposition", "decided_at", "decided_by", "reason")}
            found[body["id"]] = replace(found[body["id"]], **told)
    return list(found.values())


def restating(one: WorkProposal, detail: str, command: str, *, at: str) -> dict[str, Any]:
    """The body of the event that gives an open request the reason that is seen now."""
    return {"id": one.id, "detail": detail, "command": command, "at": at}


def still_open(known: Sequence[WorkProposal], problem: str, action: str) -> WorkProposal | None:
    """The open request of an action, if there is one."""
    mine = [w for w in known if (w.problem, w.action) == (problem, action) and w.disposition == "open"]
    return mine[-1] if mine else None


def next_id(known: Sequence[WorkProposal], problem: str, action: str) -> str:
    """The id of the next request of an action."""
    before = sum((w.problem, w.action) == (problem, action) for w in known)
    return f"W-{problem}-{action}-{before + 1}"


def closing(
    known: Sequence[WorkProposal], ident: str, *, accepted: bool, by: str, reason: str, at: str
) -> dict[str, Any] | None:
    """The body of the event that closes a request; None when it is closed just so already.

    Raises UnknownName, InvalidInput without a name or reason, StateConflict when it was closed otherwise.
    """
    one = next((w for w in known if w.id == ident), None)
    if one is None:
        raise UnknownName("proposal of work", ident, (w.id for w in known if w.disposition == "open"))
    if not by.strip() or not reason.strip():
        raise InvalidInput("Closing a proposal of work needs a name and a reason.")
    wanted: Disposition = "accepted" if accepted else "declined"
    if one.disposition != "open":
        if (one.disposition, one.decided_by, one.reason) == (wanted, by.strip(), reason.strip()):
            return None
        raise StateConflict(f"{ident} was {one.disposition} by {one.decided_by} at {one.decided_at}: {one.reason}.")
    return {
        "id": ident,
        "disposition": wanted,
        "decided_at": at,
        "decided_by": by.strip(),
        "reason": reason.strip(),
    }
