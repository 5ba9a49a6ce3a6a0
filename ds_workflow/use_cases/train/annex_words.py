"""The words that move the answers of a model that reads text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.domain import explanations
from ds_workflow.reports import words as report
from ds_workflow.reports.annex import Annex

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run

FILE = "top_words.csv"
ROWS, TOP = 120, 10


def annex(run: Run) -> Annex | None:
    """Top words of rows spread over the holdout and of those answered worst, best and as well as the middle one."""
    estimator, scored = run.model["model"], run.scored
    if not hasattr(estimator, "explain_words"):
        return None
    roles = {
        i: role for role, i in explanations.chosen(explanations.errors(scored, binary=run.problem.task == "binary"))
    }
    spread = range(0, len(scored), max(1, len(scored) // ROWS))
    places = sorted({*roles, *spread})
    words = estimator.explain_words(run.holdout_features.iloc[places], top=TOP)
    rows = [
        report.Told(str(scored.row_id[i]), float(scored.truth[i]), float(scored.prediction[i]), said, roles.get(i, ""))
        for i, said in zip(places, words, strict=True)
    ]
    unit = estimator.contribution_unit
    return Annex(
        "Top words",
        report.markdown(rows, unit=unit, target=run.problem.target),
        {FILE: report.table(rows, unit=unit)},
    )
