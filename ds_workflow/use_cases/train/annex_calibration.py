"""Whether the answers of a two-class model can be read as probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import run_files
from ds_workflow.domain.calibration import calibration
from ds_workflow.reports import calibration as report
from ds_workflow.reports.annex import Annex

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run

TITLE = "Calibration"
FILE, PICTURE = "calibration.json", "reliability.svg"


def annex(run: Run) -> Annex | None:
    """Reliability by bins, calibration error beside that of chance, Brier score taken apart, slope and intercept."""
    if run.problem.task != "binary":
        return None
    found = calibration(run.scored, seed=run.seed)
    fitted = getattr(run.model["model"], "out_of_fold_", None)
    content = {**found.to_dict(), "cross_fitted": fitted or None}
    title = f"Observed share of class 1 by probability, {run.problem.name}"
    wide, slim = (report.chart(found, title=title, width=width) for width in (report.SIDE, report.SLIM))
    return Annex(
        TITLE,
        report.markdown(found, fitted=fitted or None),
        {FILE: run_files.json_text(content), PICTURE: report.chart(found, title=title, width=report.SIDE, styled=True)},
        ((title, wide, slim),),
    )
