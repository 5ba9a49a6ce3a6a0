"""Findings: what a reader of a model found wrong, how bad, who mends it and until when.

A finding lives in the chain of events: one event opens it, one closes it. Nothing edits it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, get_args

from ds_workflow.errors import InvalidInput, StateConflict, UnknownName
from registry.records import Event

Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
OPENED, CLOSED = "finding.opened", "finding.closed"


@dataclass(frozen=True)
class Finding:
    """One finding as it stands. `due` is a day, YYYY-MM-DD; on the day itself it is not overdue yet. `version` None
    is about the problem, whichever version holds office."""

    id: str
    problem: str
    version: int | None
    severity: Severity
    title: str
    owner: str
    due: str
    opened_by: str
    opened_at: str
    closed_by: str = ""
    closed_at: str = ""
    resolution: str = ""

    @property
    def open(self) -> bool:
        """Whether nobody closed it."""
        return not self.closed_at

    def overdue(self, at: str) -> bool:
        """Whether it is open after its day; `at` is a UTC time as records hold it."""
        return self.open and at[:10] > self.due

    def concerns(self, version: int) -> bool:
        """Whether it is about this version."""
        return self.version is None or self.version == version

    def blocks(self, at: str, *, blocking: Sequence[Severity]) -> bool:
        """Whether a release waits for it: open, and of a severity that blocks or past its day."""
        return self.open and (self.severity in blocking or self.overdue(at))

    def line(self, at: str) -> str:
        """It in one line, with who owes it and whether the day is over."""
        late = ", overdue" if self.overdue(at) else ""
        return f"{self.id} ({self.severity}, {self.owner}, due {self.due}{late}): {self.title}"


def opened(
    ident: str, problem: str, *, version: int | None, severity: str, title: str, owner: str, due: str, by: str, at: str
) -> Finding:
    """A new finding whose every word is there; its day is that of `at` (UTC) or later. Raises InvalidInput naming what
    is not."""
    if severity not in SEVERITIES:
        raise InvalidInput(f"'{severity}' is no severity; allowed are {', '.join(SEVERITIES)}.")
    for what, text in (("title", title), ("owner", owner), ("name of who opens it", by)):
        if not text.strip():
            raise InvalidInput(f"A finding needs a {what}.")
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", due):
            raise ValueError(due)
        date.fromisoformat(due)
    except ValueError as error:
        raise InvalidInput(f"'{due}' is no day; write it as 2026-12-31.") from error
    if due < at[:10]:
        raise InvalidInput(
            f"A finding can't be due on {due}: today is {at[:10]} (UTC), and nobody can mend it in the past.",
            hint="Give the day by which it is to be mended, today or later.",
        )
    return Finding(ident, problem, version, severity, title.strip(), owner.strip(), due, by.strip(), at)


def require_closable(found: Iterable[Finding], ident: str, *, by: str, resolution: str) -> Finding:
    """The open finding of that id. Raises UnknownName, StateConflict when it is closed, InvalidInput without words."""
    if not by.strip() or not resolution.strip():
        raise InvalidInput("Closing a finding needs a name and what was done about it.")
    known = {one.id: one for one in found}
    if ident not in known:
        raise UnknownName("finding", ident, (i for i, one in known.items() if one.open))
    one = known[ident]
    if not one.open:
        raise StateConflict(f"{ident} was closed by {one.closed_by} at {one.closed_at}: {one.resolution}")
    return one


def fold(events: Iterable[Event], problem: str) -> tuple[Finding, ...]:
    """The findings of a problem as its events tell, oldest first."""
    found: dict[str, Finding] = {}
    for event in events:
        body = event.body
        if body.get("problem") != problem:
            continue
        if event.kind == OPENED:
            found[event.subject] = Finding(**{**body, "id": event.subject, "opened_at": event.at})
        elif event.kind == CLOSED and event.subject in found:
            found[event.subject] = replace(
                found[event.subject], closed_by=body["by"], closed_at=event.at, resolution=body["resolution"]
            )
    return tuple(found.values())
