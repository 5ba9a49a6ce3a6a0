"""The record of a retirement."""

from __future__ import annotations

from ds_workflow.domain.problem import Problem
from ds_workflow.domain.retirement import CRITERIA, Retirement
from ds_workflow.reports.tables import code, md, md_table
from registry.records import ModelVersion


def markdown(problem: Problem, version: ModelVersion, retired: Retirement, *, event_hash: str) -> str:
    """What was retired, by whom, under which criterion, and what follows."""
    rows = [
        ["Version", str(version.version)],
        ["Digest", code(version.digest)],
        ["Criterion", f"{md(retired.criterion)}: {md(CRITERIA[retired.criterion])}"],
        ["Reason", md(retired.reason)],
        ["Retired by", md(retired.by)],
        ["At", code(retired.at)],
        ["Event in the chain", code(event_hash)],
    ]
    out = [f"# Retired: {md(problem.title)}, version {version.version}", "", *md_table(["", ""], rows), ""]
    out += ["It can be neither proposed nor rolled back to. Its model, its run and its evidence stay where they are, "]
    out[-1] += "so that every decision about it can still be replayed."
    return "\n".join(out) + "\n"
