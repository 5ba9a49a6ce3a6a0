"""Compute a verdict again from what was stored, and compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import evidence, hypotheses
from ds_workflow.domain.claim_verdict import tested
from ds_workflow.domain.holdout_spending import account, question
from ds_workflow.errors import WorkflowError
from ds_workflow.use_cases.arena.view import Checked
from registry.errors import NotFound

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal

UNJUDGED = ("rollback", "override", "adopt")  # decided by a person; what was judged is the proposal before
_SAME = 1e-12


@dataclass(frozen=True)
class Replayed(Checked):
    """One verdict computed again. `environment` says which code and libraries wrote it, `commit` which read it now."""

    proposal: str = ""
    verdict: str = ""
    environment: Mapping[str, Any] | None = None
    commit: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-replay --json`."""
        written = dict(self.environment or {})
        return {
            **super().to_dict(),
            "proposal": self.proposal,
            "verdict": self.verdict,
            "written_by": written,
            "replayed_by": self.commit,
        }


def replay(work: Workspace, proposal_id: str) -> Replayed:
    """The verdict of a proposal from stored rows, seed, policy and level, by the code of this checkout; its outcome,
    and what it spent of the holdout. A rollback has no gates to replay.

    Raises NotFound for an unknown proposal, InvalidInput when its evidence is gone or was changed.
    """
    proposal = work.registry.proposal(proposal_id)
    if proposal.kind in UNJUDGED and not proposal.gates:
        what = f"{proposal_id} is a {proposal.kind}, decided by a person without gates"
        return Replayed(True, 0, (), what, proposal_id, proposal.verdict, None, work.commit)
    bundle = evidence.read(work.settings.evidence, proposal.evidence.bundle_digest, work.problem)
    found = list(evidence.replay(bundle))
    if bundle.verdict != proposal.verdict:
        found.append(f"The proposal says {proposal.verdict} and its bundle {bundle.verdict}.")
    told = [(g.name, g.segment, g.status) for g in proposal.gates]
    if told != [(g["name"], g["segment"], g["status"]) for g in bundle.gates]:
        found.append("The gates of the proposal are not those of its bundle.")
    found += _outcome(work, proposal, bundle)
    found += _spending(work, proposal, bundle)
    written = bundle.context.get("environment")
    return Replayed(
        not found, len(bundle.gates), tuple(found), f"Replay of {proposal_id}", proposal_id, proposal.verdict, written,
        work.commit,
    )  # fmt: skip


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
    again, _ = tested(bundle.comparison, document.claim)
    if again != proposal.hypothesis.outcome:
        return [f"{document.id} was {proposal.hypothesis.outcome} and comes out as {again}."]
    return []


def _spending(work: Workspace, proposal: Proposal, bundle: evidence.Bundle) -> list[str]:
    """The level that the ledger counted is the one that the evidence was judged at, and the plan's."""
    look = bundle.comparison.look
    if look is None:
        return []  # written before looks were counted
    e = proposal.evidence
    uses = work.registry.holdout_uses(e.holdout_digest)
    mine = [use for use in uses if use.proposal_id == proposal.id]
    found = []
    if not mine:
        found.append("The ledger counts no look at the holdout for it.")
    elif abs(mine[0].alpha - look.level) > _SAME:
        found.append(f"It was judged at level {look.level:.6g}, and the ledger counted {mine[0].alpha:.6g}.")
    asked = question(e.kind, e.challenger, e.champion, policy_digest=e.policy_digest)
    known = account(uses, work.registry.proposal, work.registry.holdout_reserved(e.holdout_digest))
    number = known.number_of(asked) if mine else look.number
    if number != look.number:
        found.append(f"It was judged as look {look.number}, and is number {number} of the ledger.")
    return found
