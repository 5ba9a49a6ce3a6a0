"""Whether the holdout holds the same kind of rows as training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import run_files
from ds_workflow.domain.representativeness import represent
from ds_workflow.reports import representativeness as report
from ds_workflow.reports.annex import Annex

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run


def annex(run: Run) -> Annex | None:
    """Every feature that the model sees, in training and in the holdout."""
    names = [n for n in run.model["model"].feature_names_ if n in run.features and n in run.holdout_features]
    if not names:
        return None
    trending = [f.name for f in run.problem.features if f.trending]
    found = represent(run.features[names], run.holdout_features[names], trending=trending, seed=run.seed)
    files = {run_files.REPRESENTATIVENESS: run_files.json_text(found.to_dict())}
    return Annex("Training beside holdout", report.markdown(found), files)
