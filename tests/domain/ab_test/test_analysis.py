"""Whole experiments: the split, the unit, the correction, and what is recommended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from ds_workflow.domain.ab_test.analysis import Layout, Measure, analyse
from ds_workflow.errors import InvalidInput

LAYOUT = Layout("arm", "old")


def experiment(seed: int, *, units: int = 4_000, lift: float = 0.0, share: float = 0.5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arm = np.where(rng.uniform(size=units) < share, "new", "old")
    return pd.DataFrame(
        {
            "arm": arm,
            "accepted": (rng.uniform(size=units) < 0.3 + lift * (arm == "new")).astype(int),
            "seconds": rng.gamma(2, 10, units),
            "language": rng.choice(["go", "python"], units),
        }
    )


def test_the_test_follows_what_the_column_holds() -> None:
    found = analyse(experiment(1), LAYOUT, [Measure("accepted"), Measure("seconds")])
    assert [r.contrast.test for r in found.rows] == ["two-proportion z", "Welch t"]
    table = experiment(1)
    counts = table.groupby("arm")["accepted"].agg(["sum", "size"]).loc[["new", "old"]]
    assert found.primary.contrast.p_value == approx(proportions_ztest(counts["sum"], counts["size"])[1], rel=1e-9)
    assert found.units == {"old": (table["arm"] == "old").sum(), "new": (table["arm"] == "new").sum()}


@pytest.mark.parametrize(
    ("correction", "method"), [("holm", "holm"), ("benjamini-hochberg", "fdr_bh"), ("bonferroni", "bonferroni")]
)
def test_segments_and_metrics_are_corrected_together(correction: str, method: str) -> None:
    layout = Layout("arm", "old", segment="language")
    found = analyse(experiment(2, lift=0.04), layout, [Measure("accepted"), Measure("seconds")], correction=correction)
    assert len(found.rows) == 6
    raw = [r.contrast.p_value for r in found.rows]
    assert [r.corrected for r in found.rows] == approx(multipletests(raw, method=method)[1], rel=1e-9)


def test_events_of_one_unit_are_added_up_to_it() -> None:
    rng = np.random.default_rng(3)
    developer = rng.integers(0, 200, 6_000)
    own = rng.beta(2, 4, 200)
    table = pd.DataFrame({"developer": developer, "arm": np.where(developer % 2, "new", "old")})
    table["accepted"] = (rng.uniform(size=6_000) < own[developer]).astype(int)
    by_unit = analyse(table, Layout("arm", "old", unit="developer"), [Measure("accepted")]).primary.contrast
    by_row = analyse(table, LAYOUT, [Measure("accepted")]).primary.contrast
    assert by_unit.test == "cluster-robust mean"
    assert by_unit.estimate == approx(by_row.estimate)
    assert by_unit.standard_error > 1.7 * by_row.standard_error
    assert sum(by_unit.units) == 200


def test_a_broken_split_is_told_before_anything_else() -> None:
    table = pd.concat([experiment(4, lift=0.1), experiment(5, lift=0.1).query("arm == 'new'")])
    found = analyse(table, LAYOUT, [Measure("accepted")])
    assert found.sample_ratio < 1e-6
    assert found.recommendation.verdict == "keep"
    assert "split" in found.recommendation.why
    planned = analyse(table, Layout("arm", "old", shares=(1, 2)), [Measure("accepted")])
    assert planned.recommendation.verdict == "ship"


def test_units_in_two_arms_are_left_out_and_counted() -> None:
    table = experiment(6).assign(who=lambda t: np.arange(len(t)))
    both = table.head(50).assign(arm=lambda t: np.where(t["arm"] == "old", "new", "old"))
    found = analyse(pd.concat([table, both]), Layout("arm", "old", unit="who"), [Measure("accepted")])
    assert found.mixed == 50
    assert sum(found.units.values()) == len(table) - 50
    assert "more than one arm" in found.warnings[0]


def test_ship_keep_and_continue() -> None:
    gain = Measure("accepted", practical=0.02)
    assert analyse(experiment(7, lift=0.08), LAYOUT, [gain]).recommendation.verdict == "ship"
    assert analyse(experiment(7, lift=-0.08), LAYOUT, [gain]).recommendation.verdict == "keep"
    open_ = analyse(experiment(8, units=300, lift=0.03), LAYOUT, [gain]).recommendation
    assert open_.verdict == "continue"
    # n per arm for 0.02 on 0.3 by the closed form: 2 * (1.96 + 0.8416)^2 * 0.3 * 0.7 / 0.02^2, about 8,240
    assert open_.units_per_arm == approx(8_240, rel=0.1)
    nothing = analyse(experiment(9, units=40_000), LAYOUT, [gain]).recommendation
    assert nothing.verdict == "keep"
    assert "worth having" in nothing.why
    fewer = Measure("accepted", practical=0.02, greater_is_better=False)
    assert analyse(experiment(7, lift=-0.08), LAYOUT, [fewer]).recommendation.verdict == "ship"


def test_a_hurt_guardrail_outweighs_the_gain() -> None:
    table = experiment(10, lift=0.08)
    table["latency"] = np.random.default_rng(1).normal(100, 10, len(table)) + 20 * (table["arm"] == "new")
    guard = Measure("latency", greater_is_better=False, guardrail=True, practical=5)
    found = analyse(table, LAYOUT, [Measure("accepted", practical=0.02), guard])
    assert found.recommendation.verdict == "keep"
    assert "latency" in found.recommendation.why
    wide = Measure("latency", greater_is_better=False, guardrail=True, practical=30)
    assert analyse(table, LAYOUT, [Measure("accepted", practical=0.02), wide]).recommendation.verdict == "ship"


def test_what_can_not_be_analysed_is_refused_in_words() -> None:
    table = experiment(11, units=100)
    gap = table.astype({"accepted": float})
    gap.loc[0, "accepted"] = np.nan
    cases = {
        "no column x": lambda: analyse(table, LAYOUT, [Measure("x")]),
        "there must be the control": lambda: analyse(table, Layout("arm", "control"), [Measure("accepted")]),
        "no numbers": lambda: analyse(table, LAYOUT, [Measure("language")]),
        "misses 1 values": lambda: analyse(gap, LAYOUT, [Measure("accepted")]),
        "no share": lambda: analyse(table, LAYOUT, [Measure("seconds", kind="proportion")]),
        "that decides": lambda: analyse(table, LAYOUT, [Measure("accepted", guardrail=True)]),
        "no correction": lambda: analyse(table, LAYOUT, [Measure("accepted")], correction="none"),
        "enough units": lambda: analyse(table.assign(accepted=1), LAYOUT, [Measure("accepted", kind="mean")]),
    }
    for words, ask in cases.items():
        with pytest.raises(InvalidInput, match=words):
            ask()


@pytest.mark.real_data
def test_the_public_experiments(real_data: Path) -> None:
    """Cookie Cats (90,189 players): retention after 7 days falls by 0.82 points when the gate moves to level 40; the
    course's landing pages: mismatched rows found, no effect; Hillstrom's e-mails: both arms bring visits."""
    cats = pd.read_parquet(real_data / "ab_tests" / "cookie_cats.parquet")
    layout = Layout("version", "gate_30", unit="userid")
    found = analyse(cats, layout, [Measure("retention_7"), Measure("retention_1")])
    assert found.primary.contrast.estimate == approx(-0.0082, abs=5e-5)
    assert found.primary.corrected < 0.01
    assert found.recommendation.verdict == "keep"
    assert found.sample_ratio == approx(0.0086, abs=5e-4)
    pages = pd.read_parquet(real_data / "ab_tests" / "udacity_ab_data.parquet")
    mixed = analyse(pages, Layout("landing_page", "old_page", unit="user_id"), [Measure("converted")])
    assert mixed.mixed > 0
    assert mixed.primary.contrast.p_value > 0.05
    mails = pd.read_parquet(real_data / "ab_tests" / "hillstrom_email.parquet")
    visits = analyse(mails, Layout("segment", "No E-Mail"), [Measure("visit", practical=0.01)])
    assert len(visits.rows) == 2
    assert all(r.contrast.interval[0] > 0.03 and r.corrected < 1e-20 for r in visits.rows)
    assert visits.recommendation.verdict == "ship"
