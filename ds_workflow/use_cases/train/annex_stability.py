"""Whether the primary metric holds for every group and at every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import run_files
from ds_workflow.domain.stability import stability
from ds_workflow.reports import stability as report
from ds_workflow.reports.annex import Annex

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run


def annex(run: Run) -> Annex | None:
    """The primary metric by segment, slice, fairness column and month, with intervals."""
    found = stability(run.problem, run.scored, seed=run.seed)
    if found is None:
        return None
    files = {run_files.STABILITY: run_files.json_text(found.to_dict())}
    return Annex("How stable it is", report.markdown(found), files, report.charts(found))
