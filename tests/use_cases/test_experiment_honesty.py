"""What an experiment or an estimate may not hide: lost rows, a second role of a column, looks, arms, broken splits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from scipy.stats import fisher_exact, multivariate_normal

from ds_workflow.domain import sequential as bounds
from ds_workflow.domain.causal.matching import match
from ds_workflow.domain.causal.propensity import balance
from ds_workflow.domain.causal.study import Study
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import causal as causal_report
from ds_workflow.use_cases.experiment import analyze, causal, power, sequential, view
from ds_workflow.use_cases.experiment.analyze import Layout, Measure
from ds_workflow.workspace import Workspace

HIT = Measure("hit")


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path, "nyc_sales")


def rows(n: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "arm": np.where(np.arange(n) % 2, "new", "old"),
            "hit": rng.integers(0, 2, n),
            "ms": rng.normal(100, 9, n),
            "who": np.arange(n),
        }
    )


def study(path: Path, n: int = 400) -> Path:
    rng = np.random.default_rng(2)
    age = rng.normal(40, 10, n)
    treated = (rng.uniform(size=n) < 1 / (1 + np.exp(-(age - 40) / 8))).astype(int)
    table = pd.DataFrame({"age": age, "sex": rng.integers(0, 2, n), "t": treated, "z": rng.integers(0, 2, n)})
    table.assign(y=2 * treated + 0.3 * age + rng.normal(size=n)).to_csv(path, index=False)
    return path


def said(work: Workspace, table: pd.DataFrame, path: Path, layout: Layout, *measures: Measure) -> analyze.Analysed:
    _ = table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return analyze.analyze(work, path, layout, measures or (HIT,), level=0.95, correction="holm")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("unit", ["", "who"])
def test_rows_without_an_arm_are_counted(work: Workspace, tmp_path: Path, kind: str, unit: str) -> None:
    table = rows()
    table.loc[:6, "arm"] = None
    found = said(work, table, tmp_path / f"t.{kind}", Layout("arm", "old", unit=unit)).found
    assert any(w.startswith("7 rows name no arm") for w in found.warnings)
    assert sum(found.units.values()) == 1_993
    whole = said(work, rows(), tmp_path / f"whole.{kind}", Layout("arm", "old", unit=unit)).found
    assert not any("no arm" in w for w in whole.warnings)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_segment_of_single_units_is_told(work: Workspace, tmp_path: Path, kind: str) -> None:
    found = said(work, rows(200), tmp_path / f"t.{kind}", Layout("arm", "old", segment="who")).found
    assert any("200 of 200 segments are not compared" in w for w in found.warnings)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_one_bad_value_is_named_with_its_row(work: Workspace, tmp_path: Path, kind: str) -> None:
    table = rows().astype({"hit": str})
    table.loc[41, "hit"] = "n/k"
    layout = Layout("arm", "old")
    with pytest.raises(InvalidInput, match="1 values that are no numbers, the first in row 42: 'n/k'"):
        said(work, table, tmp_path / f"bad.{kind}", layout)
    flags = rows().assign(hit=lambda t: t["hit"].astype(bool).astype(object))
    flags.loc[[3, 9], "hit"] = None
    with pytest.raises(InvalidInput, match="misses 2 values"):
        said(work, flags, tmp_path / f"gap.{kind}", layout)
    with pytest.raises(InvalidInput, match="Column 'arm' holds no numbers"):
        said(work, rows(), tmp_path / f"words.{kind}", layout, Measure("arm"))


def test_a_margin_below_0_is_refused() -> None:
    for wrong in (-0.01, float("nan"), float("inf")):
        with pytest.raises(InvalidInput, match="0 or more"):
            Measure("hit", practical=wrong)
    with pytest.raises(InvalidInput, match="margin of a guardrail"):
        Measure("hit", practical=-1, guardrail=True)


def test_few_events_bring_fishers_own_p_value(work: Workspace, tmp_path: Path) -> None:
    table = pd.DataFrame({"arm": np.repeat(["old", "new"], 50), "hit": np.repeat([1, 0, 1, 0], [2, 48, 9, 41])})
    found = said(work, table, tmp_path / "few.csv", Layout("arm", "old")).found
    p = fisher_exact([[9, 41], [2, 48]]).pvalue
    assert any(f"Fisher's exact test gives p = {p:.2g}" in w for w in found.warnings)


def test_guardrails_stand_apart_and_sql_stands_behind_the_page(work: Workspace, tmp_path: Path) -> None:
    guard = Measure("ms", practical=5, greater_is_better=False, guardrail=True)
    path = tmp_path / "t.parquet"
    rows().to_parquet(path)
    for name, source in (("sql", path), ("table", tmp_path / "t.csv")):
        rows().to_csv(tmp_path / "t.csv", index=False)
        made = analyze.analyze(
            work, source, Layout("arm", "old"), [HIT, guard], level=0.95, correction="holm", save=name
        )
        assert "ms (guardrail: may rise by 5)" in made.text()
        assert "guardrail holds" in made.text()
        body = view.read(work, name, {}).body
        assert "ms (guardrail: may rise by 5)" in body and "guardrail holds" in body
        assert made.kept is not None
        for page in (body, made.kept.page.read_text("utf-8")):
            assert ("GROUP BY" in page) == (name == "sql")
        assert ('href="#sql"' in body) == (name == "sql")
    statements = json.loads((work.settings.root / "experiments" / "sql.json").read_text("utf-8"))["sql"]
    assert str(tmp_path) not in statements
    import duckdb

    with duckdb.connect() as db:
        run = statements.replace("read_parquet('t.parquet')", f"read_parquet('{path}')")
        assert len(db.execute(run).fetchall()) == 2, "what is shown can be run again: one row per arm"


def test_a_running_experiment_with_a_broken_split_says_that_first(work: Workspace, tmp_path: Path) -> None:
    table = rows().assign(day=lambda t: pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(t["who"] // 400, "D"))
    table = table[(table["arm"] == "old") | (table["who"] % 3 == 0)]
    path = tmp_path / "t.parquet"
    table.to_parquet(path)
    made = sequential.watch(work, path, Layout("arm", "old"), HIT, time="day", level=0.95, best_at=None)
    document = made.to_dict()
    assert document["recommendation"] == "invalid"
    assert "the split is not the planned one" in document["why"]
    assert made.text().startswith("new: INVALID. From 2024-01-01 on the split")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_looks_cost_the_power_that_the_normal_distribution_says(count: int) -> None:
    """Against scipy's multivariate normal: the probability of leaving the box of the bounds."""
    planned = bounds.looks([(k + 1) / count for k in range(count)])
    t, z = (np.array([getattr(look, name) for look in planned]) for name in ("share", "z"))
    spread = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    for drift in (0.0, 2.8):
        inside = multivariate_normal(mean=drift * np.sqrt(t), cov=spread).cdf(z, lower_limit=-z)
        assert bounds.power_of_looks(planned, drift) == approx(1 - inside, abs=1e-5)


