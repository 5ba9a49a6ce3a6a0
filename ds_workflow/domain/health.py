"""Does the champion still do what it did when it was appointed? Its recent rows beside its older ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ds_workflow.domain.few_clusters import effective
from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.resample import Ask, Cell, bounds, codes, draw

RECENT_DAYS = 90
MIN_ROWS = 200
WARN, CRITICAL = 0.10, 0.25  # relative worsening that must be shown, not just seen
RESAMPLES, ALPHA = 500, 0.05


@dataclass(frozen=True)
class Decay:
    """`detail` says figures, rows and interval. `change` is relative; above 0 is worse."""

    status: Literal["healthy", "warn", "critical", "unknown"]
    detail: str
    change: float | None = None
    interval: tuple[float, float] | None = None


def decay(
    scored: Scored, metric_name: str, *, seed: int, recent_days: int = RECENT_DAYS, timeless: bool = False
) -> Decay:
    """Compare the newest `recent_days` of labelled rows with the ones before.

    Test: expanded percentile cluster bootstrap of the relative change of the metric, one-sided at 5 %; unit of
    randomisation: the cluster. warn when a worsening above 10 % is shown, critical above 25 %; unknown below 200 rows
    on a side. Rows of a problem that declares no time (`timeless`) have no newer part: nothing within one snapshot can
    have decayed.
    """
    m = metric(metric_name)
    if timeless:
        return Decay("healthy", f"{m.name} {m(scored):.4f}; the rows have no time, only a newer snapshot could differ.")
    if scored.time is None:
        return Decay("unknown", "The scored rows carry no time.")
    held = int((scored.time.max() - scored.time.min()) / np.timedelta64(1, "D")) + 1
    recent_days = min(recent_days, held // 2)  # a holdout of one month is told by its halves
    cut = scored.time.max() - np.timedelta64(recent_days, "D")
    recent = scored.time > cut
    new, old = scored.take(recent), scored.take(~recent)
    if min(len(new), len(old)) < MIN_ROWS:
        return Decay("unknown", f"{len(new):,} recent and {len(old):,} older rows; at least {MIN_ROWS} of each wanted.")
    coded, count = codes(scored.groups["cluster"])
    cells = [Cell(coded[recent], (Ask("new", m, new),)), Cell(coded[~recent], (Ask("old", m, old),))]
    drawn = draw(cells, clusters=count, resamples=RESAMPLES, seed=seed)
    sign = -1.0 if m.greater_is_better else 1.0
    change = sign * (m(new) - m(old)) / abs(m(old))
    worth = min(effective(coded[side], scored.weights[side]) for side in (recent, ~recent))
    moved = sign * (drawn["new"] - drawn["old"]) / np.abs(drawn["old"])
    interval = bounds(moved, alpha=ALPHA, clusters=worth)
    if interval is None:
        return Decay("unknown", f"{m.name} can't be resampled on the recent rows.", change)
    status: Literal["healthy", "warn", "critical"] = "healthy"
    if interval[0] > WARN:
        status = "critical" if interval[0] > CRITICAL else "warn"
    worse = "worse" if change > 0 else "better"
    detail = (
        f"{m.name} {m(new):.4f} on the newest {recent_days} days ({len(new):,} rows) against {m(old):.4f} before: "
        f"{abs(change):.1%} {worse} (90 % interval {interval[0]:+.1%} to {interval[1]:+.1%})."
    )
    return Decay(status, detail, change, interval)
