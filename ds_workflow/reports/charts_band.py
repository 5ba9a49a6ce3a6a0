"""A forecast over its steps: a line, its interval as a band, and the step that was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ds_workflow.reports.svg import Axis, Canvas
from ds_workflow.reports.tables import measure, plain, span, typographic


@dataclass(frozen=True)
class Step:
    """One step of the forecast; without an interval the band has a gap there."""

    label: str
    value: float
    interval: tuple[float, float] | None = None
    asked: bool = False


def forecast_band(
    steps: Sequence[Step], *, title: str, unit: str = "", width: int = 760, height: int = 280, styled: bool = True
) -> str:
    """Values over steps in the order given, from 0 up, with the figure of each step in its hint."""
    words = "; ".join(_said(step, unit) for step in steps if step.asked) or f"{len(steps)} steps"
    canvas = Canvas(width, height, plain(title), plain(words))
    ends = [v for step in steps for v in (step.value, *(step.interval or ()))]
    top, bottom, left, right = 24.0, height - 30.0, 56.0, width - 16.0
    y_axis = Axis.over([0.0, *ends], left=bottom, right=top, room=34)
    pitch = (right - left) / max(len(steps), 1)
    canvas.text(0, 14, unit, "s")
    for tick in y_axis.ticks:
        canvas.line(left, y_axis.at(tick), right, y_axis.at(tick), "axis" if tick == 0 else "grid")
        canvas.text(left - 8, y_axis.at(tick) + 4, y_axis.label(tick), "s", anchor="end")
    at = [left + pitch * (k + 0.5) for k in range(len(steps))]
    for run in _runs(steps):
        high = [(at[k], y_axis.at(steps[k].interval[1])) for k in run]  # type: ignore[index]
        low = [(at[k], y_axis.at(steps[k].interval[0])) for k in reversed(run)]  # type: ignore[index]
        canvas.path([*high, *low], "rows", closed=True)
    canvas.path([(x, y_axis.at(step.value)) for x, step in zip(at, steps, strict=True)], "l-challenger")
    every = max(1, math.ceil(44 / pitch)) if steps else 1
    for k, (x, step) in enumerate(zip(at, steps, strict=True)):
        if k % every == 0:
            canvas.text(x, bottom + 17, step.label, "s", anchor="middle")
        shape, size = ("diamond", 5.0) if step.asked else ("circle", 2.6)
        canvas.mark(x, y_axis.at(step.value), shape, "f-challenger", size=size, hint=_said(step, unit))
        if step.asked:
            canvas.line(x, top, x, bottom, "margin")
    return canvas.render(styled=styled)


def _runs(steps: Sequence[Step]) -> list[list[int]]:
    """Stretches of steps that have an interval."""
    runs: list[list[int]] = [[]]
    for k, step in enumerate(steps):
        if step.interval is not None:
            runs[-1].append(k)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _said(step: Step, unit: str) -> str:
    interval = f" {span(step.interval, '')}" if step.interval else ""
    return typographic(f"{step.label}: {measure(step.value)}{interval} {unit}".strip())
