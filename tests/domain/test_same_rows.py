"""The same rows are known again, though somebody touched them, numbered them anew or left some out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ds_workflow.domain.same_rows import Prints, known, overlap, prints


def rows(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    made = {f"x{n}": rng.normal(size=200) for n in range(8)}
    made["price"] = np.round(rng.uniform(2e5, 9e5, 200))
    return pd.DataFrame({"id": [f"r{n}" for n in range(200)], **made, "y": rng.integers(0, 2, 200)})


def of(table: pd.DataFrame) -> Prints:
    return prints(table, row_id="id")


OLD = rows(1)


@pytest.mark.parametrize(
    ("new", "share"),
    [
        (OLD, 1.0),
        (OLD.assign(x0=OLD["x0"] + 0.5), 1.0),
        (OLD.assign(id=OLD["id"] + "x"), 1.0),
        (OLD.assign(id=OLD["id"] + "x", price=OLD["price"] + 1.0), 1.0),
        (OLD.assign(id=OLD["id"] + "x", price=OLD["price"] * 1.1), 1.0),
        (OLD.assign(id=OLD["id"] + "x", **{f"x{n}": OLD[f"x{n}"] * (1 + 1e-9) for n in range(8)}), 1.0),
        (OLD.assign(**{f"x{n}": OLD[f"x{n}"] + 1 for n in range(3)}), 0.0),
        (rows(2), 0.0),
        (pd.concat([OLD.assign(price=1.0)[:50], rows(2)[50:]]), 0.25),
        (OLD[10:], 1.0),
        (OLD.sample(frac=1.0, random_state=1), 1.0),
    ],
    ids=["itself", "a column", "ids", "a dollar and ids", "a price and ids", "a breath on all", "three columns",
         "other rows under the same ids", "a quarter", "ten left out", "shuffled"],
)  # fmt: skip
def test_rows_are_known_again(new: pd.DataFrame, share: float) -> None:
    assert known(of(new), of(OLD)).mean() == share


def test_what_tells_no_rows_apart_makes_none_the_same() -> None:
    """Texts with a class and a band: without its text a row is like hundreds of others."""

    def reviews(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        return pd.DataFrame({"id": [f"{seed}-{n}" for n in range(500)], "text": rng.random(500).astype(str),
                             "band": rng.integers(0, 4, 500), "y": rng.integers(0, 2, 500)})  # fmt: skip

    assert known(of(reviews(1)), of(reviews(2))).sum() == 0


def test_missing_values_are_equal_and_a_part_is_all_of_its_rows() -> None:
    holes = OLD.assign(x0=np.nan, name=None)
    assert known(of(holes.assign(id=OLD["id"] + "x")), of(holes)).all()
    assert overlap(of(OLD[:20]), of(OLD)) == overlap(of(OLD), of(OLD[:20])) == 1.0
    assert overlap(of(OLD[:0]), of(OLD)) == 0.0
