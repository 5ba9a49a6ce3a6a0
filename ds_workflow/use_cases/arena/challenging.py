"""Who may challenge at all: the doors that every challenger goes through, proposed or adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import hypotheses
from ds_workflow.domain import retirement
from ds_workflow.domain.holdout_spending import BASELINE
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    from ds_workflow.domain.hypothesis import Hypothesis
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion


def require_in_service(work: Workspace, challenger: ModelVersion) -> None:
    """Refuse a version that was retired."""
    retirement.require_in_service(work.registry.events(kind=retirement.RETIRED), work.problem.name, challenger.version)


def document(work: Workspace, challenger: ModelVersion) -> Hypothesis:
    """The locked hypothesis that a challenger was trained for; InvalidInput or StateConflict when it may not
    challenge: retired, a baseline, a contest's, or of a document that changed since its lock."""
    require_in_service(work, challenger)
    if challenger.lineage.hypothesis_id == BASELINE:
        raise InvalidInput(
            f"Version {challenger.version} is a baseline, which no hypothesis stands behind, so it can't challenge.",
            hint="Train a candidate for a written hypothesis: 'train-candidate'.",
        )
    if not hasattr(work.plugin, "clean"):
        raise InvalidInput(
            f"{work.problem.name} is a contest: its proposals are written by the command that compares in it.",
            hint="For programs that models wrote, that is 'codeeval-compare'.",
        )
    found = hypotheses.of(work.settings).load(challenger.lineage.hypothesis_id)
    lock = work.registry.hypothesis_lock(work.problem.name, found.id)
    if lock is None or lock.digest != found.digest:
        raise InvalidInput(
            f"{found.id} changed after it was locked by training, so its candidate can't be judged by it.",
            hint="Restore the document as it was, or write the new claim as a new hypothesis.",
        )
    return found
