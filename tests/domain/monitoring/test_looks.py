"""Looks at inputs and service at their boundaries, the patience before an alert, and the policy's own mistakes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from ds_workflow.domain import drift_table
from ds_workflow.domain.monitoring import inputs, service
from ds_workflow.domain.monitoring.inputs import Incoming
from ds_workflow.domain.monitoring.looks import Finding, Level, Look, worst
from ds_workflow.domain.monitoring.policy import MonitoringPolicy, contradictions
from ds_workflow.domain.monitoring.service import Requests
from ds_workflow.errors import InvalidInput

POLICY = MonitoringPolicy("p")
RNG = np.random.default_rng(7)
OLD = pd.DataFrame({"x": RNG.normal(size=2_000), "kind": RNG.choice(["a", "b"], 2_000)})
FINE = Incoming(100, 0, {}, 0, 0.0)


def new(shift: float = 0.0, rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame({"x": rng.normal(shift, size=rows), "kind": rng.choice(["a", "b"], rows)})


def look(*findings: Finding, at: str = "2026-03-01T00:00:00Z") -> Look:
    return Look("p", "inputs", at, 1, "d", "p", worst(f.status for f in findings), findings)


def named(found: list[Finding], name: str) -> Finding:
    return next(f for f in found if f.name == name)


def test_drift_that_nothing_could_be_said_of_is_unknown() -> None:
    none = inputs.findings(replace(FINE, refused=100), None, [], POLICY)
    assert (named(none, "drift").status, inputs.overall(none)) == ("unknown", None)
    few = inputs.findings(FINE, drift_table.compare(OLD, new(rows=20)), [], POLICY)
    assert inputs.overall(few) is None
    same = inputs.findings(FINE, drift_table.compare(OLD, new()), [], POLICY)
    assert inputs.overall(same) is False
    away = inputs.findings(FINE, drift_table.compare(OLD, new(100.0, rows=20)), [], POLICY)
    assert inputs.overall(away) is True, "rows that are all out of range are told however few they are"


@pytest.mark.parametrize(
    ("whole", "segments", "shown"),
    [
        ("healthy", "healthy", ("healthy", "all")),
        ("healthy", "warn", ("warn", "some")),
        ("warn", "critical", ("critical", "some")),
        ("warn", "unknown", ("warn", "all")),
        ("unknown", "healthy", ("unknown", "all")),
    ],
)
def test_the_worsening_that_a_look_shows(whole: Level, segments: Level, shown: tuple[str, str]) -> None:
    other = Finding("calibration", "critical", "another thing")
    seen = look(Finding("performance", whole, "all"), Finding("segments", segments, "some"), other)
    assert seen.worsening() == shown
    assert look(other).worsening()[0] == "unknown"


def test_one_request_is_no_plural() -> None:
    asked = Requests("2026-03-01T00:00:00Z", [100.0], 1, 0, 0, 0, 9)
    assert service.findings(asked, POLICY)[0].detail.startswith("1 request in 24 hours")


def test_drift_counts_only_when_two_looks_in_a_row_agree() -> None:
    moved = drift_table.compare(OLD, new(1.0))
    first = inputs.findings(FINE, moved, [], POLICY)
    assert named(first, "drift").status == "healthy"
    assert "look 1 of 2" in named(first, "drift").detail
    second = inputs.findings(FINE, moved, [look(*first)], POLICY)
    assert named(second, "drift").status == "warn"
    calm = inputs.findings(FINE, drift_table.compare(OLD, new()), [look(*first)], POLICY)
    assert named(calm, "drift").status == "healthy"
    after = inputs.findings(FINE, moved, [look(*first), look(*calm)], POLICY)
    assert named(after, "drift").status == "healthy", "the row was broken"


def test_nine_rows_of_ten_out_of_range_are_critical_at_once_and_with_few_rows() -> None:
    few = new(rows=20)
    few.loc[few.index[:18], "x"] = 1e6
    found = inputs.findings(FINE, drift_table.compare(OLD, few), [], POLICY)
    assert named(found, "out of range").status == "critical"
    assert named(found, "out of range").figure == approx(0.9)


@pytest.mark.parametrize(
    ("refused", "status"),
    [(0, "healthy"), (2, "healthy"), (3, "warn"), (49, "warn"), (50, "critical"), (100, "critical")],
)
def test_refused_rows_at_each_boundary(refused: int, status: str) -> None:
    """The limit is 2 %; half of the rows is critical without a second look."""
    seen = Incoming(100, refused, {"x": refused}, 0, None)
    before = look(Finding("data quality", "healthy", "", 0.5, 0.02))
    assert inputs.findings(seen, None, [before], POLICY)[0].status == status


@pytest.mark.parametrize(("days", "status"), [(0.0, "healthy"), (30.0, "healthy"), (30.1, "warn")])
def test_staleness_at_its_boundary(days: float, status: str) -> None:
    assert inputs.findings(replace(FINE, age_days=days), None, [], POLICY)[-1].status == status


def asked(milliseconds: list[float], *, failed: int = 0, ever: int = 1) -> Requests:
    return Requests("t", tuple(milliseconds), 0, 0, failed, 0, ever)


@pytest.mark.parametrize(
    ("p95", "failed", "latency", "errors"),
    [
        (400.0, 0, "healthy", "healthy"),
        (400.1, 0, "warn", "healthy"),
        (1.0, 1, "healthy", "healthy"),
        (1.0, 2, "healthy", "critical"),
    ],
)
def test_service_at_its_boundaries(p95: float, failed: int, latency: str, errors: str) -> None:
    """99 answers and 1 failed are 1 %, which is allowed."""
    found = service.findings(asked([p95] * 99, failed=failed), POLICY)
    assert [f.status for f in found] == [latency, errors]
    assert found[0].figure == approx(p95)


def test_of_few_requests_only_failures_are_told_and_of_none_nothing() -> None:
    assert service.findings(asked([], ever=0), POLICY) == []
    assert [f.status for f in service.findings(asked([9_000.0] * 19), POLICY)] == ["healthy"]
    assert [f.status for f in service.findings(asked([1.0] * 18, failed=1), POLICY)] == ["warn"]


def test_latency_by_day_is_numpys_percentile() -> None:
    times = [("2026-03-01", float(t)) for t in range(100)] + [("2026-03-02", 5.0)]
    found = service.by_day(times)
    assert found["2026-03-01"]["latency_p95_ms"] == approx(np.percentile(np.arange(100), 95))
    assert found["2026-03-02"] == {"latency_p95_ms": 5.0, "requests": 1.0}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "a mapping of keys to values is wanted"),
        ({"label": {}}, "unknown key 'label'"),
        ({"labels": 3}, "monitoring.labels: a mapping"),
        ({"labels": {"mature": 3}}, "unknown key 'mature'"),
        ({"labels": {"mature_after_days": 1.5}}, "a whole number from 0 to 3650 is wanted"),
        ({"labels": {"minimum_coverage": 1.1}}, "from 0 to 1"),
        ({"labels": {"minimum_coverage": True}}, "a number from 0 to 1 is wanted, not True"),
        ({"service": {"p95_ms": float("nan")}}, "is wanted, not nan"),
        ({"performance": {"warn": 0.3, "critical": 0.2}}, "critical is below warn"),
        ({"problem": "q"}, "is 'q'"),
    ],
)
def test_a_policy_that_can_not_be_meant_is_refused(content: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        MonitoringPolicy.parse(content, problem="p")


def test_every_fault_of_a_policy_is_named_at_once() -> None:
    wrong = {"labels": {"mature": 3, "minimum_coverage": "5 %"}, "servise": {}, "inputs": {"psi": 99}, "problem": "q"}
    policy, faults = MonitoringPolicy.read(wrong, problem="p")
    assert policy is None
    assert {fault.path for fault in faults} == {
        "monitoring", "monitoring.problem", "monitoring.labels", "monitoring.labels.minimum_coverage",
        "monitoring.inputs.psi",
    }  # fmt: skip
    fixes = " ".join(fault.fix for fault in faults)
    assert "Did you mean 'service'?" in fixes and "Did you mean 0.05?" in fixes
    with pytest.raises(InvalidInput, match="has 5 faults: "):
        MonitoringPolicy.parse(wrong, problem="p")


def test_a_champion_that_is_replaced_before_its_first_label_is_a_contradiction() -> None:
    from ds_workflow.adapters import policies
    from ds_workflow.problems.credit_card_fraud import PROBLEM
    from ds_workflow.settings import CHECKOUT

    arena = policies.load(CHECKOUT / "config" / "policies" / "credit_card_fraud.yaml", PROBLEM)
    watched = MonitoringPolicy.parse({"labels": {"mature_after_days": 60}}, problem="credit_card_fraud")
    (fault,) = contradictions(watched, replace(arena, retrain_after_days=30))
    assert fault.path == "monitoring.labels.mature_after_days" and "retrain_after_days to 88" in fault.fix
    assert contradictions(watched, replace(arena, retrain_after_days=60)) == ()


def test_an_empty_policy_is_the_defaults() -> None:
    assert MonitoringPolicy.parse({}, problem="p") == MonitoringPolicy("p", version="1")
    one = MonitoringPolicy.parse({"service": {"p95_ms": 250}}, problem="p")
    assert one.service.p95_ms == 250
    assert one.digest != MonitoringPolicy("p", version="1").digest


def test_contradictions_with_the_arena_are_named() -> None:
    from ds_workflow.adapters import policies
    from ds_workflow.problems.adult_income import PROBLEM
    from ds_workflow.settings import CHECKOUT

    arena = policies.load(CHECKOUT / "config" / "policies" / "adult_income.yaml", PROBLEM)
    watched = MonitoringPolicy("adult_income")
    assert contradictions(watched, arena) == ()
    loose = MonitoringPolicy.parse(
        {
            "inputs": {"psi": 0.21},
            "service": {"p95_ms": 399},
            "retraining": {"age_days": 366, "worse": 0.3},
        },
        problem="adult_income",
    )
    said = " ".join(map(str, contradictions(loose, arena)))
    assert all(word in said for word in ("inputs.psi", "service.p95_ms", "age_days", "retraining.worse"))
