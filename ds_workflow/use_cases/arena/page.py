"""A proposal for the console: the same view as the stored report, and what the holdout has been spent on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ds_workflow import steps
from ds_workflow.errors import WorkflowError
from ds_workflow.reports import page as frame
from ds_workflow.reports import proposal_page, proposal_view, spending
from ds_workflow.reports.proposal_marks import marks
from ds_workflow.reports.svg import CHART_CSS
from ds_workflow.use_cases.arena import eligible
from ds_workflow.use_cases.arena.view import view

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
    marks: str  # in red: what was not the usual way


@dataclass(frozen=True)
class Page:
    """One proposal. `body` is HTML, everything in it escaped already; `open` says whether it can still be decided.

    `refusals` say of each of eligible.ACTIONS why the reader may not take it, empty where they may; `override` is what
    can be done of that kind: `ask`, `decide` or nothing, and `asked` the override that somebody asked for.
    """

    proposal: Proposal
    label: str
    headline: str
    body: str
    open: bool
    approvals: tuple[Approval, ...]  # given so far, of `needed`
    needed: int
    deciders: str  # who may decide it and who may not, in a sentence; empty in solo mode
    uses: tuple[HoldoutUse, ...]
    tally: str  # of the gates
    spending: str = ""  # what its holdout has left by now, in words
    refusals: Mapping[str, str] = field(default_factory=dict)
    override: str = ""
    asked: Proposal | None = None
    drift: str = ""  # how the champion stands where nobody decided it; decisions wait
    ways_out: tuple[str, ...] = ()  # the commands that end it


def styles() -> str:
    """The style sheet of reports and charts."""
    return f"{frame.PAGE_CSS}\n{CHART_CSS}\n"


def rows(work: Workspace) -> list[Row]:
    """The newest proposals of the workspace's problem, and every other that is open, newest first."""
    context = proposal_view.Context(now=work.registry.judged(work.problem.name))
    found = work.registry.present(work.problem.name, recent=SHOWN)
    return [Row(p, proposal_view.label(p, context), proposal_view.tally(p.gates), marks(p)) for p in found]


def read(work: Workspace, proposal_id: str, *, reader: str = "") -> Page:
    """One proposal, for the person who is logged in; NotFound when there is none of that id."""
    proposal = work.registry.proposal(proposal_id)
    shown = view(work, proposal)
    proposal = shown.proposal
    title, claim = _hypothesis(work, proposal)
    context = replace(shown.context, hypothesis_title=title, hypothesis_claim=claim, command="")
    uses = work.registry.holdout_uses(proposal.evidence.holdout_digest) if proposal.evidence.holdout_digest else []
    open_ = proposal.disposition == "open" and not proposal.expired(context.now)
    drift, ways_out = _custody(work) if open_ else ("", ())
    return Page(
        proposal=proposal,
        label=proposal_view.label(proposal, context),
        headline=proposal_view.headline(proposal),
        body=proposal_page.body(proposal, context),
        open=open_,
        approvals=shown.approvals,
        needed=shown.needed,
        deciders=shown.deciders.words() if shown.deciders else "",
        uses=tuple(uses),
        tally=proposal_view.tally(proposal.gates),
        spending=_spending(work, proposal, uses),
        refusals=eligible.refusals(work, proposal, reader) if open_ and reader else {},
        override=_override(proposal) if open_ else "",
        asked=eligible.asked_for(work, proposal) if open_ else None,
        drift=drift,
        ways_out=ways_out,
    )


def _override(proposal: Proposal) -> str:
    if proposal.kind == "override":
        return "decide"
    return "ask" if eligible.may_be_overridden(proposal) else ""


def _custody(work: Workspace) -> tuple[str, tuple[str, ...]]:
    """How the champion stands out of custody, in words, and the commands that bring it back; empty when it does not."""
    name = work.problem.name
    found = work.registry.custody(name)
    if found.status not in ("drifted", "unknown") or work.registry.half_applied(name) is not None:
        return "", ()
    return f"Custody is {found.status}: {found.detail}", steps.out_of_custody(name, found.status)


def _spending(work: Workspace, proposal: Proposal, uses: Sequence[HoldoutUse]) -> str:
    """The holdout's account as it is now, by the plan that the proposal was judged under."""
    from ds_workflow.adapters import holdout_account
    from ds_workflow.domain.holdout_spending import Spending

    plan = Spending.of(spending.of(proposal))
    if plan is None or not uses:
        return ""
    return spending.words(holdout_account.read(work.registry, proposal.evidence.holdout_digest).told(plan))


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
