"""Group gaps: a real gap is found, noise in small groups is not, and chance is printed beside the maximum."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ds_workflow.domain.fairness import FairnessReport, gaps
from ds_workflow.domain.metrics import Scored
from ds_workflow.errors import InvalidInput
from registry.records import canonical_json

SIZES = {"A": 2000, "B": 1500, "C": 400, "D": 60, "E": 10}


def rows(seed: int, *, bias: dict[str, float] | None = None, noise: dict[str, float] | None = None) -> Scored:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.array(list(SIZES), dtype=object), list(SIZES.values()))
    n = len(group)
    truth = np.exp(rng.normal(13, 0.8, n))
    spread = np.array([(noise or {}).get(g, 0.25) for g in group])
    moved = np.array([(bias or {}).get(g, 0.0) for g in group])
    cluster = np.arange(n) // 2
    return Scored(
        np.arange(n),
        truth,
        truth * np.exp(rng.normal(0, 1, n) * spread + moved),
        groups={"g": group, "cluster": cluster},
    )


def look(scored: Scored, **rest: Any) -> FairnessReport:
    options = {"tolerances": {"bias": 0.05}, "alpha": 0.05, "resamples": 299, "seed": 1, "minimum_rows": 50} | rest
    return gaps(scored, "g", **options)


def test_a_group_that_is_over_valued_is_an_alert_on_either_side() -> None:
    for sign in (1.0, -1.0):
        report = look(rows(1, bias={"B": sign * 0.2}))
        (alert,) = [g for g in report.alerts if g.group == "B"]
        assert alert.gap is not None and alert.interval is not None
        assert np.sign(alert.gap) == sign and abs(alert.gap) > 0.05
        assert alert.interval[0] < alert.gap < alert.interval[1]
    canonical_json(report.to_dict())


def test_only_the_worse_side_of_a_share_is_an_alert() -> None:
    report = look(rows(2, noise={"B": 0.05, "C": 0.9}), tolerances={"ppe10": 0.1})
    assert {g.group for g in report.alerts} >= {"C"}
    best = next(g for g in report.gaps if g.group == "B")
    assert best.gap is not None and best.gap > 0.1 and best.status == "within"


def test_equal_groups_raise_no_alert_over_many_seeds() -> None:
    raised = sum(bool(look(rows(seed)).alerts) for seed in range(40))
    assert raised <= 1
    tight = sum(bool(look(rows(seed), tolerances={"bias": 0.0}).alerts) for seed in range(100))
    assert tight <= 11  # at alpha 0.05 the 99 % point of 100 tries


def test_small_groups_are_unknown_and_named() -> None:
    report = look(rows(3, bias={"E": 3.0}))
    (small,) = [g for g in report.gaps if g.group == "E"]
    assert small.status == "unknown" and small.gap is None and small.rows == 10


def test_the_chance_maximum_is_what_equal_groups_show() -> None:
    seen = [look(rows(seed), resamples=99).widest[0] for seed in range(1000, 1100)]
    assert np.mean([w.observed for w in seen]) == pytest.approx(np.mean([w.expected_by_chance for w in seen]), rel=0.25)


def test_an_alert_of_the_champion_is_not_new() -> None:
    old, new = look(rows(1, bias={"B": 0.2})), look(rows(2, bias={"B": 0.2, "A": -0.3}))
    assert {g.group for g in new.new_alerts(old)} <= {g.group for g in new.alerts} - {"B"}
    assert new.new_alerts(new) == () and new.new_alerts(None) == new.alerts


def test_what_can_not_be_compared_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no group 'planet'"):
        gaps(rows(1), "planet", tolerances={"bias": 0.05}, alpha=0.05, resamples=99, seed=1, minimum_rows=50)
    with pytest.raises(InvalidInput, match="no group 'cluster'"):
        look(replace(rows(1), groups={"g": rows(1).groups["g"]}))
