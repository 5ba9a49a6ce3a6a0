"""What commands of the arena hand to their faces: one proposal, or what a check found. Imports no data library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.reports import delivery as delivered
from ds_workflow.reports import proposal as report
from registry import chain
from registry.quorum import same_person
from registry.records import utc_text
from registry.signing import KEY_ADDED

if TYPE_CHECKING:
    from ds_workflow.use_cases.arena.people import Deciders
    from ds_workflow.workspace import Workspace
    from registry.quorum import Approval
    from registry.records import Decision, Proposal

LATELY = timedelta(days=7)


@dataclass(frozen=True)
class View:
    """One proposal, ready to be shown."""

    proposal: Proposal
    context: report.Context
    approvals: tuple[Approval, ...] = ()  # of an open proposal that takes several people
    needed: int = 1
    deciders: Deciders | None = None  # of an open proposal, once people are declared
    delivery: dict[str, Any] = field(default_factory=dict)  # as `arena-delivery` last found it
    lately: tuple[str, ...] = ()  # what was done to the accounts and keys of who decided, shortly before

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-show --json`."""
        cited = {"experiments": list(self.context.cited)} if self.context.cited else {}
        given = [{"by": a.by, "at": a.at, "reason": a.reason} for a in self.approvals]
        came = {"delivery": self.delivery} if self.delivery else {}
        return (
            report.to_json(self.proposal)
            | cited
            | came
            | {
                "approvals": given,
                "approvers_needed": self.needed,
                "deciders": self.deciders.to_dict() if self.deciders else None,
                "changed_before_deciding": list(self.lately),
            }
        )

    def text(self) -> str:
        """For the terminal."""
        return self._with_approvals(report.text(self.proposal, self.context))

    def brief(self) -> str:
        """For the terminal, after a decision."""
        return self._with_approvals(report.brief(self.proposal, self.context))

    def _with_approvals(self, text: str) -> str:
        """The text and who may decide it; while several people are asked, who said yes and how many are missing; and
        what was done shortly before to the accounts of those who decided."""
        text = "\n".join([text, *self.lately])
        if self.proposal.disposition != "open":
            return text
        if self.deciders is not None:
            text = f"{text}\n{self.deciders.words()}"
        if self.needed < 2:
            return text
        given = "; ".join(f"{a.by} on {a.at[:10]}{f' ({a.reason})' if a.reason else ''}" for a in self.approvals)
        return f"{text}\nApprovals: {len(self.approvals)} of {self.needed}: {given or 'nobody yet'}."


def view(work: Workspace, proposal: Proposal) -> View:
    """A proposal with what its pages show around it."""
    now = work.registry.judged(proposal.problem)
    if proposal.expired(now):
        proposal = work.registry.proposal(proposal.id)  # closed by being seen so
    decisions = tuple(work.registry.decisions(proposal.id))
    command = "./scripts/ds_workflow.sh"
    if work.settings.root != Path.cwd():
        command += f" --workspace {work.settings.root}"
    said, kept = _delivery(work, proposal)
    unit = str((proposal.summary.get("claim") or {}).get("unit") or "absolute")
    context = report.Context(
        problem_title=work.problem.title,
        decisions=decisions,
        now=now,
        command=command,
        traffic=_traffic(work, proposal),
        cited=_cited(work, proposal),
        delivery=said,
        delivered=delivered.rows(unit, kept.get("segments") or ()),
    )
    if proposal.disposition != "open":
        return View(proposal, context, delivery=kept, lately=_lately(work, proposal, decisions))
    from ds_workflow.use_cases.arena import people

    given, needed = tuple(work.registry.approvals(proposal)), people.needed(work, proposal)
    who, lately = people.deciders(work, proposal), _lately(work, proposal, decisions)
    return View(proposal, context, given, needed, who, delivery=kept, lately=lately)


def _lately(work: Workspace, proposal: Proposal, decisions: Sequence[Decision]) -> tuple[str, ...]:
    """What was done to the accounts and keys of those who said yes or decided, in the week before they did."""
    told = [e for kind in (chain.ACCOUNT, KEY_ADDED) for e in work.registry.events(kind=kind)]
    if not told:
        return ()
    keys = {(e.subject, e.body["key"]): str(e.body["by"]) for e in work.registry.events(kind=chain.VOUCHED)}
    found = dict[str, None]()
    for by, at in [*((d.by, d.at) for d in decisions), *((a.by, a.at) for a in work.registry.approvals(proposal))]:
        since = utc_text(datetime.fromisoformat(at) - LATELY)
        for event in sorted(told, key=lambda e: e.seq):
            if same_person(event.subject, by) and since <= event.at <= at:
                account = event.kind == chain.ACCOUNT
                what = f"account {event.body['what']}" if account else "key added"
                stood = event.body.get("by") if account else keys.get((event.subject, event.body["key"]))
                found[f"Shortly before {by} decided: {what} on {event.at[:16].replace('T', ' ')}, for which "
                      f"{stood or 'nobody else'} stood."] = None  # fmt: skip
    return tuple(found)


def _traffic(work: Workspace, proposal: Proposal) -> str:
    """The newest result of the challenger in live traffic, as the chain of events binds it to this proposal."""
    told = work.registry.events(kind="traffic_result", subject=proposal.id)
    if not told:
        return ""
    body = told[-1].body
    return f"{body['trial']}: {body['verdict']}; {body['note']} (result {str(body['digest'])[:12]}, {told[-1].at})"


def _delivery(work: Workspace, proposal: Proposal) -> tuple[str, dict[str, Any]]:
    """The claim beside what came of it live, as `arena-delivery` last found it: in words, and as it was kept."""
    told = work.registry.events(kind="delivery", subject=proposal.id)
    if not told:
        return "", {}
    body = dict(told[-1].body)
    return delivered.words(proposal.summary.get("claim") or {}, body, told[-1].at[:10]), body


def _cited(work: Workspace, proposal: Proposal) -> tuple[str, ...]:
    """The kept experiments that the chain of events binds to this proposal."""
    told = work.registry.events(kind="experiment_cited", subject=proposal.id)
    return tuple(f"{e.body['name']}: {e.body['says']} (record {str(e.body['digest'])[:12]}, cited by {e.body['by']})"
                 for e in told)  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """What a check of the ledger or of a verdict found."""

    ok: bool
    checked: int
    problems: tuple[str, ...]
    what: str
    notes: tuple[str, ...] = ()  # what the answer rests on

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-verify --json` and `arena-replay --json`."""
        told = {"ok": self.ok, "checked": self.checked, "problems": list(self.problems)}
        return {**told, "notes": list(self.notes)} if self.notes else told

    def text(self) -> str:
        """For the terminal."""
        noted = [f"Note: {note}" for note in self.notes]
        if self.ok:
            return "\n".join([f"{self.what}: {self.checked:,} checked, nothing wrong.", *noted])
        return "\n".join(
            [f"{self.what}: {self.checked:,} checked, {len(self.problems)} wrong.", *self.problems, *noted]
        )
