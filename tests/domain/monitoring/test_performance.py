"""A worsening is told when it is shown: figures against scikit-learn, false alarms counted, segments found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pytest import approx
from sklearn.metrics import roc_auc_score

from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.monitoring.performance import calibrated, changes, fair, figures, findings
from ds_workflow.domain.monitoring.policy import Calibration, Fairness, MonitoringPolicy, Performance
from ds_workflow.problems.code_suggestions.declaration import PROBLEM

POLICY = MonitoringPolicy(
    "p",
    performance=Performance(warn=0.03, critical=0.10, minimum_rows=200, segment_rows=200),
    calibration=Calibration(ece_excess=0.02),
    fairness=Fairness(gap=0.05, minimum_rows=200),
)
SEGMENTS = PROBLEM.segments


def scored(n: int, seed: int, *, broken: float = 0.0, where: str = "", clusters: int = 0) -> Scored:
    """Calibrated answers; of the share `broken` of the rows (in a segment) the answer is turned round."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.5, 1.5, n)
    y = (rng.random(n) < p).astype(np.float64)
    segment = rng.choice(SEGMENTS[:3], n).astype(object)
    turn = (rng.random(n) < broken) & ((segment == where) if where else np.ones(n, bool))
    named = np.array([f"{seed}-{c}" for c in rng.integers(0, clusters or n, n)], dtype=object)
    return Scored(np.arange(n), y, np.where(turn, 1 - p, p), groups={"segment": segment, "cluster": named})


def test_figures_are_those_of_scikit_learn() -> None:
    new, held = scored(1_000, 1, broken=0.2), scored(2_000, 2)
    whole, *segments = changes(new, held, PROBLEM, POLICY, seed=1)
    now, then = (roc_auc_score(s.truth, s.prediction) for s in (new, held))
    assert (whole.now, whole.then) == approx((now, then))
    assert whole.change == approx((then - now) / then)
    assert whole.interval is not None
    assert whole.interval[0] < whole.change < whole.interval[1]  # type: ignore[operator]
    assert [c.place for c in segments] == list(SEGMENTS[:3])
    assert figures(new, PROBLEM)["roc_auc"] == approx(now)


@pytest.mark.parametrize(("broken", "level"), [(0.0, "healthy"), (0.12, "warn"), (0.5, "critical")])
def test_a_break_is_told_by_its_size(broken: float, level: str) -> None:
    found = findings(
        changes(scored(4_000, 1, broken=broken), scored(4_000, 2), PROBLEM, POLICY, seed=1), PROBLEM, POLICY
    )
    assert found[0].status == level
    assert bool(found[0].next) == (level != "healthy")


def test_a_break_in_one_segment_is_found_there() -> None:
    new = scored(6_000, 1, broken=0.4, where=SEGMENTS[1])
    whole, segments = findings(changes(new, scored(6_000, 2), PROBLEM, POLICY, seed=1), PROBLEM, POLICY)
    assert segments.status == "critical"
    assert segments.detail.startswith(f"{SEGMENTS[1]}: ")
    assert SEGMENTS[0] not in segments.detail
    assert whole.figure is not None
    assert whole.figure > 0


def test_no_change_rarely_alarms() -> None:
    """Over 20 draws of unchanged models, all rows and three segments together: at most the level and its error."""
    policy = replace(POLICY, performance=replace(POLICY.performance, warn=0.0))  # the hardest limit to keep still at
    alarms = 0
    for seed in range(20):
        new, held = scored(800, 2 * seed, clusters=200), scored(800, 2 * seed + 1, clusters=200)
        found = findings(changes(new, held, PROBLEM, policy, seed=seed), PROBLEM, policy)
        alarms += any(f.status in ("warn", "critical") for f in found)
    assert alarms <= 4  # binomial(20, 0.05): 5 or more have a chance of 0.003


def test_too_few_rows_or_one_class_is_unknown() -> None:
    few = changes(scored(150, 1), scored(2_000, 2), PROBLEM, POLICY, seed=1)
    assert few[0].status() == "unknown"
    assert findings(few, PROBLEM, POLICY)[0].detail.endswith("can't be compared: 150 rows, 200 wanted")
    ones = scored(500, 1)
    only = changes(replace(ones, truth=np.ones(500)), scored(500, 2), PROBLEM, POLICY, seed=1)
    assert only[0].status() == "unknown"
    assert only[0].why


def test_what_is_seen_and_not_shown_is_said() -> None:
    found = findings(changes(scored(300, 3, broken=0.02), scored(300, 2), PROBLEM, POLICY, seed=1), PROBLEM, POLICY)
    assert found[0].status == "healthy"
    assert "not shown to be beyond 3%" in found[0].detail


def test_calibration_is_compared_with_chance() -> None:
    held = scored(3_000, 2)
    good, _ = calibrated(scored(3_000, 1), held, POLICY, seed=1)
    pushed = scored(3_000, 1)
    off = replace(pushed, prediction=np.sqrt(pushed.prediction))
    bad, told = calibrated(off, held, POLICY, seed=1)
    same, _ = calibrated(off, replace(held, prediction=np.sqrt(held.prediction)), POLICY, seed=1)
    assert same.status == "healthy", "no worse than it was when it was appointed"
    assert (good.status, bad.status) == ("healthy", "warn")
    mean_gap = float(np.mean(np.sqrt(pushed.prediction)) - pushed.truth.mean())
    assert told.predicted - told.observed == approx(mean_gap)
    assert told.ece >= mean_gap - 1e-9  # the triangle inequality over bins


def test_a_group_that_is_treated_worse_is_named() -> None:
    problem = replace(PROBLEM, fairness_columns=(PROBLEM.segment_column,))
    new = scored(8_000, 1, broken=0.5, where=SEGMENTS[2])
    new = replace(new, groups={**new.groups, problem.segment_column: new.groups["segment"]})
    (found,), widest = fair(new, problem, POLICY, seed=1)
    assert found.status == "warn"
    assert SEGMENTS[2] in found.detail
    auc = [
        roc_auc_score(new.truth[m], new.prediction[m]) for s in SEGMENTS[:3] if (m := new.groups["segment"] == s).any()
    ]
    assert widest[f"fairness.{problem.segment_column}.roc_auc"] == approx(max(auc) - min(auc))
