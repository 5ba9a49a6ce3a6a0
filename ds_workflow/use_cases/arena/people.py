"""Who may decide a proposal: how many people it takes, and whose interest bars them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import authorship, governance, hypotheses
from ds_workflow.domain import quorum
from ds_workflow.errors import WorkflowError
from registry import deciding
from registry.quorum import Rule, interest, require_satisfiable, same_person

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal

AUTHOR = "wrote its hypothesis"


@dataclass(frozen=True)
class Deciders:
    """Who may decide a proposal: approvers without an interest in it, and those whom one bars, with what it is.

    `stranger` is the author that the hypothesis names where nobody of that name is declared: it bars nobody.
    """

    may: tuple[str, ...]
    barred: Mapping[str, str]
    stranger: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A part of `arena-show --json`."""
        return {"may": list(self.may), "barred": dict(self.barred), "undeclared_author": self.stranger or None}

    def words(self) -> str:
        """One sentence, or two."""
        not_ = "".join(f"; not {name}, who {why}" for name, why in self.barred.items())
        told = f"Approvers without an interest in it: {', '.join(self.may) or 'nobody'}{not_}."
        if self.stranger:
            told += (
                f" Its hypothesis names '{self.stranger}' as its author, whom nobody here is declared as, so that bars "
                "nobody: write a user's name there."
            )
        return told


def deciders(work: Workspace, proposal: Proposal) -> Deciders | None:
    """Who may decide an open proposal; None in solo mode, where anybody may and it is stamped."""
    known = work.people
    if not known:
        return None
    told = proposal.summary.get("override") if proposal.kind == "override" else None
    asked = override_rule(work, proposal, asked_by=str(told["by"])) if told else rule(work, proposal)
    interests = asked.all_interests(proposal.owner)
    can = deciding.approvers(known)
    barred = {name: why for name in can if (why := interest(interests, name))}
    author = next((name for name, why in interests.items() if why == AUTHOR), "")
    stranger = author if not any(same_person(author, name) for name in known) else ""
    return Deciders(tuple(name for name in can if name not in barred), barred, stranger)


def needed(work: Workspace, problem: str) -> int:
    """How many approvers without an interest a proposal takes; in solo mode one."""
    return quorum.people(governance.materiality(work.settings, problem)) if work.people else 1


def rule(work: Workspace, proposal: Proposal) -> Rule:
    """What a decision on this proposal asks of people, as the documents and their authors are now."""
    if not work.people:
        return Rule()
    found = governance.materiality(work.settings, proposal.problem)
    return Rule(quorum.people(found), _interests(work, proposal), found.words)


def override_rule(work: Workspace, proposal: Proposal, *, asked_by: str) -> Rule:
    """What an override of this proposal asks of people: beside the rule for any decision, neither who asks for it nor
    who owns the candidate decides it."""
    told = proposal.summary.get("override") if proposal.kind == "override" else None
    found, owner = rule(work, proposal), str(told["owner"]) if told else proposal.owner
    barred = {asked_by: "asked for this override", owner: "owns the candidate"}
    return replace(found, interests={**(found.interests or {}), **barred}) if work.people else found


def require_decidable(work: Workspace, *, owner: str, hypothesis: str, also: Mapping[str, str] | None = None) -> None:
    """Refuse a comparison that nobody could decide in the end, before a look at the holdout is spent; `also` has an
    interest in it. Raises NotEligible with the names and what bars each.
    """
    if not work.people:
        return
    found = governance.materiality(work.settings, work.problem.name)
    barred = {
        **_of_policy(work, work.problem.name),
        **_of_hypothesis(work, work.problem.name, hypothesis),
        **(also or {}),
    }
    require_satisfiable(deciding.approvers(work.people), Rule(quorum.people(found), barred, found.words), owner)


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
    return barred | _of_hypothesis(work, proposal.problem, proposal.hypothesis.id)


def _of_hypothesis(work: Workspace, problem: str, ident: str) -> dict[str, str]:
    barred: dict[str, str] = {}
    lock = work.registry.hypothesis_lock(problem, ident)
    try:
        document = hypotheses.of(work.settings).load(ident)
        for name in authorship.last_editor(hypotheses.of(work.settings).path_for(ident)):
            barred[name] = "edited the hypothesis last"
        barred[document.owner] = AUTHOR
    except (WorkflowError, OSError):
        pass  # a document that is gone invalidates the evidence, which is said elsewhere
    if lock is not None:
        barred[lock.by] = "locked its hypothesis by training on it"
    return barred
