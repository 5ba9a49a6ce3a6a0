"""Compute a verdict again from what was stored, and compare: by the code at hand, or by the code that wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import evidence, hypotheses, past_code, run_files
from ds_workflow.domain.claim_verdict import tested
from ds_workflow.domain.holdout_spending import account, question
from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.reports import tables
from ds_workflow.settings import CHECKOUT
from ds_workflow.use_cases.arena.view import Checked
from registry.errors import NotFound, RegistryError

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal

UNJUDGED = ("rollback", "override", "adopt")  # decided by a person; what was judged is the proposal before
_SAME = 1e-12


@dataclass(frozen=True)
class Replayed(Checked):
    """One verdict computed again. `environment` says which code and libraries wrote it, `commit` which read it now;
    `again` is the verdict as it comes out, `changed` a sentence for each of them that is another now, and `commands`
    check out the code that wrote it."""

    proposal: str = ""
    verdict: str = ""
    environment: Mapping[str, Any] | None = None
    commit: str = ""
    again: str = ""
    changed: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-replay --json`."""
        written = dict(self.environment or {})
        return {
            **super().to_dict(),
            "proposal": self.proposal,
            "verdict": self.verdict,
            "verdict_again": self.again or None,
            "written_by": written,
            "replayed_by": self.commit,
            "changed": list(self.changed),
            "by_hand": list(self.commands),
        }

    def text(self) -> str:
        """For the terminal: what came out, and where the code is another now, how to ask the one that wrote it."""
        lines = [super().text()]
        if self.problems:
            n = len(self.problems)
            lines = [f"{self.what}: {self.checked} gates, {n} difference{'' if n == 1 else 's'}.", *self.problems]
        if self.again == self.verdict:
            lines += [f"The verdict is {self.verdict}, as it was."]
        if self.changed:
            lines += ["", "Since it was written:", *(f"  {line}" for line in self.changed)]
        if self.commands:
            lines += ["", f"By the code that wrote it: arena-replay {self.proposal} --at-commit, or by hand:"]
            lines += [f"  {command}" for command in self.commands]
        return "\n".join(lines)


