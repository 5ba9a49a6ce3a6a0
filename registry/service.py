"""The registry: the champion moves only by an applied decision, and everything about it is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from registry import chain, deciding, quorum
from registry.applying import Smoke
from registry.custody import require_bytes, require_custody
from registry.errors import Conflict, InvalidRecord, NotEligible
from registry.files import file_digests
from registry.ports import RunRecord
from registry.quorum import Rule
from registry.records import (
    Event,
    Evidence,
    GateResult,
    HoldoutUse,
    HypothesisLock,
    HypothesisRef,
    ModelVersion,
    Proposal,
    SnapshotRecord,
    proposal_id,
    require_legal,
    utc_text,
)
from registry.resolving import Resolving
from registry.rolling_back import WayBack
from registry.timekeeping import Now


class Registry(WayBack, Resolving):
    """Versions, proposals, decisions and the champion's pointer, over one version store and one ledger."""

    # -- remembering ------------------------------------------------------------------------------------------------

    def register(self, run: RunRecord) -> ModelVersion:
        """Remember a finished run as a new version and point `candidate` at it.

        Its owner signs that when they have a key. Raises InvalidRecord when the lineage is not whole or nobody owns it,
        NotEligible when the owner's key is not at hand; nothing is written then.
        """
        if missing := run.lineage.missing():
            raise InvalidRecord(
                f"A version of {run.lineage.problem or 'no problem'} lacks {', '.join(missing)} in its lineage.",
                hint="Every version says which data, features, hypothesis, seed, commit and owner it comes from.",
            )
        owner = self.require_owner(run.lineage.owner)
        at, files = utc_text(self._clock()), file_digests(run.artifacts)
        version = self._versions.register(run, at=at)
        with self._ledger.transaction():
            told = self._ledger.add_event(
                at=at,
                kind=chain.REGISTERED,
                subject=f"{version.problem}/{version.version}",
                body={
                    "by": owner,
                    "digest": version.digest,
                    "run_id": version.run_id,
                    "lineage": asdict(version.lineage),
                    "files": files,
                },
            )
            self._sign(told, owner)
        self._versions.set_alias(version.problem, "candidate", version.version)
        self._applier.tag_head(version.problem)
        return version

    def lock_hypothesis(self, lock: HypothesisLock) -> HypothesisLock:
        """Lock a hypothesis before training, signed by who locks it when they have a key.

        NameTaken when it changed after its lock, InvalidRecord for nobody's, NotEligible when the key is not at hand.
        """
        lock = replace(lock, by=self.require_owner(lock.by))
        with self._ledger.transaction():
            new = self._ledger.lock(lock.problem, lock.hypothesis_id) is None
            found = self._ledger.add_lock(lock)
            if new:
                self._sign(self._ledger.head(), lock.by)
        return found

    def record_snapshot(self, record: SnapshotRecord) -> SnapshotRecord:
        """Record a data snapshot; NameTaken when the name stands for other bytes."""
        return self._ledger.add_snapshot(record)

    def record_event(self, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """Add a line of your own to the chain."""
        return self._ledger.add_event(at=utc_text(self._clock()), kind=kind, subject=subject, body=body)

    def continue_holdout(self, digest: str, *, of: str, share: float) -> None:
        """Let two holdouts that share rows share their looks from now on; `share` of the rows of `digest`. Once."""
        with self._ledger.transaction():
            if of not in self._sharing(digest):
                self._ledger.add_event(
                    at=utc_text(self._clock()), kind=chain.CONTINUES, subject=digest, body={"of": of, "share": share}
                )

    def reserve_look(
        self,
        holdout_digest: str,
        *,
        question: str,
        kind: str,
        round: str,
        alpha: float,
        counted: int,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a look at a holdout before anything is scored on it, so that a process killed afterwards has taken it.

        `counted` looks and reservations were known when its level was reckoned; Conflict when others came between. The
        same question again takes nothing more. `facts` is plain JSON that is kept with it.
        """
        self.require_clock()
        with self._ledger.transaction():
            begun = self.holdout_reserved(holdout_digest)
            if any(told.body["question"] == question for told in begun):
                return
            deciding.require_uncounted(len(self.holdout_uses(holdout_digest)) + len(begun), counted)
            body = {"question": question, "kind": kind, "round": round, "alpha": alpha, **(facts or {})}
            self._ledger.add_event(at=utc_text(self._clock()), kind=chain.RESERVED, subject=holdout_digest, body=body)

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
        uses_before: int | None = None,
        lifetime: timedelta | None = None,
    ) -> Proposal:
        """Write a proposal, count its look at the holdout, and point `challenger` at its version.

        It may be decided for `lifetime` (default: the registry's). The same evidence again gives the proposal that is
        already open. `alpha` is what this look spends; it was reckoned from `uses_before` earlier looks, and Conflict
        is raised when others came between. Raises InvalidRecord or Conflict for a candidate that is not eligible,
        ChampionMoved, ChampionExists, NoChampion, OutOfCustody, Unavailable, ClockBehind.
        """
        problem = evidence.problem
        if evidence.kind not in ("bootstrap", "promotion", "adopt"):
            raise InvalidRecord(f"A {evidence.kind} is not proposed; bootstraps, promotions and adoptions are.")
        self.require_people()
        owner = deciding.require_owner(self._people, owner)
        now = self._now().require_right()
        if evidence.kind != "adopt":
            require_custody(self.custody(problem), problem)
        elif self.require_adoptable(problem) != evidence.challenger:
            raise Conflict(f"The alias stands on another version than {evidence.challenger.version}.")
        self._require_present_champion(evidence)
        version = self._versions.version(problem, evidence.challenger.version)
        deciding.require_eligible(version, evidence, self._registered(version).get("digest"))
        require_bytes(self._versions, version, evidence.challenger.digest)
        with self._ledger.transaction():
            self._require_present_champion(evidence)
            proposal = self._open_twin(evidence, now.text)
            if proposal is None:
                asked = self._ledger.proposals(problem, challenger=evidence.challenger.digest)
                deciding.require_fresh(evidence, asked)
                deciding.require_uncounted(len(self.holdout_uses(evidence.holdout_digest)), uses_before)
                proposal = Proposal(
                    id=proposal_id(now.at, evidence.digest),
                    kind=evidence.kind,
                    problem=problem,
                    evidence=evidence,
                    created_at=now.text,
                    expires_at=utc_text(now.at + (lifetime or self._expires_after)),
                    owner=owner,
                    gates=tuple(gates),
                    hypothesis=hypothesis,
                    round=round,
                    summary=chain.plain(dict(summary or {})),
                )
                self._ledger.add_proposal(require_legal(proposal))
                if asks := proposal.summary.get(quorum.ASKS):
                    self._ledger.add_event(at=now.text, kind=chain.ASKS, subject=proposal.id, body=asks)
                use = HoldoutUse(evidence.holdout_digest, problem, proposal.id, now.text, alpha)
                self._ledger.add_holdout_use(use)
        self.point_challenger(proposal)
        self._applier.tag_head(problem)
        return proposal

    def point_challenger(self, proposal: Proposal) -> None:
        """Point `challenger` at the version on trial; nothing happens when it stands there, or the version is in office
        already."""
        problem, number = proposal.problem, proposal.challenger.version
        if proposal.kind != "adopt" and self._versions.aliases(problem).get("challenger") != number:
            self._versions.set_alias(problem, "challenger", number)

    def approve(
        self,
        proposal_id: str,
        *,
        by: str,
        reason: str = "",
        seen_digest: str | None = None,
        rule: Rule,
        override: bool = False,
        recheck: Callable[[Proposal], Evidence],
        smoke: Smoke,
    ) -> Proposal:
        """Approve a proposal and make its challenger champion; while more people are asked for it stays open.

        How many, the stricter says of `rule`, which is as things are now, and what the proposal bound when written.

        `recheck` computes the evidence again and `smoke` tries the loaded version, raising when it is unfit. The
        identical decision again changes nothing, or resumes one whose applying failed. Raises ProposalClosed,
        NotPromotable, NotEligible, EvidenceChanged, ChampionMoved, OutOfCustody, ApplyFailed, Unavailable, ClockBehind.
        """
        by, reason, now = deciding.require_name(by), reason.strip(), self._now()
        self.require_people()
        by = deciding.declared_name(self._people, by)
        problem = self._ledger.proposal(proposal_id).problem
        with self._ledger.lease(problem):
            self._applier.finish_all(problem, smoke)
            proposal = self._ledger.proposal(proposal_id)
            deciding.require_seen(proposal, seen_digest)
            deciding.require_command(proposal, override=override)
            repeat = deciding.is_repeat(proposal, "approved", by, reason)
            if repeat and proposal.effect != "apply_failed":
                return proposal
            if not repeat:
                self._expire_if_due(proposal, now.text)
                proposal.require_open(now.text).require_pass()
                deciding.require_claim_reason(proposal, reason)
                now.require_right()
            rule = self._rule_of(proposal, rule)
            own = deciding.require_approver(self._people, by, interests=rule.all_interests(proposal.owner))
            self._signer_of(by)
            if self._people and not repeat:
                rule.require_open()
                quorum.require_satisfiable(deciding.approvers(self._people), rule, proposal.owner)
            self._require_custody_for(proposal)
            self._require_present_champion(proposal.evidence)
            self._require_same_evidence(proposal, recheck, now.text)
            with self._ledger.transaction():
                at = Now.look(now.clock, self._ledger).text  # the ledger may have come to know of a later time
                self._require_present_champion(proposal.evidence)
                if self._people and not repeat and not self._enough(proposal.require_open(at), by, reason, rule):
                    return proposal
                if repeat:
                    approved = proposal.with_effect("applying")
                else:
                    approved = proposal.decided("approved", by=by, at=at, reason=reason, solo=own)
                self._ledger.update_proposal(proposal, approved, at=at)
                if not repeat:
                    self._decide(approved, "approve", rule)
                self._supersede_others(approved, at)
            return self._applier.apply(approved, smoke)

    def _enough(self, proposal: Proposal, by: str, reason: str, rule: Rule) -> bool:
        """Whether this approval is the last one needed; one that is not is kept beside the proposal."""
        can = deciding.approvers(self._people)
        given = quorum.counted(self.approvals(proposal), can, rule, proposal.owner)
        others = [approval for approval in given if not quorum.same_person(approval.by, by)]
        if len(others) + 1 >= rule.people:
            return True
        if len(others) == len(given):  # not said before
            self._stand(by, "approval", proposal.id, about=proposal, rule=rule)
            self._tell(chain.APPROVAL, proposal.id, by=by, body={"reason": reason, "evidence_digest": proposal.digest})
        return False

    def reject(self, proposal_id: str, *, by: str, reason: str, seen_digest: str | None = None) -> Proposal:
        """Close an open proposal, whatever its verdict; the reason is required."""
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "A rejection")
        deciding.require_seen(self._ledger.proposal(proposal_id), seen_digest)
        deciding.require_declared(self._people, by)
        deciding.require_human(self._people, by, "close a proposal")
        by = deciding.declared_name(self._people, by)
        return self._close(proposal_id, "rejected", "reject", by, reason)

    def withdraw(self, proposal_id: str, *, by: str, reason: str) -> Proposal:
        """Take an open proposal back; only its owner may."""
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "A withdrawal")
        owner = self._ledger.proposal(proposal_id).owner
        if not quorum.same_person(by, owner):
            raise NotEligible(
                f"Only the owner, {owner}, withdraws '{proposal_id}'.", hint="Anybody else rejects it, with a reason."
            )
        return self._close(proposal_id, "withdrawn", "withdraw", by, reason)

    def reconcile(self, problem: str, *, smoke: Smoke) -> list[Proposal]:
        """Finish every half-applied decision; what failed comes back with effect `apply_failed`."""
        with self._ledger.lease(problem):
            return self._applier.finish_all(problem, smoke)
