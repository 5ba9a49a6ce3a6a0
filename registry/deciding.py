"""Who may decide, and what a proposal or a decision must satisfy: rules without a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from registry.errors import Conflict, EvidenceChanged, InvalidRecord, NotEligible
from registry.records import Decision, Evidence, ModelVersion, Proposal

People = Mapping[str, Sequence[str]]
ONLY_LOOK = {"viewer", "disabled"}


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


def same_person(one: str, other: str) -> bool:
    """Names are compared without case and surrounding blanks."""
    return one.strip().casefold() == other.strip().casefold()


def _roles(people: People, by: str) -> Sequence[str]:
    roles = next((roles for name, roles in people.items() if same_person(name, by)), None)
    if roles is None:
        declared = ", ".join(sorted(people))
        raise NotEligible(f"'{by}' is not declared in this workspace; declared are: {declared}.")
    return roles


def require_declared(people: People, by: str) -> None:
    """Once people are declared, only they take part; who only looks, or was disabled, does not."""
    if people and (roles := set(_roles(people, by))) and roles <= ONLY_LOOK:
        raise NotEligible(f"'{by}' is {' and '.join(sorted(roles))} here, and closes no proposal.")


def require_approver(people: People, by: str, *, owner: str | None) -> bool:
    """Whether this approval is the owner's own; NotEligible when `by` may not approve.

    While nobody is declared the owner may. A rollback passes no owner: nobody's work is waved through by it.
    """
    own = owner is not None and same_person(by, owner)
    if not people:
        return own
    roles = _roles(people, by)
    approvers = sorted(n for n, r in people.items() if "approver" in r and "service" not in r)
    may = f"Approvers here: {', '.join(approvers) or 'nobody yet'}."
    if "service" in roles:
        raise NotEligible(f"'{by}' is a service account, and only people approve.", hint=may)
    if "approver" not in roles:
        raise NotEligible(f"'{by}' does not have the role 'approver'.", hint=may)
    if own:
        raise NotEligible(f"'{by}' owns this candidate, and the approver must be somebody else.", hint=may)
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
