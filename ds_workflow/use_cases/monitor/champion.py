"""Whom a look is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import NoChampion

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion


def watched(work: Workspace) -> ModelVersion:
    """The champion of the workspace's problem; raises NoChampion."""
    champion = work.registry.champion(work.problem.name)
    if champion is None:
        raise NoChampion(f"{work.problem.name} has no champion to watch.", hint="Run 'bootstrap-champion'.")
    return champion
