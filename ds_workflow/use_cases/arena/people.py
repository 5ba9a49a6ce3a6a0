"""Who may decide a proposal: how many people it takes, and whose interest bars them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import authorship, governance, hypotheses
from ds_workflow.domain import quorum
from ds_workflow.errors import WorkflowError
from registry import deciding
from registry.quorum import Rule, require_satisfiable

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


def require_appointable(work: Workspace, *, owner: str, approved_by: str) -> None:
    """Refuse an appointment that its approver could not decide in the end, before anything is trained and a look at the
    holdout is spent. Raises InvalidRecord for an owner and NotEligible for an approver who can't be one."""
    if not work.people:
        return
    name = work.problem.name
    owner = deciding.require_owner(work.people, owner)
    found = governance.materiality(work.settings, name)
    asked = Rule(quorum.people(found), _of_policy(work, name), found.words)
    deciding.require_approver(work.people, approved_by, interests=asked.all_interests(owner))
    require_satisfiable(deciding.approvers(work.people), asked, owner)


def _of_policy(work: Workspace, problem: str) -> dict[str, str]:
    editors = authorship.last_editor(work.settings.policy(problem))
    return dict.fromkeys(editors, "edited the policy of this evidence last")


def _interests(work: Workspace, proposal: Proposal) -> dict[str, str]:
    barred = _of_policy(work, proposal.problem)
    if proposal.kind == "adopt":  # its owner is who asked for the adoption
        moved = work.registry.version(proposal.problem, proposal.challenger.version)
        barred[moved.lineage.owner] = "owns the candidate that was moved there"
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
