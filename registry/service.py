"""The registry: the champion moves only by an applied decision, and everything about it is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from registry import chain, deciding
from registry.applying import Applier, Smoke
from registry.custody import pointed, require_bytes, require_custody, standing
from registry.errors import (
    ChampionExists,
    ChampionMoved,
    Conflict,
    EvidenceChanged,
    InvalidRecord,
    NoChampion,
    NotEligible,
    NotFound,
    OutOfCustody,
)
from registry.ports import Ledger, RunRecord, VersionStore
from registry.reading import Reader
from registry.records import (
    Event,
    Evidence,
    GateResult,
    HoldoutUse,
    HypothesisLock,
    HypothesisRef,
    ModelVersion,
    PointerMove,
    Proposal,
    SnapshotRecord,
    VersionRef,
    digest_of,
    proposal_id,
    require_legal,
    utc_text,
)


class Registry(Reader):
    """Versions, proposals, decisions and the champion's pointer, over one version store and one ledger.

    `people` maps declared names to roles; while it is empty the owner may approve and is stamped `self_approved`. It
    is asked at every decision, so a live mapping is seen as it is then.
    `step_hook` is called with the name of each step of applying (see `registry.applying.STEPS`).
    """

    def __init__(
        self,
        *,
        versions: VersionStore,
        ledger: Ledger,
        clock: Callable[[], datetime],
        people: Mapping[str, Sequence[str]] | None = None,
        expires_after: timedelta = timedelta(days=14),
        step_hook: Callable[[str], None] = lambda step: None,
    ) -> None:
        super().__init__(versions=versions, ledger=ledger)
        self._clock = clock
        self._people: deciding.People = {} if people is None else people
        self._expires_after = expires_after
        self._applier = Applier(versions, ledger, clock, step_hook)

    # -- remembering ------------------------------------------------------------------------------------------------

    def register(self, run: RunRecord) -> ModelVersion:
        """Remember a finished run as a new version and point `candidate` at it.

        Raises InvalidRecord when the lineage is not whole; nothing is written then.
        """
        if missing := run.lineage.missing():
            raise InvalidRecord(
                f"A version of {run.lineage.problem or 'no problem'} lacks {', '.join(missing)} in its lineage.",
                hint="Every version says which data, features, hypothesis, seed, commit and owner it comes from.",
            )
        at = utc_text(self._clock())
        version = self._versions.register(run, at=at)
        self._ledger.add_event(
            at=at,
            kind=chain.REGISTERED,
            subject=f"{version.problem}/{version.version}",
            body={"digest": version.digest, "run_id": version.run_id, "lineage": asdict(version.lineage)},
        )
        self._versions.set_alias(version.problem, "candidate", version.version)
        self._applier.tag_head(version.problem)
        return version

    def lock_hypothesis(self, lock: HypothesisLock) -> HypothesisLock:
        """Lock a hypothesis before training; NameTaken when it changed after its lock."""
        return self._ledger.add_lock(lock)

    def record_snapshot(self, record: SnapshotRecord) -> SnapshotRecord:
        """Record a data snapshot; NameTaken when the name stands for other bytes."""
        return self._ledger.add_snapshot(record)

    def record_event(self, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """Add a line of your own to the chain."""
        return self._ledger.add_event(at=utc_text(self._clock()), kind=kind, subject=subject, body=body)

    # -- proposals -----------------------------------------------------------------------------------------------

    def propose(
        self,
        evidence: Evidence,
        *,
        gates: Sequence[GateResult],
        owner: str,
        hypothesis: HypothesisRef | None = None,
        round: str = "",
        summary: Mapping[str, Any] | None = None,
        alpha: float = 0.05,
        lifetime: timedelta | None = None,
    ) -> Proposal:
        """Write a proposal, count its look at the holdout, and point `challenger` at its version.

        It may be decided for `lifetime` (default: the registry's). The same evidence again gives the proposal that is
        already open. Raises InvalidRecord or Conflict for a
        candidate that is not eligible, ChampionMoved, ChampionExists, NoChampion, OutOfCustody, Unavailable.
        """
        problem, at = evidence.problem, utc_text(self._clock())
        if evidence.kind not in ("bootstrap", "promotion"):
            raise InvalidRecord(f"A {evidence.kind} is not proposed; bootstraps and promotions are.")
        owner = deciding.require_name(owner)
        require_custody(self.custody(problem), problem)
        self._require_present_champion(evidence)
        version = self._versions.version(problem, evidence.challenger.version)
        deciding.require_eligible(version, evidence, self._registered_digest(version))
        require_bytes(self._versions, version, evidence.challenger.digest)
        with self._ledger.transaction():
            self._require_present_champion(evidence)
            proposal = self._open_twin(evidence, at)
            if proposal is None:
                deciding.require_fresh(evidence, self._ledger.proposals(problem))
                now = self._clock()
                proposal = Proposal(
                    id=proposal_id(now, evidence.digest),
                    kind=evidence.kind,
                    problem=problem,
                    evidence=evidence,
                    created_at=utc_text(now),
                    expires_at=utc_text(now + (lifetime or self._expires_after)),
                    owner=owner,
                    gates=tuple(gates),
                    hypothesis=hypothesis,
                    round=round,
                    summary=chain.plain(dict(summary or {})),
                )
                self._ledger.add_proposal(require_legal(proposal))
                use = HoldoutUse(evidence.holdout_digest, problem, proposal.id, at, alpha)
                self._ledger.add_holdout_use(use)
        if self._versions.aliases(problem).get("challenger") != evidence.challenger.version:
            self._versions.set_alias(problem, "challenger", evidence.challenger.version)
        self._applier.tag_head(problem)
        return proposal

    def approve(
        self,
        proposal_id: str,
        *,
        by: str,
        reason: str = "",
        seen_digest: str | None = None,
        recheck: Callable[[Proposal], Evidence],
        smoke: Smoke,
    ) -> Proposal:
        """Approve a proposal and make its challenger champion.

        `recheck` computes the evidence again and `smoke` tries the loaded version, raising when it is unfit. The
        identical decision again changes nothing, or resumes one whose applying failed. Raises ProposalClosed,
        NotPromotable, NotEligible, EvidenceChanged, ChampionMoved, OutOfCustody, ApplyFailed, Unavailable.
        """
        by, reason, at = deciding.require_name(by), reason.strip(), utc_text(self._clock())
        problem = self._ledger.proposal(proposal_id).problem
        with self._ledger.lease(problem):
            self._applier.finish_all(problem, smoke)
            proposal = self._ledger.proposal(proposal_id)
            deciding.require_seen(proposal, seen_digest)
            repeat = deciding.is_repeat(proposal, "approved", by, reason)
            if repeat and proposal.effect != "apply_failed":
                return proposal
            if not repeat:
                self._expire_if_due(proposal, at)
                proposal.require_open(at).require_pass()
            own = deciding.require_approver(self._people, by, owner=proposal.owner)
            require_custody(self.custody(problem), problem)
            self._require_present_champion(proposal.evidence)
            self._require_same_evidence(proposal, recheck, at)
            with self._ledger.transaction():
                self._require_present_champion(proposal.evidence)
                if repeat:
                    approved = proposal.with_effect("applying")
                else:
                    approved = proposal.decided("approved", by=by, at=at, reason=reason, solo=own)
                self._ledger.update_proposal(proposal, approved, at=at)
                if not repeat:
                    self._ledger.add_decision(deciding.decision(approved, "approve"))
                self._supersede_others(approved, at)
            return self._applier.apply(approved, smoke)

    def reject(self, proposal_id: str, *, by: str, reason: str, seen_digest: str | None = None) -> Proposal:
        """Close an open proposal, whatever its verdict; the reason is required."""
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "A rejection")
        deciding.require_seen(self._ledger.proposal(proposal_id), seen_digest)
        deciding.require_declared(self._people, by)
        return self._close(proposal_id, "rejected", "reject", by, reason)

    def withdraw(self, proposal_id: str, *, by: str, reason: str) -> Proposal:
        """Take an open proposal back; only its owner may."""
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "A withdrawal")
        owner = self._ledger.proposal(proposal_id).owner
        if not deciding.same_person(by, owner):
            raise NotEligible(
                f"Only the owner, {owner}, withdraws '{proposal_id}'.", hint="Anybody else rejects it, with a reason."
            )
        return self._close(proposal_id, "withdrawn", "withdraw", by, reason)

    def roll_back(
        self, problem: str, *, to: int | None, by: str, reason: str, smoke: Smoke, policy_digest: str
    ) -> Proposal:
        """Make a version champion again that was champion before; `to=None` is the one under the present one.

        The target comes from the pointer log and its bytes are verified; the present champion's may be broken.
        Raises NoChampion, Conflict, NotEligible, OutOfCustody, ApplyFailed, Unavailable.
        """
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "A rollback")
        deciding.require_approver(self._people, by, owner=None)
        with self._ledger.lease(problem):
            self._applier.finish_all(problem, smoke)
            moves = self._ledger.moves(problem)
            if (done := self._same_rollback(moves, to, by, reason)) is not None:
                return done
            target = self._rollback_target(problem, moves, to)
            self._require_way_back(problem, moves)
            require_bytes(self._versions, self._versions.version(problem, target.version), target.digest)
            now = self._clock()
            evidence = Evidence(
                problem=problem,
                kind="rollback",
                challenger=target,
                champion=moves[-1].to_ref,
                holdout_digest="",
                policy_digest=policy_digest,
                hypothesis_digest="",
                verdict="pass",
                bundle_digest=digest_of({"after move": moves[-1].seq, "moves": len(moves), "by": by, "reason": reason}),
            )
            proposal = Proposal(
                id=proposal_id(now, evidence.digest),
                kind="rollback",
                problem=problem,
                evidence=evidence,
                created_at=utc_text(now),
                expires_at=utc_text(now + self._expires_after),
                owner=by,
            )
            at = utc_text(now)
            # nobody proposes a rollback but the one who decides it, so there is no owner to be apart from
            approved = proposal.decided("approved", by=by, at=at, reason=reason)
            with self._ledger.transaction():
                self._require_present_champion(evidence)
                self._ledger.add_proposal(require_legal(proposal))
                self._ledger.update_proposal(proposal, approved, at=at)
                self._ledger.add_decision(deciding.decision(approved, "approve"))
                self._supersede_others(approved, at)
            return self._applier.apply(approved, smoke)

    def reconcile(self, problem: str, *, smoke: Smoke) -> list[Proposal]:
        """Finish every half-applied decision; what failed comes back with effect `apply_failed`."""
        with self._ledger.lease(problem):
            return self._applier.finish_all(problem, smoke)

    # -- parts ---------------------------------------------------------------------------------------------------

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
        if evidence.kind != "bootstrap" and present is None:
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
        for other in self._ledger.proposals(evidence.problem, disposition="open"):
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
        at, proposal = utc_text(self._clock()), self._ledger.proposal(proposal_id)
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
        self._ledger.add_decision(deciding.decision(after, action))

    def _supersede_others(self, approved: Proposal, at: str) -> None:
        for other in self._ledger.proposals(approved.problem, disposition="open"):
            if other.champion == approved.champion and other.id != approved.id:
                if other.expired(at):
                    self._write_closed(other, other.expire(at), "expire")
                    continue
                by, reason = str(approved.decided_by), f"superseded by '{approved.id}'"
                closed = other.decided("superseded", by=by, at=at, reason=reason)
                self._write_closed(other, closed, "supersede")

    def _same_rollback(self, moves: list[PointerMove], to: int | None, by: str, reason: str) -> Proposal | None:
        if not moves:
            return None
        last = self._ledger.proposal(moves[-1].proposal_id)
        same = last.kind == "rollback" and to in (None, last.challenger.version)
        return last if same and deciding.is_repeat(last, "approved", by, reason) else None

    @staticmethod
    def _rollback_target(problem: str, moves: list[PointerMove], to: int | None) -> VersionRef:
        if not moves:
            raise NoChampion(f"{problem} never had a champion.", hint="Run 'bootstrap-champion' first.")
        under, present = standing(moves)[:-1], moves[-1].to_ref
        before = {move.to_ref.version: move.to_ref for move in moves if move.to_ref != present}
        if to is None and under:
            return under[-1]
        allowed = ", ".join(str(n) for n in sorted(before)) or "none"
        if to is None or to not in before:
            what = (
                "There is no champion under the present one" if to is None else f"Version {to} can't be rolled back to"
            )
            raise Conflict(
                f"{what}: version {present.version} is champion, and champions before it were: {allowed}.",
                hint="A version that never was champion is proposed with 'arena-propose'.",
            )
        return before[to]

    def _require_way_back(self, problem: str, moves: list[PointerMove]) -> None:
        alias = self._versions.aliases(problem).get("champion")
        if alias not in (None, moves[-1].to_ref.version):
            require_custody(self.custody(problem), problem)


def _name(ref: VersionRef | None) -> str:
    return "nobody" if ref is None else f"version {ref.version} ({ref.digest[:12]})"
