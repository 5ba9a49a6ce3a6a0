"""Looking every day: the usual test's false alarms against theory, and what plans and sequences make of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from ds_workflow.domain.ab_test.analysis import analyse
from ds_workflow.domain.ab_test.forms import Layout, Measure
from ds_workflow.domain.ab_test.peeking import Experiment, peek
from ds_workflow.domain.ab_test.timeline import timeline
from ds_workflow.domain.sequential import looks
from ds_workflow.errors import InvalidInput

LAYOUT = Layout("arm", "old")


def test_daily_looks_raise_the_false_alarms_that_theory_says() -> None:
    """Armitage, McPherson and Rowe (1969), table 2: five looks at 0.05 alarm in 14.2 %, ten in 19.3 %, twenty in
    24.8 %. 3,000 runs; three standard errors of 0.2 are 0.022."""
    for days, published in ((5, 0.142), (10, 0.193), (20, 0.248)):
        found = peek(Experiment(0.3, 400, days), runs=3_000, seed=days)
        assert found.decided["every_look"] == approx(published, abs=0.024)
        assert found.decided["one_look"] == approx(0.05, abs=0.012)
        assert found.decided["spending"] == approx(0.05, abs=0.015)
        assert found.decided["sequence"] <= 0.05
        for rule, line in found.by_look.items():
            assert list(line) == sorted(line), "a decision is not taken back"
            assert line[-1] == found.decided[rule]
    assert peek(Experiment(0.3, 400, 5), runs=50, seed=1) == peek(Experiment(0.3, 400, 5), runs=50, seed=1)


def test_an_effect_is_found_and_earlier_where_one_may_stop() -> None:
    found = peek(Experiment(0.3, 200, 20, effect=0.06), runs=400, seed=2)
    assert found.decided["sequence"] > 0.9
    assert found.looks_used["spending"] < 15 < found.looks_used["one_look"] == 20


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Experiment(0.0, 10, 10),
        lambda: Experiment(0.5, 10, 10, effect=0.6),
        lambda: Experiment(0.5, 0, 10),
        lambda: Experiment(0.5, 10, 400),
        lambda: peek(Experiment(0.5, 10, 300), runs=10**7, seed=1),
        lambda: peek(Experiment(0.5, 10, 10), runs=0, seed=1),
    ],
)
def test_what_can_not_be_simulated_is_refused(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput):
        ask()


def running(days: int, daily: int, *, lift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = days * daily
    arm = np.where(np.arange(n) % 2, "new", "old")
    at = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(np.repeat(np.arange(days), daily), unit="D")
    return pd.DataFrame({"arm": arm, "hit": rng.uniform(size=n) < 0.3 + lift * (arm == "new"), "at": at})


def test_planned_looks_carry_the_bounds_of_their_shares() -> None:
    line = timeline(running(6, 200, lift=0.1), LAYOUT, Measure("hit"), time="at", planned=1_000)["new"]
    bounds = looks([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [look.spending_z for look in line.looks] == [*(approx(b.z) for b in bounds), None], "the sixth is too late"
    crossed = next(k for k, look in enumerate(line.looks[:5]) if abs(look.contrast.statistic) > bounds[k].z)
    assert line.first_crossed == line.looks[crossed]
    with pytest.raises(InvalidInput, match="no plan"):
        timeline(running(3, 50), LAYOUT, Measure("hit"), time="at", planned=-1)


def test_looks_that_only_bring_more_of_the_same_units_are_told() -> None:
    table = running(4, 100).assign(who=lambda t: np.arange(len(t)) % 100)
    line = timeline(table, replace(LAYOUT, unit="who"), Measure("hit"), time="at")["new"]
    assert any(w.startswith("3 looks brought no new unit") for w in line.warnings)
    assert not timeline(running(4, 100), LAYOUT, Measure("hit"), time="at")["new"].warnings


def test_practical_is_another_question_than_significant() -> None:
    rng = np.random.default_rng(5)
    arm = np.repeat(["old", "new"], 20_000)
    hit = rng.uniform(size=40_000) < 0.30 + 0.02 * (arm == "new")
    cost = rng.normal(10, 2, 40_000) + 0.05 * (arm == "new")
    table = pd.DataFrame({"arm": arm, "hit": hit, "cost": cost, "flat": 1.5})
    small = Measure("hit", practical=0.05)
    guard = Measure("cost", practical=0.5, greater_is_better=False, guardrail=True)
    found = analyse(table, LAYOUT, [small, guard])
    assert found.primary.corrected < 0.01 and found.primary.practical == "too small"
    assert found.rows[1].practical == "holds"
    assert "smaller difference worth having" in found.recommendation.changes
    assert analyse(table, LAYOUT, [replace(small, practical=0.005)]).primary.practical == "worth having"
    assert analyse(table, LAYOUT, [replace(small, practical=0.0)]).primary.practical == "gain"
    assert analyse(table, LAYOUT, [replace(small, greater_is_better=False)]).primary.practical == "harm"
    # the effect that these units show with power 0.8, by the normal closed form
    se = found.primary.contrast.standard_error
    assert found.primary.contrast.detectable == approx(2.8015852 * se, rel=1e-6)
    assert found.together is not None
    assert found.together.statistic == approx(found.primary.contrast.statistic**2)
    flat = Measure("flat", kind="mean", practical=1.0, guardrail=True)
    open_ = analyse(table, LAYOUT, [replace(small, practical=0.005), flat]).recommendation
    assert open_.verdict == "continue", "a guardrail that could not be tested never ships"
    assert "flat" in open_.why and math.isfinite(se)
