"""The end of the chain that no head kept outside covers yet: what is in it, and whether it is sound by itself.

The head is kept outside after the last step of every decision. So events after it were written by a command that was
stopped in between, or by somebody who went round the ledger: nothing covers them, or finishes what they began, before
they are found to be what a command would have written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from registry import chain, deciding, signing
from registry.errors import NotEligible, NotFound, Unreadable
from registry.laws import KEY_ADDED, KEY_REVOKED, Signatures
from registry.ports import Ledger
from registry.quorum import same_person
from registry.records import Event, Proposal, digest_of
from registry.stored import Links

DECIDES = (chain.DECISION, chain.MOVE)
TOLD = {chain.PROPOSAL, chain.CHANGED, KEY_ADDED, KEY_REVOKED, *DECIDES, *chain.SIGNED}
ACTIONS = {"approve": "approved", "reject": "rejected", "expire": "expired", "supersede": "superseded",
           "withdraw": "withdrawn", "invalidate": "invalidated"}  # fmt: skip
EFFECTS = {("none", "none"), ("none", "applying"), ("applying", "applied"), ("applying", "apply_failed"),
           ("apply_failed", "applying"), ("applied", "rolled_back")}  # fmt: skip
NAMED = 5  # events that are told one by one


def covered(tag: str) -> int:
    """The number of the event that a head kept outside is of; 0 for none."""
    seq = tag.partition(" ")[0]
    return int(seq) if seq.isdecimal() else 0


def beyond(ledger: Ledger, problem: str, tag: str) -> list[Event]:
    """What decided on a problem after the head kept outside, oldest first."""
    after = covered(tag)
    told = sorted((e for kind in DECIDES for e in ledger.events(after=after, kind=kind)), key=lambda e: e.seq)
    return [event for event in told if _problem(ledger, event) in (problem, None)]


def words(events: Sequence[Event]) -> str:
    """Who did what, in a line."""
    named = [f"event {e.seq}, {_what(e)} by {e.body.get('by', 'nobody')} at {e.at}" for e in events[:NAMED]]
    more = len(events) - NAMED
    return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])


def _what(event: Event) -> str:
    did = str(event.body.get("action", event.kind)) if event.kind == chain.DECISION else event.kind
    return f"{did} of {event.subject}"


def unsound(ledger: Ledger, problem: str, tag: str, people: deciding.People | None) -> list[str]:
    """What in the events after the head kept outside no command would have written, one sentence each.

    The chain there, each proposal's way from state to state, its row and its decision; that the decider could decide by
    what is recorded of people (`people`; None: not known here), and signed if they have a key.
    """
    after = covered(tag)
    faults: list[str] = []
    with ledger.reading(faults=faults):
        try:
            found = list(_unsound(ledger, problem, after, people))
        except (Unreadable, TypeError, ValueError, AttributeError) as error:  # values that no command writes
            found = [str(error)]
    return faults + found


def _unsound(ledger: Ledger, problem: str, after: int, people: deciding.People | None) -> Iterator[str]:
    at = ledger.event(after)
    walk = Links(at.seq, at.hash) if at else Links()
    for page in ledger.stored_events(after=after):
        yield from walk.page(page)[0]
    end = [event for kind in sorted(TOLD) for event in ledger.events(after=after, kind=kind)]
    end.sort(key=lambda e: e.seq)
    yield from _unsigned(ledger, end, after)
    of = defaultdict[str, list[Event]](list)
    for event in end:
        of[event.subject].append(event)
    for ident in sorted({e.subject for e in end if e.kind in (chain.CHANGED, *DECIDES)}):
        try:
            proposal = ledger.proposal(ident)
        except NotFound:
            yield f"Events after {after} decide on '{ident}', which is no proposal."
            continue
        if proposal.problem == problem:
            yield from _strange(ledger, proposal, of[ident], after, people)


def _unsigned(ledger: Ledger, end: Sequence[Event], after: int) -> Iterator[str]:
    before = (e for kind in (KEY_ADDED, KEY_REVOKED) for e in ledger.events(kind=kind) if e.seq <= after)
    walk = Signatures({s.seq: vars(s) for s in ledger.signatures(after=after)}, {}, signing.verified)
    for event in sorted(before, key=lambda e: e.seq):
        actor, key = signing.person(str(event.body.get("actor", ""))), str(event.body.get("key", ""))
        walk.keys.pop(actor, None)
        if event.kind == KEY_ADDED:
            walk.keys[actor] = key
    walk.owners = bool(ledger.events(kind=chain.REGISTERED, limit=1))
    for event in end:
        yield from walk.wrong(event.seq, event.kind, event.subject, event.body, event.hash)


def _strange(
    ledger: Ledger, proposal: Proposal, told: Sequence[Event], after: int, people: deciding.People | None
) -> Iterator[str]:
    """Where the events about one proposal are not those of a command."""
    ident = proposal.id
    states = [e for e in told if e.kind in (chain.PROPOSAL, chain.CHANGED)]
    if not states or digest_of(chain.plain(chain.proposal_body(proposal))) != digest_of(states[-1].body):
        yield f"Proposal '{ident}' is not what the events after {after} say of it."
    before = [e for e in _states(ledger, ident) if e.seq <= after][-1:]
    for one, other in zip([*before, *states], states if before else states[1:], strict=False):
        if (why := _illegal(one.body, other.body)) or other.kind != chain.CHANGED:
            yield f"Event {other.seq} changes '{ident}' as no command does: {why or 'it is written twice'}."
    closed = [e for e in states if e.body.get("disposition") != "open"]
    was_open = not before or before[0].body.get("disposition") == "open"
    decisions = [e for e in told if e.kind == chain.DECISION]
    if (wanted := int(bool(closed) and was_open)) != len(decisions):
        yield f"'{ident}' has {len(decisions)} decisions after event {after}, and its states ask for {wanted}."
        return
    for event in decisions:
        yield from _wrong_decision(ledger, proposal, event, people)


def _states(ledger: Ledger, ident: str) -> list[Event]:
    kinds = (chain.PROPOSAL, chain.CHANGED)
    return sorted((e for kind in kinds for e in ledger.events(kind=kind, subject=ident)), key=lambda e: e.seq)


def _illegal(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Why a proposal does not go from one state to the other; empty when it does."""
    same = ("problem", "kind", "verdict", "evidence_digest")
    if changed := [name for name in same if one.get(name) != other.get(name)]:
        return f"its {', '.join(changed)} is another one"
    if one.get("disposition") not in ("open", other.get("disposition")):
        return f"it was {one.get('disposition')} and became {other.get('disposition')}"
    if (one.get("effect"), other.get("effect")) not in EFFECTS:
        return f"its effect was {one.get('effect')} and became {other.get('effect')}"
    return "" if other.get("row_version") == one.get("row_version", 0) + 1 else "a state between is missing"


