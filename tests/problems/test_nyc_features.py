"""The as-of featurizer: what it may see, that one row is worth as much as a table, and what its figures mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from ds_workflow import plugins
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.problems.nyc_sales import comparables
from ds_workflow.problems.nyc_sales.attributes import Places, TableRows, homes
from ds_workflow.problems.nyc_sales.features import PriceFeatures
from ds_workflow.problems.nyc_sales.history import bulk_sales

NYC = plugins.load("problems", "nyc_sales")
VERSIONS = [fs.version for fs in NYC.PROBLEM.feature_sets]


def prices(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    return np.array(rows["sale_price"], dtype=float)


def days(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    return rows["sale_date"].to_numpy(dtype="datetime64[D]").astype(np.int64)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    cleaned, _ = NYC.clean(NYC.simulate(rows=2_500, seed=11))
    return cleaned


@pytest.fixture(scope="module")
def fitted(rows: pd.DataFrame) -> PriceFeatures:
    """Learned on the first 60 %, looking sales up among all rows."""
    train = rows.iloc[: int(len(rows) * 0.6)]
    return PriceFeatures("v3.0", 1).fit(train, prices(train)).with_history(rows, prices(rows))


@pytest.fixture(scope="module")
def table(fitted: PriceFeatures, rows: pd.DataFrame) -> pd.DataFrame:
    return fitted.transform(rows)


def same(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a, b, check_exact=True)


# --- what a row may see ----------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(cut=st.floats(0.2, 0.98), how=st.tuples(st.sampled_from(["reprice", "delete", "reshape"]), st.integers(0, 999)))
def test_nothing_that_happens_on_a_day_or_later_reaches_its_rows(
    fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame, cut: float, how: tuple[str, int]
) -> None:
    kind, seed = how
    rng = np.random.default_rng(seed)
    day = days(rows)[int(len(rows) * cut)]
    later = days(rows) >= day
    changed, price = rows.copy(), prices(rows)
    if kind == "delete":
        keep = ~later | (rng.random(len(rows)) < 0.3)
        changed, price = changed[keep], price[keep]
    elif kind == "reprice":
        price[later] = np.exp(rng.normal(13, 2, later.sum()))
    else:
        for name in ("gross_square_feet", "year_built", "latitude", "lot", "address"):
            changed.loc[later, name] = rng.permutation(changed.loc[later, name].to_numpy())
    asked = days(rows) <= day
    same(fitted.with_history(changed, price).transform(rows[asked]), table[asked])


def test_what_happened_before_does_reach_a_row(fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame) -> None:
    """The law above would hold for features that see nothing at all."""
    price = prices(rows)
    price[:500] *= 3
    later = fitted.with_history(rows, price).transform(rows.iloc[600:])
    assert (later["neighbourhood_level"] != table["neighbourhood_level"].iloc[600:]).mean() > 0.5
    assert (later["comparables_estimate"] != table["comparables_estimate"].iloc[600:]).mean() > 0.5


def test_a_rows_own_price_does_not_change_its_features(
    fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame
) -> None:
    for i in (300, 1200, len(rows) - 1):
        price = prices(rows)
        price[i] *= 7
        same(fitted.with_history(rows, price).transform(rows.iloc[[i]]), table.iloc[[i]])


def test_the_order_of_the_history_does_not_matter(
    fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame
) -> None:
    order = np.random.default_rng(5).permutation(len(rows))
    same(fitted.with_history(rows.iloc[order], prices(rows)[order]).transform(rows), table)


def test_the_order_of_the_training_rows_does_not_matter(rows: pd.DataFrame) -> None:
    order = np.random.default_rng(6).permutation(len(rows))
    straight = PriceFeatures("v2.1", 1).fit_transform(rows, prices(rows))
    mixed = PriceFeatures("v2.1", 1).fit_transform(rows.iloc[order], prices(rows)[order])
    same(mixed.loc[rows.index], straight)


def test_a_lag_hides_the_last_days(rows: pd.DataFrame) -> None:
    late = PriceFeatures("v2.0", 1, lag_days=30).fit(rows, prices(rows))
    day = days(rows)[2000]
    asked = rows[days(rows) == day]
    price = prices(rows)
    price[days(rows) >= day - 30] *= 5
    same(late.with_history(rows, price).transform(asked), late.transform(asked))
    price[days(rows) >= day - 31] *= 5
    at_once = PriceFeatures("v2.0", 1).fit(rows, prices(rows))
    assert not at_once.with_history(rows, price).transform(asked).equals(at_once.transform(asked))


# --- one row is worth as much as a table -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_of_one_row_gets_what_the_table_got(rows: pd.DataFrame, version: str) -> None:
    train = rows.iloc[:1500]
    fitted = PriceFeatures(version, 1).fit(train, prices(train)).with_history(rows, prices(rows))
    asked = rows.iloc[::60]
    request = asked[[c.name for c in NYC.PROBLEM.inputs]]
    one_by_one = pd.concat([fitted.transform(request.iloc[[i]]) for i in range(len(request))])
    same(one_by_one, fitted.transform(asked))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_columns_are_those_of_the_feature_set(rows: pd.DataFrame, version: str) -> None:
    some = rows.iloc[:600]
    fitted = PriceFeatures(version, 1)
    trained = fitted.fit_transform(some, prices(some))
    declared = list(NYC.PROBLEM.feature_set(version).features)
    for given_ in (trained, fitted.transform(some)):
        assert list(given_.columns) == [*declared, "segment"] == list(fitted.get_feature_names_out())
        assert (given_.dtypes.iloc[:-1] == np.float32).all()
        assert given_.index.equals(some.index)
        assert (given_["segment"] == some["segment"]).all()


def test_fit_transform_differs_from_fit_and_transform_in_learned_features_only(rows: pd.DataFrame) -> None:
    fitted = PriceFeatures("v3.0", 1)
    trained = fitted.fit_transform(rows, prices(rows))
    again = fitted.transform(rows)
    same(trained.drop(columns="price_tier_proxy"), again.drop(columns="price_tier_proxy"))
    assert set(np.unique(again["price_tier_proxy"])) <= {0.0, 1.0, 2.0, 3.0}


def test_a_row_needs_no_more_than_its_key(fitted: PriceFeatures, rows: pd.DataFrame) -> None:
    bare = rows[["sale_date", "borough", "neighborhood", "building_class_category", "block", "lot"]].tail(40)
    features = fitted.transform(bare)
    assert np.isfinite(features["comparables_estimate"]).all()
    assert features["log_gross_square_feet"].isna().all()


def test_missing_coordinates_are_those_of_the_block_then_the_zip_code(rows: pd.DataFrame) -> None:
    rows = rows[rows["latitude"].notna()]
    places = Places.learn(rows)
    blind = rows.drop(columns=["latitude", "longitude"])
    lat, lon = places.fill(TableRows(blind))
    per_block = rows.groupby(["borough", "block"])[["latitude", "longitude"]].transform("median")
    np.testing.assert_allclose(lat, per_block["latitude"], atol=1e-9)
    np.testing.assert_allclose(lon, per_block["longitude"], atol=1e-9)
    lat, _ = places.fill(TableRows(blind.assign(block=99_999)))
    per_zip = rows.groupby("zip_code")["latitude"].transform("median")
    np.testing.assert_allclose(lat, per_zip, atol=1e-9)


def test_a_model_read_back_looks_sales_up_as_before(
    fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame
) -> None:
    from skops import io

    read = io.loads(io.dumps(fitted), trusted=list(NYC.TRUSTED_TYPES))
    same(read.transform(rows), table)


# --- what the figures mean: each against a plain loop or another library ---------------------------------------------


@pytest.fixture(scope="module")
def asked(rows: pd.DataFrame) -> list[int]:
    return list(range(1500, len(rows), 45))


def test_counts_and_means_of_a_neighbourhood(
    fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame, asked: list[int]
) -> None:
    market = fitted._ready()
    known = homes(rows, fitted._places())
    listed = ~bulk_sales(known.keys["block"], known.day, np.log(prices(rows)))
    for i in asked:
        past = listed & (known.day < known.day[i]) & (known.family == known.family[i])
        past &= (
            (rows["neighborhood"] == rows["neighborhood"].iloc[i]) & (rows["borough"] == rows["borough"].iloc[i])
        ).to_numpy()
        weight = 0.5 ** ((known.day[i] - known.day[past]) / 365)
        assert table["neighbourhood_sales"].iloc[i] == pytest.approx(weight.sum(), rel=1e-5)
        same_borough = listed & (known.day < known.day[i]) & (known.family == known.family[i])
        same_borough &= (rows["borough"] == rows["borough"].iloc[i]).to_numpy()
        wide = 0.5 ** ((known.day[i] - known.day[same_borough]) / 365)
        prior = (wide @ market.believed[same_borough]) / (wide.sum() + 5)
        level = (weight @ market.believed[past] + 5 * prior) / (weight.sum() + 5)
        assert table["neighbourhood_level"].iloc[i] == pytest.approx(level, abs=1e-5)


def test_the_last_sale_of_a_house(rows: pd.DataFrame, table: pd.DataFrame) -> None:
    houses = np.flatnonzero(rows["segment"] == "SINGLE_FAMILY")
    lots = {int(i): tuple(rows[["borough", "block", "lot"]].iloc[i]) for i in houses}
    day, price = days(rows), prices(rows)
    value, age = (table[name].to_numpy() for name in ("unit_last_log_price", "unit_last_age"))
    found = 0
    for i, lot in lots.items():
        past = [j for j in lots if day[j] < day[i] and lots[j] == lot]
        if past and day[past[-1]] not in day[past[:-1]]:  # two on one day: which is the last is a matter of ids
            found += 1
            assert value[i] == pytest.approx(np.log(price[past[-1]]), rel=1e-6)
            assert age[i] == day[i] - day[past[-1]]
    assert found >= 5


def test_the_nearest_sales_are_those_of_a_search_through_all(
    fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame, asked: list[int]
) -> None:
    known = homes(rows, fitted._places())
    listed = ~bulk_sales(known.keys["block"], known.day, np.log(prices(rows)))
    side = np.array([0.5, 0.7, 0.3, 0.3])[known.family]
    square = np.floor(np.column_stack([known.values["km_east"], known.values["km_north"]]) / side[:, None])
    checked = 0
    for i in asked:
        around = (np.abs(square - square[i]) <= 1).all(axis=1) & (known.family == known.family[i])
        past = np.flatnonzero(around & listed & (known.day < known.day[i]))
        _, in_square = np.unique(square[past], axis=0, return_counts=True)
        if len(past) < 10 or in_square.max() > comparables.LAST_IN_SQUARE:
            continue
        space = np.column_stack(comparables.coordinates(known, int(known.family[i]))).astype(float)
        far = np.sort(cdist(space[[i]], space[past])[0])
        assert table["nearby_distance"].iloc[i] == pytest.approx(far[9], rel=1e-3, abs=1e-4)
        assert table["nearby_weight"].iloc[i] == pytest.approx((1 / (0.15 + far[:30]) ** 2).sum(), rel=1e-2)
        checked += 1
    assert checked >= 5


def test_similar_apartments_are_of_the_same_complex_and_earlier(
    fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame
) -> None:
    level = fitted._ready().believed
    known = homes(rows, fitted._places())
    listed = ~bulk_sales(known.keys["block"], known.day, np.log(prices(rows)))
    base = (table["category_level"] + table["neighbourhood_level"]).to_numpy(dtype=float)
    checked = 0
    for i in np.flatnonzero(known.family >= 2)[-250:]:
        past = listed & (known.keys["complex"] == known.keys["complex"][i]) & (known.day < known.day[i])
        got = table["similar_median"].iloc[i]
        assert np.isnan(got) == (not past.any())
        if past.any():
            checked += 1
            assert level[past].min() - 1e-4 <= got + base[i] <= level[past].max() + 1e-4
    assert checked > 50


def test_the_comparables_estimate_is_a_better_guess_than_the_neighbourhood(
    rows: pd.DataFrame, table: pd.DataFrame
) -> None:
    late = slice(1500, None)
    truth = np.log(prices(rows))[late]
    ours = np.median(np.abs(table["comparables_estimate"].to_numpy()[late] - truth))
    plain = np.median(np.abs(table["neighbourhood_estimate"].to_numpy()[late] - truth))
    assert ours < plain


# --- what is refused -------------------------------------------------------------------------------------------------


def test_it_says_what_it_can_not_use(rows: pd.DataFrame, fitted: PriceFeatures) -> None:
    some = rows.iloc[:100]
    with pytest.raises(UnknownName, match=r"v9.*v1\.0"):
        PriceFeatures("v9").fit(some, prices(some))
    with pytest.raises(InvalidInput, match="sale_id"):
        PriceFeatures("v1.0").fit(some.drop(columns="sale_id"), prices(some))
    with pytest.raises(InvalidInput, match="negative"):
        PriceFeatures("v1.0").fit(some, np.zeros(len(some)))
    with pytest.raises(InvalidInput, match="0 rows"):
        fitted.with_history(some.iloc[:0], np.empty(0))
    with pytest.raises(InvalidInput, match="'borough'"):
        fitted.transform(some.drop(columns="borough"))
    with pytest.raises(InvalidInput, match="'22'"):
        fitted.transform(some.assign(building_class_category="22"))
    with pytest.raises(InvalidInput, match="1970"):
        fitted.transform(some.assign(sale_date=pd.Timestamp("1965-01-01")))


def test_prices_are_not_looked_at(fitted: PriceFeatures, rows: pd.DataFrame, table: pd.DataFrame) -> None:
    lying = rows.assign(sale_price=1.0, price_tier="T1", segment="nonsense")
    same(fitted.transform(lying), table)
