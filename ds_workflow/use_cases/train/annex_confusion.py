"""Right and wrong answers counted, where there are two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import run_files
from ds_workflow.domain.classification import THRESHOLD
from ds_workflow.domain.confusion import confusion
from ds_workflow.reports import confusion as report
from ds_workflow.reports.annex import Annex
from ds_workflow.reports.run_card import SLIM, WIDE

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run

FILE, PAGE, PICTURE = "confusion.json", "confusion.md", "confusion.svg"


def annex(run: Run) -> Annex | None:
    """The confusion matrix with its rates and their intervals, over all rows and by segment."""
    problem = run.problem
    if problem.task != "binary":
        return None
    own = getattr(run.model["model"], "threshold_", THRESHOLD)
    found = confusion(run.scored, threshold=float(own))
    text = report.markdown(found, target=problem.target)
    wide, slim = (report.chart(found, target=problem.target, width=width) for width in (WIDE, SLIM))
    return Annex(
        "Confusion matrix",
        text,
        {
            FILE: run_files.json_text(found.to_dict()),
            PAGE: f"# Confusion matrix of {problem.name}\n\n{text}",
            PICTURE: report.chart(found, target=problem.target, width=WIDE, styled=True),
        },
        ((report.TITLE, wide, slim),),
    )