def test_looks_and_arms_raise_the_units() -> None:
    ask = power.Ask("proportion", 0.3, effect=0.02)
    one, five = power.plan(ask), power.plan(power.Ask("proportion", 0.3, effect=0.02, looks=5))
    assert power.plan(power.Ask("proportion", 0.3, effect=0.02, looks=1)).units_per_arm == one.units_per_arm
    assert five.units_per_arm == approx(one.units_per_arm * five.inflation, abs=1)
    # O'Brien and Fleming's bounds with 5 looks need 1.028 times the units (Jennison and Turnbull 2000, table 2.4)
    assert five.inflation == approx(1.028, abs=0.006)
    back = power.plan(power.Ask("proportion", 0.3, units=five.units_per_arm, looks=5))
    assert back.detectable == approx(0.02, rel=1e-3)
    three = power.plan(power.Ask("proportion", 0.3, effect=0.02, arms=3))
    alone = power.plan(power.Ask("proportion", 0.3, effect=0.02, alpha=0.025))
    assert three.units_per_arm == alone.units_per_arm > one.units_per_arm
    assert "0.025" in three.text()
    ratio = power.plan(power.Ask("ratio", 1.3, effect=0.1, deviation=2))
    assert "a share" not in ratio.text()
    with pytest.raises(InvalidInput, match="--effect nan is no number"):
        power.plan(power.Ask("proportion", 0.3, effect=float("nan")))


def test_a_column_has_one_role(work: Workspace, tmp_path: Path) -> None:
    path = study(tmp_path / "s.csv")
    for ask, words in (
        (causal.Ask("y", "t", ("y", "age")), "'y' is the outcome"),
        (causal.Ask("y", "t", ("t",)), "'t' is the treatment"),
        (causal.Ask("y", "t", ("z",), instrument="z"), "'z' is the instrument"),
        (causal.Ask("y", "t", ("age",), instrument="t"), "'t' is the treatment and something else"),
        (causal.Ask("y", "y", ("age",)), "'y' is the treatment and something else"),
        (causal.Ask("y", "t", ("age", "age")), "named twice"),
        (causal.Ask("y", "t", ("age",), resamples=20), "20 resamples"),
    ):
        with pytest.raises(InvalidInput, match=words):
            causal.estimate(work, path, ask)


def test_one_estimator_decides_and_warnings_name_theirs(work: Workspace, tmp_path: Path) -> None:
    path = study(tmp_path / "s.csv")
    names = ("matching", "ols", "aipw")
    made = [
        causal.estimate(work, path, causal.Ask("y", "t", ("age", "sex"), estimators=order))
        for order in (names, names[::-1])
    ]
    assert made[0].to_dict() == made[1].to_dict()
    assert made[0].lines[0].estimate.estimator == "doubly robust"
    table = pd.read_csv(path)
    given = Study(
        table["y"].to_numpy(float), table["t"].to_numpy(float), {c: table[c].to_numpy(float) for c in ("age", "sex")}
    )
    left = max(abs(b.difference_after) for b in balance(given, match(given).weight))
    line = next(line for line in made[0].lines if line.estimate.estimator.startswith("matching"))
    assert dict(line.extra)["worst_balance_after"] == left
    warned = [w for w in made[0].to_dict()["warnings"] if "Still apart" in w]
    assert all(w.startswith("matching 1:1: ") for w in warned)
    assert bool(warned) == (left >= 0.1)
    drawn = causal.estimate(work, path, causal.Ask("y", "t", ("age",), estimators=names[:1], resamples=200))
    assert drawn.lines[0].bootstrap is None
    assert any("not bootstrapped" in w for w in drawn.to_dict()["warnings"])


def test_agreement_is_said_of_intervals(work: Workspace, tmp_path: Path) -> None:
    from dataclasses import replace

    path = study(tmp_path / "s.csv")
    lines = causal.estimate(work, path, causal.Ask("y", "t", ("age",), estimators=("aipw", "ipw"))).lines
    assert "agree" in causal_report.sentence(lines)
    moved = [lines[0], replace(lines[1], estimate=replace(lines[1].estimate, value=-50.0)), *lines[2:]]
    assert "no overlap with the interval of inverse probability weighting" in causal_report.sentence(moved)
    wide = [lines[0], replace(lines[1], estimate=replace(lines[1].estimate, standard_error=50.0)), *lines[2:]]
    assert "inverse probability weighting says otherwise: no clear effect" in causal_report.sentence(wide)
