"""The metrics of one version on one page."""

from __future__ import annotations

from ds_workflow.reports.pack_view import View, head, metric_rows, segment_rows
from ds_workflow.reports.tables import code, md, md_table, metric_unit


def markdown(view: View) -> str:
    """Overall with intervals, by segment, and beside the champion that it challenged."""
    problem, shelf = view.known.problem, view.shelf
    out = head(view, "Metrics summary")
    out += ["## On the holdout", "", *md_table(["Metric", "Figure", "Interval"], metric_rows(view), align="lrr")]
    out += ["", shelf.below("scorecard"), "", f"## By segment ({code(problem.segment_column)})", ""]
    heads = ["Segment", "Rows", *map(code, problem.metrics)]
    out += [*md_table(heads, segment_rows(view), align="l" + "r" * len(heads)), "", shelf.below("scorecard"), ""]
    out += ["## Beside the champion it challenged", "", *against(view)]
    return "\n".join(out) + "\n"


def against(view: View) -> list[str]:
    """Champion, challenger and their difference, as the proposal holds them."""
    shelf = view.shelf
    place = ("summary", "overall")
    found = shelf.get("proposal", *place) or {}
    if not any(isinstance(one, dict) and one.get("champion") is not None for one in found.values()):
        return [f"It challenged nobody: proposal kind {md(shelf.get('proposal', 'kind') or 'not on record')}."]
    rows = []
    for name in (n for n in view.known.problem.metrics if n in found):
        unit = metric_unit(name)
        rows.append(
            [
                shelf.text("metrics", name, "title"),
                shelf.figure("proposal", *place, name, "champion", unit=unit),
                shelf.figure("proposal", *place, name, "challenger", unit=unit),
                shelf.figure("proposal", *place, name, "difference", unit=unit, difference=True),
                shelf.span("proposal", *place, name, "interval", unit=unit, difference=True),
            ]
        )
    heads = ["Metric", "Champion", "This version", "Difference", "Interval"]
    return [*md_table(heads, rows, align="lrrrr"), "", shelf.below("proposal")]
