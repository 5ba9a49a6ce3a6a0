"""The fairness report of a run: figures by group, differences between groups, and what to do about large ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ds_workflow.domain.metrics import metric
from ds_workflow.reports.tables import count, md, md_table, measure, span

_CALLED = {
    "selection_rate": "demographic parity difference",
    "tpr": "equal opportunity difference",
    "fpr": "false-alarm difference",
    "roc_auc": "ROC-AUC difference",
}
# what a large difference of a metric says, and what is done about it; {high} and {low} are the groups
_SAID = {
    "selection_rate": "{high} is flagged more often than {low}. Part of this may be a difference of the truth itself: "
    "read it beside the equal opportunity difference.",
    "tpr": "those of {low} who are of class 1 are found less often than those of {high}.",
    "fpr": "those of {high} who are of class 0 are flagged more often than those of {low}.",
    "roc_auc": "{low} is ranked worse than {high}: the features tell less there, which no threshold mends. Look for "
    "what is known of {low} and not asked, and for more rows.",
}
_OTHER = "{high} and {low} are treated unlike. Look at the rows and features of the group that is worse off."
# the strategies that act on a difference of a metric, the more direct one first, and what each does
_CURES = {
    "tpr": ("equal_opportunity", "reweighted"),
    "selection_rate": ("reweighted",),
    "fpr": ("reweighted",),
}
_DOES = {
    "equal_opportunity": "raises the weight of the rows of class 1 that are found less often",
    "reweighted": "makes group and outcome independent in training",
}
_NO_CURE = "Weigh the training rows of the groups, or choose the threshold with the groups in view."


def mitigations(content: Mapping[str, Any], *, strategies: Sequence[str], own: str = "") -> list[str]:
    """One sentence or more for every difference above the limit; empty when there is none.

    `strategies` are those of the problem, `own` the one that the model was trained with: it is not advised again. A
    difference whose interval holds 0 is said to be not shown, with what would tell."""
    found = []
    for d in content["differences"]:
        if not d["large"]:
            continue
        m = metric(d["metric"])
        called = _CALLED.get(m.name, f"difference of {m.name}")
        size = measure(d["difference"], m.unit, difference=True)
        start = f"{called[0].upper()}{called[1:]} by {d['column']}, {size}: "
        if not d["shown"]:
            found.append(start + _not_shown(content, d))
            continue
        said = _SAID.get(m.name, _OTHER).format(high=d["high"], low=d["low"])
        way = f" {_way(m.name, strategies, own)}" if m.name in _CURES else ""
        found.append(f"{start}{said}{way}")
    return found


def _not_shown(content: Mapping[str, Any], d: Mapping[str, Any]) -> str:
    mine = {f["group"]: f for f in content["figures"] if (f["column"], f["metric"]) == (d["column"], d["metric"])}
    rows = " and ".join(f"{count(mine[d[end]]['evidence'])} of {d[end]}" for end in ("high", "low"))
    unit = metric(d["metric"]).unit
    why = (
        f"its interval {span(d['interval'], unit, difference=True)} holds 0" if d["interval"] else "it has no interval"
    )
    return (
        f"not shown, since {why}. It rests on {rows} (rows that the figure is about); four times as many would halve "
        "the interval. Nothing is to be mended before more rows tell."
    )


def _way(name: str, strategies: Sequence[str], own: str) -> str:
    offered = [cure for cure in _CURES[name] if cure in strategies]
    if own in offered:
        left = [cure for cure in offered if cure != own]
        start = f"This model was trained with --strategy {own}, which {_DOES[own]}, and this is what is left."
        other = f" Train a candidate with --strategy {left[0]}, which {_DOES[left[0]]}," if left else ""
        return start + (
            f"{other} and let the arena compare it."
            if left
            else " Look at the threshold with the groups in view, and for features that tell more of the group that is "
            "worse off."
        )
    if not offered:
        return _NO_CURE
    return f"Train a candidate with --strategy {offered[0]}, which {_DOES[offered[0]]}, and let the arena compare it."


def markdown(content: Mapping[str, Any], *, title: str, strategies: Sequence[str] = (), own: str = "") -> str:
    """The report of `Parity.to_dict()`, as a document of its own."""
    return "\n".join([f"# {title}", "", *_lines(content, strategies, own, level="##")]) + "\n"


def section(content: Mapping[str, Any], *, strategies: Sequence[str] = (), own: str = "") -> str:
    """The same as a section of a larger document: without a title, its headings one level deeper."""
    return "\n".join(_lines(content, strategies, own, level="###")) + "\n"


def _lines(content: Mapping[str, Any], strategies: Sequence[str], own: str, *, level: str) -> list[str]:
    out = [
        f"{count(content['rows'])} holdout rows. Brackets hold {100 * content['level']:.0f} % intervals: of shares "
        "Wilson's with the effective number of rows of their clusters, of other figures and of differences by "
        f"resampling clusters. A figure is measured on {content['minimum_rows']} rows or more that it is about: rows "
        "of class 1 for those found, of class 0 for false alarms, of the rarer class for a ranking.",
        "",
    ]
    for column in dict.fromkeys(f["column"] for f in content["figures"]):
        mine = [f for f in content["figures"] if f["column"] == column]
        names = list(dict.fromkeys(f["metric"] for f in mine))
        cells = []
        for group in dict.fromkeys(f["group"] for f in mine):
            by = {f["metric"]: f for f in mine if f["group"] == group}
            rows = count(by[names[0]]["rows"])
            cells.append([md(group), rows, *(_figure(by[n]) for n in names)])
        out += [
            f"{level} By {column}",
            "",
            *md_table([column, "rows", *names], cells, align="lr" + "r" * len(names)),
            "",
        ]
        differences = [d for d in content["differences"] if d["column"] == column]
        if differences:
            body = [_difference(d) for d in differences]
            heads = ["difference", "groups", "high minus low", "interval", "by chance"]
            out += [*md_table(heads, body, align="llrrr"), ""]
    out += [f"{level} What to do", ""]
    said = mitigations(content, strategies=strategies, own=own)
    nothing = f"No difference between groups is above {content['limit']:g}."
    return out + ([f"* {md(sentence)}" for sentence in said] or [nothing])


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return f"not measured ({count(figure['evidence'])})"
    unit = metric(figure["metric"]).unit
    value = measure(figure["value"], unit)
    return f"{value} {md(span(figure['interval'], unit))}" if figure["interval"] else value


def _difference(d: Mapping[str, Any]) -> list[str]:
    unit = metric(d["metric"]).unit
    return [
        _CALLED.get(d["metric"], d["metric"]),
        md(f"{d['high']} over {d['low']}"),
        measure(d["difference"], unit, difference=True),
        md(span(d["interval"], unit, difference=True)) if d["interval"] else "",
        measure(d["expected_by_chance"], unit, difference=True),
    ]
