"""The leakage scan: names, dependence against scipy's oracles, behaviour; strong honest features stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import somersd

from ds_workflow.domain.leakage import Behaviour, LeakageReport, dependence, scan, somers_d
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import InvalidInput
from registry.records import canonical_json

N = 4000


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    log_price = rng.normal(13, 0.8, N)
    noise = rng.normal(0, 0.8, N)
    return pd.DataFrame(
        {
            "price": np.exp(log_price),
            "area": np.exp(0.5 * log_price + rng.normal(0, 0.5, N)),
            "last_price": np.exp(0.95 * log_price + np.sqrt(1 - 0.95**2) * noise),
            "age": rng.integers(0, 100, N).astype(float),
            "kind": rng.choice(["a", "b", "c"], N),
            "part": rng.choice(["NORTH", "SOUTH"], N),
        }
    )


def look(problem: Problem, rows: pd.DataFrame, *names: str, **rest: object) -> LeakageReport:
    used = names or ("area", "age", "kind", "last_price")
    return scan(problem, feature_names=used, features=rows, target=rows["price"].to_numpy(), **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("levels", [2, 4, 10])
def test_somers_d_is_scipys_and_that_of_all_pairs(levels: int) -> None:
    rng = np.random.default_rng(levels)
    x = rng.integers(0, levels, 120).astype(float)
    y = np.round(x + rng.normal(0, 2, 120))
    assert somers_d(y, x) == pytest.approx(somersd(x, y).statistic)
    dx, dy = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    assert somers_d(y, x) == pytest.approx((dx * dy).sum() / (dx != 0).sum())


def test_an_honest_model_is_clean_though_one_feature_is_strong(problem: Problem, rows: pd.DataFrame) -> None:
    assert np.corrcoef(np.log(rows["last_price"]), np.log(rows["price"]))[0, 1] > 0.94
    report = look(problem, rows, feature_set_version="v1", routing_keys=("part",))
    assert report.ok and report.status == "pass" and not report.findings
    assert 0.7 < report.strength["last_price"] < 0.9
    canonical_json(report.to_dict())


@pytest.mark.parametrize("cut", ["quartile", "rank", "scrambled", "text", "reversed", "half"])
def test_a_feature_cut_from_the_target_is_found(problem: Problem, rows: pd.DataFrame, cut: str) -> None:
    tier = pd.qcut(rows["price"], 4, labels=False)
    rows["kind"] = {
        "quartile": tier,
        "rank": rows["price"].rank(),
        "scrambled": tier.map({0: 2, 1: 0, 2: 3, 3: 1}),
        "text": tier.map({0: "low", 1: "mid", 2: "high", 3: "top"}),
        "reversed": -np.log(rows["price"]),
        "half": rows["price"] > rows["price"].median(),
    }[cut]
    report = look(problem, rows)
    assert [(f.kind, f.name) for f in report.findings] == [("ordinal", "kind")]
    assert report.status == "fail" and not report.ok


def test_a_tier_cut_inside_each_segment_is_found_within(problem: Problem, rows: pd.DataFrame) -> None:
    rows.loc[rows["part"] == "NORTH", "price"] *= 3
    rows["kind"] = rows.groupby("part")["price"].transform(lambda p: pd.qcut(p, 4, labels=False))
    assert look(problem, rows).ok
    report = look(problem, rows, within={"part": rows["part"].to_numpy()})
    assert [f.name for f in report.findings] == ["kind"] and "within every part" in report.findings[0].note


def test_a_rare_flag_and_an_identifier_are_no_leak(problem: Problem, rows: pd.DataFrame) -> None:
    flag = np.zeros(N)
    flag[rows["price"].nlargest(8).index] = 1
    rows["kind"], rows["age"] = flag, [f"id{i}" for i in range(N)]
    report = look(problem, rows)
    assert report.ok and set(report.constant) == {"kind", "age"}


def test_constant_features_and_small_samples_are_said(problem: Problem, rows: pd.DataFrame) -> None:
    rows["kind"] = 1.0
    assert look(problem, rows).constant == ("kind",)
    small = look(problem, rows.head(50))
    assert small.status == "unknown" and not small.ok and "50 rows" in small.unknown["dependence"]
    nothing = scan(problem, feature_names=("area",), features=None, target=None)
    assert nothing.status == "unknown"
    assert "area" in look(problem, rows.drop(columns="area")).unknown


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("price", "the target"),
        ("price_tier", "cut from the target"),
        ("owner_sex", "sensitive"),
        ("days_on_market", "after the outcome"),
        ("price_tier_2", "does not declare"),
    ],
)
def test_a_forbidden_name_is_found_as_feature_and_as_routing_key(
    problem: Problem, rows: pd.DataFrame, name: str, said: str
) -> None:
    rows[name] = np.random.default_rng(1).normal(size=N) if name != "price" else rows["price"]
    found = [f for f in look(problem, rows, "area", name).findings if f.kind == "contract"]
    assert [f.name for f in found] == [name] and said in found[0].note
    routed = look(problem, rows, "area", routing_keys=(name,)).findings
    assert [(f.kind, f.name) for f in routed] == [("routing", name)]


def test_behaviour_that_changes_is_found(problem: Problem, rows: pd.DataFrame) -> None:
    before = rows["area"].to_numpy()
    after = before.copy()
    assert look(problem, rows, behaviours=(Behaviour("later history altered", before, after),)).ok
    after[7] *= 1.001
    report = look(problem, rows, behaviours=(Behaviour("later history altered", before, after),))
    assert report.findings[0].kind == "behaviour" and report.findings[0].value == pytest.approx(1 / N)
    after[7] = np.nan
    assert not look(problem, rows, behaviours=(Behaviour("x", before, after),)).ok
    with pytest.raises(InvalidInput, match="two predictions"):
        look(problem, rows, behaviours=(Behaviour("x", before, after[1:]),))


def test_dependence_leaves_missing_values_out(rows: pd.DataFrame) -> None:
    price = rows["price"].to_numpy()
    holes = rows["price"].where(np.arange(N) % 3 > 0)
    assert dependence(holes, price) == pytest.approx(1.0)
    assert np.isnan(dependence(holes * np.nan, price))
