"""What every decision shares: its checks, how it is written and signed, and how the others are closed by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from registry import chain, deciding, signing
from registry.applying import Applier
from registry.custody import pointed, require_bytes
from registry.errors import (
    ChampionExists,
    ChampionMoved,
    Conflict,
    EvidenceChanged,
    NoChampion,
    NotFound,
    OutOfCustody,
    Unavailable,
)
from registry.ports import Ledger, VersionStore
from registry.quorum import ALONE, Rule
from registry.reading import Reader
from registry.records import Event, Evidence, Proposal, VersionRef, digest_of, require_legal, utc_text
from registry.signing import Signer
from registry.timekeeping import Now


class Core(Reader):
    """The writing half's foundation, over one version store and one ledger.

    `people` maps declared names to roles; while it is empty the workspace is in solo mode, and every approval is
    stamped `self_approved`. It is asked at every decision, so a live mapping is seen as it is then.
    `signer` holds the key of whoever decides here, if there is one.
    `step_hook` is called with the name of each step of applying and of restoring (`registry.applying.STEPS`,
    `registry.resolving.RESTORE_STEPS`).
    """

    def __init__(
        self,
        *,
        versions: VersionStore,
        ledger: Ledger,
        clock: Callable[[], datetime],
        people: Mapping[str, Sequence[str]] | None = None,
        signer: Callable[[], Signer | None] = lambda: None,
        expires_after: timedelta = timedelta(days=14),
        step_hook: Callable[[str], None] = lambda step: None,
    ) -> None:
        super().__init__(versions=versions, ledger=ledger)
        self._clock = clock
        self._people: deciding.People = {} if people is None else people
        self._signer = signer
        self._expires_after = expires_after
        self._step = step_hook
        self._applier = Applier(versions, ledger, lambda: self._now().at, step_hook, self._people)

    # -- time --------------------------------------------------------------------------------------------------------

    def now(self) -> str:
        """The time by which proposals are judged: this machine's clock, but never before the ledger's newest event."""
        return self._now().text

    def require_clock(self) -> None:
        """Raise ClockBehind when this machine's clock is behind the ledger, before work is begun that it would date."""
        self._now().require_right()

    def _now(self) -> Now:
        return Now.look(self._clock(), self._ledger)

    def judged(self, problem: str) -> str:
        """The time by which proposals are judged, after what is expired by it was closed.

        Whoever sees a proposal expired makes it so, and no clock revives it. While the ledger can't be written it is
        only seen.
        """
        at = self.now()
        with suppress(Unavailable):
            self._close_expired(problem, at)
        return at

    def _close_expired(self, problem: str, at: str) -> None:
        due = [p for p in self._ledger.proposals(problem, disposition="open") if p.expired(at)]
        for proposal in due:
            with suppress(Conflict), self._ledger.transaction():  # somebody else closed it meanwhile
                self._write_closed(proposal, proposal.expire(at), "expire")
        if due:
            self._applier.tag_head(problem)

    # -- what every decision asks ------------------------------------------------------------------------------------

    def _require_present_champion(self, evidence: Evidence) -> None:
        present = pointed(self._ledger.moves(evidence.problem))
        if (half := self._applying(evidence.problem)) is not None:
            raise Conflict(
                f"The decision on '{half.id}' is half applied, and one is applied at a time.",
                hint="Any deciding command finishes it first; repeat this one after it.",
            )
        if evidence.kind == "bootstrap" and present is not None:
            raise ChampionExists(
                f"{evidence.problem} has a champion, version {present.version}; bootstrap is for one without.",
                hint="Train a candidate and run 'arena-propose'.",
            )
        if evidence.kind not in ("bootstrap", "adopt") and present is None:
            raise NoChampion(
                f"{evidence.problem} has no champion to challenge.", hint="Run 'bootstrap-champion' first."
            )
        if evidence.champion != present:
            raise ChampionMoved(
                f"The champion of {evidence.problem} is {_name(present)}; this was compared with "
                f"{_name(evidence.champion)}.",
                hint="Run 'arena-propose' again: it compares with the present champion.",
            )

    def _open_twin(self, evidence: Evidence, at: str) -> Proposal | None:
        challenger = evidence.challenger.digest
        for other in self._ledger.proposals(evidence.problem, disposition="open", challenger=challenger):
            if other.digest == evidence.digest:
                if not other.expired(at):
                    return other
                self._write_closed(other, other.expire(at), "expire")
        return None

    def _expire_if_due(self, proposal: Proposal, at: str) -> None:
        if proposal.expired(at):
            with self._ledger.transaction():
                self._write_closed(proposal, proposal.expire(at), "expire")
            self._applier.tag_head(proposal.problem)
            proposal.require_open(at)

    def _require_same_evidence(self, proposal: Proposal, recheck: Callable[[Proposal], Evidence], at: str) -> None:
        try:
            try:
                version = self._versions.version(proposal.problem, proposal.challenger.version)
                require_bytes(self._versions, version, proposal.challenger.digest)
            except (OutOfCustody, NotFound) as error:
                raise EvidenceChanged(
                    f"The evidence of '{proposal.id}' changed since it was written. {error}", hint=error.hint
                ) from error
            deciding.require_same_evidence(proposal, recheck(proposal))
        except EvidenceChanged as error:
            if proposal.disposition == "open":
                invalid = proposal.decided("invalidated", by="registry", at=at, reason=str(error))
                with self._ledger.transaction():
                    self._write_closed(proposal, invalid, "invalidate")
                self._applier.tag_head(proposal.problem)
            raise

    def _close(self, proposal_id: str, disposition: Any, action: str, by: str, reason: str) -> Proposal:
        at, proposal = self.now(), self._ledger.proposal(proposal_id)
        if deciding.is_repeat(proposal, disposition, by, reason):
            return proposal
        self._expire_if_due(proposal, at)
        closed = proposal.decided(disposition, by=by, at=at, reason=reason)
        with self._ledger.transaction():
            self._write_closed(proposal, closed, action)
        self._applier.tag_head(proposal.problem)
        return closed

    def _write_closed(self, before: Proposal, after: Proposal, action: str) -> None:
        self._ledger.update_proposal(before, require_legal(after), at=str(after.decided_at))
        self._decide(after, action)

    def _supersede_others(self, approved: Proposal, at: str) -> None:
        for other in self._ledger.proposals(approved.problem, disposition="open"):
            if other.champion == approved.champion and other.id != approved.id:
                if other.expired(at):
                    self._write_closed(other, other.expire(at), "expire")
                    continue
                by, reason = str(approved.decided_by), f"superseded by '{approved.id}'"
                closed = other.decided("superseded", by=by, at=at, reason=reason)
                self._write_closed(other, closed, "supersede")

    # -- the chain ---------------------------------------------------------------------------------------------------

    def _decide(self, proposal: Proposal, action: str, rule: Rule = ALONE) -> None:
        """Write the decision that was just taken, signed by its person when they have a key."""
        by = str(proposal.decided_by)
        self._stand(by, action, proposal.id, about=proposal, rule=rule)
        self._ledger.add_decision(deciding.decision(proposal, action))
        self._sign(self._ledger.head(), by)

    def require_people(self) -> None:
        """Raise Conflict when nobody is declared although somebody was: solo mode does not come back."""
        if not self._people and (told := self.declared_before()) is not None:
            raise Conflict(
                f"Nobody is declared here now, but people were when '{told.subject}' was written (event {told.seq}), "
                "and from then on only declared people decide.",
                hint="Put config/people.yaml back as it was, or add them with 'user-add'. No command ends the "
                "declaration: whoever wants to decide alone begins another workspace.",
            )

    def _stand(self, by: str, action: str, subject: str, *, about: Proposal | None, rule: Rule = ALONE) -> None:
        """Tell how the person of the next event was eligible then, and of the look at a holdout that it rests on."""
        if by not in deciding.NOBODY:
            self.require_people()
        roles = deciding.known_roles(self._people, by)
        asks_others = about is not None and action in deciding.DISINTERESTED and about.kind != "rollback"
        if by in deciding.NOBODY or (self._people and not roles):
            return
        self._ledger.add_event(
            at=utc_text(self._clock()), kind=chain.STANDING, subject=subject,
            body={
                "by": by,
                "action": action,
                "roles": sorted(roles),
                "people": digest_of({name: sorted(held) for name, held in self._people.items()}),
                "solo": not self._people,
                "asks": rule.people,
                "tier": rule.tier,
                "unknown_editors": list(rule.unknown),
                "barred": rule.all_interests(about.owner) if about and asks_others else {},
                "look": self._look_of(about) if about else None,
            },
        )  # fmt: skip

    def _look_of(self, proposal: Proposal) -> dict[str, Any] | None:
        """The look at a holdout that a proposal's evidence took, and how many there were by now; None without one."""
        digest = proposal.evidence.holdout_digest
        if not digest:
            return None
        first = proposal.summary.get("override") if proposal.kind == "override" else None
        ident = str(first["of"]) if isinstance(first, dict) else proposal.id  # an override rests on the other's look
        uses = self.holdout_uses(digest)
        return {
            "holdout": digest,
            "of": ident,
            "alpha": next((use.alpha for use in uses if use.proposal_id == ident), None),
            "uses": len(uses),
            "reserved": len(self.holdout_reserved(digest)),
        }

    def _tell(self, kind: str, subject: str, *, by: str, body: Mapping[str, Any]) -> Event:
        """Add an event that a person answers for, signed when they have a key."""
        told = self._ledger.add_event(at=utc_text(self._clock()), kind=kind, subject=subject, body={"by": by, **body})
        self._sign(told, by)
        return told

    def _sign(self, told: Event | None, by: str) -> None:
        signer = self._signer_of(by)
        if told is not None and signer is not None:
            self._ledger.add_signature(signer.sign(told, by))

    def _signer_of(self, by: str) -> Signer | None:
        """The key that signs for a person. Raises NotEligible when they have one and it is not at hand."""
        key = signing.active_key(self.key_events(), by)
        return signing.require_signer(self._signer() if key else None, key, by)


def _name(ref: VersionRef | None) -> str:
    return "nobody" if ref is None else f"version {ref.version} ({ref.digest[:12]})"
