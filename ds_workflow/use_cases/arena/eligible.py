"""Whether a person may take a decision, told before they try, in the words in which it would be refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ds_workflow.use_cases.arena import people
from registry import deciding, signing
from registry.errors import RegistryError
from registry.quorum import Rule, counted, require_satisfiable, same_person

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal

ACTIONS = ("approve", "reject", "ask", "override")
TWO = "An override takes two declared people, and here nobody is declared: 'user-add' declares them."


def refusals(work: Workspace, proposal: Proposal, by: str) -> Mapping[str, str]:
    """Why `by` may not take each of ACTIONS on an open proposal; empty where they may. It changes nothing.

    `ask` is asking for an override of it, `override` deciding one that was asked for.
    """
    rule = people.rule(work, proposal)
    checks: dict[str, Callable[[], None]] = {
        "approve": lambda: _approve(work, proposal, by, rule),
        "reject": lambda: _close(work, by),
        "ask": lambda: _ask(work, proposal, by, rule),
        "override": lambda: _approve(
            work, proposal, by, people.override_rule(work, proposal, asked_by=proposal.owner, over=rule)
        ),
    }
    return {action: _refusal(checks[action]) for action in ACTIONS}


def may_be_overridden(proposal: Proposal) -> bool:
    """Whether asking for an override of it makes sense at all, whoever asks."""
    return proposal.kind == "promotion" and proposal.verdict in ("fail", "inconclusive")


def asked_for(work: Workspace, proposal: Proposal) -> Proposal | None:
    """The open override that somebody asked for of this proposal."""
    if not may_be_overridden(proposal):
        return None
    now = work.registry.now()
    found = work.registry.proposals(proposal.problem, challenger=proposal.challenger.digest)
    return next((p for p in found if p.kind == "override" and p.disposition == "open" and not p.expired(now)
                 and p.summary["override"]["of"] == proposal.id), None)  # fmt: skip


def _refusal(check: Callable[[], None]) -> str:
    try:
        check()
    except RegistryError as error:
        return f"{error} {error.hint}".strip()
    return ""


def _key(work: Workspace, by: str) -> None:
    """Where whoever asks here lacks the key that signs for this person, nothing is decided."""
    key = signing.active_key(work.registry.key_events(), by)
    signing.require_signer(work.signer if key else None, key, by)


def _approve(work: Workspace, proposal: Proposal, by: str, rule: Rule) -> None:
    known = work.people
    deciding.require_approver(known, by, interests=rule.all_interests(proposal.owner))
    can = deciding.approvers(known)
    if known:
        rule.require_open()
        require_satisfiable(can, rule, proposal.owner)
    given = counted(work.registry.approvals(proposal), can, rule, proposal.owner)
    if any(same_person(approval.by, by) for approval in given):
        raise RegistryError(f"You said yes already; {rule.people - len(given)} more of {rule.people} are needed.")
    _key(work, by)


def _close(work: Workspace, by: str) -> None:
    deciding.require_declared(work.people, by)
    deciding.require_human(work.people, by, "close a proposal")
    _key(work, by)


def _ask(work: Workspace, proposal: Proposal, by: str, rule: Rule) -> None:
    known = work.people
    if not known:
        raise RegistryError(TWO)
    deciding.require_declared(known, by)
    deciding.require_human(known, by, "ask for an override")
    barred = people.override_rule(work, proposal, asked_by=by, over=rule)
    require_satisfiable(deciding.approvers(known), barred, by)
    _key(work, by)
