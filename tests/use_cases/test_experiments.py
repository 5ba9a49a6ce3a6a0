"""Experiments from files: planned, analysed, watched, estimated, kept; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from ds_workflow.errors import InvalidInput, StateConflict, UnknownName
from ds_workflow.use_cases.experiment import analyze, causal, power, sequential
from ds_workflow.use_cases.experiment.analyze import Layout, Measure
from ds_workflow.workspace import Workspace

LAYOUT = Layout("variant", "old", unit="developer")
ACCEPTED = Measure("accepted", practical=0.01)


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path, "nyc_sales")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty days of 300 developers; the new version raises acceptance by 8 points."""
    rng = np.random.default_rng(3)
    n = 9_000
    who = rng.integers(0, 300, n)
    new = who % 2 == 0
    own = rng.normal(0, 0.05, 300)[who]
    table = pd.DataFrame(
        {
            "developer": who,
            "variant": np.where(new, "new", "old"),
            "accepted": (rng.uniform(size=n) < 0.3 + 0.08 * new + own).astype(int),
            "latency_ms": rng.gamma(4, 50, n),
            "shown_at": pd.Timestamp("2024-03-01", tz="UTC")
            + pd.to_timedelta(np.sort(rng.uniform(0, 20, n)), unit="D"),
        }
    )
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    table.to_parquet(path)
    return path


def test_a_plan_gives_units_or_the_effect_and_says_whole_weeks(work: Workspace) -> None:
    made = power.plan(power.Ask("proportion", 0.10, effect=0.02, daily_units=900))
    assert made.units_per_arm == 3_841  # power.prop.test gives 3,840.85
    assert made.days == 9
    assert "14 days" in made.warnings[0]
    back = power.plan(power.Ask("proportion", 0.10, units=3_841))
    assert back.detectable == approx(0.02, rel=1e-4)
    assert made.to_dict()["units"] == 7_682
    for ask, words in (
        (power.Ask("proportion", 0.1), "either the effect"),
        (power.Ask("proportion", 0.1, effect=0.01, units=5), "either the effect"),
        (power.Ask("mean", 10, effect=1), "standard deviation"),
        (power.Ask("proportion", 0.95, effect=0.2), "between 0 and 1"),
        (power.Ask("proportion", 0.9, units=3), "no effect that is possible"),
        (power.Ask("proportion", 0.1, effect=0.01, arms=1), "no experiment"),
    ):
        with pytest.raises(InvalidInput, match=words):
            power.plan(ask)


def test_an_analysis_is_kept_once_under_its_name(work: Workspace, events: Path) -> None:
    guard = Measure("latency_ms", practical=20, greater_is_better=False, guardrail=True)
    made = analyze.analyze(work, events, LAYOUT, [ACCEPTED, guard], level=0.95, correction="holm", save="H-SUG-009")
    document = made.to_dict()
    assert document["recommendation"] == "ship"
    assert document["interval"][0] < 0.08 < document["interval"][1]
    assert document["test"] == "cluster-robust mean"
    assert made.kept is not None
    stored = json.loads(made.kept.document.read_text("utf-8"))
    assert stored["digest"] == made.kept.digest == document["record"]["digest"]
    assert stored["result"]["estimate"] == document["estimate"]
    assert "<svg" in made.kept.page.read_text("utf-8")
    again = analyze.analyze(work, events, LAYOUT, [ACCEPTED, guard], level=0.95, correction="holm", save="H-SUG-009")
    assert again.kept == made.kept
    with pytest.raises(StateConflict, match="another result"):
        analyze.analyze(work, events, LAYOUT, [ACCEPTED], level=0.9, correction="holm", save="H-SUG-009")
    with pytest.raises(InvalidInput, match="can't name"):
        analyze.analyze(work, events, LAYOUT, [ACCEPTED], level=0.9, correction="holm", save="../up")
    assert "SHIP" in made.text()


