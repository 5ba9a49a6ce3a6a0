"""One metric by group and over time: the section of the run card and its charts."""

from __future__ import annotations

from ds_workflow.domain.metrics import metric
from ds_workflow.domain.stability import LEVEL, MINIMUM_ROWS, Part, Spread, Stability
from ds_workflow.reports.charts import ForestRow, Line, forest_plot
from ds_workflow.reports.run_card import SLIM, WIDE, interval_text, metric_text
from ds_workflow.reports.tables import count, md, md_table, measure, span


def markdown(found: Stability) -> str:
    """How far the parts of every grouping lie apart, and the figures of all parts."""
    all_rows = f"{metric_text(found.metric, found.figure)} {md(interval_text(found.metric, found.interval))}"
    out = [
        f"{md(metric(found.metric).title)}, {count(found.rows)} holdout rows: {all_rows}. Intervals of "
        f"{100 * LEVEL:.0f} % by {found.resamples} resamples of clusters; parts of fewer than {MINIMUM_ROWS} rows are "
        "not measured.",
        "",
    ]
    out += [f"* {_sentence(found, spread)}" for spread in found.spreads] or ["There are no two parts to compare."]
    for group in dict.fromkeys(part.group for part in found.parts):
        rows = [_row(found.metric, part) for part in found.parts if part.group == group]
        out += ["", *md_table([md(group), "Rows", md(found.metric), "Interval"], rows, align="lrrr")]
    return "\n".join(out) + "\n"


def _sentence(found: Stability, s: Spread) -> str:
    unit = metric(found.metric).unit
    apart, chance, off = (measure(v, unit, difference=True) for v in (s.observed, s.by_chance, s.deviation))
    words = "which is more than chance" if s.differs else "which chance alone may show"
    note = f" (built in: {md(s.note)})" if s.note else ""
    return (
        f"By {md(s.group)}{note}: {s.parts} parts lie {apart.lstrip('+')} apart, equal ones would lie about "
        f"{chance.lstrip('+')} apart. Furthest from their mean is {md(s.furthest)}, by {off} "
        f"{md(span(s.interval, unit, difference=True))}, {words}."
    )


def _row(name: str, part: Part) -> list[str]:
    figure = "not measured" if part.figure is None else metric_text(name, part.figure)
    return [md(part.value), count(part.rows), figure, md(interval_text(name, part.interval))]


def charts(found: Stability) -> tuple[tuple[str, str, str], ...]:
    """One forest plot for each grouping of more than one part."""
    made = []
    for group in dict.fromkeys(spread.group for spread in found.spreads):
        title = f"{metric(found.metric).title}, by {group}"
        rows = [
            ForestRow(part.value, part.figure, part.interval, note=f"{count(part.rows)} rows")
            for part in found.parts
            if part.group == group
        ]
        wide, slim = (
            forest_plot(
                rows,
                title=title,
                unit=metric(found.metric).unit,
                difference=False,
                lines=[Line(found.figure, "all rows")],
                width=width,
                styled=False,
            )
            for width in (WIDE, SLIM)
        )
        made.append((title, wide, slim))
    return tuple(made)
