"""Sums of a warehouse say what the rows say, and DuckDB adds up what pandas does."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from ds_workflow.adapters import aggregates
from ds_workflow.domain.ab_test.analysis import Analysis, analyse
from ds_workflow.domain.ab_test.forms import Layout, Measure
from ds_workflow.domain.ab_test.sums import analyse_sums
from ds_workflow.errors import InvalidInput

KINDS = [
    Measure("accepted", practical=0.01),
    Measure("seconds"),
    Measure("clicks", denominator="views"),
    Measure("seconds", covariate="before"),
    Measure("seconds", guardrail=True, practical=2.0, greater_is_better=False),
]


def table(seed: int, *, rows: int = 1_500, units: int = 0, arms: tuple[str, ...] = ("old", "new")) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who = rng.integers(0, units, rows) if units else np.arange(rows)
    made = pd.DataFrame({"who": who, "arm": np.array(arms)[who % len(arms)]})
    made["accepted"] = rng.uniform(size=rows) < 0.3 + 0.05 * (made["arm"] == "new")
    made["seconds"] = rng.gamma(2, 10, rows)
    made["before"] = 0.5 * made["seconds"] + rng.normal(0, 3, rows)
    made["views"] = rng.poisson(8, rows) + 1
    made["clicks"] = rng.binomial(made["views"], 0.2)
    made["language"] = rng.choice(["go", "python", None], rows)
    return made


def words(found: Analysis) -> list[object]:
    told: list[object] = [found.units, found.mixed, found.recommendation.verdict, len(found.rows)]
    for r in found.rows:
        c = r.contrast
        told += [c.test, r.arm, r.segment, c.units]
    return told


def numbers(found: Analysis) -> list[float]:
    return [v for r in found.rows for v in (r.contrast.estimate, r.contrast.p_value, r.corrected, *r.contrast.interval)]


@pytest.mark.parametrize(
    ("units", "segment", "arms"),
    [
        (0, "", ("old", "new")),
        (0, "language", ("old", "new", "other")),
        (90, "", ("old", "new")),
        (90, "language", ("new", "old")),
    ],
)
def test_a_parquet_file_is_added_up_to_what_its_rows_say(
    units: int, segment: str, arms: tuple[str, ...], tmp_path: Path
) -> None:
    rows = table(3, units=units, arms=arms)
    if units:  # somebody seen in both arms is left out
        rows.loc[rows.index[:3], "arm"] = "new"
    path = tmp_path / "rows.parquet"
    rows.to_parquet(path)
    layout = Layout("arm", "old", unit="who" if units else "", segment=segment)
    assert aggregates.suits(path, layout)
    by_sql, read = aggregates.analyse(path, layout, KINDS, level=0.9, correction="holm")
    by_table = analyse(rows, layout, KINDS, level=0.9, correction="holm")
    assert read == len(rows)
    assert words(by_sql) == words(by_table)
    assert numbers(by_sql) == approx(numbers(by_table), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("segment", ["", "place"])
def test_sums_in_one_pass_know_when_they_would_lose_digits(segment: str, tmp_path: Path) -> None:
    rows = table(8).assign(v0=lambda t: t["seconds"], place=lambda t: t["language"])
    rng = np.random.default_rng(8)
    rows["share"] = rows["accepted"].astype(float)  # 0 and 1, as numbers with a point
    rows["nothing"] = 0.0
    rows["spell"] = 1e5 + rng.normal(0, 1, len(rows))  # squares of it hold little of its variance
    rows["huge"] = 1e200 * rows["seconds"]
    rows["one"] = 1
    rows["minus"] = rng.choice([-1, 0, 1], len(rows))
    path = tmp_path / "rows.parquet"
    rows.to_parquet(path)
    layout = Layout("arm", "old", segment=segment)
    one_pass = [Measure("accepted"), Measure("v0"), Measure("clicks", denominator="one"), Measure("minus")]
    careful = [Measure("share"), Measure("nothing"), Measure("spell"), Measure("v0", covariate="spell")]
    for measures in (one_pass, careful, *([m] for m in careful)):
        by_sql, _ = aggregates.analyse(path, layout, measures, level=0.9, correction="holm")
        by_table = analyse(rows, layout, measures, level=0.9, correction="holm")
        assert words(by_sql) == words(by_table)
        assert numbers(by_sql) == approx(numbers(by_table), rel=1e-7, abs=1e-12)
    with pytest.raises(InvalidInput, match="added up"):
        aggregates.analyse(path, layout, [Measure("huge")], level=0.9, correction="holm")


def test_what_a_table_refuses_a_parquet_file_refuses(tmp_path: Path) -> None:
    rows = table(4)
    path = tmp_path / "rows.parquet"
    rows.assign(gap=np.where(rows["who"] == 7, np.nan, 1.0), wild=np.inf, nobody=None).to_parquet(path)
    layout = Layout("arm", "old")
    cases = {
        "no column x": (layout, Measure("x")),
        "there must be the control": (Layout("arm", "ctrl"), Measure("seconds")),
        "no numbers": (layout, Measure("language")),
        "misses 1 values": (layout, Measure("gap")),
        "finite": (layout, Measure("wild")),
        "belong to no unit": (Layout("arm", "old", unit="language"), Measure("seconds")),
        "no share": (layout, Measure("seconds", kind="proportion")),
        "2 arms": (Layout("arm", "old", shares=(1, 1, 1)), Measure("seconds")),
    }
    for words, (asked, measure) in cases.items():
        for ask in (
            lambda a=asked, m=measure: aggregates.analyse(path, a, [m], level=0.95, correction="holm"),
            lambda a=asked, m=measure: analyse(pd.read_parquet(path), a, [m]),
        ):
            with pytest.raises(InvalidInput, match=words):
                ask()
    assert not aggregates.suits(path, Layout("accepted", "False")), "SQL spells a truth value otherwise"
    assert not aggregates.suits(tmp_path / "rows.csv", layout)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    assert not aggregates.suits(tmp_path / "broken.parquet", layout)


def sums(rows: pd.DataFrame, *, unit: str = "") -> pd.DataFrame:
    """The sums of a few metrics as a warehouse would give them."""
    rows = rows.assign(accepted=rows["accepted"].astype(int))
    lines = []
    places = [("all", rows), *rows.dropna(subset=["language"]).groupby("language")]
    for (place, part), arm in itertools.product(places, sorted(set(rows["arm"]))):
        mine = part[part["arm"] == arm]
        n = len(mine)
        line = {"arm": arm, "segment": place}
        s, y, x = mine["seconds"], mine["clicks"], mine["views"]
        lines += [
            line | {"metric": "accepted", "form": "proportion", "n": n, "sum": mine["accepted"].sum()},
            line | {"metric": "seconds", "form": "mean", "n": n, "sum": s.sum(), "sum_sq": (s**2).sum()},
            line | {"metric": "clicks / views", "form": "ratio", "n": n, "sum": y.sum(), "sum_sq": (y**2).sum(),
                    "sum_x": x.sum(), "sum_xx": (x**2).sum(), "sum_xy": (x * y).sum()},
        ]  # fmt: skip
        if unit:
            per = mine.groupby(unit)["seconds"].agg(["sum", "size"])
            total, size = per["sum"], per["size"]
            paired = {"sum_x": size.sum(), "sum_xx": (size**2).sum(), "sum_xy": (total * size).sum()}
            told = {"metric": "by unit", "form": "clusters", "n": len(per), "sum": total.sum()}
            lines.append(line | told | paired | {"sum_sq": (total**2).sum()})
    return pd.DataFrame(lines)


def test_sums_say_what_the_rows_say() -> None:
    rows = table(5, arms=("old", "new", "other"))
    found = analyse_sums(
        sums(rows),
        [Measure("accepted"), Measure("seconds"), Measure("clicks / views")],
        control="old",
        correction="bonferroni",
    )
    layout = Layout("arm", "old", segment="language")
    oracle = analyse(
        rows,
        layout,
        [Measure("accepted"), Measure("seconds"), Measure("clicks", denominator="views")],
        correction="bonferroni",
    )
    assert len(found.rows) == len(oracle.rows) == 18
    for ours, theirs in zip(found.rows, oracle.rows, strict=True):
        assert (ours.arm, ours.segment) == (theirs.arm, theirs.segment)
        assert ours.contrast.estimate == approx(theirs.contrast.estimate, rel=1e-9)
        assert ours.contrast.interval == approx(theirs.contrast.interval, rel=1e-9)
        assert ours.corrected == approx(theirs.corrected, rel=1e-8)
    assert found.together is not None and oracle.together is not None
    assert found.together.statistic == approx(oracle.together.statistic)


def test_events_added_up_by_a_warehouse_keep_their_clusters() -> None:
    rows = table(6, units=120)
    found = analyse_sums(sums(rows, unit="who"), [Measure("by unit")], control="old").primary.contrast
    oracle = analyse(rows, Layout("arm", "old", unit="who"), [Measure("seconds")]).primary.contrast
    assert found.test == oracle.test == "cluster-robust mean"
    assert (found.estimate, found.standard_error) == approx((oracle.estimate, oracle.standard_error), rel=1e-9)


def test_sums_that_no_values_could_have_are_refused() -> None:
    good = sums(table(7)).query("segment == 'all'").reset_index(drop=True)
    means = [Measure("seconds")]
    new = (good["metric"] == "seconds") & (good["arm"] == "new")
    other = good.assign(form=np.where(new, "ratio", good["form"]), sum_x=10.0, sum_xx=100.0, sum_xy=50.0)
    cases = {
        "miss the column n": (good.drop(columns="n"), means),
        "no metric speed": (good, [Measure("speed")]),
        "given twice": (pd.concat([good, good]), means),
        "there must be the control": (good.assign(arm="new"), means),
        "no form 'median'": (good.assign(form="median"), means),
        "miss sum_sq": (good.assign(sum_sq=np.nan), means),
        "squares that add up": (good.assign(sum_sq=1.0), means),
        "whole number of units": (good.assign(n=10.5), means),
        "whole successes": (good.assign(sum=good["sum"] + 0.5), [Measure("accepted")]),
        "finite numbers": (good.assign(sum=np.inf), means),
        "3 of 2": (good.assign(n=2, sum=3, sum_sq=9.0), [Measure("accepted")]),
        "a mean in one arm": (other, means),
    }
    for words, (given, measures) in cases.items():
        with pytest.raises(InvalidInput, match=words):
            analyse_sums(given, measures, control="old")
