"""A curve over a number with a band around it: how sure the curve is, or how far the rows behind it spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ds_workflow.reports.charts_spread import spread_legend
from ds_workflow.reports.svg import Axis, Canvas, factor_of, fit, grid, text_width, unit_words
from ds_workflow.reports.tables import finite, measure, number, plain, span, typographic


@dataclass(frozen=True)
class BandPoint:
    """A figure at a place, and the ends of the band there. `at` None is a place of its own: the value is missing."""

    at: float | None
    figure: float
    low: float
    high: float


def band_curve(
    points: Sequence[BandPoint],
    *,
    title: str,
    figure: str = "",
    spread: str = "",
    desc: str = "",
    unit: str = "",
    caption: str = "",
    width: int = 760,
    height: int = 260,
    styled: bool = True,
) -> str:
    """The figure as a line over `at`, in the band from low to high; a missing value stands by itself at the right.

    `unit` is that of the figures, `caption` names what lies along the axis. Where `spread` names the rows
    that the band holds, it is no interval: a legend says so, of it and of the `figure`.
    """
    known = [p for p in points if p.at is not None and finite(p.figure) is not None]
    absent = next((p for p in points if p.at is None), None)
    top = 44.0 if spread else 24.0
    height += int(top) - 24
    said = f"{figure}, and {spread}. " if spread else ""
    canvas = Canvas(width, height, plain(title), plain(desc or said + _words(points, unit, spread)))
    words = unit_words(unit, difference=False)
    bottom, right = height - 46.0, width - (86.0 if absent else 16.0)
    reach = [v for p in points for v in (p.low, p.high, p.figure)]
    y_axis = Axis.over(reach, left=bottom, right=top, factor=factor_of(unit), room=34)
    left = 14.0 + max(text_width(y_axis.label(tick), 11.5) for tick in y_axis.ticks)
    x_axis = Axis.over([p.at for p in known if p.at is not None], left=left, right=right, room=70)
    if spread:
        spread_legend(canvas, figure, spread, 12)
    canvas.text(0, top - 12, fit(words, width - 4.0, 11.5), "s", full=words)
    for tick in y_axis.ticks:
        canvas.line(left, y_axis.at(tick), width - 16.0, y_axis.at(tick), "grid")
        canvas.text(left - 8, y_axis.at(tick) + 4, y_axis.label(tick), "s", anchor="end")
    grid(canvas, x_axis, top=top, bottom=bottom, caption=fit(caption, right - left, 11.5))
    if not known and absent is None:
        canvas.text((left + right) / 2, bottom / 2, "no figures", "s", anchor="middle")
    if known:
        at = [x_axis.at(p.at or 0.0) for p in known]
        upper = [(x, y_axis.at(p.high)) for x, p in zip(at, known, strict=True)]
        lower = [(x, y_axis.at(p.low)) for x, p in zip(at, known, strict=True)]
        canvas.path([*upper, *reversed(lower)], "rows", closed=True)
        canvas.path([(x, y_axis.at(p.figure)) for x, p in zip(at, known, strict=True)], "l-challenger")
        for x, p in zip(at, known, strict=True):
            canvas.mark(x, y_axis.at(p.figure), "circle", "f-challenger", size=2.6, hint=_hint(p, unit, spread))
    if absent is not None:
        x = width - 44.0
        high, low = y_axis.at(absent.high), y_axis.at(absent.low)
        if spread:
            canvas.rect(x - 5, high, 10, max(low - high, 1.0), "rows", radius=3)
        else:
            canvas.line(x, low, x, high, "whisker")
        canvas.mark(x, y_axis.at(absent.figure), "diamond", "h-challenger", size=3.4, hint=_hint(absent, unit, spread))
        canvas.text(x, bottom + 16, "missing", "s", anchor="middle")
    return canvas.render(styled=styled)


def _hint(p: BandPoint, unit: str, spread: str) -> str:
    place = "missing" if p.at is None else number(p.at)
    ends = (p.low, p.high)
    band = f"; {spread}: {' to '.join(measure(e, unit) for e in ends)}" if spread else f" {span(ends, unit)}"
    return typographic(f"{place}: {measure(p.figure, unit)}{band}")


def _words(points: Sequence[BandPoint], unit: str, spread: str) -> str:
    return "; ".join(_hint(p, unit, spread) for p in points)
