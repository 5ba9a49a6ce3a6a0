"""Out of the ordinary: an alias put back, a move adopted after the fact, a verdict overridden, a key added, the
ledger's time set right."""

from __future__ import annotations

from dataclasses import dataclass, replace

from registry import chain, deciding, quorum, signing
from registry.core import Core
from registry.custody import require_custody
from registry.errors import Conflict, InvalidRecord, NotEligible, NotFound, NotPromotable, OutOfCustody
from registry.quorum import Rule
from registry.records import Custody, Evidence, Proposal, VersionRef, proposal_id, require_legal, utc_text
from registry.signing import Signer
from registry.timekeeping import Now

RESTORE_STEPS = ("recorded", "alias-set", "head-tagged")


@dataclass(frozen=True)
class ClockSet:
    """What was found when the ledger's time was set right, and the proposals that were closed by it."""

    found: Now
    changed: bool
    closed: tuple[Proposal, ...]


class Resolving(Core):
    """The commands for when something went round the arena, or against it."""

    def require_declared(self, by: str) -> None:
        """Raise NotEligible when people are declared and this one takes no part."""
        deciding.require_declared(self._people, by)

    def require_person(self, by: str, what: str) -> None:
        """Raise NotEligible when people are declared and this is none of them who takes part, or a program; `what` only
        people do, as in "adopt a champion"."""
        deciding.require_declared(self._people, by)
        deciding.require_human(self._people, by, what)

    def require_owner(self, name: str) -> str:
        """The owner's name as it was declared; InvalidRecord for nobody's name once people are declared, NotEligible
        when the owner has a key and it is not at hand: work is given to nobody who does not sign for it."""
        self.require_people()
        name = deciding.require_owner(self._people, name)
        self._signer_of(name)
        return name

    # -- custody ---------------------------------------------------------------------------------------------------

    def restore(self, problem: str, *, by: str, reason: str) -> Custody:
        """Put the alias `champion` back where the pointer log says; the custody afterwards. In custody: no change.

        Raises OutOfCustody when the decided version or its bytes are gone, NotEligible, Unavailable.
        """
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "A restored champion")
        deciding.require_approver(self._people, by, interests=None)
        by = deciding.declared_name(self._people, by)
        self._signer_of(by)
        with self._ledger.lease(problem):
            before = self.custody(problem)
            if before.status in ("in_custody", "none"):
                return before
            if before.status == "unknown":
                require_custody(before, problem)
            if (half := self._applying(problem)) is not None:
                raise Conflict(
                    f"The decision on '{half.id}' is half applied; that is no drift.",
                    hint="Any deciding command finishes it.",
                )
            body = {"reason": reason, "from": _plain(before.actual), "to": _plain(before.expected),
                    "found": before.detail}  # fmt: skip
            if before.expected is not None and not self._versions.versions(problem):
                raise OutOfCustody(before.detail, hint=before.way_out)
            digest = self._require_whole(problem, before.expected)
            # told first: a kill after it leaves a drift that the next try puts back, never a move that nobody decided
            with self._ledger.transaction():
                moves = self._ledger.moves(problem)
                decided = self._ledger.proposal(moves[-1].proposal_id) if moves else None
                self._stand(by, "restore", problem, about=decided)
                self._tell(chain.RESTORED, problem, by=by, body=body)
            self._step("recorded")
            self._put_back(problem, before.expected, digest)
            self._step("alias-set")
            after = self.custody(problem)
            if after.status == "drifted":
                raise OutOfCustody(f"{problem} is still out of custody. {after.detail}", hint="Somebody else moves it.")
            self._applier.tag_head(problem)
            self._step("head-tagged")
            return after

    def _require_whole(self, problem: str, decided: VersionRef | None) -> str:
        """The digest that the decided version's tag names; OutOfCustody when it or its bytes are gone or changed."""
        if decided is None:
            return ""
        back = f"Roll back with 'arena-rollback' to a champion before it, or restore {problem} from a backup."
        try:
            version = self._versions.version(problem, decided.version)
            found = self._versions.bytes_digest(version)
        except NotFound as error:
            raise OutOfCustody(f"Version {decided.version} can't be restored: {error}", hint=back) from error
        if found != decided.digest:
            raise OutOfCustody(
                f"The bytes of version {decided.version} have digest {found}, decided was {decided.digest}; pointing "
                "the alias at them restores nothing.",
                hint=back,
            )
        return version.digest

    def _put_back(self, problem: str, decided: VersionRef | None, tagged: str) -> None:
        if decided is None:
            self._versions.delete_alias(problem, "champion")
            return
        if tagged != decided.digest:
            self._versions.tag_version(problem, decided.version, {"digest": decided.digest})
        self._versions.set_alias(problem, "champion", decided.version)

    def require_adoptable(self, problem: str) -> VersionRef:
        """The version that the alias was moved to round the arena, if it can stand trial.

        Raises Conflict when nothing was moved, or when what is there is not a version of this workflow.
        """
        state = self.custody(problem)
        if state.status == "unknown":
            require_custody(state, problem)
        if state.status in ("in_custody", "none"):
            raise Conflict(f"There is nothing to adopt. {state.detail}", hint="'arena-propose' is the ordinary way.")
        if self._applying(problem) is not None or state.actual is None or state.actual == state.expected:
            raise Conflict(f"There is no moved alias to adopt. {state.detail}", hint=state.way_out)
        if state.expected is not None and state.actual.version == state.expected.version:
            raise Conflict(
                f"What stands there is not another version, but the decided one, changed. {state.detail}",
                hint="Restore its files from a backup, or roll back with 'arena-rollback'.",
            )
        return state.actual

    def _require_custody_for(self, proposal: Proposal) -> None:
        """In custody; for an adoption, drifted to exactly the version on trial."""
        state = self.custody(proposal.problem)
        if proposal.kind == "adopt" and state.status == "drifted":
            if (state.expected, state.actual) == (proposal.champion, proposal.challenger):
                return
        elif proposal.kind == "adopt" and state.status in ("in_custody", "none"):
            raise Conflict(
                f"There is nothing left to adopt: the champion of {proposal.problem} is where the pointer log says.",
                hint="Close it with 'arena-reject'.",
            )
        require_custody(state, proposal.problem)

    # -- the clock -------------------------------------------------------------------------------------------------

    def set_clock_right(self, *, by: str, reason: str) -> ClockSet:
        """Say that this machine's clock is right, and that the ledger's newest time came from one that was ahead.

        From then on its time counts again. What was expired by the ledger's time is closed first, in every problem, and
        what was written by the clock that was ahead is invalidated: nothing that was once seen expired can be decided.
        Not behind: no change. Raises NotEligible, InvalidRecord, Unavailable.
        """
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "A ledger's time set right")
        deciding.require_approver(self._people, by, interests=None)
        by = deciding.declared_name(self._people, by)
        self._signer_of(by)
        closed: list[Proposal] = []
        with self._ledger.transaction():
            now = self._now()
            if not now.behind:
                return ClockSet(now, False, ())
            for before in self._ledger.proposals(disposition="open"):
                if before.expired(now.text):
                    after, action = before.expire(now.text), "expire"
                elif before.created_at > utc_text(now.clock + chain.CLOCK_SLACK):
                    why = f"written at {before.created_at} by a clock that was ahead; {by} set it right: {reason}"
                    after, action = before.decided("invalidated", by="registry", at=now.text, reason=why), "invalidate"
                else:
                    continue
                self._write_closed(before, after, action)
                closed.append(after)
            self._stand(by, "clock", "clock", about=None)
            body = {"reason": reason, "from": now.text, "to": utc_text(now.clock), "closed": [p.id for p in closed]}
            self._tell(chain.CLOCK_SET, "clock", by=by, body=body)
        for problem in {*self._ledger.problems()}:
            self._applier.tag_head(problem)
        return ClockSet(now, True, tuple(closed))

    # -- override --------------------------------------------------------------------------------------------------

    def request_override(self, proposal_id_: str, *, by: str, reason: str, rule: Rule) -> Proposal:
        """Ask that a proposal be promoted against its verdict; somebody else decides it, with `approve(override=True)`.

        Raises NotPromotable for a verdict of pass or invalid, NotEligible in solo mode or when nobody could decide it.
        """
        by, reason = deciding.require_name(by), deciding.require_reason(reason, "An override")
        old, look = self._ledger.proposal(proposal_id_), self._now()
        now, at = look.at, look.text
        if old.kind == "override":
            return old
        if not self._people:
            raise NotEligible(
                "An override takes two people, and in solo mode nobody is declared.",
                hint="Declare people with 'user-add', or train a candidate that passes.",
            )
        deciding.require_declared(self._people, by)
        deciding.require_human(self._people, by, "ask for an override")
        by = deciding.declared_name(self._people, by)
        self._expire_if_due(old, at)
        old.require_open(at)
        look.require_right()
        if old.verdict not in ("fail", "inconclusive"):
            what = "pass needs no override" if old.verdict == "pass" else "invalid says that nothing was measured"
            raise NotPromotable(f"'{old.id}' has verdict {old.verdict}: {what}.", hint="See 'arena-show'.")
        if old.kind != "promotion":
            raise NotPromotable(f"'{old.id}' is a {old.kind}; only a promotion can be overridden.")
        evidence: Evidence = replace(old.evidence, kind="override")
        if (twin := self._open_twin(evidence, at)) is not None:
            return twin
        self._require_present_champion(evidence)
        told = {"of": old.id, "verdict": old.verdict, "by": by, "reason": reason}
        asked = replace(
            old, id=proposal_id(now, evidence.digest), kind="override", evidence=evidence, created_at=at,
            expires_at=utc_text(now + self._expires_after), owner=by, row_version=1,
            summary=chain.plain({**old.summary, "override": {**told, "owner": old.owner}}),
        )  # fmt: skip
        quorum.require_satisfiable(deciding.approvers(self._people), self._rule_of(asked, rule), by)
        with self._ledger.transaction():
            self._ledger.add_proposal(require_legal(asked))
            self._stand(by, "override", asked.id, about=asked, rule=self._rule_of(asked, rule))
            self._tell(chain.OVERRIDE, asked.id, by=by, body=told)
        self._applier.tag_head(asked.problem)
        return asked

    @staticmethod
    def _rule_of(proposal: Proposal, rule: Rule) -> Rule:
        """The rule with what the proposal itself adds: what it bound when it was written, and of an override, whoever
        owned the candidate."""
        rule = rule.strictest(proposal)
        first = proposal.summary.get("override") if proposal.kind == "override" else None
        if not isinstance(first, dict):
            return rule
        return replace(rule, interests={**(rule.interests or {}), str(first["owner"]): "owns the candidate"})

    # -- accounts and keys ------------------------------------------------------------------------------------------

    def vouch(self, name: str, *, by: str, what: str) -> tuple[str, Signer | None]:
        """Who stands for what is done to another person's account or first key, as declared, and the key that they sign
        it with; nobody while nobody is declared. `what` begins the sentence that refuses.

        It takes an approver other than the person. Where there is no other one, any declared person does, whoever it
        is: else nobody could ever become the second. Raises NotEligible, InvalidRecord.
        """
        self.require_people()
        if not self._people:
            return "", None
        others = [one for one in deciding.approvers(self._people) if not quorum.same_person(one, name)]
        hint = f"Who may: {', '.join(others) or 'anybody declared, since there is no other approver yet'}."
        if not by.strip():
            raise InvalidRecord(f"{what} is stood for by somebody once people are declared: --by NAME.", hint=hint)
        deciding.require_human(self._people, by, "stand for others")
        by = deciding.declared_name(self._people, by.strip())
        gone = {*deciding.roles_of(self._people, by)} == {"disabled"}
        if gone or (others and not any(quorum.same_person(by, one) for one in others)):
            raise NotEligible(f"{what} takes an approver other than '{name}', and '{by}' is none.", hint=hint)
        return by, self._signer_of(by)

    def add_key(self, actor: str, *, signer: Signer, by: str = "") -> str:
        """Let what a person decides be signed with this key from now on; the public half.

        A first key signs for itself, and once people are declared another approver, `by`, stands for it; the next one
        is added with the one before at hand. Raises NotEligible, InvalidRecord.
        """
        actor = deciding.declared_name(self._people, deciding.require_name(actor))
        deciding.require_declared(self._people, actor)
        old = signing.active_key(self.key_events(), actor)
        if old == signer.public:
            return old
        by_old = signing.require_signer(self._signer() if old else None, old, actor)
        by, _ = self.vouch(actor, by=by, what="A first key") if not old else ("", None)
        with self._ledger.transaction():
            if by:
                self._tell(chain.VOUCHED, actor, by=by, body={"actor": actor, "key": signer.public})
            told = self._ledger.add_event(
                at=utc_text(self._clock()), kind=signing.KEY_ADDED, subject=actor,
                body={"by": actor, "actor": actor, "key": signer.public, "before": old or ""},
            )  # fmt: skip
            self._ledger.add_signature((by_old or signer).sign(told, actor))
        return signer.public

    def revoke_key(self, actor: str, *, by: str, reason: str) -> str:
        """End a person's key; what it signed stays signed. The public half.

        Its owner signs that with the key itself; when it was lost, an approver other than the owner ends it, and signs
        by their own key if they have one. Raises NotEligible otherwise, InvalidRecord without a key to end.
        """
        reason = deciding.require_reason(reason, "A revoked key")
        by = deciding.declared_name(self._people, deciding.require_name(by))
        own = quorum.same_person(by, actor)
        if not own and not self._people:
            raise NotEligible(
                f"Nobody is declared here, so '{by}' proves no second person who could end the key of '{actor}'.",
                hint="Its owner ends it with the key at hand (DS_WORKFLOW_SIGNING_KEY). If it was lost, declare an "
                "approver with 'user-add', who ends it.",
            )
        if not own:
            deciding.require_approver(self._people, by, interests=None)
        key = signing.active_key(self.key_events(), actor)
        if key is None:
            raise InvalidRecord(f"'{actor}' has no key.", hint="'key-list' shows them.")
        try:
            signer = self._signer_of(by)
        except NotEligible as error:
            lost = "If the key was lost, an approver other than its owner ends it: key-revoke --by NAME."
            raise NotEligible(str(error), hint=f"{error.hint} {lost}" if own else error.hint) from error
        with self._ledger.transaction():
            told = self._ledger.add_event(
                at=utc_text(self._clock()), kind=signing.KEY_REVOKED, subject=actor,
                body={"by": by, "actor": actor, "key": key, "reason": reason},
            )  # fmt: skip
            if signer is not None:
                self._ledger.add_signature(signer.sign(told, by))
        return key


def _plain(ref: VersionRef | None) -> dict[str, object] | None:
    return None if ref is None else {"version": ref.version, "digest": ref.digest}
