"""Stress changes what it says and nothing else; losses are those of numpy; the gate passes, fails and stays open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ds_workflow.domain import stress
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import StressTolerance
from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.problem import Column, Problem
from ds_workflow.domain.stress import Strain, Stress, StressReport
from ds_workflow.errors import InvalidInput

COLUMNS = (
    Column("row_id", "text", "id", nullable=False),
    Column("day", "date", "day", required=True),
    Column("area", "number", "area", minimum=10, maximum=500),
    Column("rooms", "integer", "rooms", required=True, minimum=1),
    Column("kind", "category", "closed", categories=("flat", "house")),
    Column("street", "category", "open"),
    Column("words", "text", "free", required=True),
    Column("price", "number", "target", nullable=False, minimum=0),
)


@pytest.fixture
def declared(problem: Problem) -> Problem:
    return replace(problem, columns=COLUMNS, time_column="day", derived=(), sensitive=())


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 400
    return pd.DataFrame(
        {
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
            "area": np.where(rng.random(n) < 0.1, np.nan, rng.uniform(20, 200, n)),
            "rooms": rng.integers(1, 8, n),
            "kind": rng.choice(["flat", "house"], n),
            "street": rng.choice(["A street", "B street", "C street"], n),
            "words": [f"words {i}" for i in range(n)],
        }
    )


def scored(truth: Any, prediction: Any, *, time: Any = None) -> Scored:
    n = len(truth)
    ids = np.array([f"r{i}" for i in range(n)], dtype=object)
    groups = {"cluster": ids, "segment": np.full(n, "all", dtype=object)}
    return Scored(ids, np.asarray(truth, float), np.asarray(prediction, float), groups=groups, time=time)


def named(problem: Problem, rows: pd.DataFrame, *, seed: int = 3) -> dict[str, Stress]:
    return {s.name: s for s in stress.stresses(problem, stress.requests(problem, rows), seed=seed)}


def test_each_stress_changes_its_own_column_and_nothing_else(declared: Problem, rows: pd.DataFrame) -> None:
    before = stress.requests(declared, rows)
    assert list(before) == ["day", "area", "rooms", "kind", "street", "words"]
    for name, one in named(declared, rows).items():
        same = [c for c in before if one.rows[c].equals(before[c].head(len(one.rows)))]
        changed = set(before) - set(same)
        if name == "without all that may be left out":
            assert changed == {"area", "kind", "street"}
        elif name == "asked half a year later":
            assert changed == {"day"}
            assert set((one.rows["day"] - before["day"].head(len(one.rows))).dt.days) == {182}
        else:
            assert len(changed) == 1
            assert changed.pop() in name
        assert list(one.rows.dtypes) == list(before.dtypes), name
        assert len(one.rows) == (400 if one.limited else 100)


def test_only_what_a_request_may_leave_out_goes_missing(declared: Problem, rows: pd.DataFrame) -> None:
    found = named(declared, rows)
    missing = {name for name, one in found.items() if one.kind == "missing" and one.limited}
    assert missing == {"without area", "without kind", "without street"}
    assert found["without area"].rows["area"].isna().all()
    assert found["without kind"].rows["kind"].isna().all()


def test_swapped_values_are_other_rows_values_in_one_of_five(declared: Problem, rows: pd.DataFrame) -> None:
    found = named(declared, rows)
    for column in ("area", "rooms", "kind", "street", "words"):
        now, then = found[f"{column} of another row in one of five"].rows[column], rows[column]
        moved = ~((now == then) | (now.isna() & then.isna()))
        assert moved.sum() <= 80
        assert set(now.dropna()) <= set(then.dropna())
    assert 60 < (found["words of another row in one of five"].rows["words"] != rows["words"]).sum() <= 80
    assert not any("day of another" in name for name in found)


def test_numbers_go_to_declared_bounds_and_open_texts_to_what_nobody_saw(declared: Problem, rows: pd.DataFrame) -> None:
    found = named(declared, rows)
    assert (found["area at its lowest, 10"].rows["area"] == 10).all()
    assert (found["area at its highest, 500"].rows["area"] == 500).all()
    assert "rooms at its lowest, 1" in found
    assert not any("rooms at its highest" in name for name in found)
    unseen = {name for name, one in found.items() if one.refusable}
    assert unseen == {"street never seen before", "words never seen before", "asked half a year later"}


def test_the_same_seed_gives_the_same_stress(declared: Problem, rows: pd.DataFrame) -> None:
    first, again, other = (named(declared, rows, seed=s) for s in (3, 3, 4))
    assert all(first[name].rows.equals(again[name].rows) for name in first)
    swapped = "words of another row in one of five"
    assert not first[swapped].rows.equals(other[swapped].rows)


def test_what_has_no_meaning_is_said(declared: Problem, rows: pd.DataFrame) -> None:
    timeless = replace(declared, time_column="", split=replace(declared.split, method="hash"))
    assert stress.not_applicable(timeless) == {"season": "rows have no time"}
    assert stress.not_applicable(declared) == {}
    strict = replace(declared, columns=tuple(replace(c, required=True) for c in COLUMNS))
    assert stress.not_applicable(strict) == {"missing": "a request must carry every column"}
    empty = named(declared, rows.assign(street=None))
    assert not any("street" in name for name in empty), "a column without any value has nothing to lose"


def test_a_rare_class_is_kept_in_the_sample(problem: Problem) -> None:
    truth = np.zeros(50_000)
    truth[::500] = 1.0
    binary = replace(problem, task="binary", metrics=("roc_auc",), primary_metric="roc_auc")
    chosen = stress.sample(binary, truth, seed=1)
    assert len(chosen) == len(set(chosen)) == stress.ROWS
    assert truth[chosen].sum() == 100
    assert stress.sample(problem, truth, seed=1).size == stress.ROWS
    half = stress.sample(binary, np.arange(10_000) % 2, seed=1)
    assert (half % 2).mean() == 0.5


def test_the_loss_and_its_error_are_those_of_a_paired_mean() -> None:
    """mape is a mean, so the paired standard error is known: the deviation of the differences over sqrt(n)."""
    rng = np.random.default_rng(2)
    truth = rng.uniform(1, 2, 2000)
    base, under = (scored(truth, truth * np.exp(rng.normal(0, s, 2000))) for s in (0.1, 0.2))
    m = metric("mape")
    found = stress.strain(Stress("missing", "x", pd.DataFrame(index=range(2000)), True), base, under, m, unit="absolute", seed=1)  # fmt: skip # noqa: E501
    each = np.abs(under.prediction / truth - 1) - np.abs(base.prediction / truth - 1)
    assert found.loss == pytest.approx(each.mean())
    assert found.error == pytest.approx(each.std() / np.sqrt(2000), rel=0.12)
    share = stress.strain(Stress("missing", "x", pd.DataFrame(), True), base, under, m, unit="relative", seed=1)
    assert share.loss == pytest.approx(each.mean() / m(base))
    better = stress.strain(Stress("missing", "x", pd.DataFrame(), True), under, base, metric("ppe10"), unit="absolute", seed=1)  # fmt: skip # noqa: E501
    assert better.loss is not None and better.loss < 0, "more within 10 % is less loss"


def test_a_season_is_measured_against_the_rest_of_the_year() -> None:
    rng = np.random.default_rng(4)
    n = 4000
    day = np.datetime64("2023-12-01") + rng.integers(0, 366, n)
    month = pd.DatetimeIndex(day).month
    truth = rng.uniform(1, 2, n)
    error = np.where(month.isin([6, 7, 8]), 0.3, 0.1) * rng.normal(size=n)
    table = scored(truth, truth * (1 + error), time=day)
    found, why = stress.seasons(table, "mape", unit="absolute", seed=1)
    assert why == "" and len(found) == 4
    summer = next(s for s in found if s.name == "June to August")
    each, inside = np.abs(error), month.isin([6, 7, 8])
    assert summer.rows == inside.sum()
    assert summer.loss == pytest.approx(each[inside].mean() - each[~inside].mean())
    wanted = np.sqrt(each[inside].var() / inside.sum() + each[~inside].var() / (~inside).sum())
    assert summer.error == pytest.approx(wanted, rel=0.12)
    assert "one season" in stress.seasons(table.take(inside), "mape", unit="absolute", seed=1)[1]
    assert stress.seasons(replace(table, time=None), "mape", unit="absolute", seed=1) == ((), "rows have no time")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([1.0, np.nan], "1 of 2 answers are NaN"),
        ([1.0, -np.inf], "1 of 2"),
        ([1.0, 9.0], "outside 0 to 2"),
        ([1.0], "1 answers came for 2 rows"),
        ([0.0, 2.0], ""),
    ],
)
def test_answers_that_are_none_are_named(answers: list[float], words: str) -> None:
    said = stress.wrong(np.array(answers), 2, (0.0, 2.0))
    assert (words in said) if words else (said == "")


def test_the_sane_range_knows_outcomes_and_declaration(declared: Problem) -> None:
    assert stress.sane_range(declared, np.array([100.0, 300.0])) == (0.0, 400.0)
    assert stress.sane_range(replace(declared, columns=()), np.array([100.0, 300.0])) == (0.0, 400.0)
    assert stress.sane_range(replace(declared, columns=()), np.array([10.0, 300.0])) == (-135.0, 445.0)
    binary = replace(declared, task="binary", metrics=("roc_auc",), primary_metric="roc_auc")
    assert stress.sane_range(binary, np.array([0.0, 1.0])) == (0.0, 1.0)


GATE = StressTolerance("stress", "mdape", "relative", (("missing", 0.5), ("corrupted", 0.3)))


def judged(healthy: Comparison, *strains: Strain, **changes: Any) -> Any:
    report = StressReport(
        **{"metric": "mdape", "unit": "relative", "rows": 1000, "base": 0.1, "strains": strains} | changes
    )
    checks = replace(healthy.challenger_checks, stress=report)
    (result,) = GATE.check(replace(healthy, challenger_checks=checks))
    return result


def at(kind: Any, loss: float | None, error: float | None, **more: Any) -> Strain:
    return Strain(kind, f"a {kind} column", 1000, True, value=0.1, loss=loss, error=error, **more)


def test_the_gate_passes_fails_and_stays_open(healthy: Comparison) -> None:
    good = at("corrupted", 0.0, 0.01)
    assert judged(healthy, good, at("missing", 0.40, 0.05)).status == "pass"  # 0.40 + 1.645 x 0.05 < 0.5
    assert judged(healthy, good, at("missing", 0.43, 0.05)).status == "inconclusive"
    assert judged(healthy, good, at("missing", 0.59, 0.05)).status == "inconclusive"  # 0.59 - 1.96 x 0.05 < 0.5
    failed = judged(healthy, good, at("missing", 0.61, 0.05))
    assert failed.status == "fail" and failed.observed == 0.61 and "a missing column +61.0%" in failed.note
    assert judged(healthy, good, at("missing", 0.5, 0.0)).status == "pass"  # exactly what is allowed
    shown = judged(healthy, good, at("missing", 0.3, 0.1))
    assert shown.interval == pytest.approx((0.3 - 1.6449 * 0.1, 0.3 + 1.6449 * 0.1), abs=1e-4)


def test_the_gate_wants_evidence_for_every_kind(healthy: Comparison) -> None:
    good, other = at("corrupted", 0.0, 0.01), at("missing", 0.0, 0.01)
    assert "Nothing was tried of: a column missing" in judged(healthy, good).note
    said = judged(healthy, good, not_applicable={"missing": "a request must carry every column"})
    assert said.status == "pass" and "not applicable, a request must carry every column" in said.note
    assert judged(healthy, good, other, metric="ppe10").status == "fail"
    assert judged(healthy, good, other, broken="It answers no request.").note == "It answers no request."
    assert "is 0, so" in judged(healthy, good, at("missing", None, None, note="the figure is 0, so")).note
    unheld = judged(healthy, good, other, at("season", 0.0, 0.01))
    assert unheld.status == "fail" and "no tolerance for another season, which was tried" in unheld.note
    dead = judged(healthy, good, other, Strain("season", "later", 100, False, "it raises KeyError: 'x'"))
    assert dead.status == "fail" and "later: it raises KeyError" in dead.note


def test_a_policy_names_kinds_that_there_are(mapping: dict[str, Any], parse: Any) -> None:
    assert parse(mapping).stress_gate.tolerances["season"]["bootstrap"] == 0.3
    timeless = {**mapping["gates"]["stress"], "tolerances": {"missing": 0.5, "corrupted": {"promotion": 0.1, "bootstrap": 0.2, "champion_trial": 0.3}}}  # fmt: skip # noqa: E501
    mapping["gates"]["stress"] = timeless
    assert parse(mapping).stress_gate.tolerances["corrupted"]["champion_trial"] == 0.3
    for tolerances, words in (
        ({}, "at least one kind"),
        ({"missing": 0.5, "corrupted": 0.5, "sesaon": 0.5}, "unknown key 'sesaon'"),
        ({"missing": 2, "corrupted": 0.5}, "from 0 to 1"),
    ):
        mapping["gates"]["stress"] = {**timeless, "tolerances": tolerances}
        with pytest.raises(InvalidInput, match=words):
            parse(mapping)
