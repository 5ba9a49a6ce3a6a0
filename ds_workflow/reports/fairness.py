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
_REWEIGH = (
    "Train a candidate with --strategy reweighted, which makes group and outcome independent in training, and let the "
    "arena compare it."
)
_NO_REWEIGH = "Weigh the training rows of the groups, or choose the threshold with the groups in view."


def mitigations(content: Mapping[str, Any], *, strategies: Sequence[str]) -> list[str]:
    """One sentence or more for every difference above the limit; empty when there is none."""
    found = []
    for d in content["differences"]:
        if not d["large"]:
            continue
        m = metric(d["metric"])
        called = _CALLED.get(m.name, f"difference of {m.name}")
        size = measure(d["difference"], m.unit, difference=True)
        said = _SAID.get(m.name, _OTHER).format(high=d["high"], low=d["low"])
        way = ""
        if m.name in ("selection_rate", "tpr", "fpr"):
            way = " " + (_REWEIGH if "reweighted" in strategies else _NO_REWEIGH)
        found.append(f"{called[0].upper()}{called[1:]} by {d['column']}, {size}: {said}{way}")
    return found


def markdown(content: Mapping[str, Any], *, title: str, strategies: Sequence[str] = ()) -> str:
    """The report of `Parity.to_dict()`, as a document of its own."""
    return "\n".join([f"# {title}", "", *_lines(content, strategies, level="##")]) + "\n"


def section(content: Mapping[str, Any], *, strategies: Sequence[str] = ()) -> str:
    """The same as a section of a larger document: without a title, its headings one level deeper."""
    return "\n".join(_lines(content, strategies, level="###")) + "\n"


def _lines(content: Mapping[str, Any], strategies: Sequence[str], *, level: str) -> list[str]:
    out = [
        f"{count(content['rows'])} holdout rows. Brackets hold {100 * content['level']:.0f} % intervals by resampling "
        f"clusters; groups of fewer than {content['minimum_rows']} rows are not measured.",
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
    said = mitigations(content, strategies=strategies)
    nothing = f"No difference between groups is above {content['limit']:g}."
    return out + ([f"* {md(sentence)}" for sentence in said] or [nothing])


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "not measured"
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
