"""Product metrics: whole definitions, and the documents and queries that speak of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ds_workflow.adapters.telemetry import catalog
from ds_workflow.domain.product_metrics import PRODUCT_METRICS, product_metric
from ds_workflow.domain.telemetry.moments import ArmMoments
from ds_workflow.errors import InvalidInput, UnknownName

RATE = PRODUCT_METRICS["acceptance_rate"]


@pytest.mark.parametrize("part", ["title", "question", "formula", "unit", "owner", "numerator", "denominator"])
def test_a_metric_without_a_whole_definition_is_refused(part: str) -> None:
    with pytest.raises(InvalidInput, match=part):
        replace(RATE, **{part: " "})


def test_a_guardrail_has_a_margin_above_zero() -> None:
    assert replace(RATE, margin=0.01).guardrail and not RATE.guardrail
    with pytest.raises(InvalidInput, match="above 0"):
        replace(RATE, margin=0.0)


def test_an_unknown_metric_lists_the_known() -> None:
    with pytest.raises(UnknownName, match="acceptance_rate"):
        product_metric("happiness")


def test_every_metric_is_read_by_a_query_and_guards_exist() -> None:
    assert all(catalog.queries_of(name) for name in PRODUCT_METRICS)
    assert {name for name, m in PRODUCT_METRICS.items() if m.guardrail} >= {"hallucination_rate", "mean_latency"}


def test_moments_of_one_unit_are_refused() -> None:
    with pytest.raises(InvalidInput, match="1 units"):
        _ = ArmMoments(1, 1.0, 2.0, 1.0, 4.0, 2.0).pair
