"""Every verdict computed again: what a job does each night, and an auditor years later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import past_code
from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.reports import tables
from ds_workflow.settings import CHECKOUT
from ds_workflow.use_cases.arena.replay import UNJUDGED, replay, words, written_by
from registry.errors import RegistryError
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal

SHOWN = 3  # differences of one proposal that the terminal is shown
STATUSES = {"same": "the same", "differs": "otherwise", "lost": "that can't be replayed", "unjudged": "not judged"}


@dataclass(frozen=True)
class Line:
    """One proposal of the audit. `status`: same, differs, lost (its evidence can't be read) or unjudged.

    `past` says what the code that wrote it makes of it: same, differs or lost; empty where that was not asked, or is
    the code at hand.
    """

    problem: str
    proposal: str
    verdict: str
    status: str
    gates: int
    commit: str
    said: tuple[str, ...]
    again: str = ""  # the verdict as it comes out now
    past: str = ""
    past_said: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: the code that wrote it comes to it again or, where that is not asked, this code."""
        return self.past == "same" or (self.past != "differs" and self.status in ("same", "unjudged"))


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

    @property
    def counts(self) -> dict[str, int]:
        """How many came out each way."""
        return {status: sum(line.status == status for line in self.lines) for status in STATUSES}

    @property
    def reasons(self) -> dict[str, int]:
        """Why what can't be replayed can't, and how many each."""
        return dict(Counter(line.said[0] for line in self.lines if line.status == "lost" and line.said))

    @property
    def past_reasons(self) -> dict[str, int]:
        """Why the code that wrote some can't be asked, and how many each."""
        return dict(Counter(line.past_said[0] for line in self.lines if line.past == "lost"))

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-audit --json`."""
        return {
            "ok": self.ok,
            "checked": len(self.lines),
            "counts": self.counts,
            "cannot": [{"why": why, "proposals": n} for why, n in self.reasons.items()],
            "cannot_at_commit": [{"why": why, "proposals": n} for why, n in self.past_reasons.items()],
            "problems": [
                f"{line.proposal}: {said}"
                for line in self.lines
                if not line.ok
                for said in (*line.said, *line.past_said)
            ],
            "since": self.since or None,
            "replayed_by": self.commit,
            "proposals": [
                {
                    "problem": line.problem,
                    "id": line.proposal,
                    "verdict": line.verdict,
                    "status": line.status,
                    "verdict_again": line.again or None,
                    "gates": line.gates,
                    "written_by": line.commit or None,
                    "problems": list(line.said),
                    "at_commit": {"status": line.past, "problems": list(line.past_said)} if line.past else None,
                }
                for line in self.lines
            ],
        }

    def text(self) -> str:
        """For the terminal."""
        if not self.lines:
            return "No proposal to replay" + (f" since {self.since}." if self.since else ".")
        head = ["problem", "proposal", "verdict", "replay", "gates", "written by"]
        rows = [
            [a.problem, a.proposal, a.verdict, a.status, str(a.gates), past_code.short(a.commit) or "-"]
            for a in self.lines
        ]
        if any(line.past for line in self.lines):
            head = [*head, "by that code"]
            rows = [[*row, line.past or "-"] for row, line in zip(rows, self.lines, strict=True)]
        lines = tables.text_table(head, rows, align="llllrll")
        lines += ["", *(said for a in self.lines if a.status != "same" for said in _few(a.proposal, a.said))]
        differ = [a for a in self.lines if a.past == "differs"]
        lines += [f"By the code that wrote it, {said}" for a in differ for said in _few(a.proposal, a.past_said)]
        return "\n".join([*lines, "", *self._summary()])

    def _summary(self) -> list[str]:
        """How many came out each way and why some can't be replayed, then what to do about those that differ."""
        told = ", ".join(f"{n} {STATUSES[status]}" for status, n in self.counts.items() if n)
        if self.counts["differs"]:
            told += f"; another verdict in {sum(line.again not in ('', line.verdict) for line in self.lines)}"
        since = f" since {self.since}" if self.since else ""
        what = "1 proposal" if len(self.lines) == 1 else f"{len(self.lines)} proposals"
        lines = [f"{what}{since} replayed by {past_code.short(self.commit)}: {told}."]
        lines += [f"  can't ({n}): {why}" for why, n in self.reasons.items()]
        asked = Counter(line.past for line in self.lines if line.past)
        if asked:
            lines += [f"By the code that wrote them: {', '.join(f'{n} {STATUSES[k]}' for k, n in asked.items())}."]
            lines += [f"  can't ({n}): {why}" for why, n in self.past_reasons.items()]
        wrong = sum(not line.ok for line in self.lines)
        saved = any(line.past == "same" and line.status not in ("same", "unjudged") for line in self.lines)
        by = ", some only by the code that wrote them" if saved else ""
        lines += [f"Not as it was: {wrong}." if wrong else f"Every verdict comes out as it was{by}."]
        other = [a for a in self.lines if a.status == "differs" and not a.past and past_code.is_commit(a.commit)]
        if other:
            lines += [f"Written by other code; ask that one: arena-replay {other[0].proposal} --at-commit"]
        return lines


def _few(proposal: str, said: Sequence[str]) -> list[str]:
    """The first differences of a proposal; the JSON document has all of them."""
    rest = len(said) - SHOWN
    more = [f"{proposal}: and {rest} more; all of them: arena-replay {proposal}"] if rest > 0 else []
    return [*(f"{proposal}: {line}" for line in said[:SHOWN]), *more]


def audit(work: Workspace, *, since: str = "", every: bool = False, at_commit: bool = False) -> Audit:
    """Replay all proposals of the workspace's problem (`every`: of all problems) that were written `since` a day or a
    UTC time, oldest first; `at_commit`: also by the code that wrote each, where it is not the code at hand. Raises
    InvalidInput for a time that is none."""
    begin = _begin(since)
    due = sorted(work.registry.proposals(None if every else work.problem.name, since=begin), key=lambda p: p.id)
    rooms = {name: replace(work, settings=replace(work.settings, problem=name)) for name in {p.problem for p in due}}
    lines = []
    for proposal in due:
        work.say(f"replaying {proposal.id}")
        lines.append(_line(rooms[proposal.problem], proposal))
    if at_commit:
        lines = _at_commits(rooms, lines, work.commit)
    return Audit(since, work.commit, tuple(lines))


def _at_commits(
    rooms: Mapping[str, Workspace], lines: Sequence[Line], present: str, *, repo: Path = CHECKOUT
) -> list[Line]:
    """The lines with what the code that wrote each makes of it; each commit is checked out once."""
    found: dict[str, Line] = {}
    # what two checkouts changed may differ, although they say the same commit
    asked = [line for line in lines if line.commit and not past_code.same(line.commit, present)]
    for commit in dict.fromkeys(line.commit for line in asked):
        mine = [line for line in asked if line.commit == commit]
        try:
            with past_code.checked_out(repo, commit) as place:
                found |= {line.proposal: _past(rooms[line.problem], line, place) for line in mine}
        except WorkflowError as error:
            found |= {line.proposal: replace(line, past="lost", past_said=(str(error),)) for line in mine}
    return [found.get(line.proposal, line) for line in lines]


def _past(work: Workspace, line: Line, place: Path) -> Line:
    work.say(f"replaying {line.proposal} by the code of {line.commit[:12]}")
    try:
        told = past_code.ask(place, words(work, line.proposal))
    except WorkflowError as error:
        return replace(line, past="lost", past_said=(str(error),))
    return replace(line, past="same" if told["ok"] else "differs", past_said=tuple(map(str, told["problems"])))


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
        why = str(error)
    except Exception as error:  # what this code does not foresee in one proposal must not end the audit of the others
        why = f"unforeseen, {type(error).__name__}: {error}"
    else:
        commit = str((again.environment or {}).get("commit") or "")
        return Line(*named, "same" if again.ok else "differs", again.checked, commit, again.problems, again.again)
    known = proposal.disposition == "invalidated"
    said = (f"{'invalidated: ' if known else ''}{why}",)
    return Line(*named, "unjudged" if known else "lost", 0, _commit(work, proposal), said)


def _commit(work: Workspace, proposal: Proposal) -> str:
    """The commit that wrote what the code at hand can't replay; empty when its evidence is gone."""
    try:
        return written_by(work, proposal.id)
    except (WorkflowError, RegistryError, OSError, ValueError):
        return ""
