"""The homes of a history are read once, and only while nothing that they are read from has changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ds_workflow.problems import nyc_sales
from ds_workflow.problems.nyc_sales import known_homes as module
from ds_workflow.problems.nyc_sales.attributes import Homes, Places, TableRows, homes
from ds_workflow.problems.nyc_sales.known_homes import KEPT, READ, known_homes


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    cleaned, _ = nyc_sales.clean(nyc_sales.simulate(rows=900, seed=3))
    return cleaned.head(300).reset_index(drop=True)


def same(one: Homes, other: Homes) -> bool:
    return all(
        np.array_equal(a[name], b[name], equal_nan=name in one.values)
        for a, b in ((one.values, other.values), (one.keys, other.keys))
        for name in a
    )


def test_it_is_what_homes_says_and_is_read_once(rows: pd.DataFrame) -> None:
    places = Places.learn(rows)
    first = known_homes(rows, places)
    assert same(first, homes(rows, places))
    assert known_homes(rows.copy(), places) is first
    assert known_homes(rows.assign(price=1.0), places) is first, "a price is nothing that a home is known by"


@pytest.mark.parametrize("name", READ)
def test_a_changed_column_is_read_again(rows: pd.DataFrame, name: str) -> None:
    places = Places.learn(rows)
    other = rows.copy()
    values = other[name].to_numpy(copy=True)
    values[:2] = values[::-1][:2]
    at = next(i for i in range(len(values)) if str(values[i]) != str(rows[name].iloc[0]))
    values[0] = rows[name].iloc[at]
    other[name] = values
    first = known_homes(rows, places)
    found = known_homes(other, places)
    assert found is not first
    assert same(found, homes(other, places))
    assert known_homes(rows.drop(columns="address"), places) is not first


def test_other_places_and_more_histories_than_are_kept(rows: pd.DataFrame) -> None:
    places = Places.learn(rows)
    first = known_homes(rows, places)
    assert known_homes(rows, Places(places.keys, places.where + 1.0)) is not first
    for size in range(100, 100 + KEPT):
        known_homes(rows.head(size), places)
    assert len(module._known) == KEPT


def test_every_column_that_is_read_counts(rows: pd.DataFrame) -> None:
    seen: set[str] = set()

    class Watched(TableRows):
        def __contains__(self, name: object) -> bool:
            seen.add(str(name))
            return super().__contains__(name)

        def text(self, name: str) -> np.ndarray:
            seen.add(name)
            return super().text(name)

        def numbers(self, name: str) -> np.ndarray:
            seen.add(name)
            return super().numbers(name)

    homes(Watched(rows.assign(latitude=np.nan)), Places.learn(rows))
    assert seen | {"sale_date"} == set(READ)
