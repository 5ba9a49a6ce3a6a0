"""Line charts: residuals over time, reliability, sparklines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ds_workflow.reports.svg import SERIES, Axis, Canvas, factor_of, grid, legend, px, text_width, unit_words
from ds_workflow.reports.tables import Interval, count, esc, finite, measure, pair, percent, plain, typographic


@dataclass(frozen=True)
class Month:
    """One point of time: `period` is `2023-09`; figures are None where nothing was measured."""

    period: str
    champion: float | None
    challenger: float | None
    rows: int = 0


def _runs(points: Iterable[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is not None:
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def residual_series(
    months: Sequence[Month],
    *,
    title: str,
    desc: str = "",
    unit: str = "share",
    labels: tuple[str, str] = ("champion", "challenger"),
    width: int = 760,
    height: int = 300,
    styled: bool = True,
) -> str:
    """A signed figure over time for both models, with a line at 0 and the rows of each period as faint bars below."""
    canvas = Canvas(width, height, plain(title), plain(desc or _month_words(months, labels, unit)))
    values = [v for m in months for v in (m.champion, m.challenger) if v is not None]
    words = unit_words(unit, difference=False)
    canvas.text(0, 14, words, "s")
    start = max(56.0, text_width(words, 11.5) + 18)
    used = legend(canvas, labels, start, 14, width - start - 8)
    top, strip, foot = 14 + used, 34.0, height - 24.0
    bottom = foot - strip - 8
    y_axis = Axis.over([0.0, *values], left=bottom, right=top, factor=factor_of(unit), room=34, pad=0.06)
    left, right = 56.0, width - 16.0
    step = (right - left) / max(len(months), 1)
    for tick in y_axis.ticks:
        y = y_axis.at(tick)
        canvas.line(left, y, right, y, "zero" if abs(tick) < 1e-12 else "grid")
        canvas.text(left - 8, y + 4, y_axis.label(tick, signed=True), "s", anchor="end")
    if not months:
        canvas.text((left + right) / 2, (top + bottom) / 2, "no months to show", "s", anchor="middle")
    most = max([m.rows for m in months], default=0)
    every = max(1, math.ceil(54 / step))
    for k, month in enumerate(months):
        x = left + step * (k + 0.5)
        tall = strip * max(month.rows, 0) / most if most > 0 else 0.0
        canvas.rect(
            x - 0.36 * step, foot - tall, 0.72 * step, tall, "rows", hint=f"{month.period}: {count(month.rows)} rows"
        )
        if k % every == 0:
            canvas.text(x, foot + 15, month.period, "s", anchor="middle")
    if months:
        canvas.text(left - 8, foot - strip / 2 + 4, "rows", "s", anchor="end")
    canvas.line(left, foot, right, foot, "axis")
    for k, (name, shape) in enumerate(SERIES):
        figures = [finite(getattr(m, name)) for m in months]
        at = [(left + step * (j + 0.5), None if v is None else y_axis.at(v)) for j, v in enumerate(figures)]
        for run in _runs(at):
            canvas.path(run, f"l-{name}{' dash' if k == 0 else ''}")
        for (x, seen), month, value in zip(at, months, figures, strict=True):
            if seen is not None:
                hint = typographic(f"{month.period}, {labels[k]}: {measure(value, unit)}, {count(month.rows)} rows")
                canvas.mark(x, seen, shape, f"{'h' if k == 0 else 'f'}-{name}", size=3.4, hint=hint)
    return canvas.render(styled=styled)


def _month_words(months: Sequence[Month], labels: Sequence[str], unit: str) -> str:
    return "; ".join(
        f"{m.period}: {labels[0]} {measure(m.champion, unit)}, {labels[1]} {measure(m.challenger, unit)}"
        for m in months
    )


def reliability_curve(
    bins: Sequence[tuple[float, float, int]],
    *,
    title: str,
    intervals: Sequence[Interval | None] = (),
    width: int = 320,
    styled: bool = True,
) -> str:
    """Mean predicted share against the share observed, `(predicted, observed, rows)` per bin, with the diagonal and,
    where `intervals` gives them, the interval of every observed share."""
    known = [(p, o, n) for p, o, n in bins if finite(p) is not None and finite(o) is not None]
    words = "; ".join(f"predicted {percent(p)}, observed {percent(o)}, {count(n)} rows" for p, o, n in known)
    canvas = Canvas(width, width, plain(title), words or "no bins")
    x_axis = Axis.over([0, 1], left=46, right=width - 14, factor=100, room=60)
    y_axis = Axis.over([0, 1], left=width - 42, right=14, factor=100, room=60)
    grid(canvas, x_axis, top=14, bottom=width - 42, caption="predicted, per cent")
    for tick in y_axis.ticks:
        canvas.line(46, y_axis.at(tick), width - 14, y_axis.at(tick), "grid")
        canvas.text(38, y_axis.at(tick) + 4, y_axis.label(tick), "s", anchor="end")
    canvas.line(x_axis.at(0), y_axis.at(0), x_axis.at(1), y_axis.at(1), "axis dash")
    most = max([n for *_, n in known], default=0)
    at = [(x_axis.at(p), y_axis.at(o)) for p, o, _ in known]
    for (p, *_), ends in zip(bins, map(pair, intervals), strict=False):
        if ends is not None:
            canvas.line(x_axis.at(p), y_axis.at(ends[0]), x_axis.at(p), y_axis.at(ends[1]), "whisker")
    if at:
        canvas.path(at, "l-challenger")
    for (x, y), (p, o, n) in zip(at, known, strict=True):
        size = 3 + 5 * math.sqrt(n / most) if most else 3.0
        canvas.mark(
            x, y, "circle", "f-challenger", size=size, hint=f"{percent(p)} said, {percent(o)} seen, {count(n)} rows"
        )
    return canvas.render(styled=styled)


def sparkline(values: Sequence[float | None], *, label: str, unit: str = "", width: int = 120, height: int = 28) -> str:
    """A small line in running text, its last figure marked; it takes the colour of the text around it."""
    known = [v for v in map(finite, values) if v is not None]
    last = measure(known[-1], unit) if known else "no figure"
    name = f"{label}: {len(known)} figures, last {last}"
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    wide = (high - low) or 1.0
    step = (width - 10) / max(len(values) - 1, 1)
    middle = height / 2
    at = [
        (5 + k * step, None if v is None else (height - 5 - (v - low) / wide * (height - 10) if high > low else middle))
        for k, v in enumerate(map(finite, values))
    ]
    runs = _runs(at)
    way = "".join("M" + "L".join(f"{px(x)} {px(y)}" for x, y in run) for run in runs)
    line = f'<path d="{way}" fill="none" stroke="currentColor" stroke-width="1.5"/>' if way else ""
    dot = f'<circle cx="{px(runs[-1][-1][0])}" cy="{px(runs[-1][-1][1])}" r="2.6" fill="currentColor"/>' if runs else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{esc(name)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}"><title>{esc(name)}</title><desc>{esc(name)}</desc>{line}{dot}</svg>'
    )
