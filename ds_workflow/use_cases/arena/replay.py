"""Compute a verdict again from what was stored, and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import evidence
from ds_workflow.use_cases.arena.view import Checked

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


def replay(work: Workspace, proposal_id: str) -> Checked:
    """The verdict of a proposal from stored rows, seed and policy. A rollback has no gates to replay."""
    proposal = work.registry.proposal(proposal_id)
    if proposal.kind == "rollback":
        return Checked(True, 0, (), f"{proposal_id} is a rollback, decided by a person without gates")
    bundle = evidence.read(work.settings.evidence, proposal.evidence.bundle_digest, work.problem)
    found = list(evidence.replay(bundle))
    if bundle.verdict != proposal.verdict:
        found.append(f"The proposal says {proposal.verdict} and its bundle {bundle.verdict}.")
    return Checked(not found, len(bundle.gates), tuple(found), f"Replay of {proposal_id}")
