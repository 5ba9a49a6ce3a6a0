"""Groups side by side: figures as counted, differences as Newcombe's, chance as simulated; and the report in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ds_workflow.domain.metrics import METRICS, Scored
from ds_workflow.domain.parity import LIMIT, OF_CLASSES, figures_of, parity
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.scorecard import scorecard, with_intervals
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import fairness


def people(sizes: dict[str, int], *, seed: int, found: dict[str, float]) -> Scored:
    """Half of each group is of class 1; `found` is the share of them that is flagged, a tenth of the others is."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.array(list(sizes), dtype=object), list(sizes.values()))
    n = len(group)
    truth = (rng.random(n) < 0.5).astype(float)
    reach = np.where(truth == 1, [found[g] for g in group], 0.1)
    p = np.where(rng.random(n) < reach, rng.uniform(0.5, 1, n), rng.uniform(0, 0.5, n))
    return Scored(np.arange(n), truth, p, groups={"sex": group, "cluster": np.arange(n)})


def newcombe(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """Newcombe's hybrid score interval of a difference of shares (1998, method 10), from Wilson's intervals."""
    (low1, high1), (low2, high2) = (
        tuple(stats.binomtest(hits, n).proportion_ci(method="wilson")) for hits, n in (first, second)
    )
    p1, p2 = first[0] / first[1], second[0] / second[1]
    reach = (np.hypot(p1 - low1, high2 - p2), np.hypot(high1 - p1, p2 - low2))
    return p1 - p2 - reach[0], p1 - p2 + reach[1]


def test_the_difference_of_two_shares_is_newcombes() -> None:
    scored = people({"f": 3_000, "m": 4_000}, seed=1, found={"f": 0.5, "m": 0.7})
    report = parity(scored, ["sex"], ["tpr", "selection_rate"], seed=1, resamples=3_000)
    hits = {
        g: (int((scored.prediction[m & (scored.truth == 1)] >= 0.5).sum()), int((m & (scored.truth == 1)).sum()))
        for g in ("f", "m")
        for m in [scored.groups["sex"] == g]
    }
    tpr = next(d for d in report.differences if d.metric == "tpr")
    assert (tpr.high, tpr.low) == ("m", "f")
    assert tpr.difference == pytest.approx(hits["m"][0] / hits["m"][1] - hits["f"][0] / hits["f"][1])
    assert tpr.interval == pytest.approx(newcombe(hits["m"], hits["f"]), abs=0.004)
    for figure in report.figures:
        part = scored.take(np.flatnonzero(scored.groups["sex"] == figure.group))
        assert figure.value == METRICS[figure.metric](part)
    one = next(f for f in report.figures if (f.group, f.metric) == ("f", "tpr"))
    assert one.interval == pytest.approx(tuple(stats.binomtest(*hits["f"]).proportion_ci(method="wilson")), abs=0.004)


def test_equal_groups_differ_by_chance_as_said() -> None:
    sizes = {"a": 600, "b": 300, "c": 150}
    seen, said = [], []
    for seed in range(60):
        scored = people(sizes, seed=seed, found=dict.fromkeys(sizes, 0.6))
        (difference,) = parity(scored, ["sex"], ["tpr"], seed=1, resamples=200).differences
        seen.append(difference.difference)
        said.append(difference.expected_by_chance)
    assert np.mean(said) == pytest.approx(np.mean(seen), rel=0.15)


def test_small_groups_and_lost_columns_are_said() -> None:
    scored = people({"f": 500, "x": 99}, seed=2, found={"f": 0.5, "x": 0.5})
    report = parity(scored, ["sex"], OF_CLASSES, seed=1, resamples=99)
    assert all(f.value is None and f.interval is None for f in report.figures if f.group == "x")
    assert report.differences == ()
    few = people({"f": 1_000, "x": 1_000}, seed=2, found={"f": 0.5, "x": 0.5})
    kept = np.flatnonzero((few.groups["sex"] == "f") | (few.truth == 0) | (np.arange(2_000) % 20 == 0))
    report = parity(few.take(kept), ["sex"], OF_CLASSES, seed=1, resamples=99)
    of_x = {f.metric: f for f in report.figures if f.group == "x"}
    assert of_x["tpr"].evidence < 100 and of_x["tpr"].value is None, "a thousand rows, and too few of class 1"
    assert of_x["roc_auc"].value is None and of_x["fpr"].value is not None and of_x["selection_rate"].value is not None
    assert {d.metric for d in report.differences} == {"fpr", "selection_rate"}
    with pytest.raises(InvalidInput, match="no group 'race'"):
        parity(scored, ["race"], OF_CLASSES, seed=1)


def test_every_task_has_figures(problem: Problem) -> None:
    assert figures_of(problem) == ("mdape", "bias")
    assert figures_of(replace(problem, task="binary")) == OF_CLASSES


@pytest.mark.parametrize(("women", "large"), [(0.4, True), (0.68, False)])
def test_a_large_difference_gets_a_sentence_and_a_small_one_none(women: float, large: bool) -> None:
    scored = people({"f": 4_000, "m": 4_000}, seed=3, found={"f": women, "m": 0.7})
    content = parity(scored, ["sex"], OF_CLASSES, seed=1, resamples=200).to_dict()
    said = fairness.mitigations(content, strategies=("global", "reweighted"))
    equal = [s for s in said if s.startswith("Equal opportunity difference by sex")]
    assert len(said) == sum(d["difference"] > LIMIT for d in content["differences"])
    assert bool(equal) == large
    if large:
        assert "those of f who are of class 1 are found less often than those of m" in equal[0]
        assert "--strategy reweighted" in equal[0]
        both = ("global", "reweighted", "equal_opportunity")
        (advised,) = (s for s in fairness.mitigations(content, strategies=both) if s.startswith("Equal"))
        assert "--strategy equal_opportunity" in advised and "reweighted" not in advised
        (again,) = (s for s in fairness.mitigations(content, strategies=both, own="equal_opportunity") if "Equal" in s)
        assert "trained with --strategy equal_opportunity" in again and "candidate with --strategy reweighted" in again
        (last,) = (
            s for s in fairness.mitigations(content, strategies=("reweighted",), own="reweighted") if "Equal" in s
        )
        assert "Train a candidate" not in last and "threshold" in last
        assert not any("reweighted" in s for s in fairness.mitigations(content, strategies=("global",)))
    text = fairness.markdown(content, title="Groups", strategies=("reweighted",))
    assert text.startswith("# Groups\n")
    assert ("No difference between groups is above 0.1" in text) != large
    assert "demographic parity difference" in text


def test_a_gap_that_is_not_shown_is_said_to_be_so() -> None:
    for seed in range(200):  # the first sample whose difference is large by chance
        scored = people({"f": 230, "m": 230}, seed=seed, found={"f": 0.55, "m": 0.65})
        content = parity(scored, ["sex"], ["tpr"], seed=1, resamples=200).to_dict()
        tpr = next(iter(content["differences"]), {"large": False})
        if tpr["large"] and not tpr["shown"] and tpr["high"] == "m":
            break
    assert tpr["interval"][0] <= 0 < tpr["difference"]
    (sentence,) = fairness.mitigations(content, strategies=("global", "equal_opportunity"))
    assert "not shown" in sentence and "holds 0" in sentence and "--strategy" not in sentence
    rows = {g: int(((scored.groups["sex"] == g) & (scored.truth == 1)).sum()) for g in ("f", "m")}
    assert f"{rows['m']} of m and {rows['f']} of f" in sentence


def test_a_share_of_nothing_has_wilsons_interval_and_its_difference_newcombes() -> None:
    scored = people({"f": 300, "m": 300}, seed=4, found={"f": 0.0, "m": 0.5})
    report = parity(scored, ["sex"], ["tpr"], seed=1, resamples=200)
    hits = {}
    for g in ("f", "m"):
        positive = (scored.groups["sex"] == g) & (scored.truth == 1)
        hits[g] = (int((scored.prediction[positive] >= 0.5).sum()), int(positive.sum()))
    assert hits["f"][0] == 0
    by = {f.group: f.interval for f in report.figures}
    for g in ("f", "m"):
        assert by[g] == pytest.approx(tuple(stats.binomtest(*hits[g]).proportion_ci(method="wilson")), abs=1e-3)
    assert report.differences[0].interval == pytest.approx(newcombe(hits["m"], hits["f"]), abs=1e-3)


def test_the_cards_intervals_are_possible_ones() -> None:
    n = 400
    group = np.where(np.arange(n) % 2 == 0, "f", "m").astype(object)
    truth = (np.arange(n) % 4 < 2).astype(float)
    p = np.where((truth == 1) & (np.arange(n) % 8 < 4), 0.9, 0.1)  # nobody of class 0 is flagged, half of the others is
    groups = {"segment": group, "fairness": group, "cluster": np.arange(n)}
    scored = Scored(np.arange(n), truth, p, groups=groups)
    card = with_intervals(scorecard(("fpr", "equal_opportunity_gap"), scored), scored, primary="fpr", seed=1)
    assert card.intervals is not None and card.overall == {"fpr": 0.0, "equal_opportunity_gap": 0.0}
    wilson = tuple(stats.binomtest(0, 200).proportion_ci(method="wilson"))
    assert card.intervals.overall["fpr"] == pytest.approx(wilson, abs=1e-9)
    low, high = card.intervals.overall["equal_opportunity_gap"]
    assert low == 0.0 < high
