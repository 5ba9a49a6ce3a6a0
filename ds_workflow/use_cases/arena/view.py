"""What commands of the arena hand to their faces: one proposal, or what a check found. Imports no data library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.reports import proposal as report

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal


@dataclass(frozen=True)
class View:
    """One proposal, ready to be shown."""

    proposal: Proposal
    context: report.Context

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-show --json`."""
        return report.to_json(self.proposal)

    def text(self) -> str:
        """For the terminal."""
        return report.text(self.proposal, self.context)

    def brief(self) -> str:
        """For the terminal, after a decision."""
        return report.brief(self.proposal, self.context)


def view(work: Workspace, proposal: Proposal) -> View:
    """A proposal with what its pages show around it."""
    from registry.records import utc_text

    decisions = tuple(work.registry.decisions(proposal.id))
    now = utc_text(work.clock())
    command = "./scripts/ds_workflow.sh"
    if work.settings.root != Path.cwd():
        command += f" --workspace {work.settings.root}"
    context = report.Context(
        problem_title=work.problem.title,
        decisions=decisions,
        now=now,
        command=command,
        traffic=_traffic(work, proposal),
    )
    return View(proposal, context)


def _traffic(work: Workspace, proposal: Proposal) -> str:
    """The newest result of the challenger in live traffic, as the chain of events binds it to this proposal."""
    told = [event for event in work.registry.events(kind="traffic_result") if event.subject == proposal.id]
    if not told:
        return ""
    body = told[-1].body
    return f"{body['trial']}: {body['verdict']}; {body['note']} (result {str(body['digest'])[:12]}, {told[-1].at})"


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
