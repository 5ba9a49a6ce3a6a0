"""A promise is set beside what came of it: each verdict, paired and between arms, against known effects."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

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
    elsewhere = judge(part, answers(500, 1000), answers(700, 1000), name="ppe10", seed=1, source="shadow")
    assert "claim is about WALKUP" in elsewhere.note
    assert elsewhere.verdict == "unknown", "what became of all rows keeps no promise about some"
    assert elsewhere.observed == pytest.approx(0.2)
    with pytest.raises(InvalidInput, match="interval_coverage can't be measured"):
        judge(PROMISE, answers(50, 100), answers(50, 100), name="interval_coverage", seed=1, source="shadow")


def parted(hits: dict[str, int], n: int = 600, *, few: int = 0) -> Scored:
    """n rows of each segment, the first so many of them hits; and, where asked for, `few` more rows of a small one."""
    made = [answers(count, n, first=2000 * place) for place, count in enumerate(hits.values())]
    if few:
        made.append(answers(few, few, first=50_000))
    names = [*hits, *(["SMALL"] if few else [])]
    segments = np.repeat(np.array(names, dtype=object), [len(part) for part in made])
    groups = {"unit": np.concatenate([part.groups["unit"] for part in made]), "segment": segments}
    columns = (np.concatenate([getattr(part, c) for part in made]) for c in ("row_id", "truth", "prediction"))
    return Scored(*columns, groups=groups)


OLD, NEW = {"A": 300, "B": 300, "C": 300}, {"A": 420, "B": 300, "C": 200}


def test_the_slice_of_the_claim_is_the_headline_and_every_segment_stands_beside_it() -> None:
    """The share of hits goes from 0.5 to 0.7, 0.5 and 1/3; the claim is about A, where a small segment says nothing."""
    promise = Promise("ppe10", "A", 0.05, "absolute", "")
    found = judge(promise, parted(OLD, few=30), parted(NEW, few=30), name="ppe10", seed=1, source="shadow",
                  holdout={"A": 0.11})  # fmt: skip
    assert (found.slice, found.verdict, found.rows, found.units) == ("A", "delivered", 600, 300)
    assert found.observed == pytest.approx(0.2)
    each = {one.segment: one for one in found.segments}
    assert [each[s].observed for s in "ABC"] == pytest.approx([0.2, 0.0, -1 / 6])
    assert [each[s].note for s in "ABC"] == ["as claimed", "no difference shown", "worse"]
    assert [each[s].claimed for s in ("A", "B", "SMALL")] == [0.05, None, None]
    assert (each["A"].holdout, each["B"].holdout) == (0.11, None)
    assert each["SMALL"].observed is None and "not enough data: 15 of 20 units" in each["SMALL"].note
    assert found.interval is not None and each["A"].interval is not None
    assert each["A"].interval[0] < found.interval[0], "the family's interval is the wider one"
    assert "over 4 segments (Bonferroni)" in found.family


def test_the_intervals_of_segments_are_those_of_the_corrected_level() -> None:
    """Between arms, one row a unit: a difference of two independent shares, at z(1 - 0.05 / 3)."""
    promise = Promise("ppe10", "overall", 0.05, "absolute", "")

    def alone(hits: dict[str, int], first: str) -> Scored:
        made = parted(hits)
        return replace(made, row_id=np.array([f"{first}{i}" for i in range(len(made))], dtype=object),
                       groups={**made.groups, "unit": np.arange(len(made)).astype(str).astype(object)})  # fmt: skip

    found = judge(promise, alone(OLD, "o"), alone(NEW, "n"), name="ppe10", seed=1, source="A/B")
    error = np.sqrt(0.5 * 0.5 / 600 + 0.7 * 0.3 / 600)
    reach = NormalDist().inv_cdf(1 - 0.05 / 3) * error
    assert found.segments[0].interval == pytest.approx((0.2 - reach, 0.2 + reach), abs=0.01)


def test_a_claim_about_the_weighted_mean_is_judged_on_it() -> None:
    promise = Promise("weighted_segment_ppe10", "overall", 0.05, "absolute", "", weights={"A": 0.8, "B": 0.1, "C": 0.1})
    found = judge(promise, parted(OLD), parted(NEW), name="ppe10", seed=1, source="shadow")
    assert found.observed == pytest.approx(0.8 * 0.2 - 0.1 / 6)
    assert (found.verdict, found.slice) == ("delivered", "weighted mean over segments")
    assert all(one.claimed is None for one in found.segments)
    lacking = replace(promise, weights={"A": 0.5, "D": 0.5})
    assert "Not enough data on D" in judge(lacking, parted(OLD), parted(NEW), name="ppe10", seed=1, source="x").note


def test_a_slice_that_no_live_row_is_of_is_not_judged_by_others() -> None:
    promise = Promise("ppe10", "D", 0.05, "absolute", "")
    found = judge(promise, parted(OLD), parted(NEW), name="ppe10", seed=1, source="shadow")
    assert found.verdict == "unknown" and "No labelled live row is of D" in found.note
