"""A figure by category with how far the rows behind it spread: a thin bar, which is no interval of the figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ds_workflow.reports.svg import BOLD, NARROW, Axis, Canvas, factor_of, fit, grid, text_width, unit_words
from ds_workflow.reports.tables import measure, plain, typographic

_BAR = 5.0  # half the height of a bar


@dataclass(frozen=True)
class SpreadRow:
    """The figure of a category and the ends of the bar that most of its rows lie in."""

    label: str
    figure: float
    low: float
    high: float


def spread_legend(canvas: Canvas, figure: str, spread: str, y: float, *, shape: str = "circle") -> None:
    """What the mark and the bar or band stand for, in one line at baseline `y`."""
    canvas.mark(5, y - 4, shape, "f-challenger", size=3.4)
    canvas.text(16, y, figure, "s")
    x = 34 + text_width(figure, 11.5)
    canvas.rect(x, y - 8, 18, 8, "rows", radius=2)
    canvas.text(x + 24, y, spread, "s")


def spread_bars(
    rows: Sequence[SpreadRow],
    *,
    title: str,
    figure: str,
    spread: str,
    unit: str = "",
    width: int = 760,
    styled: bool = True,
) -> str:
    """One row each: a point at the figure on a bar from low to high, their numbers beside it. `figure` and `spread` say
    in the legend what they are."""
    narrow = width < NARROW
    figures = [typographic(measure(r.figure, unit)) for r in rows]
    spans = [typographic(f"{measure(r.low, unit)} to {measure(r.high, unit)}") for r in rows]
    widest = max((text_width(r.label, BOLD) for r in rows), default=0.0)
    label_room = 0.0 if narrow else min(widest, 0.27 * width) + 14
    figure_room = max((text_width(t, BOLD) for t in figures), default=0.0)
    side_room = figure_room + max((text_width(t, 11.5) for t in spans), default=0.0) + 28
    pitch, top = (46 if narrow else 28), 26.0
    bottom = top + pitch * max(len(rows), 1) + 2
    left, right = (14.0, width - 24.0) if narrow else (label_room, width - side_room)
    said = "; ".join(f"{r.label}: {f}, {s}" for r, f, s in zip(rows, figures, spans, strict=True))
    canvas = Canvas(width, bottom + 40, plain(title), plain(f"{figure}, and {spread}. {said}"))
    ends = [v for r in rows for v in (r.low, r.figure, r.high)]
    axis = Axis.over(ends, left=left, right=right, factor=factor_of(unit))
    spread_legend(canvas, figure, spread, 12)
    grid(canvas, axis, top=top, bottom=bottom, caption=unit_words(unit, difference=False))
    if not rows:
        canvas.text((left + right) / 2, top + pitch / 2 + 4, "no figures", "s", anchor="middle")
    for k, row in enumerate(rows):
        y = top + pitch * k + (32 if narrow else pitch / 2)
        start, end = axis.at(row.low), axis.at(row.high)
        canvas.rect(start, y - _BAR, max(end - start, 1.0), 2 * _BAR, "rows", radius=3)
        hint = f"{row.label}: {figures[k]}; {spread}: {spans[k]}"
        canvas.mark(axis.at(row.figure), y, "circle", "f-challenger", size=4, hint=hint)
        if narrow:
            told = f"{figures[k]}  ({spans[k]})"
            canvas.text(0, y - 14, fit(row.label, width - text_width(told, 11.5) - 10, BOLD), "b halo", full=row.label)
            canvas.text(width, y - 14, told, "s halo", anchor="end")
        else:
            canvas.text(0, y + 4, fit(row.label, label_room - 12, BOLD), "b", full=row.label)
            canvas.text(right + 14 + figure_room, y + 4, figures[k], "b", anchor="end")
            canvas.text(width, y + 4, spans[k], "s", anchor="end")
    return canvas.render(styled=styled)
