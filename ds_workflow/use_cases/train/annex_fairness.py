"""How the groups of the problem's fairness columns are treated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_workflow.adapters import run_files
from ds_workflow.domain.parity import figures_of, parity
from ds_workflow.reports import fairness
from ds_workflow.reports.annex import Annex

if TYPE_CHECKING:
    from ds_workflow.use_cases.train.run import Run


def annex(run: Run) -> Annex | None:
    """The fairness report, where the problem declares groups."""
    problem = run.problem
    if not problem.groups:
        return None
    found = parity(run.scored, problem.groups, figures_of(problem), seed=run.seed).to_dict()
    title = f"How {problem.name} treats groups"
    whole = fairness.markdown(found, title=title, strategies=problem.strategies, own=run.strategy)
    section = fairness.section(found, strategies=problem.strategies, own=run.strategy)
    return Annex(title, section, {run_files.FAIRNESS: run_files.json_text(found), "fairness.md": whole})
