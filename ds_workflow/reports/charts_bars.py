"""Bar charts: groups of two series with intervals, and ranked bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ds_workflow.reports.svg import (
    BOLD,
    NARROW,
    SERIES,
    Axis,
    Canvas,
    factor_of,
    fit,
    grid,
    legend,
    text_width,
    unit_words,
    whisker,
)
from ds_workflow.reports.tables import Interval, finite, measure, number, pair, plain, span, typographic


@dataclass(frozen=True)
class Bar:
    """One series' figure in a group."""

    value: float | None
    interval: Interval | None = None


@dataclass(frozen=True)
class BarGroup:
    """A named group with one bar per series."""

    label: str
    bars: tuple[Bar, ...]
    note: str = ""


def grouped_bars(
    groups: Sequence[BarGroup],
    *,
    title: str,
    desc: str = "",
    unit: str = "share",
    labels: tuple[str, ...] = ("champion", "challenger"),
    width: int = 760,
    styled: bool = True,
) -> str:
    """Horizontal bars side by side, one per series and group, with intervals as whiskers and the figure at the end."""
    narrow = width < NARROW
    bars = max((len(g.bars) for g in groups), default=1)
    widest = max((max(text_width(g.label, BOLD), text_width(g.note, 11.5)) for g in groups), default=0)
    left = 8.0 if narrow else min(widest, 0.3 * width) + 14
    figures = [[typographic(measure(b.value, unit)) for b in g.bars] for g in groups]
    tail = max([text_width(t, 11.5) for row in figures for t in row] + [text_width("no figure", 11.5)]) + 14
    canvas = Canvas(width, 0, plain(title), plain(desc or _bar_words(groups, labels, unit)))
    head = (22.0 if narrow else 0.0) + 4
    top = 12 + (legend(canvas, labels, left, 14, width - left - 8, bars=True) if bars > 1 else 0)
    pitch = head + 15 * bars + (10 if narrow else 16)
    bottom = top + pitch * max(len(groups), 1)
    values = [v for g in groups for b in g.bars for v in (b.value, *(pair(b.interval) or ())) if v is not None]
    axis = Axis.over([0.0, *values], left=left, right=width - tail, factor=factor_of(unit))
    canvas.height = bottom + 40
    grid(canvas, axis, top=top, bottom=bottom, caption=unit_words(unit, difference=False))
    if not groups:
        canvas.text((left + width - tail) / 2, (top + bottom) / 2 + 4, "no rows to show", "s", anchor="middle")
    for k, group in enumerate(groups):
        y = top + pitch * k + (2 if narrow else 8)
        if narrow:
            note_room = text_width(group.note, 11.5) + 12 if group.note else 0
            canvas.text(left, y + 16, fit(group.label, width - left - note_room - 10, BOLD), "b halo", full=group.label)
            canvas.text(width - 8, y + 16, group.note, "s halo", anchor="end")
        else:
            middle = y + head + 15 * bars / 2 - 2
            canvas.text(
                0, middle if group.note else middle + 5, fit(group.label, left - 12, BOLD), "b", full=group.label
            )
            canvas.text(0, middle + 14, fit(group.note, left - 12, 11.5), "s", full=group.note)
        for j, bar in enumerate(group.bars):
            name, by = SERIES[j % len(SERIES) if bars > 1 else 1][0], y + head + 15 * j
            value, ends = finite(bar.value), pair(bar.interval)
            if value is None:
                canvas.text(axis.at(0) + 6, by + 10, "no figure", "s")
                continue
            x0, x1 = sorted((axis.at(0), axis.at(value)))
            hint = (
                f"{group.label}, {labels[j % len(labels)]}: {figures[k][j]} {span(bar.interval, unit) if ends else ''}"
            )
            canvas.rect(
                x0,
                by,
                x1 - x0,
                12,
                f"{'h' if j == 0 and len(group.bars) > 1 else 'f'}-{name}",
                hint=typographic(hint.strip()),
                radius=1.5,
            )
            if ends:
                whisker(canvas, axis, ends, by + 6, cap=3)
            edge = max(axis.at(0), axis.at(value), axis.at(ends[1]) if ends else 0)
            canvas.text(edge + 7, by + 10, figures[k][j], "s halo")
    canvas.line(axis.at(0), top, axis.at(0), bottom, "zero")
    return canvas.render(styled=styled)


def _bar_words(groups: Sequence[BarGroup], labels: Sequence[str], unit: str) -> str:
    return "; ".join(
        f"{g.label}: " + ", ".join(f"{n} {measure(b.value, unit)}" for n, b in zip(labels, g.bars, strict=False))
        for g in groups
    )


def horizontal_bars(
    values: Mapping[str, float | None],
    *,
    title: str,
    desc: str = "",
    unit: str = "",
    caption: str = "",
    top_n: int = 20,
    width: int = 760,
    styled: bool = True,
) -> str:
    """Named bars, longest first (feature importances, mean |SHAP|); beyond `top_n` the rest is counted in words."""
    ranked = sorted(values.items(), key=lambda item: (-abs(finite(item[1]) or 0.0), item[0]))
    shown, rest = ranked[:top_n], len(ranked) - top_n
    narrow = width < NARROW
    left = 8.0 if narrow else min(max((text_width(n) for n, _ in shown), default=0), 0.36 * width) + 14
    figures = [typographic(measure(v, unit) if unit else number(v, digits=3)) for _, v in shown]
    tail = max([text_width(t, 11.5) for t in [*figures, "no figure"]]) + 14
    pitch = 40.0 if narrow else 23.0
    bottom = 8 + pitch * max(len(shown), 1) + 4
    words = "; ".join(f"{n}: {measure(v, unit)}" for n, v in shown)
    canvas = Canvas(width, bottom + 40 + (18 if rest > 0 else 0), plain(title), plain(desc or words))
    numbers = [v for _, v in shown if v is not None]
    axis = Axis.over([0.0, *numbers], left=left, right=width - tail, factor=factor_of(unit))
    grid(canvas, axis, top=8, bottom=bottom, caption=caption or unit_words(unit, difference=False))
    if not shown:
        canvas.text((left + width - tail) / 2, bottom / 2 + 6, "no figures", "s", anchor="middle")
    for k, (name, raw) in enumerate(shown):
        y = 8 + pitch * k + (20 if narrow else 4)
        value = finite(raw)
        if narrow:
            canvas.text(left, y - 5, fit(name, width - left - 10), "halo", full=name)
        else:
            canvas.text(left - 10, y + 12, fit(name, left - 12), anchor="end", full=name)
        if value is None:
            canvas.text(axis.at(0) + 6, y + 12, "no figure", "s")
            continue
        x0, x1 = sorted((axis.at(0), axis.at(value)))
        canvas.rect(x0, y, x1 - x0, 15, "f-challenger", hint=f"{name}: {figures[k]}", radius=1.5)
        canvas.text(x1 + 7, y + 12, figures[k], "s halo")
    canvas.line(axis.at(0), 8, axis.at(0), bottom, "zero")
    if rest > 0:
        canvas.text(left, bottom + 52, f"and {rest} more, each smaller", "s")
    return canvas.render(styled=styled)
