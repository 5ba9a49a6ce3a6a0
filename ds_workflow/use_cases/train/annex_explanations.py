"""Why the model answers as it does: single rows, and the shape of its strongest features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import run_files
from ds_workflow.domain import explanations
from ds_workflow.domain.explanations import Curve, Explanations
from ds_workflow.reports import explanations as report
from ds_workflow.reports.annex import Annex

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run


def annex(run: Run) -> Annex | None:
    """SHAP values of single rows and partial dependence, stored with the version; global ones stand in the card."""
    problem, estimator, table = run.problem, run.model["model"], run.holdout_features
    if not hasattr(estimator, "contributions"):
        return None
    error = explanations.errors(run.scored, binary=problem.task == "binary")
    places = explanations.chosen(error)
    values = estimator.contributions(table.iloc[[i for _, i in places]])
    names = sorted(run.shap, key=lambda name: (-run.shap[name], name))[: explanations.FEATURES]
    some = explanations.some(table, seed=run.seed)
    made = {name: explanations.curve(estimator.predict, some, name) for name in names}
    base: Any = getattr(estimator, "expected_value_", None)
    found = Explanations(
        estimator.contribution_unit,
        None if base is None else float(base),
        dict(run.shap),
        explanations.cases(run.scored, error, places, values, table),
        tuple(c for c in made.values() if isinstance(c, Curve)),
        {name: why for name, why in made.items() if isinstance(why, str)},
    )
    unit = problem.target_unit
    files = {
        run_files.SHAP_LOCAL: run_files.json_text(found.local()),
        run_files.PARTIAL_DEPENDENCE: run_files.json_text(found.shapes()),
    }
    units = {f.name: f.unit for f in problem.features}
    return Annex(
        "Why it answers so", report.markdown(found, unit=unit), files, report.charts(found, unit=unit, units=units)
    )