@dataclass(frozen=True)
class AtCommit:
    """One verdict computed again by the code that wrote it, beside what the code at hand makes of it.

    `past` is that code's answer, `present` the code at hand's, or `lost` why it has none.
    """

    proposal: str
    verdict: str
    commit: str
    past: Mapping[str, Any]
    present: Replayed | None
    lost: str = ""

    @property
    def ok(self) -> bool:
        """Whether the code that wrote the verdict comes to it again."""
        return bool(self.past["ok"])

    @property
    def past_verdict(self) -> str:
        """The verdict by the code that wrote it; one of before it was said as a field stands in a sentence."""
        if self.past.get("verdict_again"):
            return str(self.past["verdict_again"])
        said = (re.search(r"verdict was \w+ and comes out as (\w+)", str(line)) for line in self.past["problems"])
        return next((found[1] for found in said if found), self.verdict)

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-replay --at-commit --json`."""
        return {
            "ok": self.ok,
            "checked": int(self.past["checked"]),
            "problems": list(self.past["problems"]),
            "proposal": self.proposal,
            "verdict": self.verdict,
            "verdict_again": self.past_verdict,
            "replayed_by": self.commit,
            "differs_from_present": self.difference(),
            "present": self.present.to_dict() if self.present else None,
            "present_lost": self.lost or None,
        }

    def difference(self) -> list[str]:
        """What the two make of it otherwise; empty when nothing."""
        if self.present is None:
            return [f"The code at hand can't replay it: {self.lost}"]
        past, now = set(map(str, self.past["problems"])), set(self.present.problems)
        found = [f"only by the code that wrote it: {line}" for line in sorted(past - now)]
        found += [f"only by the code at hand: {line}" for line in sorted(now - past)]
        if self.past_verdict != self.present.again:
            found.insert(0, f"the verdict: {self.past_verdict} by the code that wrote it, {self.present.again} now")
        return found

    def text(self) -> str:
        """For the terminal."""
        head = ["replayed by", "commit", "verdict", "outcome"]
        past = _told(self.past["problems"])
        rows = [["as it was written", self.commit[:12], self.verdict, "-"]]
        rows += [["the code that wrote it", self.commit[:12], self.past_verdict, past]]
        if self.present is not None:
            now = self.present
            rows += [["the code at hand", past_code.short(now.commit), now.again, _told(now.problems)]]
        lines = [f"Replay of {self.proposal}", "", *tables.text_table(head, rows, align="llll"), ""]
        found = self.difference()
        lines += ["The two differ:", *(f"  {line}" for line in found)] if found else ["Both come out the same."]
        if self.present is not None and self.present.changed:
            lines += ["", "Since it was written:", *(f"  {line}" for line in self.present.changed)]
        return "\n".join(lines)


def _told(problems: Sequence[object]) -> str:
    return "the same" if not problems else "otherwise"


def replay(work: Workspace, proposal_id: str) -> Replayed:
    """The verdict of a proposal from stored rows, seed, policy and level, by the code of this checkout; its outcome,
    and what it spent of the holdout. A rollback has no gates to replay.

    Raises NotFound for an unknown proposal, InvalidInput when its evidence is gone or was changed.
    """
    proposal = work.registry.proposal(proposal_id)
    if proposal.kind in UNJUDGED and not proposal.gates:
        what = f"{proposal_id} is a {proposal.kind}, decided by a person without gates"
        return Replayed(
            True, 0, (), what, proposal=proposal_id, verdict=proposal.verdict, environment=None, commit=work.commit
        )
    bundle = evidence.read(work.settings.evidence, proposal.evidence.bundle_digest, work.problem)
    again = evidence.again(bundle)
    found = list(evidence.differences(bundle, again, commit=work.commit))
    if bundle.verdict != proposal.verdict:
        found.append(f"The proposal says {proposal.verdict} and its bundle {bundle.verdict}.")
    if not evidence.same_gates(bundle, [asdict(gate) for gate in proposal.gates]):
        found.append("The gates of the proposal are not those of its bundle.")
    found += _outcome(work, proposal, bundle)
    found += _spending(work, proposal, bundle)
    written = bundle.context.get("environment")
    changed = _changed(written or {}, work.commit)
    return Replayed(
        not found,
        len(bundle.gates),
        tuple(found),
        f"Replay of {proposal_id}",
        proposal=proposal_id,
        verdict=proposal.verdict,
        environment=written,
        commit=work.commit,
        again=again.verdict,
        changed=changed,
        commands=_by_hand(work, proposal_id, written or {}),
    )


def at_commit(work: Workspace, proposal_id: str, *, repo: Path = CHECKOUT) -> AtCommit:
    """The verdict of a proposal by the code of the commit that wrote it, checked out of `repo` for that long, with this
    Python and its libraries; and by the code at hand.

    Raises NotFound for an unknown proposal, InvalidInput when its evidence is gone or its commit is not in `repo`,
    StateConflict for code that was never committed, SourceUnavailable without git or when that code gives no answer.
    """
    commit = written_by(work, proposal_id)
    with past_code.checked_out(repo, commit) as place:
        return ask(work, proposal_id, commit=commit, place=place)


def written_by(work: Workspace, proposal_id: str) -> str:
    """The commit that wrote a proposal's evidence, with `+changes` where the checkout differed from it; `unknown` in
    evidence of before that was kept. Raises InvalidInput where nothing was judged, or the evidence is gone."""
    proposal = work.registry.proposal(proposal_id)
    if proposal.kind in UNJUDGED and not proposal.gates:
        raise InvalidInput(f"{proposal_id} is a {proposal.kind}, decided by a person without gates: nothing to replay.")
    manifest = evidence.verify(work.settings.evidence, proposal.evidence.bundle_digest)
    return str((manifest["context"].get("environment") or {}).get("commit") or "unknown")


def ask(work: Workspace, proposal_id: str, *, commit: str, place: Path) -> AtCommit:
    """What the code in `place` makes of a proposal, beside the code at hand."""
    proposal = work.registry.proposal(proposal_id)
    work.say(f"replaying {proposal_id} by the code of {commit[:12]}")
    past = past_code.ask(place, words(work, proposal_id))
    try:
        present, lost = replay(work, proposal_id), ""
    except (WorkflowError, RegistryError, OSError, ValueError) as error:
        present, lost = None, str(error)
    return AtCommit(proposal_id, proposal.verdict, commit, past, present, lost)


def words(work: Workspace, proposal_id: str) -> tuple[str, ...]:
    """The command that replays it, as any release takes it."""
    where = ("--workspace", str(work.settings.root), "--problem", work.settings.problem)
    return (*where, "arena-replay", proposal_id)


def _changed(written: Mapping[str, Any], commit: str) -> tuple[str, ...]:
    """What is another now than when a verdict was written: the code, Python, the libraries."""
    now, found = run_files.environment(commit), []
    for name, value in written.items():
        old, new = str(value), now.get(name, "not there")
        if old == new:
            continue
        lost = ", which were never committed" if name == "commit" and old.endswith(past_code.CHANGES) else ""
        found.append(f"{name} was {past_code.short(old)}{lost}, now {past_code.short(new)}" if name == "commit" else
                     f"{name} was {old}, now {new}")  # fmt: skip
    return tuple(found)


def _by_hand(work: Workspace, proposal_id: str, written: Mapping[str, Any]) -> tuple[str, ...]:
    """The commands that check out the code that wrote it; none where it is the code at hand, or was no commit."""
    commit = str(written.get("commit") or "unknown")
    known = past_code.is_commit(commit)
    return past_code.by_hand(CHECKOUT, commit, words(work, proposal_id)) if known and commit != work.commit else ()


def _outcome(work: Workspace, proposal: Proposal, bundle: evidence.Bundle) -> list[str]:
    """The hypothesis' claim tested again, when the document still is the one that was locked."""
    if proposal.hypothesis is None or proposal.hypothesis.outcome is None:
        return []
    try:
        document = hypotheses.of(work.settings).load(proposal.hypothesis.id)
    except (WorkflowError, OSError, NotFound):
        return []  # the verdict does not rest on the document; the release check asks for it
    if document.digest != proposal.hypothesis.digest:
        return []
    kept = proposal.summary.get("claim") or {}  # earlier ones were judged without their guardrails
    again = tested(bundle.comparison, document.claim, document.guardrails if "guardrails" in kept else ()).outcome
    if again != proposal.hypothesis.outcome:
        return [f"{document.id} was {proposal.hypothesis.outcome} and comes out as {again}."]
    return []


def _spending(work: Workspace, proposal: Proposal, bundle: evidence.Bundle) -> list[str]:
    """The level that the ledger counted is the one that the evidence was judged at, and the plan's."""
    look = bundle.comparison.look
    if look is None:
        return []  # written before looks were counted
    first = proposal.summary.get("override") if proposal.kind == "override" else None
    looked = work.registry.proposal(str(first["of"])) if first else proposal  # an override rests on the other's look
    e = looked.evidence
    uses = work.registry.holdout_uses(e.holdout_digest)
    mine = [use for use in uses if use.proposal_id == looked.id]
    found = []
    if not mine:
        found.append("The ledger counts no look at the holdout for it.")
    elif abs(mine[0].alpha - look.level) > _SAME:
        found.append(f"It was judged at level {look.level:.6g}, and the ledger counted {mine[0].alpha:.6g}.")
    asked = question(e.kind, e.challenger, e.champion, policy_digest=e.policy_digest)
    known = account(uses, work.registry.proposal, work.registry.holdout_reserved(e.holdout_digest))
    number = known.number_of(asked) if mine else look.number
    if number < look.number:  # accounts that were joined since only raise it
        found.append(f"It was judged as look {look.number}, and is number {number} of the ledger.")
    most = look.plan.level(look.place) if look.place else look.alpha
    # a question asked again keeps its first level, though places are counted anew where accounts were joined since
    if not look.spent and not look.again and look.level > most * (1 + _SAME):
        found.append(f"It was judged at level {look.level:.6g}, and its place {look.place} has {most:.6g}.")
    return found
