"""The way back: a version that was champion before is champion again."""

from __future__ import annotations

from registry import deciding
from registry.applying import Smoke
from registry.core import Core
from registry.custody import require_bytes, require_custody, standing
from registry.errors import Conflict, NoChampion, OutOfCustody
from registry.records import (
    Evidence,
    PointerMove,
    Proposal,
    VersionRef,
    digest_of,
    proposal_id,
    require_legal,
    utc_text,
)


class WayBack(Core):
    """Rolling back, from the pointer log."""

    def roll_back(
        self, problem: str, *, to: int | None, by: str, reason: str, smoke: Smoke, policy_digest: str
    ) -> Proposal:
        """Make a version champion again that was champion before; `to=None` is the one under the present one.

        The target comes from the pointer log and its bytes are verified; the present champion's may be broken.
        Raises NoChampion, Conflict, NotEligible, OutOfCustody, ApplyFailed, Unavailable.
        """
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "A rollback")
        deciding.require_approver(self._people, by, interests=None)
        by = deciding.declared_name(self._people, by)
        self._signer_of(by)
        with self._ledger.lease(problem):
            self._applier.finish_all(problem, smoke)
            moves = self._ledger.moves(problem)
            if (done := self._same_rollback(moves, to, by, reason)) is not None:
                return done
            target = self._rollback_target(problem, moves, to)
            self._require_way_back(problem, moves)
            if not self._versions.versions(problem):
                gone = self.custody(problem)
                raise OutOfCustody(gone.detail, hint=gone.way_out)
            require_bytes(self._versions, self._versions.version(problem, target.version), target.digest)
            now = self._now().at
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
                self._decide(approved, "approve")
                self._supersede_others(approved, at)
            return self._applier.apply(approved, smoke)

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
                hint="A version that never was champion is proposed with 'arena-propose'."
                if before
                else "Nothing is left to go back to. If the champion's version or files are lost, bring the registry "
                "back from a backup.",
            )
        return before[to]

    def _require_way_back(self, problem: str, moves: list[PointerMove]) -> None:
        alias = self._versions.aliases(problem).get("champion")
        if alias not in (None, moves[-1].to_ref.version):
            require_custody(self.custody(problem), problem)
