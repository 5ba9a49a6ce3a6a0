"""The boosted regressor and its intervals: laws over seeds and checks against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime

from ds_workflow.adapters import models
from ds_workflow.errors import InvalidInput
from ds_workflow.strategies._boosting import DEFAULTS, BoostedRegressor, CauchyLoss, settings_of
from ds_workflow.strategies._intervals import Conformal, conformal_quantile

FEATURES = ("a", "b", "c", "guess")
SMALL = {"rounds": 40, "max_depth": 4, "eta": 0.2}


def data(n: int, seed: int, *, spoiled: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Log target = 12 + a + b*c, `guess` knows the a part; SMALL rows are four times as noisy."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)).astype(np.float32), columns=["a", "b", "c"])
    X["guess"] = (12 + X["a"]).astype(np.float32)
    X["segment"] = np.where(rng.random(n) < 0.4, "SMALL", "LARGE")
    X.loc[rng.random(n) < 0.1, "b"] = np.nan
    noise = rng.normal(size=n) * np.where(X["segment"] == "SMALL", 0.2, 0.05)
    log = 12 + X["a"] + np.nan_to_num(X["b"]) * X["c"] * 0.3 + noise
    log -= 4.0 * (rng.random(n) < spoiled)
    return X, np.exp(log.to_numpy(dtype=float))


class Table:
    """As much of xgboost's DMatrix as a loss looks at."""

    def __init__(self, label: np.ndarray) -> None:
        self.label = label

    def get_label(self) -> np.ndarray:
        return self.label


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_the_gradient_of_cauchys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, label = rng.normal(size=9), rng.normal(size=9)
    scale = max(0.15, float(np.median(np.abs(predicted - label))))
    gradient, curvature = CauchyLoss(0.15)(predicted, Table(label))

    def loss(p: np.ndarray) -> float:
        return float(np.sum(scale**2 / 2 * np.log1p(((p - label) / scale) ** 2)))

    np.testing.assert_allclose(gradient, approx_fprime(predicted, loss, 1e-7), atol=1e-5)
    assert (curvature >= 0.05).all()


def test_a_far_off_answer_pulls_less_than_a_near_one() -> None:
    gradient, _ = CauchyLoss(0.15)(np.array([0.0, 0.0, 0.0, 0.1, 4.0]), Table(np.zeros(5)))
    assert gradient[4] < gradient[3]


@pytest.mark.parametrize("offset", ["", "guess"])
def test_it_learns_and_answers_in_the_targets_unit(offset: str) -> None:
    X, y = data(4_000, 1)
    model = BoostedRegressor(FEATURES, offset=offset, params=SMALL).fit(X.iloc[:3_000], y[:3_000])
    answer = model.predict(X.iloc[3_000:])
    assert answer.dtype == np.float64
    error = np.median(np.abs(np.log(answer / y[3_000:])))
    start = X["guess"].iloc[3_000:] if offset else np.median(np.log(y[:3_000]))
    assert error < 0.6 * np.median(np.abs(start - np.log(y[3_000:])))


def test_answers_that_are_no_market_prices_do_not_bend_it() -> None:
    X, y = data(4_000, 2, spoiled=0.1)
    _, clean = data(4_000, 2)
    model = BoostedRegressor(FEATURES, offset="guess", params=SMALL).fit(X.iloc[:3_000], y[:3_000])
    bias = np.median(np.log(model.predict(X.iloc[3_000:]) / clean[3_000:]))
    assert abs(bias) < 0.03


def test_the_same_seed_gives_the_same_model_and_another_another() -> None:
    X, y = data(600, 3)
    answers = [BoostedRegressor(FEATURES, params=SMALL, seed=s).fit(X, y).predict(X) for s in (1, 1, 2)]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_one_row_gets_the_answer_of_the_table() -> None:
    X, y = data(600, 4)
    model = BoostedRegressor(FEATURES, offset="guess", params=SMALL).fit(X, y)
    one_by_one = np.concatenate([model.predict(X.iloc[[i]]) for i in range(50)])
    np.testing.assert_array_equal(one_by_one, model.predict(X.iloc[:50]))


@pytest.mark.parametrize("offset", ["", "guess"])
def test_contributions_and_expected_value_add_up_to_the_log_answer(offset: str) -> None:
    X, y = data(800, 5)
    model = BoostedRegressor(FEATURES, offset=offset, params=SMALL).fit(X, y)
    values = model.contributions(X)
    assert list(values.columns) == model.feature_names_ == list(FEATURES)
    np.testing.assert_allclose(values.sum(axis=1) + model.expected_value_, np.log(model.predict(X)), atol=2e-4)


