"""Two people: whose interest bars them from a decision, and how many others it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from registry.errors import Conflict, NotEligible
from registry.records import Event, Proposal

ASKS = "asks"  # the part of a proposal's summary that binds what was asked of people when it was written


@dataclass(frozen=True)
class Approval:
    """One person's yes, of the several that a decision needs."""

    by: str
    at: str
    reason: str

    @staticmethod
    def of(told: Event) -> Approval:
        """The approval that an event tells of."""
        return Approval(str(told.body["by"]), told.at, str(told.body["reason"]))


@dataclass(frozen=True)
class Rule:
    """What a decision asks beside the verdict: `people` who approve, and whose `interests` bar them.

    `interests` maps a name to the end of a sentence: `{"olga": "wrote its hypothesis"}`. The owner is always in it.
    """

    people: int = 1
    interests: Mapping[str, str] | None = None
    why: str = ""  # what asks for so many
    tier: int | None = None  # of the problem, by how much hangs on it
    unknown: tuple[str, ...] = ()  # of what the evidence rests on: the files whose editors nobody knows
    refused: str = ""  # why nobody can decide now, whoever it is: a sentence

    def all_interests(self, owner: str) -> dict[str, str]:
        """The owner's and the others', the owner's first."""
        return {owner: "owns this candidate", **{k: v for k, v in (self.interests or {}).items() if k.strip()}}

    def strictest(self, proposal: Proposal) -> Rule:
        """This rule, or what the proposal bound when it was written where that asks for more people."""
        bound = proposal.summary.get(ASKS)
        then = bound if isinstance(bound, Mapping) else {}
        people, tier = int(then.get("people") or 0), int(then.get("tier") or 0)
        stricter = replace(self, people=people, why=f"{then.get('why')}, when it was proposed")
        found = stricter if people > self.people else self
        return replace(found, tier=min(tier, self.tier or tier)) if tier else found

    def require_open(self) -> None:
        """Raise Conflict when nobody can decide by this rule now."""
        if self.refused:
            raise Conflict(self.refused, hint="Commit the change, or take it back, and decide then.")


ALONE = Rule()  # of what asks nobody but the one who does it: a rollback, a rejection


def same_person(one: str, other: str) -> bool:
    """Names are compared without case and surrounding blanks."""
    return one.strip().casefold() == other.strip().casefold()


def interest(interests: Mapping[str, str], name: str) -> str:
    """The interest that bars a person, as the end of a sentence; empty without one."""
    return next((why for who, why in interests.items() if same_person(who, name)), "")


def require_satisfiable(approvers: Sequence[str], rule: Rule, owner: str) -> None:
    """Raise NotEligible when so many approvers without an interest do not exist: nobody could ever decide."""
    barred = rule.all_interests(owner)
    free = [name for name in approvers if not interest(barred, name)]
    if len(free) >= rule.people:
        return
    whose = "; ".join(f"{name} {why}" for name in approvers if (why := interest(barred, name)))
    raise NotEligible(
        f"Nobody could decide this: it takes {_people(rule.people)}{f' ({rule.why})' if rule.why else ''}, and without "
        f"an interest in it {'are' if len(free) > 1 else 'is'} only {', '.join(free) or 'nobody'}"
        f"{f' ({whose})' if whose else ''}.",
        hint="Add an approver with 'user-add NAME --role approver', or let somebody else own the work.",
    )


def counted(given: Iterable[Approval], approvers: Sequence[str], rule: Rule, owner: str) -> list[Approval]:
    """The approvals that count: each person once, still an approver, without an interest."""
    barred, found = rule.all_interests(owner), list[Approval]()
    for approval in given:
        known = any(same_person(approval.by, name) for name in approvers)
        twice = any(same_person(approval.by, other.by) for other in found)
        if known and not twice and not interest(barred, approval.by):
            found.append(approval)
    return found


def _people(count: int) -> str:
    return "one approver" if count == 1 else f"{count} approvers"
