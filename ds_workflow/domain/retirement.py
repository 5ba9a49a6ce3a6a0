"""When a version goes out of service for good, and why it may not come back.

The champion moves only by an applied decision, so a champion is never retired: another version takes office first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ds_workflow.errors import InvalidInput, StateConflict
from registry.records import Event, Proposal

RETIRED = "version.retired"
CRITERIA: Mapping[str, str] = {
    "superseded": "a better version has held office for as long as a rollback to this one is thinkable",
    "unfit": "it fails an absolute gate, leaks, or can't be served",
    "data": "its source, licence or consent ended, or its rows must be deleted",
    "purpose": "what it was made for is no longer done",
    "age": "it is older than the policy allows and nobody renewed it",
}


@dataclass(frozen=True)
class Retirement:
    """That a version was retired: by whom, when, under which criterion and why."""

    problem: str
    version: int
    digest: str
    criterion: str
    reason: str
    by: str
    at: str


def fold(events: Iterable[Event], problem: str) -> dict[int, Retirement]:
    """The retired versions of a problem by number, as the events tell."""
    found: dict[int, Retirement] = {}
    for event in events:
        if event.kind == RETIRED and event.body.get("problem") == problem:
            found[int(event.body["version"])] = Retirement(**{**event.body, "at": event.at})
    return found


def require_retirable(
    version: int, *, champion: int | None, proposals: Iterable[Proposal], retired: Mapping[int, Retirement]
) -> None:
    """Raise StateConflict unless a version may be retired: not in office, on no open proposal, not retired yet."""
    if version == champion:
        raise StateConflict(
            f"Version {version} is the champion, and the champion moves only by an applied decision.",
            hint="Put another version in office first, with 'arena-approve' or 'arena-rollback'.",
        )
    waiting = [p.id for p in proposals if p.disposition == "open" and p.challenger.version == version]
    if waiting:
        raise StateConflict(
            f"Version {version} is on trial in {waiting[0]}.", hint="Decide it first, with 'arena-reject'."
        )
    if version in retired:
        old = retired[version]
        raise StateConflict(f"Version {version} was retired by {old.by} at {old.at}: {old.reason}")


def require_criterion(criterion: str, reason: str, by: str) -> None:
    """Raise InvalidInput unless the criterion is known and the words are there."""
    if criterion not in CRITERIA:
        raise InvalidInput(f"'{criterion}' is no criterion; allowed are {', '.join(CRITERIA)}.")
    if not reason.strip() or not by.strip():
        raise InvalidInput("A retirement needs a reason and the name of the person who takes it.")


def require_in_service(events: Iterable[Event], problem: str, version: int) -> None:
    """Raise StateConflict when a version was retired."""
    old = fold(events, problem).get(version)
    if old is not None:
        raise StateConflict(
            f"Version {version} of {problem} was retired by {old.by} at {old.at} ({old.criterion}): {old.reason}",
            hint="A retired version never comes back; train its recipe again, as a new version.",
        )
