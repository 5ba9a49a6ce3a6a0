"""What moved is found and what did not is not; the areas are those of other libraries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from ds_workflow.domain.representativeness import auc_with_interval, represent
from ds_workflow.errors import InvalidInput


def table(rng: np.random.Generator, rows: int, *, by: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": rng.normal(by, 1, rows),
            "kind": rng.choice(["a", "b", "c"], rows),
            "day": rng.normal(50 * by, 1, rows),
            "blank": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows)),
        }
    )


def test_equal_parts_are_told_apart_about_as_often_as_chance_says() -> None:
    """20 pairs of equal tables: no column moves, and the interval leaves 0.5 out in about one of twenty."""
    outside = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = represent(table(rng, 1500), table(rng, 900), seed=seed)
        assert found.surprising == found.expected == ()
        assert found.auc is not None and found.interval is not None
        outside += not found.interval[0] <= 0.5 <= found.interval[1]
        for shift in found.shifts:
            assert shift.psi < 0.06
    assert outside <= 3


def test_what_moved_is_named_and_what_was_expected_to_is_said_apart() -> None:
    rng = np.random.default_rng(1)
    found = represent(table(rng, 3000), table(rng, 3000, by=1.0), trending=("day",), seed=1)
    assert [s.name for s in found.surprising] == ["size"]
    assert [s.name for s in found.expected] == ["day"]
    assert [s.name for s in found.shifts][:2] == ["day", "size"], "the largest first"
    # two normals one deviation apart: the best any rule can do is P(x < y) = Phi(1 / sqrt(2))
    assert found.auc == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.03)
    assert represent(table(rng, 3000), table(rng, 3000, by=1.0), seed=1).auc > 0.99, "days alone tell everything"
    assert found.to_dict()["moved_above"] == 0.1


def test_a_moved_column_of_few_rows_may_be_chance() -> None:
    rng = np.random.default_rng(2)
    small = represent(table(rng, 30), table(rng, 30), seed=1)
    assert max(s.psi for s in small.shifts) > 0.1
    assert small.surprising == ()


def test_free_text_is_compared_by_its_length_and_no_rows_are_refused() -> None:
    rng = np.random.default_rng(3)

    def reviews(mean: float) -> pd.DataFrame:
        return pd.DataFrame({"text": ["x" * int(n) for n in rng.normal(mean, 10, 800)]})

    same = represent(reviews(100), reviews(100), seed=1)
    assert same.by_length == ("text",) and not same.surprising and same.auc is None, "one column needs no trees"
    assert [s.name for s in represent(reviews(100), reviews(120), seed=1).surprising] == ["text"]
    with pytest.raises(InvalidInput, match="one of them is empty"):
        represent(table(rng, 0), table(rng, 5), seed=1)


def test_the_area_and_its_interval_are_those_of_sklearn_and_of_placements() -> None:
    rng = np.random.default_rng(4)
    label = rng.random(700) < 0.3
    score = np.round(rng.normal(label, 1.0), 1)  # with ties
    area, (low, high) = auc_with_interval(label, score)
    assert area == pytest.approx(roc_auc_score(label, score))
    pairs = np.sign(score[label][:, None] - score[~label][None, :]) / 2 + 0.5
    error = np.sqrt(pairs.mean(axis=1).var(ddof=1) / label.sum() + pairs.mean(axis=0).var(ddof=1) / (~label).sum())
    assert (low, high) == pytest.approx((area - 1.959964 * error, area + 1.959964 * error))
