"""A hypothesis that the monitoring agent begins and a person has to finish: what was seen is filled in, what to do
about it is not."""

from __future__ import annotations

from ds_workflow.domain.hypothesis_template import TEMPLATE
from ds_workflow.domain.metrics import metric
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import InvalidInput

OBSERVATION = "<What was seen, on which rows and dates, with figures. Not on the holdout.>"


def observed(text: str, seen: str) -> str:
    """The document with what was seen as its observation. InvalidInput when it has been filled already."""
    if OBSERVATION not in text:
        raise InvalidInput("The document has no place left for an observation.")
    return text.replace(OBSERVATION, seen.strip(), 1)


def about(text: str, problem: Problem) -> str:
    """The document's claim begun: which metric, on all rows, in which direction; the effect is left to a person."""
    m = metric(problem.primary_metric)
    direction = "increase" if m.greater_is_better else "decrease"
    for empty, value in (
        ("change_type: <feature, objective, data, architecture or tuning>", "change_type: data"),
        ("metric: <the metric's name, or weighted_segment_ before it>", f"metric: {m.name}"),
        ("slice: <overall, or one segment>", "slice: overall"),
        ("direction: <decrease or increase>", f"direction: {direction}"),
    ):
        if empty not in TEMPLATE:
            raise InvalidInput("The template of hypotheses has changed, so nothing can be drafted from it.")
        text = text.replace(empty, value, 1)
    return text
