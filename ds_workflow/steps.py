"""The commands that pages and answers name as the next thing to do, whole: they work as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


def first_champion(work: Workspace) -> tuple[str, ...]:
    """What appoints the first champion of the workspace's problem: from its newest snapshot, or from simulated rows
    that are frozen first. Of a contest, whose entries were made elsewhere: what tells how."""
    problem = work.problem
    command = f"ds-workflow --problem {problem.name}"
    if not hasattr(work.plugin, "clean"):
        return ("ds-workflow codeeval-compare --help",)
    known = sorted(work.registry.snapshots(problem.name), key=lambda s: s.created_at)
    version = known[-1].dataset_version if known else "sim-v1"
    appoint = (
        f"{command} bootstrap-champion --dataset-version {version} "
        f"--feature-set-version {problem.feature_sets[0].version} --owner YOU --approved-by YOU"
    )
    return (appoint,) if known else (f"{command} data-snapshot --dataset-version {version} --simulate", appoint)


def to_appoint(work: Workspace) -> str:
    """The same in one line."""
    return " && ".join(first_champion(work))
