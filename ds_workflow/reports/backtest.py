"""The rolling-origin backtest of a forecaster, and what chance leaves of its errors, as a section of the run card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ds_workflow.domain.backtest import Line
from ds_workflow.domain.forecasting import VolumeClass
from ds_workflow.reports.charts import Bar, BarGroup, grouped_bars
from ds_workflow.reports.tables import count, md_table, measure, metric_unit, number, percent

NAMES = ("seasonal naive", "model")


def section(
    naive: Sequence[Line],
    model: Sequence[Line],
    *,
    metrics: Sequence[str],
    horizon: int,
    volumes: Sequence[VolumeClass],
    together: Mapping[str, float],
) -> str:
    """Markdown: a line per origin with both forecasters, then the holdout by volume with the part that chance leaves.
    `together` holds WAPE and MAPE of the hourly sums over all series."""
    both = [m for m in metrics if any(m in line.figures for line in naive)]  # the naive one has no intervals
    own = [m for m in metrics if m not in both]
    head = ["From", "Rows", *(f"{m}, {name}" for m in both for name in NAMES), *(f"{m}, {NAMES[1]}" for m in own)]
    rows = [
        [a.origin, count(a.rows), *(_figure(x, m) for m in both for x in (a, b)), *(_figure(b, m) for m in own)]
        for a, b in zip(naive, model, strict=True)
    ]
    lines = [
        f"Trained anew on the training rows before each origin, judged on the {horizon} days after it, each forecast a "
        "day ahead. The holdout takes no part.",
        "",
        *md_table(head, rows, align="l" + "r" * (len(head) - 1)),
        "",
        "On the holdout, by the usual count of a row: the training mean of its series at its place in the season. "
        "What chance leaves is the error of who knows the mean and answers with it, if counts were Poisson with the "
        "forecast as their mean.",
        "",
    ]
    body = [
        [
            f"{number(v.low)} to {number(v.high)}" if v.high < float("inf") else f"{number(v.low)} and more",
            count(v.rows),
            percent(v.share),
            *(percent(x) for x in (v.wape, v.wape_left, v.mape, v.mape_left)),
        ]
        for v in volumes
    ]
    names = ["Usual count", "Rows", "Of the volume", "WAPE", "left by chance", "MAPE", "left by chance"]
    lines += md_table(names, body, align="l" + "r" * 6)
    said = ", ".join(f"{name} {percent(value)}" for name, value in together.items())
    lines += ["", f"All series together, hour by hour, as the sum of their forecasts: {said}."]
    return "\n".join(lines)


def _figure(line: Line, name: str) -> str:
    return measure(line.figures.get(name), metric_unit(name))


def chart(naive: Sequence[Line], model: Sequence[Line], *, metric: str, title: str, width: int) -> str:
    """Bars of one metric by origin, the naive forecaster's beside the model's."""
    groups = [
        BarGroup(a.origin, tuple(Bar(line.figures.get(metric)) for line in (a, b)), f"{count(a.rows)} rows")
        for a, b in zip(naive, model, strict=True)
    ]
    return grouped_bars(groups, title=title, unit=metric_unit(metric), labels=NAMES, width=width)
