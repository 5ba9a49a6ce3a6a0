"""Is the champion still as good as on the holdout that it was appointed on? Newest mature rows against that holdout.

A worsening must be shown: the one-sided interval of the relative change of the primary metric lies beyond the limit.
Test: percentile cluster bootstrap over both windows (rows of one cluster stay together, also where the cluster is in
both); unit of randomisation: the cluster. All rows and every segment are one family, corrected by Holm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ds_workflow.domain import calibration as calibrating
from ds_workflow.domain import fairness
from ds_workflow.domain.few_clusters import effective
from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.monitoring.looks import Finding, Level
from ds_workflow.domain.monitoring.policy import MonitoringPolicy
from ds_workflow.domain.multiplicity import holm
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.resample import Ask, Cell, bounds, codes, draw, share_against

RESAMPLES, ALPHA = 400, 0.05
OVERALL = "overall"
NEXT = "Read which segments decayed and write a hypothesis about it."


@dataclass(frozen=True)
class Change:
    """A figure now and on the holdout. `change` is relative, above 0 is worse; `interval` is its 90 % interval.

    `p_warn` and `p_critical` are corrected over all rows and segments; None where nothing can be compared."""

    place: str
    rows: int
    held: int
    now: float | None
    then: float | None
    change: float | None
    interval: tuple[float, float] | None
    p_warn: float | None
    p_critical: float | None
    why: str = ""

    def status(self) -> Level:
        """unknown where nothing could be compared."""
        if self.p_warn is None or self.p_critical is None:
            return "unknown"
        if self.p_critical <= ALPHA:
            return "critical"
        return "warn" if self.p_warn <= ALPHA else "healthy"


def changes(new: Scored, held: Scored, problem: Problem, policy: MonitoringPolicy, *, seed: int) -> list[Change]:
    """All rows first, then the problem's segments in the order of their declaration, where rows carry one."""
    m = metric(problem.primary_metric)
    limits = policy.performance
    places = [OVERALL]
    if "segment" in new.groups:
        seen = {str(s) for side in (new, held) for s in side.groups.get("segment", ())}
        places += [s for s in problem.segments if s in seen] + sorted(seen - set(problem.segments))
    clusters = [_clusters(side, name) for side, name in ((new, "new"), (held, "held"))]
    coded, count = codes(np.concatenate(clusters))
    both = (("new", new, coded[: len(new)]), ("held", held, coded[len(new) :]))
    cells: list[Cell] = []
    parts: dict[tuple[str, str], Scored] = {}
    why: dict[str, str] = {}
    worth: dict[str, float] = {}  # effective clusters, of the side that has fewer
    for place in places:
        least = limits.minimum_rows if place == OVERALL else limits.segment_rows
        for side, scored, cluster in both:
            mine = np.ones(len(scored), bool) if place == OVERALL else scored.groups["segment"].astype(str) == place
            part = scored.take(mine)
            parts[place, side] = part
            if len(part) < least:
                why.setdefault(place, f"{len(part):,} {'' if side == 'new' else 'holdout '}rows, {least:,} wanted")
            elif lack := m.absent(part):
                why.setdefault(place, lack)
            else:
                worth[place] = min(worth.get(place, math.inf), effective(cluster[mine], part.weights))
                cells.append(Cell(cluster[mine], (Ask((place, side), m, part),)))
    drawn = draw(cells, clusters=count, resamples=RESAMPLES, seed=seed) if cells else {}
    moved = {}
    for place in places:
        if place in why:
            continue
        now, then = m(parts[place, "new"]), m(parts[place, "held"])
        if then == 0:
            why[place] = f"{m.name} was 0 on the holdout, so no relative change can be told"
            continue
        change = float(m.loss(now) - m.loss(then)) / abs(then)
        draws = (m.loss(drawn[place, "new"]) - m.loss(drawn[place, "held"])) / np.abs(drawn[place, "held"])
        moved[place] = (now, then, change, np.asarray(draws, dtype=np.float64), worth[place])
    p = {
        limit: dict(
            zip(moved, holm([share_against(d, d > at, clusters=n) for *_, d, n in moved.values()]), strict=True)
        )
        for limit, at in (("warn", limits.warn), ("critical", limits.critical))
    }
    found = []
    for place in places:
        rows, held_rows = len(parts[place, "new"]), len(parts[place, "held"])
        if place in why:
            found.append(Change(place, rows, held_rows, None, None, None, None, None, None, why[place]))
            continue
        now, then, change, draws, n = moved[place]
        ends = bounds(draws, alpha=ALPHA, clusters=n)
        if ends is None:
            note = f"{m.name} can't be resampled on these rows"
            found.append(Change(place, rows, held_rows, now, then, change, None, None, None, note))
            continue
        warn, critical = (float(p[limit][place]) for limit in ("warn", "critical"))
        found.append(Change(place, rows, held_rows, now, then, change, ends, warn, critical))
    return found


def _clusters(scored: Scored, side: str) -> np.ndarray:
    if "cluster" in scored.groups:
        return scored.groups["cluster"].astype(str)
    return np.char.add(f"{side} ", np.arange(len(scored)).astype(str)).astype(object)