def test_importances_are_shares_and_name_what_matters() -> None:
    X, y = data(2_000, 6)
    X["noise"] = np.random.default_rng(0).normal(size=len(X)).astype(np.float32)
    model = BoostedRegressor((*FEATURES, "noise"), offset="guess", params=SMALL).fit(X, y)
    shares = dict(zip(model.feature_names_, model.feature_importances_, strict=True))
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["c"] > 5 * shares["noise"]


def test_a_model_read_back_answers_the_same() -> None:
    from skops import io

    X, y = data(800, 7)
    model = BoostedRegressor(FEATURES, offset="guess", params=SMALL).fit(X, y)
    read = io.loads(io.dumps(model), trusted=list(models.trusted_types()))
    np.testing.assert_array_equal(read.predict(X), model.predict(X))
    np.testing.assert_array_equal(read.predict_interval(X), model.predict_interval(X))


# --- intervals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "coverage", "place"), [(9, 0.8, 8), (99, 0.9, 90), (100, 0.8, 81), (4, 0.8, 4)])
def test_the_conformal_quantile_is_the_finite_sample_one(n: int, coverage: float, place: int) -> None:
    assert conformal_quantile(np.arange(1.0, n + 1), coverage) == place


def test_too_few_errors_for_a_coverage_bound_nothing() -> None:
    assert conformal_quantile(np.arange(3.0), 0.8) == float("inf")


def test_conformal_intervals_cover_as_promised_on_average_over_calibrations() -> None:
    """P(covered) lies in [c, c + 1/(n+1)] for exchangeable continuous errors (Vovk et al. 2005)."""
    rng = np.random.default_rng(8)
    covered = []
    for _ in range(3_000):
        errors = rng.standard_t(3, size=151)
        group = np.array(["x"] * 150, dtype=object)
        reach = Conformal().fit(errors[:150], group).reach(group[:1], 0.8)[0]
        covered.append(abs(errors[150]) <= reach)
    share = np.mean(covered)
    spread = 4 * np.sqrt(0.8 * 0.2 / 3_000)
    assert 0.8 - spread <= share <= 0.8 + 1 / 151 + spread


def test_each_segment_gets_its_own_width() -> None:
    X, y = data(8_000, 9)
    model = BoostedRegressor(FEATURES, offset="guess", params=SMALL).fit(X.iloc[:6_000], y[:6_000])
    lower, upper = model.predict_interval(X.iloc[6_000:], coverage=0.8)
    truth, segment = y[6_000:], X["segment"].iloc[6_000:].to_numpy()
    for name in ("SMALL", "LARGE"):
        inside = segment == name
        share = ((lower <= truth) & (truth <= upper))[inside].mean()
        # Calibrated on about 240 or 360 rows: their quantile alone has a standard error near 0.025.
        assert share == pytest.approx(0.8, abs=0.1), name
    width = np.log(upper / lower)
    assert width[segment == "SMALL"].mean() > 1.5 * width[segment == "LARGE"].mean()
    wider = model.predict_interval(X.iloc[6_000:], coverage=0.95)
    assert (wider[0] <= lower).all()
    assert (wider[1] >= upper).all()


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(words: str, X: pd.DataFrame, y: Any, **options: Any) -> None:
    with pytest.raises(InvalidInput, match=words):
        BoostedRegressor(FEATURES, **options).fit(X, y)


def test_it_says_what_it_can_not_use() -> None:
    X, y = data(200, 10)
    refused("1 of 200 targets", X, np.where(np.arange(200) == 3, 0.0, y))
    refused("2 of 200 targets", X, np.where(np.arange(200) < 2, np.nan, y))
    refused("199 targets", X, y[1:])
    refused("at least 50 rows, not 20", X.iloc[:20], y[:20])
    refused("lack c, guess", X.drop(columns=["c", "guess"]), y)
    refused("'depth'.*max_depth", X, y, params={"depth": 3})
    model = BoostedRegressor(FEATURES, params=SMALL).fit(X, y)
    with pytest.raises(InvalidInput, match="coverage"):
        model.predict_interval(X, coverage=80)
    assert settings_of(None) == dict(DEFAULTS)
