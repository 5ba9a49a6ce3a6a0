"""The benchmark of the holdout's account takes its looks as the arena does, and has winners where there are any."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "holdout_spending.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_spending", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def better(history: Any) -> str:
    """A candidate that errs by a third of the champion's error on every row."""
    name: str = history.score()
    near = 100.0 * (history.champion.prediction / 100.0) ** (1 / 3)
    history.models[name] = replace(history.champion, prediction=near)
    return name


def test_a_better_one_wins_while_a_look_is_left(benchmark: ModuleType) -> None:
    history = benchmark.History(3)
    assert history.propose([better(history)])
    round_ = [history.score() for _ in range(3)] + [better(history)]
    assert history.propose(round_, round="R-1"), "at the fifth level, by as many resamples as that needs"
    levels = [one.use.alpha for one in history.counted]
    assert levels == [benchmark.PLAN.level(k) for k in range(1, 6)] and history.account.taken == 2
    for _ in range(8):
        history.propose([history.score()])
    assert not history.propose([better(history)]), "all ten looks are taken"


def test_every_way_of_asking_runs(benchmark: ModuleType) -> None:
    for way in benchmark.WAYS:
        won, skipped, lost = benchmark.run(7, way=way, challengers=5)
        assert lost <= skipped and won in (True, False)
