"""Curves are those of scikit-learn, single rows add up, and what is stored is read back as it was."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.inspection import partial_dependence

from ds_workflow.domain import explanations
from ds_workflow.domain.explanations import Curve, Explanations
from ds_workflow.domain.metrics import Scored


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"area": rng.uniform(20, 200, 150), "rooms": rng.integers(1, 6, 150).astype(float)})


def test_a_curve_is_that_of_scikit_learn(table: pd.DataFrame) -> None:
    target = table["area"] * table["rooms"] + 10 * np.sin(table["area"])
    model = GradientBoostingRegressor(n_estimators=30, random_state=0).fit(table, target)
    for feature in table:
        curve = explanations.curve(model.predict, table, str(feature))
        assert isinstance(curve, Curve) and curve.kind == "number" and curve.rows == 150
        grid = [p.value for p in curve.points]
        wanted = partial_dependence(model, table, [feature], custom_values={feature: grid}, method="brute", kind="both")
        assert [p.mean for p in curve.points] == pytest.approx(wanted["average"][0])
        spread = np.quantile(wanted["individual"][0], explanations.QUANTILES, axis=0)
        assert pytest.approx(spread) == np.array([p.quantiles for p in curve.points]).T
    assert [p.value for p in explanations.curve(model.predict, table, "rooms").points] == [1, 2, 3, 4, 5]


def test_what_rows_spread_over_are_answers_so_probabilities_stay_between_0_and_1() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"kind": rng.choice(["a", "b", "c"], 200), "sure": rng.choice([0.0, 1.0], 200, p=[0.8, 0.2])})

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return np.where(rows["kind"] == "a", rows["sure"], 0.02).astype(float)

    curve = explanations.curve(predict, frame, "kind")
    assert isinstance(curve, Curve)
    ends = {p.value: (p.quantiles[0], p.quantiles[2]) for p in curve.points}
    assert ends == {"a": (0.0, 1.0), "b": (0.02, 0.02), "c": (0.02, 0.02)}


def test_an_effect_that_is_the_same_for_every_row_moves_all_of_them() -> None:
    frame = pd.DataFrame({"kind": ["a", "b", None, "a"] * 10, "size": np.arange(40.0)})

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return rows["size"].to_numpy() + rows["kind"].map({"a": 10.0, "b": 20.0}).fillna(0.0).to_numpy(dtype=float)

    curve = explanations.curve(predict, frame, "kind")
    assert isinstance(curve, Curve) and curve.kind == "category"
    assert [(p.value, p.mean) for p in curve.points] == [("a", 29.5), ("b", 39.5), (None, 19.5)]
    first = np.array(curve.points[0].quantiles)
    assert all(np.array(p.quantiles) - first == pytest.approx(p.mean - 29.5) for p in curve.points)


def test_what_has_no_curve_says_why() -> None:
    frame = pd.DataFrame({"same": 1.0, "text": ["a review that is longer than any category could be"] * 5})
    assert "one value" in str(explanations.curve(len, frame, "same"))
    assert "free text" in str(explanations.curve(len, frame, "text"))
    assert "no column" in str(explanations.curve(len, frame, "good"))
    assert len(explanations.some(pd.concat([frame] * 100), seed=1)) == explanations.TEXT_ROWS
    plain = pd.DataFrame({"x": np.arange(1000.0)})
    some = explanations.some(plain, seed=1)
    assert len(some) == explanations.ROWS and some.equals(explanations.some(plain, seed=1))


def answers(truth: list[float], prediction: list[float]) -> Scored:
    ids = np.array([f"r{i}" for i in range(len(truth))], dtype=object)
    return Scored(ids, np.array(truth), np.array(prediction))


def test_errors_are_relative_to_positive_values_and_plain_otherwise() -> None:
    assert explanations.errors(answers([10, 4], [5, 5]), binary=False).tolist() == [0.5, 0.25]
    assert explanations.errors(answers([10, 0], [5, 5]), binary=False).tolist() == [5, 5]
    assert explanations.errors(answers([1, 0], [0.9, 0.3]), binary=True) == pytest.approx([0.1, 0.3])


def test_worst_best_and_typical_rows_are_chosen_once_each() -> None:
    error = np.arange(100.0)[::-1].copy()
    chosen = explanations.chosen(error)
    by = {role: sorted(i for r, i in chosen if r == role) for role in explanations.ROLES}
    assert by["worst"] == [0, 1, 2] and by["best"] == [97, 98, 99]
    assert set(by["typical"]) <= {47, 48, 49, 50, 51, 52} and len(by["typical"]) == 3
    few = explanations.chosen(np.array([3.0, 1.0]))
    assert sorted(i for _, i in few) == [0, 1]


def test_a_case_adds_up_and_survives_storage(table: pd.DataFrame) -> None:
    features = pd.DataFrame({f"f{k}": np.arange(150.0) for k in range(14)}).assign(kind=["a", None, "b"] * 50)
    rng = np.random.default_rng(2)
    truth = rng.uniform(1, 2, 150)
    scored = answers(truth.tolist(), (truth * rng.uniform(0.5, 1.5, 150)).tolist())
    error = explanations.errors(scored, binary=False)
    places = explanations.chosen(error)
    values = pd.DataFrame(rng.normal(size=(len(places), 15)), columns=list(features))
    made = explanations.cases(scored, error, places, values, features)
    for k, case in enumerate(made):
        assert len(case.contributions) == explanations.TOLD
        assert sum(c.contribution for c in case.contributions) + case.others == pytest.approx(values.iloc[k].sum())
        sizes = [abs(c.contribution) for c in case.contributions]
        assert sizes == sorted(sizes, reverse=True)
    curve = explanations.curve(lambda rows: rows["area"].to_numpy(), table, "area")
    assert isinstance(curve, Curve)
    whole = Explanations("log odds", -1.5, {"area": 0.2}, made, (curve,), {"text": "free text"})
    stored = [json.loads(json.dumps(part, allow_nan=False)) for part in (whole.local(), whole.shapes())]
    assert Explanations.read({"area": 0.2}, *stored) == whole
