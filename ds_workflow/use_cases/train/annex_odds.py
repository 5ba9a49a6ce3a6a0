"""Odds ratios with intervals, of every model that can give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import run_files
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import odds
from ds_workflow.reports.annex import Annex
from ds_workflow.reports.run_card import SLIM, WIDE

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run

TITLE = "Odds ratios"
FILE, PICTURE = "odds_ratios.json", "odds_ratios.svg"


def annex(run: Run) -> Annex | None:
    """The odds ratios on the training rows, where the estimator has them; rows of one cluster may be alike, and count
    as much as they did in training."""
    problem, estimator = run.problem, run.model["model"]
    if not hasattr(estimator, "odds_ratios"):
        return None
    truth = run.train[problem.target].to_numpy(dtype=float)
    clusters = run.train[problem.cluster_column].astype(str).to_numpy()
    weights = run.train[problem.weight_column].to_numpy(dtype=float) if problem.weight_column else None
    try:
        content = estimator.odds_ratios(run.features, truth, clusters=clusters, weights=weights).to_dict()
    except (
        InvalidInput
    ) as error:  # classes that are told apart without fail, too few clusters: said, and the run goes on
        return Annex(TITLE, odds.unmeasured(str(error)))
    units = {feature.name: feature.unit for feature in problem.features}
    return Annex(
        TITLE,
        odds.section(content, units=units, cluster=problem.cluster_column),
        {FILE: run_files.json_text(content), PICTURE: odds.chart(content, width=WIDE, styled=True)},
        ((TITLE, odds.chart(content, width=WIDE), odds.chart(content, width=SLIM)),),
    )
