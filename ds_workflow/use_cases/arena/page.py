"""A proposal for the console: the same view as the stored report, and what the holdout has been spent on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ds_workflow.errors import WorkflowError
from ds_workflow.reports import page as frame
from ds_workflow.reports import proposal_page, proposal_view
from ds_workflow.reports.svg import CHART_CSS
from ds_workflow.use_cases.arena.view import view
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import HoldoutUse, Proposal


@dataclass(frozen=True)
class Row:
    """One line of the list of proposals."""

    proposal: Proposal
    label: str
    gates: str


@dataclass(frozen=True)
class Page:
    """One proposal. `body` is HTML, everything in it escaped already; `open` says whether it can still be decided."""

    proposal: Proposal
    label: str
    headline: str
    body: str
    open: bool
    uses: tuple[HoldoutUse, ...]

    @property
    def spent(self) -> float:
        """The error rate that every comparison on this holdout has spent, added up (Bonferroni's bound)."""
        return sum(use.alpha for use in self.uses)


def styles() -> str:
    """The style sheet of reports and charts."""
    return f"{frame.PAGE_CSS}\n{CHART_CSS}\n"


def rows(work: Workspace) -> list[Row]:
    """The proposals of the workspace's problem, newest first."""
    context = proposal_view.Context(now=utc_text(work.clock()))
    found = sorted(work.registry.proposals(work.problem.name), key=lambda p: p.id, reverse=True)
    return [Row(p, proposal_view.label(p, context), proposal_view.tally(p.gates)) for p in found]


def read(work: Workspace, proposal_id: str) -> Page:
    """One proposal; NotFound when there is none of that id."""
    proposal = work.registry.proposal(proposal_id)
    shown = view(work, proposal)
    title, claim = _hypothesis(work, proposal)
    context = replace(shown.context, hypothesis_title=title, hypothesis_claim=claim, command="")
    uses = work.registry.holdout_uses(proposal.evidence.holdout_digest) if proposal.evidence.holdout_digest else []
    return Page(
        proposal=proposal,
        label=proposal_view.label(proposal, context),
        headline=proposal_view.headline(proposal),
        body=proposal_page.body(proposal, context),
        open=proposal.disposition == "open" and not proposal.expired(context.now),
        uses=tuple(uses),
    )


def _hypothesis(work: Workspace, proposal: Proposal) -> tuple[str, str]:
    """Title and claim as the document says them now; empty when it is gone or can't be read."""
    if proposal.hypothesis is None:
        return "", ""
    from ds_workflow.adapters import hypotheses

    try:
        document = hypotheses.of(work.settings).load(proposal.hypothesis.id)
    except (WorkflowError, OSError):
        return "", ""
    return document.title, str(document.claim)
