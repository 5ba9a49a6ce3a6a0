"""The commands that pages and answers name as the next thing to do, whole: they work as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.domain.assurance.records import BASELINE

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


def waiting(work: Workspace) -> int | None:
    """The newest candidate while nobody has proposed it yet and it can challenge; None when there is none.

    Raises Unavailable when the versions can't be reached.
    """
    name = work.problem.name
    number = work.registry.aliases(name).get("candidate")
    if number is None or not hasattr(work.plugin, "clean"):
        return None
    version = work.registry.version(name, number)
    decided = {m.to_ref.version for m in work.registry.moves(name)}
    asked = work.registry.proposals(name, challenger=version.digest, limit=1)
    free = version.lineage.hypothesis_id != BASELINE and number not in decided and not asked
    return number if free else None


def out_of_custody(problem: str, status: str) -> tuple[str, ...]:
    """What ends a drift: the decided champion put back, or what stands there tried like any challenger. While custody
    is unknown, nothing but looking again."""
    command = f"ds-workflow --problem {problem}"
    if status != "drifted":
        return (f"{command} arena-status",)
    return (
        f"{command} arena-status",
        f"{command} arena-restore --by NAME --reason 'WHY'",
        f"{command} arena-adopt --by NAME --reason 'WHY'",
    )


def to_appoint(work: Workspace) -> str:
    """The same in one line."""
    return " && ".join(first_champion(work))
