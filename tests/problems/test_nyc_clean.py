"""Cleaning: which rows stay, what identifies a sale and a building, and the counts on the published rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ds_workflow.domain.quality import violations
from ds_workflow.domain.snapshot import conform, holdout_mask
from ds_workflow.errors import InvalidInput, LeakageRefused
from ds_workflow.problems import nyc_sales
from ds_workflow.problems.nyc_sales.cleaning import DROP_REASONS, SEGMENT_OF, clean, derive
from ds_workflow.problems.nyc_sales.source import RAW_COLUMNS

PROBLEM = nyc_sales.PROBLEM
BASE: dict[str, Any] = {
    "borough": 3.0,
    "neighborhood": "PARK SLOPE",
    "building_class_category": "02 TWO FAMILY DWELLINGS",
    "tax_class_at_present": "1",
    "block": 1082.0,
    "lot": 39.0,
    "building_class_at_present": "B1",
    "address": "475 8TH STREET",
    "apartment_number": None,
    "zip_code": 11215.0,
    "residential_units": 2.0,
    "commercial_units": 0.0,
    "total_units": 2.0,
    "land_square_feet": 2000.0,
    "gross_square_feet": 2400.0,
    "year_built": 1905.0,
    "tax_class_at_time_of_sale": "1",
    "building_class_at_time_of_sale": "B1",
    "sale_price": 1_200_000.0,
    "sale_date": pd.Timestamp("2023-08-25"),
    "latitude": 40.668,
    "longitude": -73.981,
}


def raw(*changes: dict[str, Any]) -> pd.DataFrame:
    """One row per change; each on a lot of its own unless it says so."""
    rows = pd.DataFrame([BASE | {"lot": 100.0 + i} | change for i, change in enumerate(changes)])
    kinds = {"text": "str", "date": "datetime64[us]"}
    return rows.astype({name: kinds.get(kind, "float64") for name, kind in RAW_COLUMNS.items()})


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    return nyc_sales.simulate(rows=3_000, seed=5)


def test_each_reason_drops_its_row_and_is_counted_once() -> None:
    rows, dropped = clean(
        raw(
            {},
            {"building_class_category": "22 STORE BUILDINGS", "sale_price": 0.0},  # counts under the first rule
            {"building_class_category": None},
            {"sale_date": pd.NaT},
            {"sale_price": 0.0},
            {"sale_price": np.nan},
            {"sale_price": 9_999.99},
            {"sale_price": 10_000.0},
            {"block": np.nan},
            {"lot": 100.0},  # the first row again
        )
    )
    assert dropped == {
        "other_category": 2,
        "invalid_date": 1,
        "transfer_without_sale": 2,
        "price_below_minimum": 1,
        "invalid_tax_lot": 1,
        "duplicate": 1,
    }
    assert list(dropped) == list(DROP_REASONS)
    assert rows["sale_price"].tolist() == [1_200_000, 10_000] or rows["sale_price"].tolist() == [10_000, 1_200_000]


@pytest.mark.parametrize("code", sorted(SEGMENT_OF))
def test_segments(code: str) -> None:
    expected = {
        "SINGLE_FAMILY": ("01", "02", "03"),
        "WALKUP": ("07", "09", "12"),
        "ELEVATOR": ("08", "10", "13"),
        "SMALL_MULTI": ("14", "15", "16", "17"),
    }
    rows, _ = clean(
        raw({"building_class_category": f" {int(code)}  ANY NAME"})
    )  # the old files pad, some lose the zero
    assert rows["building_class_category"].tolist() == [code]
    assert code in expected[rows["segment"].iloc[0]]


def test_zeros_that_mean_unknown() -> None:
    rows, _ = clean(raw({"land_square_feet": 0.0, "gross_square_feet": 0.0, "year_built": 220.0, "zip_code": 0.0,
                         "residential_units": 0.0, "total_units": 0.0}))  # fmt: skip
    gone = ["land_square_feet", "gross_square_feet", "year_built", "zip_code", "residential_units", "commercial_units"]
    assert rows[gone].isna().all(axis=None)
    kept, _ = clean(raw({"commercial_units": 0.0}))
    assert kept["commercial_units"].tolist() == [0]
    assert kept["zip_code"].tolist() == ["11215"]


def test_the_fullest_of_several_listings_is_kept_in_any_order() -> None:
    listings = raw({"lot": 1.0, "year_built": np.nan}, {"lot": 1.0}, {"lot": 1.0, "neighborhood": "GOWANUS"})
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        rows, dropped = clean(listings.iloc[order])
        assert dropped["duplicate"] == 2
        assert rows[["year_built", "neighborhood"]].to_numpy().tolist() == [[1905.0, "GOWANUS"]]


def test_ids_are_unique_and_independent_of_order_and_company(simulated: pd.DataFrame) -> None:
    rows, _ = clean(simulated)
    assert rows["sale_id"].is_unique
    shuffled, dropped = clean(simulated.sample(frac=1, random_state=np.random.default_rng(3)))
    pd.testing.assert_frame_equal(rows, shuffled)
    assert dropped == clean(simulated)[1]
    half, _ = clean(simulated.iloc[::2])
    same = rows.set_index("sale_id").loc[half["sale_id"]].reset_index()
    pd.testing.assert_frame_equal(same.drop(columns="price_tier"), half.drop(columns="price_tier"))


@pytest.mark.parametrize(
    "change",
    [{"borough": 4.0}, {"block": 7.0}, {"lot": 2.0}, {"address": "1 X ST"}, {"apartment_number": "2"},
     {"sale_date": pd.Timestamp("2023-08-26")}, {"sale_price": 1_200_001.0}],
)  # fmt: skip
def test_whatever_identifies_a_sale_changes_its_id(change: dict[str, Any]) -> None:
    rows, dropped = clean(raw({"lot": 1.0}, {"lot": 1.0} | change))
    assert len(set(rows["sale_id"])) == 2
    assert dropped["duplicate"] == 0


def test_units_share_their_building() -> None:
    condo = {"building_class_category": "13 CONDOS", "building_class_at_time_of_sale": "R4"}
    coop = {"building_class_category": "10 COOPS", "lot": 5.0}
    rows = derive(
        clean(
            raw(
                condo | {"lot": 1041.0, "address": "447 WEST 18TH STREET, 3A"},
                condo | {"lot": 1042.0, "address": "447 W. 18 ST, 3B"},
                condo | {"lot": 1041.0, "address": "449 WEST 18TH STREET, 3A"},
                condo | {"lot": 1043.0, "address": None},
                coop | {"address": "1 ANY STREET, 4A"},
                coop | {"address": "3 OTHER ROAD, 4B"},
                {"lot": 6.0},
            )
        )[0].sort_values(["lot", "address"])
    )
    assert sorted(rows["building_id"]) == [
        "3-1082-1043",
        "3-1082-447 W 18 ST",
        "3-1082-447 W 18 ST",
        "3-1082-449 W 18 ST",
        "3-1082-5",
        "3-1082-5",
        "3-1082-6",
    ]


def test_derive_on_a_request_gives_what_cleaning_gives(simulated: pd.DataFrame) -> None:
    rows, _ = clean(simulated)
    request = rows[[c.name for c in PROBLEM.inputs]]
    assert not {"segment", "building_id", "price_tier", "sale_price", "sale_id"} & set(request)
    pd.testing.assert_frame_equal(derive(request)[["segment", "building_id"]], rows[["segment", "building_id"]])
    coded = request.assign(borough=request["borough"].map({"MANHATTAN": "1", "BRONX": "2", "BROOKLYN": "3",
                                                           "QUEENS": "4", "STATEN ISLAND": "5"}))  # fmt: skip
    pd.testing.assert_frame_equal(derive(coded), derive(request))


def test_tiers_are_quartiles_of_the_price_and_never_an_input(simulated: pd.DataFrame) -> None:
    rows, _ = clean(simulated)
    assert rows["price_tier"].value_counts(normalize=True).to_numpy() == pytest.approx([0.25] * 4, abs=0.02)
    spans = rows.groupby("price_tier")["sale_price"].agg(["min", "max"])
    assert (spans["max"].to_numpy()[:-1] <= spans["min"].to_numpy()[1:]).all()
    for role in ("a feature", "a routing key"):
        with pytest.raises(LeakageRefused, match=f"'price_tier' can't be {role}: quartile of the sale price"):
            PROBLEM.refuse_leak("price_tier", role=role)


def test_cleaned_rows_keep_the_declaration(simulated: pd.DataFrame) -> None:
    rows, _ = clean(simulated)
    assert set(rows.columns) == {c.name for c in PROBLEM.columns}
    assert violations(PROBLEM, conform(PROBLEM, rows)) == []
    assert rows["sale_date"].is_monotonic_increasing


def test_nothing_left_and_columns_that_are_absent_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"None of the 1 rows is a residential sale .*1 transfer_without_sale"):
        clean(raw({"sale_price": 0.0}))
    with pytest.raises(InvalidInput, match="Raw sales lack sale_price; needed: borough"):
        clean(raw({}).drop(columns="sale_price"))


def test_the_naive_baseline_is_the_group_s_training_median_with_fallbacks(simulated: pd.DataFrame) -> None:
    rows, _ = clean(simulated)
    model = nyc_sales.naive().fit(rows, rows["sale_price"])
    groups = rows.groupby(["neighborhood", "borough", "segment"])["sale_price"]
    expected = groups.transform("median")[groups.transform("size") >= 5]
    assert model.predict(rows)[expected.index] == pytest.approx(expected.to_numpy())
    unknown = rows.head(3).assign(neighborhood="ELSEWHERE")
    wider = rows.groupby(["borough", "segment"])["sale_price"].median()
    assert model.predict(unknown) == pytest.approx([wider[b, s] for b, s in unknown[["borough", "segment"]].to_numpy()])
    assert model.predict(rows.head(1).assign(segment="NEW")) == pytest.approx([rows["sale_price"].median()])


# --- the published rows ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(real_data: Path) -> Callable[[str], tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]]:
    folder = real_data / "nyc_property_sales"
    places = [folder / "nyc_tax_block_centroids_from_2025_sales.parquet", folder / "nyc_zip_centroids.csv"]

    def read(name: str) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
        source = nyc_sales.load(folder / name, references=places)
        return source, *clean(source)

    return read


@pytest.mark.real_data
def test_the_annualized_rows_of_2019_to_2024(published: Callable[..., Any]) -> None:
    source, rows, dropped = published("nyc_dof_sales_2019_2024.parquet")
    assert len(source) == 499_775  # as the source's index says
    assert len(rows) + sum(dropped.values()) == len(source)
    code = source["building_class_category"].str[:2]
    priced = source[code.isin(SEGMENT_OF) & (source["sale_price"] >= 10_000)]
    identity = ["borough", "block", "lot", "address", "apartment_number", "sale_date", "sale_price"]
    assert (
        len(rows) == len(priced.drop_duplicates(identity)) == len(priced.drop_duplicates())
    )  # the rule drops copies only
    frame = conform(PROBLEM, rows)
    assert violations(PROBLEM, frame) == []
    holdout = frame[holdout_mask(PROBLEM, frame)]
    assert str(holdout["sale_date"].min().date()) == "2023-08-25"
    assert 60_400 <= len(holdout) <= 60_600
    assert (holdout["segment"].value_counts() >= 2_000).sum() == 4
    shares = source.attrs["coordinates"]
    assert 0.76 <= shares["block"] <= 0.87
    assert shares["none"] < 0.002
    apartments = rows[rows["segment"] == "ELEVATOR"]
    assert apartments.groupby("building_id").size().max() > 500  # units do share their building
    assert rows["building_id"].nunique() < 0.5 * len(rows)


@pytest.mark.real_data
def test_the_rolling_rows_of_2016_and_2017(published: Callable[..., Any]) -> None:
    source, rows, dropped = published("kaggle_nyc-rolling-sales_2016-09_2017-08.zip")
    assert len(source) == 84_548
    assert len(rows) + sum(dropped.values()) == len(source)
    assert violations(PROBLEM, conform(PROBLEM, rows)) == []
    assert (str(rows["sale_date"].min().date()), str(rows["sale_date"].max().date())) == ("2016-09-01", "2017-08-31")
    assert source["sale_price"].isna().sum() == 14_561  # the dashes that the file has for prices
