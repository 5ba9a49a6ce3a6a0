"""Who may decide a proposal: how many people it takes, and whose interest bars them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import governance, hypotheses
from ds_workflow.domain import quorum
from ds_workflow.errors import WorkflowError
from ds_workflow.use_cases.arena import editors
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
    `unknown` are the files of the evidence whose editors git does not know, `refused` says why nobody can decide now.
    """

    may: tuple[str, ...]
    barred: Mapping[str, str]
    stranger: str = ""
    unknown: tuple[str, ...] = ()
    refused: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A part of `arena-show --json`."""
        return {"may": list(self.may), "barred": dict(self.barred), "undeclared_author": self.stranger or None,
                "editors_unknown": list(self.unknown), "refused": self.refused or None}  # fmt: skip

    def words(self) -> str:
        """One sentence, or two."""
        not_ = "".join(f"; not {name}, who {why}" for name, why in self.barred.items())
        told = f"Approvers without an interest in it: {', '.join(self.may) or 'nobody'}{not_}."
        if self.stranger:
            told += (
                f" Its hypothesis names '{self.stranger}' as its author, whom nobody here is declared as, so that bars "
                "nobody: write a user's name there, or declare what that person is called ('user-add --update --name')."
            )
        return " ".join(filter(None, (self.refused, told, editors.unknown_words(self.unknown))))


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
    may = () if asked.refused else tuple(name for name in can if name not in barred)
    return Deciders(may, barred, stranger, asked.unknown, asked.refused)


def needed(work: Workspace, proposal: Proposal) -> int:
    """How many approvers without an interest a proposal takes, by what it bound or by what holds now, whichever asks
    for more; in solo mode one."""
    return _asked(work, proposal.problem).strictest(proposal).people if work.people else 1


def rule(work: Workspace, proposal: Proposal) -> Rule:
    """What a decision on this proposal asks of people: as the documents and their authors are now, and as it bound."""
    if not work.people:
        return Rule()
    hypothesis = proposal.hypothesis.id if proposal.hypothesis else ""
    edited = editors.of(work, proposal.problem, hypothesis)
    asked = replace(
        _asked(work, proposal.problem), interests=_interests(work, proposal, edited), unknown=edited.unknown,
        refused=edited.refusal(),
    )  # fmt: skip
    return asked.strictest(proposal)


def bind(work: Workspace, summary: Mapping[str, Any], hypothesis: str = "") -> dict[str, Any]:
    """The summary of a proposal that is being written, with what it asks of people: tier, number, and the policy and
    materiality of this moment. Once people are declared it notes what git does not know of who edited its evidence."""
    problem = work.problem.name
    bound = quorum.bound(governance.materiality(work.settings, problem), **editors.versions(work, problem))
    note = editors.of(work, problem, hypothesis).note() if work.people else ""
    return {**summary, **bound, "notes": [*(summary.get("notes") or ()), *filter(None, (note,))]}


def _asked(work: Workspace, problem: str) -> Rule:
    found = governance.materiality(work.settings, problem)
    return Rule(quorum.people(found), None, found.words, tier=found.tier)


def override_rule(work: Workspace, proposal: Proposal, *, asked_by: str, over: Rule | None = None) -> Rule:
    """What an override of this proposal asks of people: beside the rule for any decision (`over`, where it is known
    already: it asks git), neither who asks for it nor who owns the candidate decides it."""
    told = proposal.summary.get("override") if proposal.kind == "override" else None
    found, owner = over or rule(work, proposal), str(told["owner"]) if told else proposal.owner
    barred = {asked_by: "asked for this override", owner: "owns the candidate"}
    return replace(found, interests={**(found.interests or {}), **barred}) if work.people else found


def require_decidable(work: Workspace, *, owner: str, hypothesis: str, also: Mapping[str, str] | None = None) -> None:
    """Refuse a comparison that nobody could decide in the end, before a look at the holdout is spent; `also` has an
    interest in it. Raises NotEligible with the names and what bars each.
    """
    if not work.people:
        return
    name = work.problem.name
    edited = editors.of(work, name, hypothesis)
    barred = {**edited.barred, **_of_hypothesis(work, name, hypothesis), **(also or {})}
    require_satisfiable(deciding.approvers(work.people), replace(_asked(work, name), interests=barred), owner)


def require_appointable(work: Workspace, *, owner: str, approved_by: str) -> None:
    """Refuse an appointment that its approver could not decide in the end, before anything is trained and a look at the
    holdout is spent. Raises InvalidRecord for an owner and NotEligible for an approver who can't be one."""
    if not work.people:
        return
    name = work.problem.name
    owner = deciding.require_owner(work.people, owner)
    edited = editors.of(work, name)
    asked = replace(_asked(work, name), interests=edited.barred, refused=edited.refusal())
    asked.require_open()
    deciding.require_approver(work.people, approved_by, interests=asked.all_interests(owner))
    require_satisfiable(deciding.approvers(work.people), asked, owner)


def _interests(work: Workspace, proposal: Proposal, edited: editors.Editors) -> dict[str, str]:
    barred = dict(edited.barred)
    if proposal.kind == "adopt":  # its owner is who asked for the adoption
        moved = work.registry.version(proposal.problem, proposal.challenger.version)
        barred[moved.lineage.owner] = "owns the candidate that was moved there"
    if proposal.hypothesis is None:
        return barred
    return barred | _of_hypothesis(work, proposal.problem, proposal.hypothesis.id)


def _of_hypothesis(work: Workspace, problem: str, ident: str) -> dict[str, str]:
    barred: dict[str, str] = {}
    lock = work.registry.hypothesis_lock(problem, ident)
    with suppress(WorkflowError, OSError):  # a document that is gone invalidates the evidence, which is said elsewhere
        barred[work.known_as(hypotheses.of(work.settings).load(ident).owner)] = AUTHOR
    if lock is not None:
        barred[lock.by] = "locked its hypothesis by training on it"
    return barred
