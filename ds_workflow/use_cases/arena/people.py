"""Who may decide a proposal: how many people it takes, and whose interest bars them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import authorship, governance, hypotheses
from ds_workflow.domain import quorum
from ds_workflow.errors import WorkflowError
from registry.quorum import Rule

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal


def needed(work: Workspace, problem: str) -> int:
    """How many approvers without an interest a proposal takes; in solo mode one."""
    return quorum.people(governance.materiality(work.settings, problem)) if work.people else 1


def rule(work: Workspace, proposal: Proposal) -> Rule:
    """What a decision on this proposal asks of people, as the documents and their authors are now."""
    if not work.people:
        return Rule()
    found = governance.materiality(work.settings, proposal.problem)
    return Rule(quorum.people(found), _interests(work, proposal), found.words)


def _interests(work: Workspace, proposal: Proposal) -> dict[str, str]:
    barred: dict[str, str] = {}
    for name in authorship.last_editor(work.settings.policy(proposal.problem)):
        barred[name] = "edited the policy of this evidence last"
    if proposal.hypothesis is None:
        return barred
    ident = proposal.hypothesis.id
    lock = work.registry.hypothesis_lock(proposal.problem, ident)
    try:
        document = hypotheses.of(work.settings).load(ident)
        for name in authorship.last_editor(hypotheses.of(work.settings).path_for(ident)):
            barred[name] = "edited the hypothesis last"
        barred[document.owner] = "wrote its hypothesis"
    except (WorkflowError, OSError):
        pass  # a document that is gone invalidates the evidence, which is said elsewhere
    if lock is not None:
        barred[lock.by] = "locked its hypothesis by training on it"
    return barred