def test_a_running_experiment_may_be_looked_at_every_day(work: Workspace, events: Path) -> None:
    made = sequential.watch(work, events, LAYOUT, ACCEPTED, time="shown_at", level=0.95, best_at=300, save="live")
    line = made.first
    assert len(line.looks) == 20
    assert line.first_decided is not None
    assert all(a.p_value >= b.p_value for a, b in zip(line.looks, line.looks[1:], strict=False))
    for look in line.looks:
        assert look.always_valid[0] < look.contrast.interval[0] < look.contrast.interval[1] < look.always_valid[1]
    document = made.to_dict()
    assert document["recommendation"] == "ship"
    assert document["arms"]["new"]["first_decided"] == line.first_decided.until
    assert "<svg" in (work.settings.root / "experiments" / "live.html").read_text("utf-8")
    with pytest.raises(InvalidInput, match="holds no times"):
        sequential.watch(work, events, LAYOUT, ACCEPTED, time="variant", level=0.95, best_at=None)


def test_effects_without_randomisation_come_side_by_side(work: Workspace, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    n = 1_500
    age, town = rng.normal(40, 10, n), rng.choice(["a", "b", "c"], n)
    trained = (rng.uniform(size=n) < 1 / (1 + np.exp(-(age - 40) / 10))).astype(int)
    earned = 100 + 5 * trained + 0.8 * age + 3 * (town == "b") + rng.normal(0, 4, n)
    path = tmp_path / "study.csv"
    pd.DataFrame({"age": age, "town": town, "trained": trained, "earned": earned}).to_csv(path, index=False)
    ask = causal.Ask("earned", "trained", ("age", "town"), resamples=200)
    made = causal.estimate(work, path, ask, save="training")
    names = [line.estimate.estimator for line in made.lines]
    assert names[0] == "doubly robust"
    assert names[-1] == "difference of means"
    for line in made.lines[:-1]:
        assert abs(line.estimate.value - 5) < 4 * line.estimate.standard_error, line.estimate.estimator
    assert made.lines[-1].estimate.interval[0] > 5
    assert {b.name for b in made.balance} == {"age", "town_b", "town_c"}
    assert made.lines[0].bootstrap is not None
    assert made.e_value is not None and made.e_value.interval > 1
    page = (work.settings.root / "experiments" / "training.html").read_text("utf-8")
    assert page.count("<svg") >= 6
    assert "agree" in made.to_dict()["recommendation"]
    for bad, words in (
        (causal.Ask("earned", "trained"), "allow no estimator"),
        (causal.Ask("earned", "town", ("age",)), "no numbers"),
        (causal.Ask("earned", "trained", ("height",)), "no column height"),
        (causal.Ask("earned", "trained", ("age",), estimators=("iv",)), "needs an instrument"),
        (causal.Ask("earned", "trained", estimators=("did",)), "needs --unit"),
    ):
        with pytest.raises(InvalidInput, match=words):
            causal.estimate(work, path, bad)
    with pytest.raises(UnknownName, match="matching"):
        causal.estimate(work, path, causal.Ask("earned", "trained", ("age",), estimators=("magic",)))


def test_a_panel_is_differenced(work: Workspace, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    unit, year = np.repeat(np.arange(60), 5), np.tile(np.arange(2008, 2013), 60)
    on = (unit % 2).astype(int)
    y = rng.normal(size=60)[unit] + 0.3 * (year - 2008) + 1.5 * on * (year >= 2011) + rng.normal(0, 0.5, 300)
    path = tmp_path / "panel.csv"
    pd.DataFrame({"state": unit, "year": year, "law": on, "rate": y}).to_csv(path, index=False)
    made = causal.estimate(
        work, path, causal.Ask("rate", "law", unit="state", period="year", starts="2011"), save="law"
    )
    assert made.lines[0].estimate.interval[0] < 1.5 < made.lines[0].estimate.interval[1]
    assert dict(made.lines[0].extra)["pre_trend_p"] > 0.001
    assert len(made.trends) == 5
    with pytest.raises(InvalidInput, match="is no period"):
        causal.estimate(work, path, causal.Ask("rate", "law", unit="state", period="year", starts="spring"))
