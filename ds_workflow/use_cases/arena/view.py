"""What commands of the arena hand to their faces: one proposal, or what a check found. Imports no data library."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.reports import delivery as delivered
from ds_workflow.reports import proposal as report

if TYPE_CHECKING:
    from ds_workflow.use_cases.arena.people import Deciders
    from ds_workflow.workspace import Workspace
    from registry.quorum import Approval
    from registry.records import Proposal


@dataclass(frozen=True)
class View:
    """One proposal, ready to be shown."""

    proposal: Proposal
    context: report.Context
    approvals: tuple[Approval, ...] = ()  # of an open proposal that takes several people
    needed: int = 1
    deciders: Deciders | None = None  # of an open proposal, once people are declared
    delivery: dict[str, Any] = field(default_factory=dict)  # as `arena-delivery` last found it

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
            }
        )

    def text(self) -> str:
        """For the terminal."""
        return self._with_approvals(report.text(self.proposal, self.context))

    def brief(self) -> str:
        """For the terminal, after a decision."""
        return self._with_approvals(report.brief(self.proposal, self.context))

    def _with_approvals(self, text: str) -> str:
        """The text and who may decide it; while several people are asked, who said yes and how many are missing."""
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
        return View(proposal, context, delivery=kept)
    from ds_workflow.use_cases.arena import people

    given, needed = tuple(work.registry.approvals(proposal)), people.needed(work, proposal.problem)
    return View(proposal, context, given, needed, people.deciders(work, proposal), delivery=kept)


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

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-verify --json` and `arena-replay --json`."""
        return {"ok": self.ok, "checked": self.checked, "problems": list(self.problems)}

    def text(self) -> str:
        """For the terminal."""
        if self.ok:
            return f"{self.what}: {self.checked:,} checked, nothing wrong."
        return "\n".join([f"{self.what}: {len(self.problems)} of {self.checked:,} wrong.", *self.problems])
