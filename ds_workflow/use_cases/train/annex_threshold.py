"""What thresholds on the probability flag, find and cost, where the problem says what errors cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import run_files
from ds_workflow.domain.thresholds import tradeoffs
from ds_workflow.reports import thresholds as report
from ds_workflow.reports.annex import Annex
from ds_workflow.reports.run_card import SLIM, WIDE

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run

TITLE = "Threshold and costs"
FILE, PICTURE = "thresholds.json", "thresholds.svg"


def annex(run: Run) -> Annex | None:
    """The trade-off table with intervals, and the cheapest threshold."""
    costs = run.problem.costs
    if costs is None:
        return None
    own = getattr(run.model["model"], "threshold_", None)
    found = tradeoffs(run.scored, costs, own=own, seed=run.seed)
    content = {**found.to_dict(), "own": own, "for_costs": costs.threshold, "cheapest": found.cheapest.threshold}
    return Annex(
        TITLE,
        report.markdown(found),
        {FILE: run_files.json_text(content), PICTURE: report.chart(found, width=WIDE, styled=True)},
        ((report.TITLE, report.chart(found, width=WIDE), report.chart(found, width=SLIM)),),
    )