def findings(found: list[Change], problem: Problem, policy: MonitoringPolicy) -> list[Finding]:
    """One finding for all rows; one for the segments that got worse, or that none did."""
    m = metric(problem.primary_metric)
    whole, *segments = found
    name = m.name
    made = [
        Finding(
            "performance",
            whole.status(),
            f"{name}: {_words(whole)}{_unproven(whole, policy)}",
            whole.change,
            policy.performance.warn,
            "" if whole.status() == "healthy" else NEXT,
        )
    ]
    if segments:
        bad = [c for c in segments if c.status() in ("warn", "critical")]
        judged = [c for c in segments if c.status() != "unknown"]
        level: Level = "critical" if any(c.status() == "critical" for c in bad) else "warn" if bad else "healthy"
        said = "; ".join(f"{c.place}: {_words(c)}" for c in bad[:3])
        if not bad:
            level = "healthy" if judged else "unknown"
            said = f"{len(judged)} of {len(segments)} segments have rows enough to be judged; none is shown to be worse"
        made.append(Finding("segments", level, said, float(len(bad)), 0.0, NEXT if bad else ""))
    return made


def _unproven(c: Change, policy: MonitoringPolicy) -> str:
    """What is to be said of a worsening beyond the limit that may be chance."""
    if c.change is None or c.change <= policy.performance.warn or c.status() != "healthy":
        return ""
    return f"; not shown to be beyond {policy.performance.warn:.0%}"


def _words(c: Change) -> str:
    if c.change is None or c.now is None or c.then is None:
        return f"can't be compared: {c.why}"
    worse = "worse" if c.change > 0 else "better"
    ends = f" (90 % interval {c.interval[0]:+.1%} to {c.interval[1]:+.1%})" if c.interval else ""
    return f"{c.now:.4f} on {c.rows:,} rows against {c.then:.4f} on the holdout, {abs(c.change):.1%} {worse}{ends}"


def figures(scored: Scored, problem: Problem) -> dict[str, float]:
    """Every declared metric that has a meaning on these rows and these answers, by name."""
    found = {}
    for name in problem.metrics:
        m = metric(name)
        if m.compares and m.compares not in scored.groups:
            continue
        if len(scored) and not m.absent(scored):
            value = m(scored)
            if np.isfinite(value):
                found[name] = float(value)
    return found


def calibrated(
    scored: Scored, held: Scored, policy: MonitoringPolicy, *, seed: int
) -> tuple[Finding, calibrating.Calibration]:
    """Whether probabilities can still be read as they could: the calibration error beyond what chance explains, against
    the same on the holdout."""
    found, before = (calibrating.calibration(side, seed=seed) for side in (scored, held))
    excess = (found.ece - found.by_chance) - max(0.0, before.ece - before.by_chance)
    limit = policy.calibration.ece_excess
    level: Level = "warn" if excess > limit and found.ece > found.by_chance_high else "healthy"
    said = (
        f"calibration error {found.ece:.2%}, of which chance explains {found.by_chance:.2%} (on the holdout "
        f"{before.ece:.2%} and {before.by_chance:.2%}); mean answer {found.predicted:.2%}, observed "
        f"{found.observed:.2%}; Brier {found.brier:.4f}"
    )
    step = "Put probabilities right: train a candidate with a calibrated strategy." if level == "warn" else ""
    return Finding("calibration", level, said, excess, limit, step), found


def fair(
    scored: Scored, problem: Problem, policy: MonitoringPolicy, *, seed: int
) -> tuple[list[Finding], dict[str, float]]:
    """A finding per column of groups, and the widest differences between groups as figures for the chart."""
    chosen = ("roc_auc", "tpr") if problem.task == "binary" else (problem.primary_metric, "bias")
    names = [n for n in chosen if n in problem.metrics]
    limits = policy.fairness
    made: list[Finding] = []
    seen: dict[str, float] = {}
    for column in problem.groups:
        if column not in scored.groups:
            continue
        report = fairness.gaps(
            scored if "cluster" in scored.groups else _alone(scored),
            column,
            tolerances=dict.fromkeys(names, limits.gap),
            alpha=ALPHA,
            resamples=RESAMPLES,
            seed=seed,
            minimum_rows=limits.minimum_rows,
        )
        seen |= {f"fairness.{column}.{w.metric}": w.observed for w in report.widest}
        judged = {g.group for g in report.gaps if g.status != "unknown"}
        level: Level = "warn" if report.alerts else "healthy" if len(judged) > 1 else "unknown"
        said = "; ".join(f"{g.group}: {g.metric} {g.gap:+.3f} to all" for g in report.alerts[:3] if g.gap is not None)
        if not said:
            said = f"{len(judged)} groups judged, none is shown to lie more than {limits.gap:g} from all rows"
        widest = max((w.observed for w in report.widest), default=None)
        step = "Read the fairness report; change the model under a hypothesis, not the limit." if report.alerts else ""
        made.append(Finding(f"fairness by {column}", level, said, widest, limits.gap, step))
    return made, seen


def _alone(scored: Scored) -> Scored:
    names: Mapping[str, np.ndarray] = {**scored.groups, "cluster": _clusters(scored, "new")}
    return replace(scored, groups=names)
