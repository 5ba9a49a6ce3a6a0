"""A small version of the coverage benchmark: every world draws, and none is far from its promise."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SLOW = {"bootstrap of ipw ATT", "bootstrap of regression ATT", "matching 1:1", "confidence sequence, all of 30 looks"}
RUNS = 40


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_coverage", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_known_effects_lie_in_their_intervals(benchmark: ModuleType) -> None:
    """Of 40 true 95 % intervals fewer than 32 hold the truth with probability 1e-4."""
    found = {name: benchmark.count(name, 5, range(RUNS)) for name in benchmark.WORLDS if name not in SLOW}
    assert {name: inside for name, inside in found.items() if inside < 32} == {}
    once = {name: benchmark.count(name, 5, range(2)) for name in SLOW}
    assert all(inside > 0 for inside in once.values())


def test_an_interval_that_is_too_narrow_is_caught(benchmark: ModuleType) -> None:
    narrow = benchmark.Covered("narrow", 0.90, 500, "95", 0.0)
    wide = benchmark.Covered("wide", 0.99, 500, "95", 0.0)
    assert not narrow.ok and not wide.ok
    assert benchmark.Covered("always", 0.99, 500, "at least 95", 0.0).ok
