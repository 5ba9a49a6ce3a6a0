"""Every verdict computed again: what a job does each night, and an auditor years later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.reports import tables
from ds_workflow.use_cases.arena.replay import UNJUDGED, replay
from registry.errors import RegistryError
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal


@dataclass(frozen=True)
class Line:
    """One proposal of the audit. `status`: same, differs, lost (its evidence can't be read) or unjudged."""

    problem: str
    proposal: str
    verdict: str
    status: str
    gates: int
    commit: str
    said: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.status in ("same", "unjudged")


@dataclass(frozen=True)
class Audit:
    """What all replays said. Evidence that an invalidated proposal lost is on record already and no new fault."""

    since: str
    commit: str
    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """Whether every verdict came out as it was."""
        return all(line.ok for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-audit --json`."""
        return {
            "ok": self.ok,
            "checked": len(self.lines),
            "problems": [f"{line.proposal}: {said}" for line in self.lines if not line.ok for said in line.said],
            "since": self.since or None,
            "replayed_by": self.commit,
            "proposals": [
                {
                    "problem": line.problem,
                    "id": line.proposal,
                    "verdict": line.verdict,
                    "status": line.status,
                    "gates": line.gates,
                    "written_by": line.commit or None,
                    "problems": list(line.said),
                }
                for line in self.lines
            ],
        }

    def text(self) -> str:
        """For the terminal."""
        if not self.lines:
            return "No proposal to replay" + (f" since {self.since}." if self.since else ".")
        head = ["problem", "proposal", "verdict", "replay", "gates", "written by"]
        rows = [[a.problem, a.proposal, a.verdict, a.status, str(a.gates), a.commit[:12] or "-"] for a in self.lines]
        lines = tables.text_table(head, rows, align="llllrl")
        lines += ["", *(f"{a.proposal}: {said}" for a in self.lines if a.status != "same" for said in a.said)]
        wrong = sum(not line.ok for line in self.lines)
        end = "every verdict comes out as it was" if not wrong else f"{wrong} do not come out as they were"
        return "\n".join([*lines, "", f"{len(self.lines)} proposals replayed by {self.commit[:12]}: {end}."])


def audit(work: Workspace, *, since: str = "", every: bool = False) -> Audit:
    """Replay all proposals of the workspace's problem (`every`: of all problems) that were written `since` a day or a
    UTC time, oldest first. Raises InvalidInput for a time that is none."""
    begin = _begin(since)
    found = work.registry.proposals(None if every else work.problem.name)
    due = sorted((p for p in found if p.created_at >= begin), key=lambda p: p.id)
    rooms = {name: replace(work, settings=replace(work.settings, problem=name)) for name in {p.problem for p in due}}
    lines = []
    for proposal in due:
        work.say(f"replaying {proposal.id}")
        lines.append(_line(rooms[proposal.problem], proposal))
    return Audit(since, work.commit, tuple(lines))


def _begin(since: str) -> str:
    if not since.strip():
        return ""
    try:
        if len(since.strip()) == len("2026-01-31"):
            day = date.fromisoformat(since.strip())
            return utc_text(datetime(day.year, day.month, day.day, tzinfo=UTC))
        at = datetime.fromisoformat(since.strip())
    except ValueError as error:
        raise InvalidInput(
            f"--since is '{since}', which is no day and no time.", hint="For example 2026-01-31 or 2026-01-31T12:00Z."
        ) from error
    return utc_text(at if at.tzinfo else at.replace(tzinfo=UTC))


def _line(work: Workspace, proposal: Proposal) -> Line:
    named = (proposal.problem, proposal.id, proposal.verdict)
    if proposal.kind in UNJUDGED and not proposal.gates:
        return Line(*named, "unjudged", 0, "", (f"a {proposal.kind}, decided by a person without gates",))
    try:
        again = replay(work, proposal.id)
    except (WorkflowError, RegistryError, OSError, ValueError) as error:
        known = proposal.disposition == "invalidated"
        return Line(*named, "unjudged" if known else "lost", 0, "", (f"{'invalidated: ' if known else ''}{error}",))
    commit = str((again.environment or {}).get("commit") or "")
    return Line(*named, "same" if again.ok else "differs", again.checked, commit, again.problems)
