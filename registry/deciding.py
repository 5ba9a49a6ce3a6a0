"""Who may decide, and what a proposal or a decision must satisfy: rules without a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from registry.errors import Conflict, EvidenceChanged, InvalidRecord, NotEligible, NotPromotable
from registry.quorum import interest, same_person
from registry.records import CLOCK, Decision, Evidence, ModelVersion, Proposal

People = Mapping[str, Sequence[str]]
Interests = Mapping[str, str]  # who has an interest in a proposal, and which, as the end of a sentence
ONLY_LOOK = {"viewer", "disabled"}
NO_PERSON = {"service", "agent"}
NOBODY = {CLOCK, "registry"}  # in whose name the registry itself closes a proposal
DISINTERESTED = {"approve", "approval", "override"}  # is decided by people without an interest in it


def require_name(by: str) -> str:
    """The name without blanks around it; InvalidRecord when nothing is left."""
    if not by.strip():
        raise InvalidRecord("A decision needs the name of the person who takes it.", hint="Give a name, not blanks.")
    return by.strip()


def require_reason(reason: str, what: str) -> str:
    """The reason without blanks around it; InvalidRecord when nothing is left."""
    if not reason.strip():
        raise InvalidRecord(f"{what} needs a reason.", hint="Say in a sentence why; it is kept for good.")
    return reason.strip()


def require_claim_reason(proposal: Proposal, reason: str) -> None:
    """Raise InvalidRecord when a challenger whose registered claim was refuted is approved without a word on why."""
    if proposal.hypothesis is not None and proposal.hypothesis.outcome == "refuted" and not reason.strip():
        raise InvalidRecord(
            f"The gates of '{proposal.id}' pass, but its claim, {proposal.hypothesis.id}, was refuted; approving it "
            "all the same needs a reason.",
            hint="Say in a sentence why (--reason WHY); it is kept for good, and the release check stays red. Or "
            "reject it, as its document plans.",
        )


def roles_of(people: People, by: str) -> Sequence[str]:
    """The roles of a declared person; NotEligible for anybody else."""
    roles = next((roles for name, roles in people.items() if same_person(name, by)), None)
    if roles is None:
        declared = ", ".join(sorted(people))
        raise NotEligible(
            f"'{by}' is not declared in this workspace; declared are: {declared}.",
            hint="Give the name of one of them, or declare this one: 'user-add NAME --role ROLE'.",
        )
    return roles


def known_roles(people: People, by: str) -> Sequence[str]:
    """The roles of a declared person; none for anybody else, as the clock."""
    return next((roles for name, roles in people.items() if same_person(name, by)), ())


def require_declared(people: People, by: str) -> None:
    """Once people are declared, only they take part; who only looks, or was disabled, does not."""
    if people and (roles := set(roles_of(people, by))) and roles <= ONLY_LOOK:
        raise NotEligible(f"'{by}' is {' and '.join(sorted(roles))} here, and decides nothing.")


def require_human(people: People, by: str, what: str) -> None:
    """Raise NotEligible for a service account or an agent; `what` only people do, as in "close a proposal"."""
    if people and NO_PERSON & set(roles_of(people, by)):
        raise NotEligible(
            f"'{by}' is a service account or an agent, and only people {what}.", hint="Let a person decide it."
        )


def require_owner(people: People, name: str) -> str:
    """The name as it was declared; InvalidRecord for an owner whom nobody declared, once people are.

    Work under a name that nobody has would bar nobody from approving it.
    """
    name = require_name(name)
    if people and not any(same_person(name, other) for other in people):
        raise InvalidRecord(
            f"'{name}' is not declared in this workspace, so nothing can be theirs; declared are: "
            f"{', '.join(sorted(people))}.",
            hint="Name one of them, or declare this one with 'user-add'.",
        )
    return declared_name(people, name)


def require_author(people: People, name: str, *, ident: str) -> None:
    """Raise InvalidRecord when the hypothesis `ident` names an owner whom nobody is declared as: it would bar nobody
    from approving what they wrote. Anybody while nobody is declared."""
    if people and not any(same_person(name, other) for other in people):
        raise InvalidRecord(
            f"{ident} names '{name}' as its owner, whom nobody here is declared as; declared are: "
            f"{', '.join(sorted(people))}.",
            hint=f"Write one of them there, or declare what that person is called: 'user-add NAME --update --name "
            f'"{name}"\', or `name:` in config/people.yaml.',
        )


def declared_name(people: People, by: str) -> str:
    """The name as it was declared; what was typed while nobody is declared, and for who is not."""
    return next((name for name in people if same_person(name, by)), by)


def approvers(people: People) -> list[str]:
    """Who may approve at all: people with the role, no programs."""
    return sorted(n for n, roles in people.items() if "approver" in roles and not NO_PERSON & set(roles))


def require_approver(people: People, by: str, *, interests: Interests | None) -> bool:
    """Whether this approval is stamped as the owner's own; NotEligible when `by` may not approve.

    While nobody is declared anybody may, and it is stamped: a name that nobody declared proves no second person. A
    rollback passes no interests: nobody's work is waved through by it.
    """
    if not people:
        return interests is not None
    roles, can = set(roles_of(people, by)), approvers(people)
    may = f"Approvers here: {', '.join(can) or 'nobody yet'}."
    if NO_PERSON & roles:
        raise NotEligible(f"'{by}' is a service account or an agent, and only people approve.", hint=may)
    if "approver" not in roles:
        raise NotEligible(f"'{by}' does not have the role 'approver'.", hint=may)
    if why := interest(interests or {}, by):
        left = ", ".join(name for name in can if not interest(interests or {}, name)) or "nobody"
        hint = f"{may} Without an interest in it: {left}."
        raise NotEligible(f"'{by}' {why}, and the approver must be somebody else.", hint=hint)
    return False


def require_eligible(version: ModelVersion, evidence: Evidence, registered_digest: str | None) -> None:
    """Raise unless this version may stand in the arena on this evidence (its bytes are checked elsewhere)."""
    name = f"{version.problem} version {version.version}"
    again = "Train it again with 'train-candidate'; a registered version is never mended."
    if missing := version.lineage.missing():
        raise InvalidRecord(f"{name} has no whole lineage; it lacks {', '.join(missing)}.", hint=again)
    if version.lineage.problem != evidence.problem:
        raise InvalidRecord(f"{name} was trained for {version.lineage.problem}.", hint=again)
    if version.status != "READY":
        raise Conflict(f"{name} is {version.status}, and only a READY one can be proposed.", hint=again)
    if registered_digest is None:
        raise Conflict(f"{name} was not registered by this workflow; its ledger does not know it.", hint=again)
    if {version.digest, registered_digest} != {evidence.challenger.digest}:
        raise Conflict(
            f"{name} was registered with digest {registered_digest}; the evidence is about "
            f"{evidence.challenger.digest} and the version now says {version.digest}.",
            hint=again,
        )
    if evidence.champion is not None and evidence.challenger.digest == evidence.champion.digest:
        raise Conflict(
            f"{name} is the champion's own artifact; registering it again does not make it a challenger.",
            hint="Train another candidate.",
        )


def require_fresh(evidence: Evidence, others: Iterable[Proposal]) -> None:
    """Raise Conflict when the same artifact was already decided, or is on trial, on the same evidence."""

    def question(e: Evidence) -> tuple[object, ...]:
        champion = e.champion.digest if e.champion else None
        return (e.kind, e.challenger.digest, champion, e.holdout_digest, e.policy_digest)

    for other in others:
        settled = other.disposition == "rejected" or (
            other.disposition == "approved" and other.effect != "apply_failed"
        )
        twin = other.disposition == "open" and other.challenger != evidence.challenger
        if question(other.evidence) == question(evidence) and (settled or twin):
            raise Conflict(
                f"This artifact was already compared with this champion on this holdout and policy: "
                f"'{other.id}' is {other.label}.",
                hint="A registered copy is not a new candidate. Train another one, or freeze a fresh holdout.",
            )


def require_same_evidence(proposal: Proposal, again: Evidence) -> None:
    """Raise EvidenceChanged, naming every field that differs from what the proposal binds."""
    was, now = asdict(proposal.evidence), asdict(again)
    changed = [f"{k}: was {was[k]}, now {now[k]}" for k in was if was[k] != now[k]]
    if changed:
        raise EvidenceChanged(
            f"The evidence of '{proposal.id}' changed since it was written: {'; '.join(changed)}.",
            hint="Find out what changed it, then run 'arena-propose' on what is there now.",
        )


def is_repeat(proposal: Proposal, disposition: str, by: str, reason: str) -> bool:
    """Whether this very decision was already taken: the same person, outcome and reason."""
    return (
        proposal.disposition == disposition
        and proposal.decided_by is not None
        and same_person(proposal.decided_by, by)
        and proposal.reason == reason
    )


def require_seen(proposal: Proposal, seen_digest: str | None) -> None:
    """Raise EvidenceChanged when the person looked at other evidence than the proposal binds."""
    if seen_digest is not None and seen_digest != proposal.digest:
        raise EvidenceChanged(
            f"You looked at evidence {seen_digest}; '{proposal.id}' binds {proposal.digest}.",
            hint="Nothing was decided. Open the proposal again and decide on what it shows.",
        )


def require_command(proposal: Proposal, *, override: bool) -> None:
    """An override is decided by its own command, and nothing else is."""
    if proposal.kind == "override" and not override:
        raise NotPromotable(
            f"'{proposal.id}' overrides the verdict {proposal.verdict}, and is not approved like any other.",
            hint=f"A second person types: arena-override --proposal-id {proposal.id} --by NAME --reason WHY",
        )
    if override and proposal.kind != "override":
        raise NotPromotable(f"'{proposal.id}' is no override.", hint="Ask for one first, with 'arena-override'.")


def decision(proposal: Proposal, action: str, *, reason: str | None = None) -> Decision:
    """The log's line for what was just decided on `proposal`."""
    return Decision(
        proposal_id=proposal.id,
        action=action,
        by=str(proposal.decided_by),
        at=str(proposal.decided_at),
        reason=proposal.reason if reason is None else reason,
        evidence_digest=proposal.digest,
        self_approved=proposal.self_approved,
    )


def require_uncounted(uses: int, before: int | None) -> None:
    """Raise Conflict when looks at the holdout were counted since this one's level was reckoned from `before`."""
    if before is not None and uses != before:
        raise Conflict(
            f"Another comparison looked at this holdout meanwhile: it was counted {before} times, and is now {uses}.",
            hint="Run the command again; the look gets the level that is left.",
        )
