"""Forest plots: estimates with their intervals on one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from ds_workflow.reports.svg import BOLD, NARROW, Axis, Canvas, factor_of, fit, grid, text_width, unit_words, whisker
from ds_workflow.reports.tables import Interval, finite, measure, pair, percent, plain, span, typographic

# status -> (colour, shape, filled)
STATUS_MARKS: dict[str, tuple[str, str, bool]] = {
    "better": ("good", "circle", True),
    "pass": ("good", "circle", True),
    "worse": ("bad", "square", True),
    "fail": ("bad", "square", True),
    "unclear": ("unsure", "diamond", False),
    "inconclusive": ("unsure", "diamond", False),
    "higher": ("off", "circle", False),
    "lower": ("off", "circle", False),
    "invalid": ("bad", "triangle", False),
}
_UNKNOWN = ("off", "triangle", False)


@dataclass(frozen=True)
class Line:
    """A reference line at `value`, in the chart's data unit."""

    value: float
    label: str


@dataclass(frozen=True)
class ForestRow:
    """One estimate with its interval; `status` is a word that `STATUS_MARKS` gives a shape and a colour."""

    label: str
    estimate: float | None
    interval: Interval | None = None
    status: str = ""
    note: str = ""


def _bounds(rows: Sequence[ForestRow], lines: Sequence[Line]) -> list[float]:
    """The values the axis must show; one very wide interval may not squeeze all the others flat."""
    shown = [line.value for line in lines]
    halves = [(i[1] - i[0]) / 2 for r in rows if (i := pair(r.interval)) and math.isfinite(i[1] - i[0])]
    reach = 5 * median(halves) if halves else math.inf
    for row in rows:
        estimate, ends = finite(row.estimate), pair(row.interval)
        if estimate is not None:
            shown.append(estimate)
        for end in ends or ():
            middle = estimate if estimate is not None else (sum(ends) / 2 if ends else end)
            if math.isfinite(end):
                shown.append(min(max(end, middle - reach), middle + reach) if math.isfinite(middle) else end)
    return shown


def forest_plot(
    rows: Sequence[ForestRow],
    *,
    title: str,
    desc: str = "",
    unit: str = "share",
    difference: bool = True,
    sides: tuple[str, str] = ("", ""),
    lines: Sequence[Line] = (),
    width: int = 760,
    styled: bool = True,
    ratio: bool = False,
) -> str:
    """Estimates with their intervals on one axis, one row each, with the figures printed beside them.

    `lines` are drawn dashed and named above the plot (a margin, a nominal value); with `difference` a solid line stands
    at 0. `sides` names what lies left and right of it. With `ratio` the estimates are ratios above 0: the axis is
    logarithmic and the solid line stands at 1.
    """
    if ratio:
        difference, lines = False, [Line(math.log(line.value), line.label) for line in lines]
    narrow = width < NARROW
    figures = [typographic(measure(r.estimate, unit, difference=difference)) for r in rows]
    spans = [typographic(span(r.interval, unit, difference=difference)) if r.interval else "" for r in rows]
    words = [fit(r.status, 0.16 * width, 11.5) for r in rows]
    label_room = 0.0
    if not narrow:
        widest = max((max(text_width(r.label, BOLD), text_width(r.note, 11.5)) for r in rows), default=0)
        label_room = min(widest, 0.27 * width) + 14
    figure_room = max([text_width(t, BOLD) for t in [*figures, "no figure"]], default=0)
    span_room = max([text_width(t, 11.5) for t in spans], default=0)
    word_room = max([text_width(t, 11.5) for t in words], default=0) + 30 if any(words) else 0
    side_room = 0.0 if narrow else max(figure_room, span_room) + 16 + word_room
    pitch, top = (58 if narrow else 38), 12 + 17 * len(lines) + (6 if lines else 0)
    bottom = top + pitch * max(len(rows), 1) + 4
    height = bottom + (54 if any(sides) else 40)
    left, right = (label_room, width - side_room) if not narrow else (24.0, width - 24.0)
    drawn = [_logs(row) for row in rows] if ratio else list(rows)
    zero = [Line(0.0, "no difference")] if difference or ratio else []
    axis = _axis(_bounds(drawn, [*lines, *zero]), factor_of(unit), ratio=ratio, left=left, right=right)
    canvas = Canvas(width, height, plain(title), plain(desc or _forest_words(rows, unit, difference=difference)))

    grid(canvas, axis, top=top, bottom=bottom, signed=difference)
    _sides(canvas, axis, sides, unit_words(unit, difference=difference), bottom)
    if zero:
        canvas.line(axis.at(0), top - 4, axis.at(0), bottom, "zero")
    for k, line in enumerate(lines):
        x, y = axis.at(line.value), 12.0 + 17 * k
        canvas.line(x, y + 5, x, bottom, "margin")
        label = fit(line.label, width - left - 16, 11.5)
        half = text_width(label, 11.5) / 2
        canvas.text(min(max(x, left + half), width - half - 4), y, label, "s", anchor="middle", full=line.label)
    if not rows:
        canvas.text((left + right) / 2, top + pitch / 2 + 4, "no rows to compare", "s", anchor="middle")
    for k, row in enumerate(rows):
        y = top + pitch * k + pitch / 2
        figure = figures[k] if finite(row.estimate) is not None else "no figure"
        _draw(
            canvas,
            axis,
            drawn[k],
            y + 4 if narrow else y,
            hint=f"{row.label}: {figure} {spans[k]} {row.status}".strip(),
        )
        if narrow:
            word = float(width) if not row.status else width - 18 - text_width(words[k], 11.5)
            canvas.text(0, y - 12, fit(row.label, word - 20, BOLD), "b halo", full=row.label)
            _status(canvas, float(width), y - 12, row.status, words[k], right=True)
            canvas.text(0, y + 23, fit(row.note, width - 24 - text_width(figure) - span_room, 11.5), "s halo")
            canvas.text(width, y + 23, f"{figure}  {spans[k]}".rstrip(), "s halo", anchor="end")
        else:
            canvas.text(0, y - 2 if row.note else y + 4, fit(row.label, label_room - 12, BOLD), "b", full=row.label)
            canvas.text(0, y + 12, fit(row.note, label_room - 12, 11.5), "s", full=row.note)
            x = right + 16 + max(figure_room, span_room)
            canvas.text(x, y - 2 if spans[k] else y + 4, figure, "s" if figure == "no figure" else "b", anchor="end")
            canvas.text(x, y + 12, spans[k], "s", anchor="end")
            _status(canvas, x + 12, y + 4, row.status, words[k])
    return canvas.render(styled=styled)


