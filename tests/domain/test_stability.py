"""Parts are told apart only when they differ by more than chance; figures are those of the metric on the part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.stability import Stability, stability


def scored(rng: np.random.Generator, rows: int, *, noise: dict[str, float], months: int = 6) -> Scored:
    """Answers with a relative error by segment; the district is dealt out and says nothing."""
    segment = rng.choice(list(noise), rows).astype(object)
    truth = rng.uniform(1, 2, rows)
    spread = np.array([noise[s] for s in segment])
    ids = np.array([f"r{i}" for i in range(rows)], dtype=object)
    groups = {"segment": segment, "cluster": ids, "district": rng.choice(["n", "s", "w"], rows).astype(object)}
    time = np.datetime64("2024-01-01") + rng.integers(0, 30 * months, rows)
    return Scored(ids, truth, truth * (1 + rng.normal(0, spread)), groups=groups, time=time)


def of(problem: Problem, table: Scored, *, seed: int = 1) -> Stability:
    found = stability(problem, table, seed=seed)
    assert found is not None
    return found


def test_figures_of_parts_are_the_metric_on_them(problem: Problem) -> None:
    table = scored(np.random.default_rng(1), 3000, noise={"NORTH": 0.1, "SOUTH": 0.2})
    found = of(problem, table)
    assert [s.group for s in found.spreads] == ["segment", "district", "month"]
    assert found.figure == metric("mdape")(table)
    for part in found.parts:
        if part.group == "segment":
            inside = table.take(table.groups["segment"] == part.value)
            assert part.figure == metric("mdape")(inside) and part.rows == len(inside)
            assert part.interval is not None and part.interval[0] < part.figure < part.interval[1]
    months = [p for p in found.parts if p.group == "month"]
    assert [p.value for p in months] == [f"2024-{m:02d}" for m in range(1, 7)]
    assert sum(p.rows for p in months) == 3000
    assert found.to_dict()["spreads"][0]["differs"] is True


def test_the_interval_of_a_part_is_that_of_a_mean(problem: Problem) -> None:
    shares = replace(problem, metrics=("ppe10",), primary_metric="ppe10")
    table = scored(np.random.default_rng(2), 4000, noise={"NORTH": 0.1, "SOUTH": 0.1})
    for part in of(shares, table).parts:
        if part.group == "segment":
            assert part.figure is not None and part.interval is not None
            half = 1.96 * np.sqrt(part.figure * (1 - part.figure) / part.rows)
            assert part.interval[1] - part.interval[0] == pytest.approx(2 * half, rel=0.15)


def test_equal_parts_differ_about_as_often_as_the_level_says(problem: Problem) -> None:
    """60 tables in which nothing differs, with three groupings each: about 5 % of 180 may say so."""
    said, apart = 0, []
    for seed in range(60):
        table = scored(np.random.default_rng(seed), 1200, noise={"NORTH": 0.1, "SOUTH": 0.1, "EAST": 0.1}, months=4)
        for spread in of(problem, table, seed=seed).spreads:
            said += spread.differs
            apart.append(spread.observed / spread.by_chance)
    assert said <= 18
    assert np.mean(apart) == pytest.approx(1.0, abs=0.15), "equal parts lie as far apart as chance puts them"


def test_a_part_that_differs_is_named_with_its_interval(problem: Problem) -> None:
    table = scored(np.random.default_rng(3), 4000, noise={"NORTH": 0.1, "SOUTH": 0.1, "EAST": 0.2})
    by = {s.group: s for s in of(problem, table).spreads}
    assert by["segment"].furthest == "EAST" and by["segment"].differs
    # the parts' medians are 0.0674 and twice that, a third each: EAST lies 2/3 of 0.0674 above their mean
    assert by["segment"].interval[0] < 2 / 3 * 0.067449 < by["segment"].interval[1]
    assert by["segment"].observed > 3 * by["segment"].by_chance
    assert not by["district"].differs


def test_small_parts_are_not_measured_and_what_is_built_in_is_said(problem: Problem) -> None:
    cut = replace(problem, slices=("price_tier",))
    table = scored(np.random.default_rng(4), 900, noise={"NORTH": 0.1, "SOUTH": 0.1})
    tier = np.where(table.truth > 1.9, "high", "low").astype(object)
    found = of(cut, replace(table, groups={**table.groups, "price_tier": tier}, time=None))
    assert {p.group for p in found.parts} == {"segment", "price_tier", "district"}
    high = next(p for p in found.parts if p.value == "high")
    assert high.rows < 100 and high.figure is None and high.interval is None
    assert {s.group for s in found.spreads} == {"segment", "district"}, "one measured part can't lie apart"
    wide = replace(table, groups={**table.groups, "price_tier": table.groups["district"]}, time=None)
    assert next(s for s in of(cut, wide).spreads if s.group == "price_tier").note == "it is cut from the target"


def test_many_years_are_not_cut_into_months_and_an_absent_metric_has_no_report(problem: Problem) -> None:
    table = scored(np.random.default_rng(5), 1000, noise={"NORTH": 0.1}, months=60)
    assert {p.group for p in of(problem, table).parts} == {"segment", "district", "year"}
    needs = replace(problem, primary_metric="interval_coverage")
    assert stability(needs, table, seed=1) is None


def test_a_part_that_some_resamples_empty_still_has_finite_figures(problem: Problem) -> None:
    """WAPE of a part whose whole volume stands in five clusters: in about one resample of 150 it is infinite."""
    demand = replace(problem, metrics=("wape",), primary_metric="wape", fairness_columns=())
    rng = np.random.default_rng(6)
    table = scored(rng, 2000, noise={"NORTH": 0.1, "SOUTH": 0.1, "EAST": 0.1}, months=1)
    east = np.flatnonzero(table.groups["segment"] == "EAST")
    truth = np.round(5 * table.truth)
    truth[east[5:]] = 0.0
    found = of(demand, replace(table, truth=truth, prediction=truth + rng.normal(0, 0.5, 2000), time=None))
    (spread,) = found.spreads
    assert spread.parts == 3
    assert np.isfinite([spread.observed, spread.by_chance, spread.deviation, *spread.interval]).all()
