"""Where to draw the line and what it costs: the section of the run card and its chart."""

from __future__ import annotations

import math

from ds_workflow.domain.thresholds import Tradeoff, Tradeoffs
from ds_workflow.reports.charts import ForestRow, forest_plot
from ds_workflow.reports.tables import count, md, md_table, measure, money, number, percent, span

PER = 1_000  # rows, to which costs are told
TITLE = f"Cost of {PER:,} rows by threshold"


def markdown(found: Tradeoffs) -> str:
    """What errors cost, and the trade-off at every threshold."""
    c = found.costs
    free = [f"{what} {money(value, currency=c.unit)}" for what, value in
            (("a row of class 1 that is found", c.found), ("a row of class 0 that is left alone", c.left_alone))
            if value]  # fmt: skip
    best = found.cheapest
    out = [
        f"A missed row of class 1 costs {money(c.missed, currency=c.unit)}, a false alarm "
        f"{money(c.false_alarm, currency=c.unit)}{''.join(', ' + f for f in free)}. {md(c.reason)}",
        "",
        f"If probabilities are calibrated, these costs call for the threshold {number(c.threshold)} (Elkan 2001). On "
        f"the {count(found.rows)} holdout rows, {count(found.positives)} of class 1, the cheapest of these thresholds "
        f"is {_threshold(best)} ({md(best.why)}), at {_cost(best.cost, c.unit)} for {PER:,} rows. Brackets hold 95 % "
        "intervals: percentiles of a cluster bootstrap, and for shares of 0 or 100 % Wilson's on the number of "
        "clusters seen, as no resample could move these. What is chosen on these rows looks better here than it will "
        "be.",
        "",
        *md_table(
            ["Threshold", "", "Flagged", "Precision", "Recall", "False alarms", f"{c.unit} for {PER:,} rows"],
            [_row(t) for t in found.table],
            align="rlrrrrr",
        ),
    ]
    return "\n".join(out) + "\n"


def chart(found: Tradeoffs, *, width: int, styled: bool = False) -> str:
    """Cost by threshold with its interval."""
    rows = [
        ForestRow(
            f"{_threshold(t)}",
            PER * t.cost,
            None if t.cost_interval is None else (PER * t.cost_interval[0], PER * t.cost_interval[1]),
            note=t.why,
        )
        for t in found.table
        if t.threshold > 0  # flagging everything costs so much that nothing else could be told apart
    ]
    return forest_plot(rows, title=TITLE, unit=found.costs.unit, difference=False, width=width, styled=styled)


def _row(t: Tradeoff) -> list[str]:
    ends = None if t.cost_interval is None else (PER * t.cost_interval[0], PER * t.cost_interval[1])
    return [
        _threshold(t),
        md(t.why),
        percent(t.flagged, decimals=2),
        _with(t.precision, t.precision_interval),
        _with(t.recall, t.recall_interval),
        percent(t.fpr, decimals=3),
        f"{number(PER * t.cost)} {md(span(ends)) if ends else ''}".rstrip(),
    ]


def _threshold(t: Tradeoff) -> str:
    return number(t.threshold) if math.isfinite(t.threshold) else "none"


def _with(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "nothing flagged"
    return f"{percent(value)} {md(span(interval, 'share')) if interval else ''}".rstrip()


def _cost(per_row: float, unit: str) -> str:
    return measure(PER * per_row, unit)
