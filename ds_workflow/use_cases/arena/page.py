"""A proposal for the console: the same view as the stored report, and what the holdout has been spent on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ds_workflow.errors import WorkflowError
from ds_workflow.reports import page as frame
from ds_workflow.reports import proposal_page, proposal_view, spending
from ds_workflow.reports.svg import CHART_CSS
from ds_workflow.use_cases.arena.view import view
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.quorum import Approval
    from registry.records import HoldoutUse, Proposal

SHOWN = 100  # proposals of the past that the list goes back to


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
    approvals: tuple[Approval, ...]  # given so far, of `needed`
    needed: int
    uses: tuple[HoldoutUse, ...]
    spending: str = ""  # what its holdout has left by now, in words


def styles() -> str:
    """The style sheet of reports and charts."""
    return f"{frame.PAGE_CSS}\n{CHART_CSS}\n"


def rows(work: Workspace) -> list[Row]:
    """The newest proposals of the workspace's problem, and every other that is open, newest first."""
    context = proposal_view.Context(now=utc_text(work.clock()))
    found = work.registry.present(work.problem.name, recent=SHOWN)
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
        approvals=shown.approvals,
        needed=shown.needed,
        uses=tuple(uses),
        spending=_spending(work, proposal, uses),
    )


def _spending(work: Workspace, proposal: Proposal, uses: Sequence[HoldoutUse]) -> str:
    """The holdout's account as it is now, by the plan that the proposal was judged under."""
    from ds_workflow.domain.holdout_spending import Spending, account

    plan = spending.of(proposal)
    if not plan or not uses:
        return ""
    left = Spending(float(plan["alpha"]), plan["scheme"], int(plan["looks"]))
    reserved = work.registry.holdout_reserved(proposal.evidence.holdout_digest)
    return spending.words(left.told(account(uses, work.registry.proposal, reserved).taken))


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