def _axis(shown: Sequence[float], factor: float, *, ratio: bool, left: float, right: float) -> Axis:
    if ratio:
        return Axis.of_ratios(shown, left=left, right=right)
    return Axis.over(shown, left=left, right=right, factor=factor, pad=0.04)


def _logs(row: ForestRow) -> ForestRow:
    """The row with natural logs of its estimate and interval."""
    estimate, ends = finite(row.estimate), pair(row.interval)
    logs = (math.log(ends[0]), math.log(ends[1])) if ends else None
    return replace(row, estimate=None if estimate is None else math.log(estimate), interval=logs)


def _sides(canvas: Canvas, axis: Axis, sides: tuple[str, str], unit: str, bottom: float) -> None:
    """The unit under the axis, and what lies left and right of 0."""
    room = (axis.right - axis.left) / 2 - 24
    if any(sides):
        canvas.text(axis.left, bottom + 34, f"\u2190 {fit(sides[0], room, 11.5)}", "s", full=sides[0])
        canvas.text(axis.right, bottom + 34, f"{fit(sides[1], room, 11.5)} \u2192", "s", anchor="end", full=sides[1])
    canvas.text((axis.left + axis.right) / 2, bottom + (50 if any(sides) else 34), unit, "s", anchor="middle")


def _draw(canvas: Canvas, axis: Axis, row: ForestRow, y: float, *, hint: str) -> None:
    """The whisker and the mark of one row."""
    colour, shape, filled = STATUS_MARKS.get(row.status, _UNKNOWN)
    estimate, ends = finite(row.estimate), pair(row.interval)
    if ends is not None:
        whisker(canvas, axis, ends, y)
    if estimate is not None:
        canvas.mark(axis.at(estimate), y, shape, f"{'f' if filled else 'h'}-{colour}", hint=hint)


def _status(canvas: Canvas, x: float, y: float, status: str, word: str, *, right: bool = False) -> None:
    if status:
        colour, shape, filled = STATUS_MARKS.get(status, _UNKNOWN)
        start = x - text_width(word, 11.5) - 12 if right else x
        canvas.mark(start + 4, y - 4, shape, f"{'f' if filled else 'h'}-{colour}", size=3.4)
        css = f"s halo f-{colour}"
        canvas.text(x if right else start + 14, y, word, css, anchor="end" if right else "start", full=status)


def _forest_words(rows: Sequence[ForestRow], unit: str, *, difference: bool) -> str:
    return "; ".join(
        f"{r.label}: {measure(r.estimate, unit, difference=difference)}"
        + (f", interval {span(r.interval, unit, difference=difference)}" if r.interval else "")
        + (f", {r.status}" if r.status else "")
        for r in rows
    )


def coverage_chart(
    rows: Sequence[ForestRow], *, title: str, nominal: float = 0.8, width: int = 760, styled: bool = True
) -> str:
    """Share of truths inside the prediction interval, per group, against the nominal share."""
    line = Line(nominal, f"promised {percent(nominal, decimals=0)}")
    return forest_plot(rows, title=title, unit="share", difference=False, lines=[line], width=width, styled=styled)
