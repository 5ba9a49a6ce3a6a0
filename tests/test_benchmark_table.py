"""The benchmark of all problems measures every problem, by figures and models that the problem declares."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ds_workflow import plugins
from ds_workflow.adapters import fitting
from ds_workflow.domain.strategy import StrategyOptions


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "problems.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_problems", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_every_problem_is_measured_by_what_it_declares(benchmark: ModuleType) -> None:
    assert set(benchmark.PROBLEMS) == set(plugins.names("problems"))
    for name, entry in benchmark.PROBLEMS.items():
        problem = plugins.load("problems", name).PROBLEM
        assert set(entry.targets) <= set(problem.metrics)
        assert entry.champion != entry.challenger
        for side in (entry.champion, entry.challenger):
            options = StrategyOptions(**side.options)
            fitting.check(problem, fitting.Recipe(side.feature_set_version, side.strategy, options))
        assert entry.source or entry.caveat, f"{name}: rows that are not real must be called so"


@pytest.mark.real_data
def test_every_source_lies_where_the_benchmark_looks(benchmark: ModuleType, real_data: Path) -> None:
    for entry in benchmark.PROBLEMS.values():
        for source in filter(None, (entry.source, *entry.references)):
            assert any(real_data.glob(source)), source


@pytest.mark.parametrize(
    ("target", "greater", "figures", "said"),
    [
        (0.8, True, [(0.9, (0.85, 0.95))], "shown"),
        (0.8, True, [(0.81, (0.78, 0.84))], "met"),
        (0.8, True, [(0.79, (0.7, 0.9)), (0.7, None)], "missed"),
        (0.8, True, [(0.7, (0.6, 0.8)), (0.9, (0.85, 0.95))], "shown"),
        (0.2, False, [(0.1, (0.05, 0.15)), (0.9, None)], "shown"),
        (0.2, False, [(0.19, (0.15, 0.21))], "met"),
        (0.2, False, [(0.21, (0.1, 0.3))], "missed"),
        (0.2, False, [(0.19, None)], "met"),
        (None, True, [(0.1, None)], ""),
    ],
)
def test_a_target_is_shown_met_or_missed(
    target: float | None, greater: bool, figures: list[tuple[float, object]], said: str, benchmark: ModuleType
) -> None:
    asked = {"target": target, "greater_is_better": greater}
    assert benchmark.met(asked, [{"value": v, "interval": i} for v, i in figures] + [None]) == said