def _wrong_decision(ledger: Ledger, proposal: Proposal, event: Event, people: deciding.People | None) -> Iterator[str]:
    ident, body, what = proposal.id, event.body, f"The decision on '{proposal.id}' (event {event.seq})"
    rows = [digest_of(asdict(row)) for row in ledger.decisions(ident)]
    if rows != [digest_of(body)]:
        yield f"{what} is not the one that is stored."
    says = (body.get("by"), body.get("at"), body.get("evidence_digest"), ACTIONS.get(str(body.get("action"))))
    if says != (proposal.decided_by, proposal.decided_at, proposal.digest, proposal.disposition):
        yield f"{what} does not say what became of it."
    if proposal.disposition != "approved":
        return
    if proposal.verdict != "pass" and proposal.kind != "override":
        yield f"{what} approves a verdict of {proposal.verdict}."
    looks = {"rollback": None, "override": chain.OVERRIDE}.get(proposal.kind, chain.HOLDOUT)
    if looks and not ledger.events(kind=looks, subject=ident):
        yield f"{what} approves a {proposal.kind} that no '{looks}' stands before."
    stood = [e.body for e in ledger.events(kind=chain.STANDING, subject=ident) if e.seq < event.seq]
    stood = [b for b in stood if b.get("action") == "approve" and same_person(str(b.get("by")), str(body.get("by")))]
    if not stood:
        yield f"{what}: nothing says how {body.get('by')} could decide it."
    elif people is not None:
        yield from (f"{what}: {why}" for why in _ineligible(ledger, proposal, stood[-1], people))


def _ineligible(ledger: Ledger, proposal: Proposal, stood: Mapping[str, Any], people: deciding.People) -> Iterable[str]:
    """Why the decider could not decide, by who is declared now and what stands beside the decision."""
    by = str(proposal.decided_by)
    if bool(stood.get("solo")) == bool(people):
        yield f"it says {'nobody was' if people else 'somebody was'} declared, and that is not so."
        return
    barred = {} if proposal.kind == "rollback" else {str(k): str(v) for k, v in stood.get("barred", {}).items()}
    if proposal.kind != "rollback":
        barred = {proposal.owner: "owns this candidate", **barred}
    try:
        alone = deciding.require_approver(people, by, interests=None if proposal.kind == "rollback" else barred)
    except NotEligible as error:
        yield str(error)
        return
    if proposal.self_approved != alone:
        yield "its mark of self-approval is not as it should be."
    given = {by.strip().casefold()}
    for event in ledger.events(kind=chain.APPROVAL, subject=proposal.id):
        if event.body.get("evidence_digest") == proposal.digest:
            given.add(str(event.body.get("by")).strip().casefold())
    if people and len(given) < int(stood.get("asks", 1)):
        yield f"it takes {stood.get('asks')} people, and {len(given)} approved."


def _problem(ledger: Ledger, event: Event) -> str | None:
    """Whose event it is; None when its proposal is not there."""
    try:
        return ledger.proposal(event.subject).problem
    except (NotFound, Unreadable):
        return None
