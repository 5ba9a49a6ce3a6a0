"""The simulator: deterministic, shaped like the source, and with something in it that a better model can find.

The expectations are laws and published facts of the real sales (shares, price levels, resale rates; test at the end
on the real rows), not figures copied from the simulator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ds_workflow.domain.snapshot import conform, holdout_mask
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.nyc_sales import PROBLEM, clean, load, naive, simulate
from ds_workflow.problems.nyc_sales.source import RAW_COLUMNS


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return simulate(rows=40_000, seed=42)


@pytest.fixture(scope="module")
def sales(raw: pd.DataFrame) -> pd.DataFrame:
    return conform(PROBLEM, clean(raw)[0])


def quantities(rows: pd.DataFrame) -> pd.DataFrame:
    """Per segment: price level, spread, how often holdout rows meet an earlier sale of home, building, block."""
    unit = rows["building_id"] + "|" + rows["address"]
    block = rows["borough"] + rows["block"].astype(str)
    late = holdout_mask(PROBLEM, rows)
    seen = pd.DataFrame(
        {
            "log_median": np.log(rows["sale_price"]),
            "unit": rows.groupby(unit).cumcount() > 0,
            "building": rows.groupby("building_id").cumcount() > 0,
            "block": rows.groupby(block).cumcount() > 0,
        }
    )
    per = seen[late].groupby(rows.loc[late, "segment"])[["unit", "building", "block"]].mean()
    price = seen["log_median"].groupby(rows["segment"])
    return per.assign(
        log_median=price.median(), spread=(price.quantile(0.75) - price.quantile(0.25)), share=price.size() / len(rows)
    )


def test_the_same_seed_gives_the_same_rows_and_another_one_others(raw: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(raw, simulate(rows=40_000, seed=42))
    other = simulate(rows=40_000, seed=43)
    assert not raw["sale_price"].head(1000).equals(other["sale_price"].head(1000))


def test_raw_rows_look_like_what_the_loader_gives(raw: pd.DataFrame, tmp_path: Path) -> None:
    raw.head(2_000).to_csv(tmp_path / "sales.csv", index=False)
    loaded = load(tmp_path / "sales.csv")
    assert list(raw.columns) == list(RAW_COLUMNS)
    pd.testing.assert_frame_equal(loaded, raw.head(2_000), check_exact=False)


def test_cleaning_finds_everything_it_is_for(raw: pd.DataFrame) -> None:
    rows, dropped = clean(raw)
    assert len(rows) == pytest.approx(40_000, rel=0.01)
    for reason in ("other_category", "transfer_without_sale", "price_below_minimum", "duplicate"):
        assert dropped[reason] > 0, reason
    coops = rows["building_class_category"].isin(["09", "10", "17"])
    assert rows.loc[coops, ["total_units", "gross_square_feet"]].isna().all(axis=None)
    condos = rows["building_class_category"].isin(["12", "13", "15", "16"])
    assert rows.loc[condos, "gross_square_feet"].isna().all()
    assert (raw["gross_square_feet"] == 0).any()
    assert rows.loc[rows["segment"] == "SINGLE_FAMILY", "gross_square_feet"].isna().mean() < 0.02
    assert rows.loc[condos, "apartment_number"].notna().all()


@pytest.mark.parametrize("seed", [0, 1, 42])
def test_the_holdout_is_large_enough_in_three_segments(seed: int) -> None:
    rows = conform(PROBLEM, clean(simulate(rows=40_000, seed=seed))[0])
    mask = holdout_mask(PROBLEM, rows)
    assert mask.mean() == pytest.approx(0.2, abs=0.002)
    assert (rows.loc[mask, "segment"].value_counts() >= 2_000).sum() >= 3
    assert set(rows.loc[mask, "segment"]) == set(PROBLEM.segments)


def test_the_market_stops_in_2020_rises_after_and_has_a_season(sales: pd.DataFrame) -> None:
    quarter = sales["sale_date"].dt.to_period("Q").value_counts()
    assert quarter["2020Q2"] < 0.7 * quarter["2019Q2"]
    assert quarter["2021Q3"] > 1.3 * quarter["2019Q3"]
    houses = sales[sales["segment"] == "SINGLE_FAMILY"]
    by_year = houses.groupby(houses["sale_date"].dt.year)["sale_price"].median()
    assert 1.1 < by_year[2024] / by_year[2019] < 1.6
    weekday = sales["sale_date"].dt.day_of_week
    assert (weekday >= 5).mean() < 0.02


def test_histories_hold_what_a_better_model_needs(sales: pd.DataFrame) -> None:
    """The building's earlier sales foresee the price better than the neighbourhood's: the law that v2.0 rests on."""
    mask = holdout_mask(PROBLEM, sales)
    train, late = sales[~mask], sales[mask]
    late = late[late["segment"].isin(["ELEVATOR", "WALKUP"]) & late["building_id"].isin(set(train["building_id"]))]
    by_building = late["building_id"].map(train.groupby("building_id")["sale_price"].median())

    def mdape(predicted: Any) -> float:
        return float(np.median(np.abs(np.asarray(predicted) / late["sale_price"].to_numpy() - 1)))

    by_place = naive().fit(train, train["sale_price"]).predict(late)
    assert mdape(by_building) < 0.85 * mdape(by_place)


def test_segments_price_in_ways_of_their_own(sales: pd.DataFrame) -> None:
    """The price's elasticity in floor area differs between houses and rental buildings, so a global slope misleads."""

    def slope(rows: pd.DataFrame) -> float:
        known = rows.dropna(subset=["gross_square_feet"])
        area, price = np.log(known["gross_square_feet"]), np.log(known["sale_price"])
        groups = known["borough"] + known["building_class_category"]
        x, y = (v - v.groupby(groups).transform("mean") for v in (area, price))
        return float((x * y).sum() / (x * x).sum())

    houses = slope(sales[sales["segment"] == "SINGLE_FAMILY"])
    rentals = slope(sales[sales["building_class_category"].isin(["07", "08", "14"])])
    assert rentals > houses + 0.15


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 500 rows; 499 were asked for"):
        simulate(rows=499, seed=1)
    assert len(clean(simulate(rows=500, seed=1))[0]) == pytest.approx(500, rel=0.05)


@pytest.mark.real_data
def test_it_resembles_the_real_sales_where_its_docstring_says_so(sales: pd.DataFrame, real_data: Path) -> None:
    real = conform(PROBLEM, clean(load(real_data / "nyc_property_sales" / "nyc_dof_sales_2019_2024.parquet"))[0])
    ours, theirs = quantities(sales), quantities(real)
    assert (ours[["unit", "building", "block"]] - theirs[["unit", "building", "block"]]).abs().max(axis=None) < 0.09
    assert (ours["log_median"] - theirs["log_median"]).abs().max() < 0.25
    assert (ours["spread"] / theirs["spread"]).between(0.6, 1.4).all()
    columns = ["gross_square_feet", "year_built", "total_units", "apartment_number"]
    for segment in PROBLEM.segments:
        gaps = [rows.loc[rows["segment"] == segment, columns].isna().mean() for rows in (sales, real)]
        assert (gaps[0] - gaps[1]).abs().max() < 0.12, segment
