"""The data dictionary of a problem, from its declaration alone: the same declaration gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ds_workflow.domain.problem import Column, Problem
from ds_workflow.reports import markup
from ds_workflow.reports.page import page
from ds_workflow.reports.tables import code, md, md_table

HEAD = "# Data dictionary"
NOTE = "Written by `ds-workflow data-dictionary` from the declaration; change the declaration, not this page."
KINDS = {"number": "number", "integer": "whole number", "category": "category", "text": "text", "date": "date"}
KNOWN = {
    "request": "at request",
    "as_of": "as of the request, from earlier rows",
    "learned": "learned on training rows",
    "after_outcome": "after the outcome",
}
SPLITS = {
    "chronological": "the last {share:.0%} of the rows in time, cut at a day",
    "given": "as the source's own column `split` says",
    "hash": "the {share:.0%} of the clusters with the lowest hashed names",
    "ordered": "the last {share:.0%} of the rows by {by}",
    "stratified": "{share:.0%} of the clusters with, and of those without, a row of class 1, by their hashed names",
    "last_month": "the last calendar month",
    "all": "every row: nothing is learned here",
}


def role(problem: Problem, column: Column) -> str:
    """What a prediction request may do with a column: required, optional, or why it is no part of one."""
    name = column.name
    if name == problem.target:
        return "no: the target"
    if name in problem.forbidden:
        return "no: forbidden"
    if name in problem.sensitive:
        return "no: sensitive"
    if name in problem.derived:
        return "no: follows from others"
    if name == problem.row_id:
        return "no: the row's id"
    return "required" if column.required else "optional"


def values(column: Column) -> str:
    """The range or the values of a column, in words; empty where anything of its type is allowed."""
    if column.categories:
        return ", ".join(column.categories)
    low, high = _figure(column.minimum) or column.earliest, _figure(column.maximum) or column.latest
    if low and high:
        return f"{low} to {high}"
    after, before = ("or later", "or earlier") if column.kind == "date" else ("or more", "or less")
    return f"{low} {after}" if low else f"{high} {before}" if high else ""


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10_000 else f"{value:g}"


def content(problem: Problem) -> dict[str, Any]:
    """The dictionary as plain JSON: columns, features with the sets that hold them, and what is never an input."""
    return {
        "row_id": problem.row_id,
        "time_column": problem.time_column,
        "cluster_column": problem.cluster_column,
        "segment_column": problem.segment_column,
        "columns": [
            {**asdict(column), "categories": list(column.categories), "in_request": role(problem, column)}
            for column in problem.columns
        ],
        "features": [
            {**asdict(f), "sources": list(f.sources), "sets": _sets(problem, f.name)} for f in problem.features
        ],
        "forbidden": dict(problem.forbidden),
        "fairness_columns": list(problem.groups),
        "intended_use": problem.intended_use,
        "limits": problem.limits,
    }


def _sets(problem: Problem, feature: str) -> list[str]:
    return [fs.version for fs in problem.feature_sets if feature in fs.features]


def _told_sets(problem: Problem, sets: list[str]) -> str:
    """The sets in a few signs: a feature mostly stays in every set that comes after its first."""
    declared = [fs.version for fs in problem.feature_sets]
    if len(sets) > 2 and sets == declared[declared.index(sets[0]) :]:
        return f"{code(sets[0])}+"
    return ", ".join(map(code, sets)) or "none"


def markdown(problem: Problem) -> str:
    """The page of one problem."""
    out = [f"{HEAD}: {problem.name}", "", NOTE, "", f"{md(problem.title)}.", ""]
    out += md_table(["", ""], [[head, said] for head, said in _facts(problem).items()])
    out += ["", "## Columns", "", "Of the cleaned rows. Ranges include both ends.", ""]
    out += md_table(
        ["column", "type", "unit", "range or values", "may be missing", "in a request", "meaning"],
        [
            [
                code(c.name),
                KINDS[c.kind],
                md(c.unit),
                md(values(c)),
                "yes" if c.nullable else "no",
                role(problem, c),
                md(c.description) + (f"; for example {code(c.example)}" if c.example is not None else ""),
            ]
            for c in problem.columns
        ],
    )
    out += ["", "## Feature sets", "", "What a model may see. A set never changes; a better one gets a new name.", ""]
    out += md_table(
        ["set", "grew from", "features", "what it holds"],
        [[code(fs.version), code(fs.parent), str(len(fs.features)), md(fs.note)] for fs in problem.feature_sets],
        align="llrl",
    )
    out += ["", "## Features", "", "A set with a + stands for all that come after it too.", ""]
    out += md_table(
        ["feature", "unit", "known", "made from", "in sets", "meaning"],
        [
            [
                code(f.name),
                md(f.unit),
                KNOWN[f.availability],
                ", ".join(code(s) for s in f.sources),
                _told_sets(problem, _sets(problem, f.name)),
                md(f.description.removesuffix(".")) + (". Follows the calendar or the market." if f.trending else ""),
            ]
            for f in problem.features
        ],
    )
    out += ["", "## Never an input", ""]
    out += md_table(["column", "why"], [[code(name), md(why)] for name, why in _never(problem).items()])
    if problem.groups:
        groups = ", ".join(code(name) for name in problem.groups)
        out += ["", f"Whether groups are treated alike is measured by {groups}."]
    if problem.intended_use:
        out += ["", "## What it is for", "", md(problem.intended_use)]
    if problem.limits:
        out += ["", "## Limits", "", md(problem.limits)]
    return "\n".join(out) + "\n"


def _facts(problem: Problem) -> dict[str, str]:
    unit = f", in {md(problem.target_unit)}" if problem.target_unit else ""
    weighed = {"a row stands for": f"{code(problem.weight_column)} rows"} if problem.weight_column else {}
    series = problem.series
    if series is not None:
        steps = f", a season of {series.season} steps" + (
            f" of {series.steps_a_day} a day" if series.step_column else ""
        )
        weighed["a series"] = f"the rows of one {code(series.column)}{steps}; busy from a mean of {series.busy:g} on"
    if problem.costs is not None:
        c = problem.costs
        weighed["costs"] = (
            f"missed {c.missed:g}, false alarm {c.false_alarm:g}, found {c.found:g}, left alone {c.left_alone:g} "
            f"{md(c.unit)}: {md(c.reason)}"
        )
    return {
        "predicts": f"{code(problem.target)} ({problem.task}{unit})",
        "a row is named by": code(problem.row_id),
        "time": code(problem.time_column) or "none",
        "rows that belong together": code(problem.cluster_column),
        **weighed,
        "segments": f"{code(problem.segment_column)}: {', '.join(md(s) for s in problem.segments)}",
        "holdout": SPLITS[problem.split.method].format(share=problem.split.holdout_share, by=code(problem.split.by)),
        "metrics": ", ".join(
            f"{code(name)} (first)" if name == problem.primary_metric else code(name) for name in problem.metrics
        ),
        "strategies": ", ".join(code(name) for name in problem.strategies),
        "source": md(problem.source),
        "licence": md(problem.licence),
    }


def _never(problem: Problem) -> dict[str, str]:
    sensitive = dict.fromkeys(problem.sensitive, "sensitive: kept for the report only")
    return {problem.target: "it is the target", **problem.forbidden, **sensitive}


def html(problem: Problem) -> str:
    """The same page, self-contained."""
    return page(f"Data dictionary: {problem.name}", f"<section>{markup.html(markdown(problem))}</section>")


def index(problems: Sequence[Problem]) -> str:
    """The page that lists the others."""
    rows = [
        [
            f"[{p.name}]({p.name}.md)",
            md(p.title),
            f"{code(p.target)} ({p.task})",
            str(len(p.columns)),
            str(len(p.features)),
            md(p.licence),
        ]
        for p in problems
    ]
    heads = ["problem", "what it is", "predicts", "columns", "features", "licence"]
    return "\n".join([HEAD, "", NOTE, "", *md_table(heads, rows, align="lllrrl")]) + "\n"
