"""The odds ratios of a run: a table of every term, and a forest plot of those that stand out most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.domain.odds import FEW_CLUSTERS
from ds_workflow.reports.charts_forest import ForestRow, forest_plot
from ds_workflow.reports.tables import count, md, md_table, number, span

SHOWN = 20  # terms in the plot


def section(content: Mapping[str, Any], *, units: Mapping[str, str], cluster: str) -> str:
    """The section of `OddsRatios.to_dict()` in a run card. `units` gives a feature's unit; `cluster` names the column
    whose rows may be alike."""
    level = f"{100 * content['coverage']:.0f} %"
    out = [
        "One step of a term multiplies the odds of class 1 by its ratio, the other terms held; 1 is no difference. "
        f"Fitted on {count(content['rows'])} training rows without a penalty, since a penalty draws ratios towards 1; "
        "the last column is the ratio in the model that answers, which has one. A ratio tells how rows differ, not "
        "what a change would do.",
        "",
        _of_intervals(content, level, cluster),
        "",
    ]
    weighted = content.get("weighted", False)  # then there is no interval of independent rows
    rows = [
        [
            md(t["term"]),
            md(_step(t, units)),
            number(t["ratio"], digits=3) if t["ratio"] is not None else "none",
            md(span(t["interval"])) if t["interval"] else md(t["note"]),
            *([] if weighted else [md(span(t["wald"])) if t["wald"] else ""]),
            number(t["penalised"], digits=3) if t["penalised"] is not None else "",
        ]
        for t in content["terms"]
    ]
    wald = [] if weighted else ["if rows were independent"]
    heads = ["term", "one step", "odds ratio", f"{level} interval", *wald, "in the model"]
    return "\n".join([*out, *md_table(heads, rows, align="llrrrr")]) + "\n"


def chart(content: Mapping[str, Any], *, width: int, styled: bool = False) -> str:
    """A forest plot, on a logarithmic axis, of the terms whose ratio lies furthest from 1 in standard errors."""
    known = [t for t in content["terms"] if t["ratio"] is not None]
    known.sort(key=lambda t: abs(t["log_odds"]) / (t["clustered_error"] or t["error"]), reverse=True)
    chosen = sorted(known[:SHOWN], key=lambda t: -t["ratio"])
    rows = [
        ForestRow(t["term"], t["ratio"], tuple(t["interval"]), note=t["per"], status=_status(t["interval"]))
        for t in chosen
    ]
    title = "Odds ratios" if len(known) <= SHOWN else f"Odds ratios of the {SHOWN} terms that stand out most"
    sides = ("lowers the odds", "raises the odds")
    return forest_plot(rows, title=title, unit="odds ratio", sides=sides, width=width, styled=styled, ratio=True)


def _status(interval: Any) -> str:
    low, high = interval
    return "higher" if low > 1 else "lower" if high < 1 else "unclear"


def _step(term: Mapping[str, Any], units: Mapping[str, str]) -> str:
    unit = units.get(term["feature"], "")
    return f"{term['per']} {unit}".strip() if term["per"].startswith("per ") else str(term["per"])


def _of_intervals(content: Mapping[str, Any], level: str, cluster: str) -> str:
    n, name = content["clusters"], md(cluster)
    few = f" With fewer than {FEW_CLUSTERS} clusters it is itself somewhat too short." if 0 < n < FEW_CLUSTERS else ""
    if content.get("weighted", False):
        return (
            "Rows weigh as in training, by how many rows of the population each stands for. Such sampling weights make "
            f"the fit a pseudo-likelihood, so the {level} interval is a sandwich of weighted scores (CR1, rows of one "
            f"{name} may be alike, Student's t with {count(n - 1)} degrees of freedom). One that takes rows for "
            f"independent facts would have no meaning and is not given.{few}"
        )
    if not n:
        return f"The {level} intervals are Wald's and take every row for a fact of its own."
    if n == content["rows"]:
        return f"Every row has a {name} of its own, so the {level} interval (a sandwich) forgives a wrong variance."
    said = (
        f"The {level} interval lets rows of one {name} be alike (clustered sandwich, CR1, Student's t with "
        f"{count(n - 1)} degrees of freedom); the one beside it takes every row for a fact of its own and is too short "
        "where they are."
    )
    return said + few.replace(" it ", " the first ")


def unmeasured(reason: str) -> str:
    """The section of a run whose terms have no finite ratios."""
    return f"Not measured. {md(reason)}\n"
