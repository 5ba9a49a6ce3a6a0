"""A figure over days with its limit, for pages of monitoring."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from ds_workflow.reports.svg import Axis, Canvas, factor_of, unit_words
from ds_workflow.reports.tables import finite, measure, plain, typographic


def history_line(
    points: Sequence[tuple[str, float | None]],
    *,
    title: str,
    unit: str = "",
    limit: float | None = None,
    limit_name: str = "limit",
    width: int = 760,
    height: int = 190,
    styled: bool = True,
) -> str:
    """`points` are (day, figure), oldest first, placed by their dates; a day without a figure is left out of the line.
    The limit is a dashed line with its name."""
    known = [(day, value) for day, raw in points if (value := finite(raw)) is not None]
    said = f"{len(known)} days" + (f", last {measure(known[-1][1], unit)} on {known[-1][0]}" if known else "")
    canvas = Canvas(width, height, plain(title), plain(said))
    top, bottom, left, right = 26.0, height - 30.0, 62.0, width - 18.0
    canvas.text(0, 14, unit_words(unit, difference=False), "s")
    values = [value for _, value in known] + ([limit] if limit is not None else [])
    y_axis = Axis.over(values, left=bottom, right=top, factor=factor_of(unit), room=34, pad=0.08)
    for tick in y_axis.ticks:
        canvas.line(left, y_axis.at(tick), right, y_axis.at(tick), "grid")
        canvas.text(left - 8, y_axis.at(tick) + 4, y_axis.label(tick), "s", anchor="end")
    canvas.line(left, bottom, right, bottom, "axis")
    if not known:
        canvas.text((left + right) / 2, (top + bottom) / 2, "nothing measured yet", "s", anchor="middle")
        return canvas.render(styled=styled)
    days = [date.fromisoformat(day).toordinal() for day, _ in known]
    first, span = days[0], max(days[-1] - days[0], 1)
    one = days[-1] == days[0]
    xs = [(left + right) / 2 if one else left + 8 + (day - first) / span * (right - left - 16) for day in days]
    if limit is not None:
        canvas.line(left, y_axis.at(limit), right, y_axis.at(limit), "margin")
        words = typographic(f"{limit_name} {measure(limit, unit)}")
        canvas.text(right, y_axis.at(limit) - 5, words, "s halo", anchor="end")
    at = [(x, y_axis.at(value)) for x, (_, value) in zip(xs, known, strict=True)]
    canvas.path(at, "l-challenger")
    size = 3.4 if len(at) <= 40 else 2.2
    for (x, y), (day, value) in zip(at, known, strict=True):
        canvas.mark(x, y, "circle", "f-challenger", size=size, hint=typographic(f"{day}: {measure(value, unit)}"))
    room = max(1, math.floor((right - left) / 90))
    every = max(1, math.ceil(len(known) / room))
    for k in range(0, len(known), every):
        last = k + every >= len(known)
        anchor = "end" if last and xs[k] > right - 40 else "middle"
        canvas.text(xs[k], bottom + 17, known[k][0], "s", anchor=anchor)
    return canvas.render(styled=styled)
