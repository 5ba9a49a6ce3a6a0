"""Curves over a threshold: one or two figures as a line each, with the chosen threshold marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ds_workflow.reports.svg import SERIES, Axis, Canvas, factor_of, grid, legend, unit_words
from ds_workflow.reports.tables import finite, measure, plain, typographic


def threshold_curves(
    thresholds: Sequence[float],
    figures: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    at: float,
    unit: str = "share",
    width: int = 760,
    height: int = 260,
    logarithmic: bool = False,
    styled: bool = True,
) -> str:
    """At most two figures over the threshold, 0 to 1; `at` is marked by a dashed line and a point on each.

    `figures` maps a name to one value a threshold, None where there is none (a precision when nothing is flagged).
    With `logarithmic` equal ratios are equally high; every value must be above 0 then.
    """
    canvas = Canvas(width, height, plain(title), "")
    names = list(figures)
    used = legend(canvas, names, 70, 14, width - 84) if len(names) > 1 else 0.0
    top, bottom, left, right = 16 + used, height - 42.0, 62.0, width - 18.0
    x_axis = Axis.over([0.0, 1.0], left=left, right=right, room=60)
    known = [v for values in figures.values() for v in map(finite, values) if v is not None]
    if logarithmic:
        y_axis = Axis.of_magnitudes(map(math.log, known), left=bottom, right=top, room=30)
    else:
        y_axis = Axis.over([0.0, *known], left=bottom, right=top, factor=factor_of(unit), room=34)

    def y(value: float) -> float:
        return y_axis.at(math.log(value) if logarithmic else value)

    grid(canvas, x_axis, top=top, bottom=bottom, caption="threshold on the probability")
    for tick in y_axis.ticks:
        canvas.line(left, y_axis.at(tick), right, y_axis.at(tick), "grid")
        canvas.text(left - 8, y_axis.at(tick) + 4, y_axis.label(tick), "s", anchor="end")
    canvas.text(0, 14, unit_words(unit, difference=False) if unit == "share" else "", "s")
    canvas.line(x_axis.at(at), top, x_axis.at(at), bottom, "margin")
    words = []
    for k, (name, values) in enumerate(figures.items()):
        colour, shape = SERIES[(k + 1) % len(SERIES)] if len(names) == 1 else SERIES[k % len(SERIES)]
        run: list[tuple[float, float]] = []
        for x, value in [*zip(thresholds, values, strict=True), (0.0, None)]:
            if value is not None:
                run.append((x_axis.at(x), y(value)))
            elif run:
                canvas.path(run, f"l-{colour}")
                run = []
        here = next((v for x, v in zip(thresholds, values, strict=True) if abs(x - at) < 1e-9), None)
        said = typographic(f"{name} at {at:g}: {measure(here, unit)}")
        words.append(said)
        if here is not None:
            canvas.mark(x_axis.at(at), y(here), shape, f"f-{colour}", size=4, hint=said)
    canvas.desc = plain("; ".join(words))
    return canvas.render(styled=styled)
