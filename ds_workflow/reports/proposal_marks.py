"""What was not the usual way: the red marks of a proposal, and who asked for an override. Pure."""

from __future__ import annotations

from ds_workflow.reports import proposal_claim
from ds_workflow.reports import proposal_view as view
from registry.records import Proposal


def stamps(proposal: Proposal) -> list[str]:
    """Marks that every view shows in red: what was not the usual way."""
    found = []
    if proposal.self_approved:
        found.append("SELF-APPROVED: decided in solo mode; no second person who is known here has looked")
    if proposal.kind == "override":
        found.append(_override_stamp(proposal))
    if proposal.kind == "adopt":
        found.append("ADOPTED AFTER THE FACT: the champion was moved outside the workflow")
    if claimed := proposal_claim.stamp(proposal):
        found.append(claimed)
    return found


def _override_stamp(proposal: Proposal) -> str:
    against = f"against the verdict of the gates, which is {proposal.verdict}"
    if proposal.disposition == "approved":
        return f"OVERRIDE: decided {against}"
    if proposal.disposition == "open":
        return f"OVERRIDE ASKED FOR: to be decided {against}"
    return f"OVERRIDE ASKED FOR, and not granted: {against}"


def marks(proposal: Proposal) -> str:
    """The stamps in a word each, for a cell of a table; empty for what was decided in the usual way."""
    asked = "" if proposal.disposition == "approved" else " ASKED FOR"
    words = {"override": f"OVERRIDE{asked}", "adopt": "ADOPTED AFTER THE FACT" if not asked else "ADOPTION ASKED FOR"}
    usual = "SELF-APPROVED" * proposal.self_approved, words.get(proposal.kind, ""), proposal_claim.mark(proposal)
    return ", ".join(filter(None, usual))


def override_words(proposal: Proposal) -> str:
    """Who asked for an override, of what and why; empty for any other proposal."""
    told = proposal.summary.get("override") if proposal.kind == "override" else None
    if not told:
        return ""
    return (
        f"Override asked for by {told.get('by')} on {view.moment(proposal.created_at)}, against verdict "
        f"{told.get('verdict')} of {told.get('of')}, whose candidate {told.get('owner')} owns: {told.get('reason')}"
    )
