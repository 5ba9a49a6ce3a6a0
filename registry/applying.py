"""Applying a decision: a saga whose every step can be repeated, so that a kill after any of them is mended.

MLflow's aliases have no compare-and-set: the alias is read before and after the write, under the ledger's lease.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from registry import chain, tail
from registry.custody import require_bytes
from registry.deciding import People
from registry.errors import ApplyFailed, Conflict, InvalidRecord, RegistryError, Unavailable
from registry.ports import Ledger, VersionStore
from registry.records import Effect, ModelVersion, PointerMove, Proposal, utc_text

Step = Literal["recorded", "alias-read", "smoked", "alias-set", "tagged", "read-back", "applied", "head-tagged"]
STEPS: tuple[Step, ...] = (
    "recorded", "alias-read", "smoked", "alias-set", "tagged", "read-back", "applied", "head-tagged",
)  # fmt: skip

Smoke = Callable[[ModelVersion], None]


class Applier:
    """Moves the alias `champion` for proposals whose effect is `applying`; the caller holds the lease."""

    def __init__(
        self,
        versions: VersionStore,
        ledger: Ledger,
        clock: Callable[[], datetime],
        step_hook: Callable[[str], None],
        people: People | None = None,
    ) -> None:
        self._versions, self._ledger, self._clock, self._step = versions, ledger, clock, step_hook
        self._people = people

    def finish_all(self, problem: str, smoke: Smoke) -> list[Proposal]:
        """Finish every half-applied decision of a problem; a failed one comes back as `apply_failed`.

        Raises Conflict when what no head outside covers is not what a command writes: nothing is done then.
        """
        finished = []
        half = self._ledger.proposals(problem, effect="applying")
        if half:
            self._require_sound_end(half[0])
        for proposal in half:
            try:
                finished.append(self.apply(proposal, smoke))
            except ApplyFailed:
                finished.append(self._ledger.proposal(proposal.id))
        self._tidy(problem)
        return finished

    def apply(self, proposal: Proposal, smoke: Smoke) -> Proposal:
        """Every step from the recorded decision to the moved champion.

        Raises ApplyFailed when the version may not take its place: the old champion stays, effect `apply_failed`.
        Raises Unavailable when a store went away: the effect stays `applying` and the next command finishes it.
        """
        self._step("recorded")
        problem, target = proposal.problem, proposal.challenger.version
        before = self._versions.aliases(problem).get("champion")
        if before != target and not self._may_leave(proposal, before):
            where = "nowhere" if before is None else f"on version {before}"
            self._fail(proposal, f"The alias 'champion' is {where}, not where the decision starts from.")
        self._step("alias-read")
        self._try_out(proposal, smoke, moved=before == target)
        self._step("smoked")
        if before != target:
            self._versions.set_alias(problem, "champion", target)
        self._step("alias-set")
        self._versions.tag_version(problem, target, {"decision": proposal.id, "decided_by": str(proposal.decided_by)})
        self._step("tagged")
        after = self._versions.aliases(problem).get("champion")
        if after != target:
            self._fail(proposal, f"The alias 'champion' was set to version {target} but reads {after}.")
        self._step("read-back")
        applied = self._record(proposal)
        self._step("applied")
        self._tidy(problem)
        self._step("head-tagged")
        return applied

    def _tidy(self, problem: str) -> None:
        aliases = self._versions.aliases(problem)
        if "challenger" in aliases and aliases["challenger"] == aliases.get("champion"):
            self._versions.delete_alias(problem, "challenger")
        self.tag_head(problem)

    def tag_head(self, problem: str) -> None:
        """Keep the chain's head on the registered model, as well as it goes; `verify` reports when it did not.

        A head that is not in the chain is left as it is: it is the trace of an end that was cut off. So is one after
        which there is what no command writes.
        """
        try:
            last, kept = self._ledger.head(), self._versions.model_tags(problem).get(chain.HEAD_TAG, "")
            if last is not None and not self._wrong_end(problem, kept):
                self._versions.tag_model(problem, {chain.HEAD_TAG: chain.head_text(last)})
        except RegistryError:
            return

    def _wrong_end(self, problem: str, kept: str) -> list[str]:
        strange = chain.strange_head(kept, self._ledger, problem) if kept else []
        return strange or tail.unsound(self._ledger, problem, kept, self._people)

    def _require_sound_end(self, half: Proposal) -> None:
        kept = self._versions.model_tags(half.problem).get(chain.HEAD_TAG, "")
        if wrong := self._wrong_end(half.problem, kept):
            raise Conflict(
                f"The decision on '{half.id}' is half applied, and what stands after the head kept outside (event "
                f"{tail.covered(kept)}) is not what a command writes, so nothing is finished: {' '.join(wrong[:3])}",
                hint="Somebody wrote round the arena: 'arena-verify' says all. Restore the ledger from a backup.",
            )

    @staticmethod
    def _may_leave(proposal: Proposal, before: int | None) -> bool:
        start = proposal.champion.version if proposal.champion else None
        # The way back must stay open when the champion's version was deleted, which takes the alias with it.
        return before == start or (proposal.kind == "rollback" and before is None)

    def _try_out(self, proposal: Proposal, smoke: Smoke, *, moved: bool) -> None:
        try:
            version = self._versions.version(proposal.problem, proposal.challenger.version)
            require_bytes(self._versions, version, proposal.challenger.digest)
            smoke(version)
        except Unavailable:
            raise
        except Exception as error:
            if moved and proposal.champion is not None:
                self._versions.set_alias(proposal.problem, "champion", proposal.champion.version)
            elif moved:
                self._versions.delete_alias(proposal.problem, "champion")
            self._fail(proposal, f"{type(error).__name__}: {error}", error)

    def _fail(self, proposal: Proposal, why: str, cause: BaseException | None = None) -> None:
        at = utc_text(self._clock())
        with self._ledger.transaction():
            self._ledger.update_proposal(proposal, proposal.with_effect("apply_failed"), at=at)
            self._ledger.add_event(at=at, kind=chain.APPLY_FAILED, subject=proposal.id, body={"reason": why})
        self.tag_head(proposal.problem)
        stays = f"version {proposal.champion.version} stays champion" if proposal.champion else "there is no champion"
        raise ApplyFailed(
            f"Version {proposal.challenger.version} could not become champion, so {stays}. {why}",
            hint=f"Mend what failed and repeat the decision on '{proposal.id}', or propose another version.",
        ) from cause

    def _record(self, proposal: Proposal) -> Proposal:
        at = utc_text(self._clock())
        applied = proposal.with_effect("applied")
        with self._ledger.transaction():
            if self._ledger.proposal(proposal.id) != proposal:
                raise Conflict(f"'{proposal.id}' changed while it was applied.", hint="Run 'arena-status' and look.")
            if proposal.kind == "rollback":
                self._undo_last(proposal.problem, at)
            self._ledger.update_proposal(proposal, applied, at=at)
            self._ledger.add_move(
                PointerMove(
                    problem=proposal.problem,
                    proposal_id=proposal.id,
                    from_ref=proposal.champion,
                    to_ref=proposal.challenger,
                    by=str(proposal.decided_by),
                    at=at,
                )
            )
        return applied

    def _undo_last(self, problem: str, at: str) -> None:
        last = self._ledger.proposal(self._ledger.moves(problem)[-1].proposal_id)
        undone: Effect = "rolled_back"
        if last.effect != "applied":
            raise InvalidRecord(f"'{last.id}' made the present champion, but its effect is {last.effect}.")
        self._ledger.update_proposal(last, last.with_effect(undone), at=at)
