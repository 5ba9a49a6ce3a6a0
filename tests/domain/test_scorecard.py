"""The scorecard against numpy on the parts, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_percentage_error, r2_score, root_mean_squared_error

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.scorecard import scorecard
from ds_workflow.errors import InvalidInput, UnknownName
from registry.records import canonical_json


def test_figures_are_those_of_sklearn_on_each_part(problem: Problem, healthy: Comparison) -> None:
    scored = healthy.challenger
    card = scorecard(problem.metrics, scored, slices=("district",))
    for segment, figures in card.segments.items():
        at = scored.groups["segment"] == segment
        y, p = scored.truth[at], scored.prediction[at]
        assert figures["mape"] == pytest.approx(mean_absolute_percentage_error(y, p))
        assert figures["r2"] == pytest.approx(r2_score(y, p))
        assert figures["rmse_log"] == pytest.approx(root_mean_squared_error(np.log(y), np.log(p)))
        assert figures["mdape"] == pytest.approx(np.median(np.abs(p / y - 1)))
        assert figures["rows"] == at.sum()
    assert sum(f["rows"] for f in card.slices["district"].values()) == card.rows == len(scored)
    flat = card.flat()
    assert flat["segment.NORTH.mdape"] == card.segments["NORTH"]["mdape"]
    assert flat["ppe10"] == card.overall["ppe10"]
    assert card.missing == {}
    canonical_json(card.to_dict())


def test_what_has_no_input_is_missing_and_has_no_default(problem: Problem, healthy: Comparison) -> None:
    card = scorecard(problem.metrics, replace(healthy.challenger, lower=None))
    assert set(card.missing) == {"interval_coverage", "interval_width"}
    assert "lower" in card.missing["interval_width"]
    assert not any("interval" in name for name in card.flat())


def test_a_segment_of_one_value_has_no_r2_but_the_rest(problem: Problem, healthy: Comparison) -> None:
    north = healthy.challenger.groups["segment"] == "NORTH"
    card = scorecard(problem.metrics, replace(healthy.challenger, truth=np.where(north, 5.0, healthy.challenger.truth)))
    assert set(card.missing) == {"segment.NORTH.r2"}
    assert "r2" in card.overall and "mdape" in card.segments["NORTH"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_inf_are_refused_by_name(problem: Problem, healthy: Comparison, value: float) -> None:
    prediction = healthy.challenger.prediction.copy()
    prediction[0] = value
    with pytest.raises(InvalidInput, match="overall: 'ppe10'"):
        scorecard(problem.metrics, replace(healthy.challenger, prediction=prediction))


def test_what_comes_out_as_nan_is_refused_by_name(healthy: Comparison) -> None:
    with pytest.raises(InvalidInput, match="'rmse_log' came out as nan"):
        scorecard(["rmse_log"], replace(healthy.challenger, prediction=-healthy.challenger.prediction))


def test_no_rows_unknown_metrics_and_unknown_groups_are_refused(healthy: Comparison) -> None:
    with pytest.raises(InvalidInput, match="no rows"):
        scorecard(["mdape"], healthy.challenger.take(np.arange(0)))
    with pytest.raises(UnknownName, match="nonsense"):
        scorecard(["nonsense"], healthy.challenger)
    with pytest.raises(InvalidInput, match="no group 'planet'"):
        scorecard(["mdape"], healthy.challenger, slices=("planet",))
