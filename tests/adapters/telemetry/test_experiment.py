"""Sums by arm out of SQL: the same as pandas adds up, the same contrast as the oracle, and the truth recovered."""

from __future__ import annotations

import pandas as pd
import pytest
import statsmodels.formula.api as smf

from ds_workflow.adapters.telemetry import experiment
from ds_workflow.adapters.telemetry.warehouse import Warehouse
from ds_workflow.domain.ab_test import contrasts
from ds_workflow.domain.product_metrics import PRODUCT_METRICS
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.domain.telemetry.moments import ArmMoments
from ds_workflow.domain.telemetry.recovery import Key, Rate, recovery
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.problems.code_suggestions import truth


def test_sums_by_arm_are_those_of_pandas(filled: Warehouse, rows: pd.DataFrame) -> None:
    found = experiment.arm_moments(filled, "acceptance_rate")
    assert found.mixed == 0
    for arm, mine in rows.groupby("model_version", observed=True):
        by = mine.groupby("developer_id")["accepted"].agg(["sum", "count"]).astype(float)
        y, x = by["sum"], by["count"]
        wanted = ArmMoments(len(by), y.sum(), x.sum(), (y * y).sum(), (x * x).sum(), (x * y).sum())
        assert found.arms[str(arm)] == wanted
        assert found.arms[str(arm)].pair.covariance == pytest.approx(by.cov().loc["sum", "count"])


def test_the_contrast_is_the_cluster_robust_regression_of_statsmodels(filled: Warehouse, rows: pd.DataFrame) -> None:
    arms = experiment.arm_moments(filled, "acceptance_rate").arms
    found = contrasts.ratios(arms["assistant-1"].pair, arms["assistant-2"].pair)
    table = rows.assign(newer=(rows["model_version"] == "assistant-2").astype(float), y=rows["accepted"].astype(float))
    fitted = smf.ols("y ~ newer", table).fit(cov_type="cluster", cov_kwds={"groups": table["developer_id"]})
    assert found.estimate == pytest.approx(fitted.params["newer"])
    # the two count degrees of freedom by arm and over both arms: alike to a few per cent at thirty developers an arm
    assert found.standard_error == pytest.approx(fitted.bse["newer"], rel=0.02)


@pytest.mark.parametrize("metric", PRODUCT_METRICS)
def test_every_product_metric_can_be_compared(metric: str, filled: Warehouse) -> None:
    found = experiment.arm_moments(filled, metric)
    assert set(found.arms) == {"assistant-1", "assistant-2"}
    assert found.arms["assistant-1"].pair.ratio > 0


def test_a_developer_in_two_arms_is_in_none(filled: Warehouse, rows: pd.DataFrame) -> None:
    languages = rows.groupby("developer_id")["language"].nunique()
    found = experiment.arm_moments(filled, "acceptance_rate", arm="language")
    assert found.mixed == (languages > 1).sum()
    assert sum(arm.n for arm in found.arms.values()) == (languages == 1).sum()


def test_what_can_not_be_asked_is_refused(filled: Warehouse) -> None:
    with pytest.raises(UnknownName, match="product metric"):
        experiment.arm_moments(filled, "happiness")
    with pytest.raises(UnknownName, match="column of arms"):
        experiment.arm_moments(filled, "acceptance_rate", arm="developer_id")
    with pytest.raises(InvalidInput, match="in one arm"):
        experiment.arm_moments(filled, "acceptance_rate", filters=Filters(version="assistant-9"))


@pytest.fixture(scope="module")
def rates(filled: Warehouse) -> dict[Key, Rate]:
    return experiment.rates(filled)


def test_known_effects_are_found_again(rates: dict[Key, Rate]) -> None:
    found = recovery(rates, truth.true_rates("developer"))
    assert len(found.figures) > 100
    assert not found.missed, found.to_dict()
    assert found.covered > 0.85


def test_a_wrong_truth_is_noticed(rates: dict[Key, Rate]) -> None:
    shifted = {key: figure + 8 * rates[key].error for key, figure in truth.true_rates("developer").items()}
    found = recovery(rates, shifted)
    assert len(found.missed) > len(found.figures) / 2
    assert recovery({("m", "", ""): Rate(0.5, 0.0, 40)}, {("m", "", ""): 0.4}).missed, "no error, and yet a difference"
    assert recovery({("m", "", ""): Rate(0.5, 0.1, 29)}, {("m", "", ""): 0.4}).figures == (), "too few developers"
