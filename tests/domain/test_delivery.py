"""A promise is set beside what came of it: each verdict, paired and between arms, against known effects."""

from __future__ import annotations

import numpy as np
import pytest

from ds_workflow.domain.delivery import Promise, judge
from ds_workflow.domain.metrics import Scored
from ds_workflow.errors import InvalidInput

PROMISE = Promise("ppe10", "overall", 0.05, "absolute", "ppe10 on overall will increase by at least 0.05")


def answers(hits: int, n: int, *, first: int = 0, per_unit: int = 2) -> Scored:
    """n prices of 100, the first `hits` of which are met exactly and the others missed by half."""
    right = np.arange(n) < hits
    rows = np.array([f"q{first + i}" for i in range(n)], dtype=object)
    units = np.array([f"u{(first + i) // per_unit}" for i in range(n)], dtype=object)
    return Scored(rows, np.full(n, 100.0), np.where(right, 100.0, 150.0), groups={"unit": units})


@pytest.mark.parametrize(
    ("challenger", "verdict"),
    [(700, "delivered"), (520, "less than promised"), (300, "reversed"), (555, "undecided")],
)
def test_each_verdict_in_shadow(challenger: int, verdict: str) -> None:
    """PPE10 is 0.5 for the champion; the gain is known exactly, and pairing makes it sharp."""
    found = judge(PROMISE, answers(500, 1000), answers(challenger, 1000), name="ppe10", seed=1, source="shadow")
    assert found.observed == pytest.approx(challenger / 1000 - 0.5)
    assert found.interval is not None and found.interval[0] < found.observed < found.interval[1]
    assert found.verdict == verdict
    assert (found.rows, found.units) == (1000, 500)


def test_arms_are_independent_samples() -> None:
    """The interval between arms is that of a difference of two shares of independent units."""
    old, new = answers(500, 1000, per_unit=1), answers(650, 1000, first=5000, per_unit=1)
    found = judge(PROMISE, old, new, name="ppe10", seed=1, source="A/B")
    error = np.sqrt(0.5 * 0.5 / 1000 + 0.65 * 0.35 / 1000)
    assert found.observed == pytest.approx(0.15)
    assert found.interval == pytest.approx((0.15 - 1.645 * error, 0.15 + 1.645 * error), abs=0.005)
    assert found.verdict == "delivered"


def test_a_relative_promise_is_measured_relatively() -> None:
    promise = Promise("mape", "overall", 0.1, "relative", "")
    found = judge(promise, answers(500, 1000), answers(700, 1000), name="mape", seed=1, source="shadow")
    assert found.observed == pytest.approx((0.25 - 0.15) / 0.25)


def test_what_can_not_be_said_is_unknown() -> None:
    few = judge(PROMISE, answers(5, 10), answers(9, 10), name="ppe10", seed=1, source="shadow")
    assert few.verdict == "unknown" and "5 units" in few.note
    part = Promise("ppe10", "WALKUP", 0.05, "absolute", "")
    assert "claim is about WALKUP" in judge(
        part, answers(500, 1000), answers(700, 1000), name="ppe10", seed=1, source="shadow"
    ).note  # fmt: skip
    with pytest.raises(InvalidInput, match="interval_coverage can't be measured"):
        judge(PROMISE, answers(50, 100), answers(50, 100), name="interval_coverage", seed=1, source="shadow")
