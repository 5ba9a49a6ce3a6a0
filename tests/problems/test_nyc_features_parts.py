"""The parts of the featurizer: addresses, keys, medians, hedonics, tiers."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from ds_workflow.problems.nyc_sales import addresses, hedonics, price_tier
from ds_workflow.problems.nyc_sales.attributes import Homes, hashed, mixed
from ds_workflow.problems.nyc_sales.history import Shelf, bulk_sales, weighted_median


@pytest.mark.parametrize(
    ("text", "floor", "line"),
    [("12C", 12, "|C"), ("12-C", 12, "|C"), ("#3a", 3, "|A"), ("1403", 14, "|03"), ("1403B", 14, "03B"),
     ("PH2", 2, "PH|"), ("N5", 5, "N|"), ("5", None, "5"), ("GARDEN", None, "GARDEN"), ("9999", None, "|99")],
)  # fmt: skip
def test_an_apartments_name(text: str, floor: float | None, line: str) -> None:
    found = addresses.apartment(text)
    assert found.line == line
    assert np.isnan(found.floor) if floor is None else found.floor == floor


def test_kinds_of_apartments() -> None:
    assert addresses.apartment("PHA").penthouse
    assert not addresses.apartment("12A").penthouse
    for joined in ("5A/B", "5A&6A", "5A5B", "12AB"):
        assert addresses.apartment(joined).combined, joined
    for single in ("5A", "12C", "1403", "PH1", "2-C"):
        assert not addresses.apartment(single).combined, single
    assert addresses.apartment(" ") == addresses.apartment("")


@pytest.mark.parametrize(
    ("one", "other"),
    [("1 SHERIDAN SQUARE, 8C", "1 Sheridan Sq"), ("150 WEST 18TH STREET", "150 W 18 ST"),
     ("33 FIFTH AVENUE, 4A", "33 5 AVE"), ("1 ST. MARK'S PLACE", "1 ST MARKS PL")],
)  # fmt: skip
def test_streets_in_one_spelling(one: str, other: str) -> None:
    assert addresses.street(one) == addresses.street(other)
    assert addresses.inside("1 X ST, 8C") == "8C"
    assert addresses.street_name(addresses.street(one)) == addresses.street_name(addresses.street(other))
    assert not addresses.street_name(addresses.street(one)).startswith("1")


def test_keys_are_the_same_in_every_process() -> None:
    code = (
        "import numpy as np; from ds_workflow.problems.nyc_sales.attributes import hashed, mixed;"
        "a = np.array(['x', 'PARK SLOPE', ''], dtype=object); print(mixed(hashed(a), hashed(a[::-1])).tolist())"
    )
    text = np.array(["x", "PARK SLOPE", ""], dtype=object)
    here = mixed(hashed(text), hashed(text[::-1])).tolist()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(here)
    assert here == [int(mixed(hashed(text[i : i + 1]), hashed(text[2 - i : 3 - i]))[0]) for i in range(3)]


def test_keys_tell_parts_and_their_order_apart() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 300, 50_000).astype(np.uint64) for _ in range(2))
    pairs = len({*zip(a.tolist(), b.tolist(), strict=True)})
    assert len(np.unique(mixed(a, b))) == pairs
    assert len(np.unique(mixed(a, b) >> np.uint64(15))) == pairs  # the bits that the shelves keep
    assert (mixed(a, b) == mixed(b, a)).mean() == pytest.approx((a == b).mean())


@pytest.mark.parametrize("seed", range(5))
def test_the_weighted_median_is_that_of_repeated_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=(40, 9)), rng.integers(0, 5, size=(40, 9)).astype(float)
    weights[3] = 0
    got = weighted_median(values, weights)
    for row in range(40):
        repeated = np.sort(np.repeat(values[row], weights[row].astype(int)))
        if not len(repeated):
            assert np.isnan(got[row])
        else:  # the lower median of an even number
            assert got[row] == repeated[(len(repeated) - 1) // 2]


def test_a_shelf_gives_running_means_and_last_sales_strictly_before_a_day() -> None:
    rng = np.random.default_rng(2)
    n = 3_000
    key = rng.integers(0, 40, n).astype(np.uint64) << np.uint64(20)
    day = np.sort(rng.integers(17_000, 19_000, n))
    value = rng.normal(size=n)
    positions = np.flatnonzero(rng.random(n) < 0.9)
    shelf = Shelf(key, day, positions)
    shelf.follow("v", value, 90.0)
    asked_key = rng.integers(0, 45, 200).astype(np.uint64) << np.uint64(20)
    asked_day = rng.integers(16_990, 19_010, 200)
    span = shelf.span(asked_key, asked_day)
    mean, number = shelf.mean("v", 90.0, span, asked_day)
    recent, there = shelf.recent(span, 4)
    listed = np.zeros(n, dtype=bool)
    listed[positions] = True
    for i in range(200):
        past = np.flatnonzero(listed & (key == asked_key[i]) & (day < asked_day[i]))
        weight = 0.5 ** ((asked_day[i] - day[past]) / 90.0)
        assert number[i] == pytest.approx(weight.sum(), rel=1e-9, abs=1e-300)
        assert mean[i] == pytest.approx(weight @ value[past] / weight.sum() if len(past) else 0.0, abs=1e-9)
        assert recent[i][there[i]].tolist() == past[::-1][:4].tolist()


def test_bulk_sales_are_those_with_two_others_like_them() -> None:
    block = np.array([1, 1, 1, 1, 2, 2, 1], dtype=np.uint64)
    day, price = np.array([5, 5, 5, 5, 5, 5, 6]), np.array([9.0, 9, 9, 8, 9, 9, 9])
    assert bulk_sales(block, day, price).tolist() == [True] * 3 + [False] * 4


def houses(n: int, seed: int) -> tuple[Homes, np.ndarray]:
    rng = np.random.default_rng(seed)
    empty = np.full(n, np.nan)
    values = dict.fromkeys(
        ("apartment_floor", "apartment_is_penthouse", "apartment_is_combined", "log_land_square_feet"), empty
    )
    values |= {"log_gross_square_feet": rng.normal(7.5, 0.4, n), "total_units": np.ones(n)}
    values |= {"year_built": np.full(n, 1950.0), "commercial_units": np.zeros(n)}
    place = rng.integers(0, 6, n).astype(np.uint64)
    keys = {"place": place, "building_class": np.zeros(n, dtype=np.uint64)}
    asked = Homes(np.sort(rng.integers(18_000, 19_500, n)), np.zeros(n, dtype=np.int64), values, keys)
    return asked, 0.7 * values["log_gross_square_feet"] + 0.2 * place.astype(float) + rng.normal(0, 0.1, n)


def test_hedonics_recover_slope_and_place_although_some_prices_are_no_market_prices() -> None:
    asked, log_price = houses(6_000, 3)
    log_price[::20] -= 3.0
    worth, place = hedonics.learn(asked, log_price).worth(asked)
    slope = np.polyfit(asked.values["log_gross_square_feet"], worth, 1)[0]
    assert slope == pytest.approx(0.7, abs=0.03)
    by_place = [place[asked.keys["place"] == p][0] for p in range(6)]
    np.testing.assert_allclose(np.diff(by_place), 0.2, atol=0.05)


def test_hedonics_of_an_unknown_place_or_family_are_those_of_no_special_place() -> None:
    asked, log_price = houses(2_000, 4)
    learned = hedonics.learn(asked, log_price)
    elsewhere = Homes(
        asked.day, asked.family, asked.values, {**asked.keys, "place": asked.keys["place"] + np.uint64(99)}
    )
    assert (learned.worth(elsewhere)[1] == 0).all()
    np.testing.assert_array_equal(learned.worth(elsewhere)[0], learned.worth(asked)[0])
    towers = Homes(asked.day, asked.family + 3, asked.values, asked.keys)
    assert learned.worth(towers)[0] == pytest.approx(np.median(log_price))


def tiers(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    log_price = rng.normal(13, 0.8, 2_000)
    inputs = log_price[:, None] + rng.normal(0, 0.2, (2_000, len(price_tier.INPUTS)))
    return inputs, rng.integers(0, 4, 2_000), log_price, rng.integers(0, price_tier.FOLDS, 2_000)


def test_a_rows_own_price_does_not_choose_its_own_tier() -> None:
    inputs, family, log_price, fold = tiers(1)
    _, before = price_tier.learn(inputs, family, log_price, fold)
    row = int(np.argmax(log_price))
    changed = log_price.copy()
    changed[row] -= 0.2  # still in the top quartile: the edges stay where they are
    _, after = price_tier.learn(inputs, family, changed, fold)
    assert before[row] == after[row]


def test_tiers_are_quartiles_of_training_prices_and_mostly_right() -> None:
    inputs, family, log_price, fold = tiers(2)
    model, out_of_fold = price_tier.learn(inputs, family, log_price, fold)
    np.testing.assert_allclose(model.edges, np.percentile(log_price, [25, 50, 75]))
    true = np.digitize(log_price, np.percentile(log_price, [25, 50, 75]))
    assert (out_of_fold == true).mean() > 0.75
    assert (model.predict(inputs, family) == true).mean() > 0.75
    one_by_one = [model.predict(inputs[i : i + 1], family[i : i + 1])[0] for i in range(100)]
    np.testing.assert_array_equal(one_by_one, model.predict(inputs, family)[:100])
