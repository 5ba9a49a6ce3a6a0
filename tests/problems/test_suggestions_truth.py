"""The true figures of simulated suggestions, and who is dealt which model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.code_suggestions import effects as e
from ds_workflow.problems.code_suggestions import simulator, truth


def test_the_lattice_agrees_with_an_exact_sum() -> None:
    """The share of slow suggestions by itself: whole lengths, each with its chance, times a lognormal tail."""
    median, deviation, least, most = e.SUGGESTION_LENGTH
    length = np.arange(least, most + 1)
    upto = stats.norm.cdf(np.log((length + 0.5) / median) / deviation)
    chance = np.diff(np.concatenate([[0.0], upto[:-1], [1.0]]))
    for model in e.MODEL_SHARES:
        middle = e.LATENCY[model] * (length / median) ** e.LATENCY_BY_LENGTH
        wanted = (chance * stats.norm.sf(np.log(1000.5 / middle) / e.LATENCY_SPREAD)).sum()
        assert truth.true_rates()["slow_share", "model_version", model] == pytest.approx(wanted, abs=5e-4)


def test_levels_average_to_the_whole() -> None:
    rates = truth.true_rates()
    for dimension, shares in {
        "developer_segment": e.SEGMENT_SHARES,
        "language": e.LANGUAGE_SHARES,
        "task": e.TASK_SHARES,
        "model_version": e.MODEL_SHARES,
    }.items():
        mean = sum(share * rates["acceptance_rate", dimension, level] for level, share in shares.items())
        assert mean == pytest.approx(rates["acceptance_rate", "", ""])


def test_ordered_effects_give_ordered_rates() -> None:
    rates = truth.true_rates()
    for dimension, table in e.LEVEL_EFFECTS.items():
        if dimension != "model_version":  # the better model is the slower one
            by_effect = sorted(table, key=lambda level: table[level])
            assert by_effect == sorted(table, key=lambda level: rates["acceptance_rate", dimension, level])
    gain = special.expit(e.BRIDGE * 0.4) - 0.5  # the most that the model's own effect can do to a share
    assert 0 < truth.true_model_effect() < gain


@pytest.fixture(scope="module")
def logs() -> dict[str, pd.DataFrame]:
    return {deal: simulator.simulate(rows=8_000, seed=5, deal=deal) for deal in simulator.DEALS}


def test_deals_change_the_model_and_nobody_else(logs: dict[str, pd.DataFrame]) -> None:
    for name in ("session_id", "developer_id", "developer_segment", "language", "task", "shown_at", "prompt_length"):
        assert logs["session"][name].equals(logs["developer"][name]), name
        assert logs["session"][name].equals(logs["chosen"][name]), name
    models = {d: log.groupby("developer_id")["model_version"].nunique().max() for d, log in logs.items()}
    assert models == {"session": 2, "developer": 1, "chosen": 1}


def test_experts_choose_the_newer_model() -> None:
    log = simulator.simulate(rows=60_000, seed=5, deal="chosen")
    by = log.groupby("developer_id").agg(segment=("developer_segment", "first"), model=("model_version", "first"))
    for segment, share in e.CHOSEN.items():
        mine = by[by["segment"] == segment]
        newer = int((mine["model"] == "assistant-2").sum())
        assert stats.binomtest(newer, len(mine), share).pvalue > 0.001


def test_an_unknown_deal_is_refused() -> None:
    with pytest.raises(InvalidInput, match="dealt by"):
        simulator.simulate(rows=10, seed=1, deal="fair")
