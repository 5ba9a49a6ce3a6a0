"""Asking a forecast problem for whole days: every step of a day that is not named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ds_workflow.domain.contract import typed
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Problem


def forecast_rows(
    problem: Problem, asked: Sequence[Mapping[str, Any]], *, as_text: bool = False
) -> list[dict[str, Any]]:
    """The rows, and in place of one without a step one for each step of its day.

    `as_text`: every value is text, as a query string brings it. Raises InvalidInput for a problem that forecasts no
    series.
    """
    series = problem.series
    if series is None:
        raise InvalidInput(f"{problem.name} forecasts no series.", hint="Ask for a prediction of its rows.")
    columns = {c.name: c for c in problem.inputs}
    rows = []
    for given in asked:
        row = {n: typed(columns[n], v) if as_text and n in columns else v for n, v in given.items()}
        step = series.step_column
        whole_day = step and row.get(step) is None
        rows += [{**row, step: at} for at in range(series.steps_a_day)] if whole_day else [row]
    return rows
