"""Every rule of the agent at its boundary, and laws that hold for any history."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_workflow.domain.agent import ACTIONS, Drift, Plan, Point, Shown, drift_of, plan, points_of
from ds_workflow.errors import InvalidInput

NEWEST = datetime.fromisoformat("2026-03-10")
DRIFT, NO_DRIFT = Drift(True, ("price",)), Drift(False)


def verdict(drift: bool | None) -> Drift | None:
    return None if drift is None else Drift(drift)


def history(auc: float = 0.9, *, pr: float = 0.5, p95: tuple[float, float] = (120, 120)) -> list[Point]:
    """A week at ROC-AUC 0.9 and PR-AUC 0.5, then the newest day; `p95` are the latencies of the last two days."""
    week = [Point(NEWEST - timedelta(days=d), 0.9, 0.5, 120) for d in range(7, 1, -1)]
    return [*week, Point(NEWEST - timedelta(days=1), 0.9, 0.5, p95[0]), Point(NEWEST, auc, pr, p95[1])]


def test_the_documented_example() -> None:
    """AUC down 3.8 %, p95 412 ms twice."""
    found = plan(history(0.9 * (1 - 0.038), p95=(412, 412)), NO_DRIFT)
    assert found.status == "warn"
    assert found.actions == ("trigger_retraining", "raise_thresholds")
    assert {"roc_auc_drop_pct": 3.8} in found.findings
    assert {"latency_p95_ms": 412} in found.findings
    assert {"drift_overall": False} in found.findings


@pytest.mark.parametrize(
    ("auc", "pr", "p95", "drift", "status", "actions"),
    [
        (0.9, 0.5, (120, 120), False, "healthy", ("do_nothing",)),
        (0.8731, 0.5, (120, 120), False, "healthy", ("do_nothing",)),
        (0.873, 0.5, (120, 120), False, "warn", ("trigger_retraining",)),
        (0.8461, 0.5, (120, 120), False, "warn", ("trigger_retraining",)),
        (0.846, 0.5, (120, 120), False, "critical", ("open_incident", "trigger_retraining", "roll_back_model")),
        (0.9, 0.5, (400, 400), False, "healthy", ("do_nothing",)),
        (0.9, 0.5, (401, 400), False, "healthy", ("do_nothing",)),
        (0.9, 0.5, (120, 900), False, "healthy", ("do_nothing",)),
        (0.9, 0.5, (401, 401), False, "warn", ("raise_thresholds",)),
        (0.9, 0.475, (120, 120), False, "healthy", ("do_nothing",)),
        (0.9, 0.475, (120, 120), None, "healthy", ("do_nothing",)),
        (0.9, 0.4751, (120, 120), True, "healthy", ("do_nothing",)),
        (0.9, 0.475, (120, 120), True, "critical", ("open_incident", "trigger_retraining")),
        (0.873, 0.475, (500, 500), True, "critical", ("open_incident", "trigger_retraining", "raise_thresholds")),
        (0.95, 0.6, (120, 120), True, "healthy", ("do_nothing",)),
    ],
)
def test_each_branch_at_its_boundary(  # noqa: PLR0917 - one row of the table of rules
    auc: float, pr: float, p95: tuple[float, float], drift: bool | None, status: str, actions: tuple[str, ...]
) -> None:
    found = plan(history(auc, pr=pr, p95=p95), verdict(drift))
    assert (found.status, found.actions) == (status, actions)


def test_the_newest_point_is_not_in_its_own_baseline() -> None:
    far = [Point(NEWEST - timedelta(days=8), 0.99), *history(0.88)]
    assert plan(far, None).findings == plan(history(0.88), None).findings
    same_day = [*history(0.88), Point(NEWEST - timedelta(hours=-6), 0.88)]
    assert {"roc_auc_drop_pct": 2.22} in plan(same_day, None).findings


def test_what_can_not_be_judged_is_unknown() -> None:
    assert plan([], DRIFT).status == "unknown"
    assert plan([Point(NEWEST, 0.9, 0.5, 100)], NO_DRIFT).status == "unknown"
    late = [*history()[:-1], Point(NEWEST, None, None, 100)]
    assert plan(late, NO_DRIFT).status == "healthy", "late labels: the newest point that has them counts"


@pytest.mark.parametrize(
    ("level", "status", "actions"),
    [
        ("healthy", "healthy", ("do_nothing",)),
        ("unknown", "unknown", ("do_nothing",)),
        ("warn", "warn", ("trigger_retraining",)),
        ("critical", "critical", ("open_incident", "trigger_retraining", "roll_back_model")),
    ],
)
def test_a_problem_without_an_auc_is_watched_by_what_a_look_shows(
    level: str, status: str, actions: tuple[str, ...]
) -> None:
    times = [Point(NEWEST - timedelta(days=d), latency_p95_ms=100) for d in range(3)]
    for past in (times, []):
        found = plan(past, NO_DRIFT, shown=Shown(level, "mdape: 25 % worse"))  # type: ignore[arg-type]
        assert (found.status, found.actions) == (status, actions)
        assert {"performance_look": level} in found.findings
        assert "mdape: 25 % worse" in found.rationale
    assert plan(times, NO_DRIFT).status == "unknown", "without a look nothing is known of it"
    assert plan(history(0.846), None, shown=Shown("healthy", "fine")).status == "critical", "it loosens nothing"


def test_drift_that_could_not_be_told_is_never_healthy() -> None:
    untold = drift_of({"threshold": 0.2, "overall_drift": None, "features": {}})
    assert untold == Drift(None)
    assert drift_of({"overall_drift": False, "status": "unknown"}) == untold
    assert drift_of({"overall_drift": True, "status": "unknown"}) == Drift(True)
    found = plan(history(), untold)
    assert (found.status, found.actions) == ("unknown", ("do_nothing",))
    assert {"drift_overall": None} in found.findings
    assert plan(history(0.873), untold).status == "warn"


POINTS = st.builds(
    Point,
    st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2026-02-01")),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 2_000),
)


@given(st.lists(POINTS, max_size=30), st.none() | st.booleans(), st.randoms())
def test_laws(points: list[Point], drift: bool | None, random: object) -> None:
    found = plan(points, verdict(drift))
    assert set(found.actions) <= set(ACTIONS)
    assert found.actions
    assert "do_nothing" not in found.actions or found.actions == ("do_nothing",)
    assert (found.status in ("warn", "critical")) == (found.actions != ("do_nothing",))
    if len({p.at for p in points}) == len(points):
        assert plan(points[::-1], verdict(drift)) == found, "the order of lines does not matter"


@given(st.lists(POINTS, min_size=3, max_size=20))
def test_drift_never_makes_it_milder(points: list[Point]) -> None:
    worse = {"unknown": 0, "healthy": 1, "warn": 2, "critical": 3}
    calm, moved = plan(points, NO_DRIFT), plan(points, DRIFT)
    assert isinstance(calm, Plan)
    assert worse[moved.status] >= worse[calm.status]


GOOD = {"date": "2026-01-01", "roc_auc": 0.9, "model": "v7"}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"roc_auc": 0.9}, "says no time"),
        ({"date": "soon", "roc_auc": 0.9}, "'soon' is no time"),
        ({"date": "0001-01-01T00:00:00+23:59"}, "is no time"),
        ({"date": "2026-01-01", "roc_auc": "high"}, "no finite number"),
        ({"date": "2026-01-01", "roc_auc": 1.4}, "roc_auc is 1.4"),
        ({"date": "2026-01-01", "p95_ms": -1}, "latency_p95_ms is -1"),
        ({"date": "2026-01-01", "roc_auc": True}, "no finite number"),
        ({"date": "2026-01-01", "roc_auc": 1e400}, "no finite number"),
        ("2026-01-01", "no object"),
    ],
)
def test_bad_lines_are_told(record: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        points_of([GOOD, GOOD, record])
    assert "Line 3" in str(caught.value)


def test_other_names_mean_the_same() -> None:
    sent = {"timestamp": "2026-01-01T05:00:00Z", "auc": 0.9, "average_precision": 0.4, "p95": 90}
    assert points_of([sent]) == [Point(datetime.fromisoformat("2026-01-01T05:00"), 0.9, 0.4, 90.0)]
    assert points_of([{"date": "2026-01-01", "roc_auc": float("nan")}])[0].roc_auc is None


def test_a_drift_verdict_is_read_or_refused() -> None:
    read = drift_of({"threshold": 0.2, "overall_drift": True, "features": {"b": 0.5, "a": 0.3, "c": 0.1}})
    assert read == Drift(True, ("a", "b"))
    assert drift_of(None) is None
    for bad in ([], {"overall_drift": "yes"}, {"overall_drift": True, "features": {"a": "much"}}):
        with pytest.raises(InvalidInput, match="drift verdict"):
            drift_of(bad)
