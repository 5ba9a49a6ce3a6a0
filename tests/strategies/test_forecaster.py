"""The forecaster of counts and the seasonal naive: what they learn from a law that is known, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from skops import io
from xgboost import DMatrix

from ds_workflow import plugins
from ds_workflow.adapters import models
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, LeakageRefused
from ds_workflow.strategies import forecaster, seasonal_naive
from ds_workflow.strategies._count_intervals import CountIntervals
from ds_workflow.strategies.forecaster import CountBooster
from ds_workflow.strategies.seasonal_naive import LastSeason

TAXI = plugins.load("problems", "taxi_demand").PROBLEM
OTHER = plugins.load("problems", "adult_income").PROBLEM
FEATURES = ("usual_log", "holiday", "noise")


@dataclass(frozen=True)
class Law:
    """Poisson counts whose mean is known: the usual count, and 1.5 of it on holidays."""

    X: pd.DataFrame
    y: np.ndarray[Any, Any]
    mean: np.ndarray[Any, Any]


def law(n: int = 8_000, *, seed: int = 1) -> Law:
    rng = np.random.default_rng(seed)
    usual = np.exp(rng.uniform(np.log(0.2), np.log(50), n))
    holiday = (rng.random(n) < 0.3).astype(float)
    mean = usual * np.where(holiday > 0, 1.5, 1.0)
    X = pd.DataFrame({"usual_log": np.log(usual), "holiday": holiday, "noise": rng.normal(size=n)})
    X["lag"] = rng.poisson(mean).astype(float)
    X["volume_class"] = np.where(usual > 10, "HIGH", "LOW")
    return Law(X, rng.poisson(mean).astype(float), mean)


def booster(**options: Any) -> CountBooster:
    return CountBooster(FEATURES, **{"offset": "usual_log", "group": "volume_class", **options})


@pytest.fixture(scope="module")
def fitted() -> CountBooster:
    made = law()
    return booster(params={"rounds": 150, "eta": 0.1}).fit(made.X, made.y)


# --- the booster -----------------------------------------------------------------------------------------------------


def test_it_finds_the_factor_that_the_usual_count_misses(fitted: CountBooster) -> None:
    fresh = law(4_000, seed=2)
    ratio = fitted.predict(fresh.X) / np.exp(fresh.X["usual_log"])
    holiday = (fresh.X["holiday"] > 0).to_numpy()
    busy = fresh.mean > 5
    assert np.median(ratio[holiday & busy]) == pytest.approx(1.5, abs=0.03)
    assert np.median(ratio[~holiday & busy]) == pytest.approx(1.0, abs=0.03)
    assert fitted.predict(fresh.X).sum() == pytest.approx(fresh.mean.sum(), rel=0.02)  # expected counts add up
    importance = dict(zip(fitted.feature_names_, fitted.feature_importances_, strict=True))
    assert importance["holiday"] > 0.8
    assert sum(importance.values()) == pytest.approx(1)


def test_intervals_hold_what_they_promise_on_fresh_rows(fitted: CountBooster) -> None:
    fresh = law(20_000, seed=3)
    answer = fitted.predict(fresh.X)
    for coverage in (0.8, 0.95):
        lower, upper = fitted.predict_interval(fresh.X, coverage, answers=answer)
        assert ((lower >= 0) & (lower <= answer) & (answer <= upper)).all()
        inside = (fresh.y >= lower) & (fresh.y <= upper)
        for group in ("HIGH", "LOW"):
            part = (fresh.X["volume_class"] == group).to_numpy()
            assert coverage - 0.03 < inside[part].mean() < coverage + 0.08, (coverage, group)
        wide = fresh.mean > 30  # as wide as the Poisson law itself, where counts are large
        own = stats.poisson.ppf((1 + coverage) / 2, fresh.mean) - stats.poisson.ppf((1 - coverage) / 2, fresh.mean)
        assert (upper - lower)[wide].mean() == pytest.approx(own[wide].mean(), rel=0.15)


def test_contributions_add_up_to_the_log_of_the_answer(fitted: CountBooster) -> None:
    X = law(500, seed=4).X
    parts = fitted.contributions(X)
    assert list(parts) == list(FEATURES)
    total = parts.sum(axis=1) + fitted.expected_value_
    np.testing.assert_allclose(total, np.log(fitted.predict(X)), atol=1e-4)


def test_the_start_is_a_margin_of_the_booster_itself(fitted: CountBooster) -> None:
    """The same trees asked through the library, with the start as its base margin."""
    X = law(300, seed=5).X
    table = DMatrix(X[list(FEATURES)].to_numpy(dtype=np.float32), base_margin=X["usual_log"].to_numpy())
    np.testing.assert_allclose(fitted.predict(X), fitted.booster_.predict(table), rtol=1e-5)


def test_one_row_is_answered_as_among_many_and_again_after_the_disk(fitted: CountBooster) -> None:
    X = law(3_000, seed=6).X
    together = fitted.predict(X)
    np.testing.assert_array_equal([fitted.predict(X.iloc[[i]])[0] for i in range(20)], together[:20])
    data = io.dumps(fitted)
    assert not set(io.get_untrusted_types(data=data)) - set(models.trusted_types())
    read = io.loads(data, trusted=list(models.trusted_types()))
    np.testing.assert_array_equal(read.predict(X), together)
    np.testing.assert_array_equal(read.predict_interval(X)[1], fitted.predict_interval(X)[1])


def test_rows_whose_usual_count_is_not_known_teach_nothing_and_are_answered() -> None:
    made = law(2_000)
    blank = pd.concat([made.X.iloc[:300].assign(usual_log=np.nan), made.X], ignore_index=True)
    counts = np.concatenate([np.full(300, 1e6), made.y])
    one, other = booster(params={"rounds": 20}), booster(params={"rounds": 20})
    expected = one.fit(made.X, made.y).predict(made.X)
    np.testing.assert_array_equal(other.fit(blank, counts).predict(made.X), expected)
    assert np.isfinite(other.predict(blank.iloc[:5])).all()
    with pytest.raises(InvalidInput, match="of 300 rows it is of 0") as caught:
        booster().fit(blank.iloc[:300], counts[:300])
    assert caught.value.hint


def test_the_same_seed_gives_the_same_trees() -> None:
    made = law(1_500)
    first, again, other = (booster(seed=s, params={"rounds": 10}).fit(made.X, made.y) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.predict(made.X), again.predict(made.X))
    assert not np.array_equal(first.predict(made.X), other.predict(made.X))


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (np.full(100, -1.0), {}, "100 of 100 counts are missing or negative"),
        (np.full(100, np.nan), {}, "missing or negative"),
        (np.ones(99), {}, "100 rows and 99 counts"),
        (np.ones(100), {"params": {"depth": 3}}, "Unknown hyperparameter 'depth'"),
        (np.ones(100), {"group": "nowhere"}, "lack nowhere"),
    ],
)
def test_what_can_not_be_learned_from_is_refused(y: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        booster(**options).fit(law(100).X, y)


def test_tuning_is_never_worse_than_the_defaults_on_its_own_rows() -> None:
    made = law(1_500)
    columns = (*TAXI.feature_set("v1.0").features, "volume_class")
    X = pd.DataFrame({name: made.X.get(name, made.X["noise"]) for name in columns})
    said: list[str] = []
    found = forecaster.tune(
        TAXI, StrategyOptions(seed=3), TAXI.feature_set("v1.0").features, X, made.y, trials=3, say=said.append
    )
    assert set(found) == set(forecaster.DEFAULTS)
    losses = [float(line.rpartition(" ")[2]) for line in said if line.startswith("trial")]
    assert len(losses) == 3
    assert float(said[-1].split()[1]) == min(losses) <= losses[0]


def test_the_deviance_is_that_of_the_poisson_law() -> None:
    made = law(400)
    saturated = stats.poisson.logpmf(made.y, np.where(made.y > 0, made.y, 1e-300))
    expected = 2 * np.mean(saturated - stats.poisson.logpmf(made.y, made.mean))
    assert forecaster.poisson_deviance(made.y, made.mean) == pytest.approx(expected)


# --- intervals -------------------------------------------------------------------------------------------------------


def test_a_group_of_few_errors_takes_the_width_of_its_level() -> None:
    rng = np.random.default_rng(7)
    forecast = np.full(1_000, 20.0)
    group = np.array(["calm"] * 900 + ["wild"] * 60 + ["rare"] * 40, dtype=object)
    truth = forecast + rng.normal(0, np.where(group == "wild", 50, 2))
    intervals = CountIntervals().fit(truth, forecast, group)
    ask = np.array(["calm", "wild", "rare", "new"], dtype=object)
    _, upper = intervals.around(np.full(4, 20.0), ask, 0.9)
    assert upper[0] == pytest.approx(20 + np.quantile(np.abs(truth - 20)[:900], 0.9), abs=0.1)
    assert upper[1] == upper[2] == upper[3] == pytest.approx(20 + np.quantile(np.abs(truth - 20), 0.9), abs=0.5)


# --- the seasonal naive ----------------------------------------------------------------------------------------------


def test_the_seasonal_naive_answers_with_the_lag() -> None:
    made = law(2_000)
    model = LastSeason("lag", group="volume_class").fit(made.X, made.y)
    X = made.X.assign(lag=made.X["lag"].where(np.arange(2_000) != 7))
    answer = model.predict(X)
    np.testing.assert_array_equal(np.delete(answer, 7), np.delete(made.X["lag"].to_numpy(), 7))
    assert answer[7] == pytest.approx(made.y.mean())  # nothing else is known there
    np.testing.assert_allclose(model.contributions(X)["lag"] + model.expected_value_, answer)
    assert model.feature_importances_.tolist() == [1.0]
    lower, upper = model.predict_interval(made.X, 0.8)
    assert 0.77 < ((made.y >= lower) & (made.y <= upper)).mean() < 0.9
    with pytest.raises(InvalidInput, match="known for none of 2000 rows"):
        LastSeason("lag", group="volume_class").fit(X.assign(lag=np.nan), made.y)
    with pytest.raises(InvalidInput, match="lack lag"):
        model.predict(X.drop(columns="lag"))


# --- how both are built ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [forecaster, seasonal_naive])
def test_what_makes_no_sense_is_refused(strategy: Any) -> None:
    names = TAXI.feature_set("v1.0").features
    with pytest.raises(InvalidInput, match="is a binary problem"):
        strategy.build(OTHER, StrategyOptions(), OTHER.feature_set("v1.0").features)
    with pytest.raises(InvalidInput, match="has no routes"):
        strategy.build(TAXI, StrategyOptions(router_mode="segment_only"), names)
    with pytest.raises(LeakageRefused):
        strategy.build(TAXI, StrategyOptions(), (*names, "fare_amount"))


def test_the_seasonal_naive_has_nothing_to_set() -> None:
    names = TAXI.feature_set("v1.0").features
    with pytest.raises(InvalidInput, match="no hyperparameters"):
        seasonal_naive.build(TAXI, StrategyOptions(params={"rounds": 5}), names)
    with pytest.raises(InvalidInput, match="does not hold 'same_hour_last_week'"):
        seasonal_naive.build(TAXI, StrategyOptions(), ("hour", "weekday"))
    with pytest.raises(InvalidInput, match="no hyperparameters to search"):
        seasonal_naive.tune(TAXI, StrategyOptions(), names, law(100).X, law(100).y, trials=2, say=str)
