"""A curve in the unit square: ROC, or precision over recall, with what chance would draw."""

from __future__ import annotations

from collections.abc import Sequence

from ds_workflow.reports.svg import Axis, Canvas, grid
from ds_workflow.reports.tables import number, plain


def plane_curve(
    points: Sequence[Sequence[float]],
    *,
    title: str,
    across: str,
    up: str,
    area: float,
    chance: float | None = None,
    width: int = 340,
    styled: bool = True,
) -> str:
    """Points (x, y) in the unit square as a line. `chance` None draws the diagonal, else a level line there."""
    canvas = Canvas(width, width + 18, plain(title), plain(f"area {number(area)}; {len(points)} points"))
    left, right, top, bottom = 52.0, width - 14.0, 30.0, width - 24.0
    x_axis = Axis.over([0.0, 1.0], left=left, right=right, factor=100, room=60)
    y_axis = Axis.over([0.0, 1.0], left=bottom, right=top, factor=100, room=60)
    grid(canvas, x_axis, top=top, bottom=bottom, caption=across)
    canvas.text(0, 14, up, "s")
    for tick in y_axis.ticks:
        canvas.line(left, y_axis.at(tick), right, y_axis.at(tick), "grid")
        canvas.text(left - 8, y_axis.at(tick) + 4, y_axis.label(tick), "s", anchor="end")
    ends = (0.0, 1.0) if chance is None else (chance, chance)
    canvas.line(x_axis.at(0), y_axis.at(ends[0]), x_axis.at(1), y_axis.at(ends[1]), "axis dash")
    if points:
        canvas.path([(x_axis.at(x), y_axis.at(y)) for x, y in points], "l-challenger", hint=f"area {number(area)}")
    return canvas.render(styled=styled)
