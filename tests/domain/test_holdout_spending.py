"""A holdout's error rate is spent look by look and never overdrawn, whatever is asked of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, zeta
from scipy.stats import binomtest

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import HoldoutUnspent, WeightedImprovement, claim, evaluate
from ds_workflow.domain.holdout_spending import (
    REGISTERED,
    Account,
    Counted,
    Look,
    Spending,
    account,
    candidates_scored,
    question,
    resamples_for,
    scored_words,
    spending_told,
)
from ds_workflow.domain.policy import Policy
from ds_workflow.errors import InvalidInput
from registry import chain
from registry.records import Event, Evidence, HoldoutUse, Proposal, VersionRef

ALPHA = 0.05
PLAN = Spending(ALPHA)


def counted(name: str, level: float, *, round: str = "") -> Counted:
    return Counted(name, round, HoldoutUse("h", "houses", f"P-{name}", "2026-01-01T00:00:00.000000Z", level))


def taken(*names: str) -> Account:
    return Account(tuple(counted(name, PLAN.level(k)) for k, name in enumerate(names, start=1)))


def test_the_decaying_levels_sum_to_alpha_over_all_looks() -> None:
    endless = Spending(ALPHA, "decaying", 100_000)
    # the rest of Euler's series from k on is zeta(2, k), Hurwitz's
    rest = ALPHA * 6 / math.pi**2 * float(zeta(2, 100_001))
    assert endless.spent(100_000) + rest == pytest.approx(ALPHA, rel=1e-12)
    assert PLAN.level(1) / PLAN.level(7) == pytest.approx(49)


@pytest.mark.parametrize("plan", [PLAN, Spending(0.1, "decaying", 3), Spending(ALPHA, "equal", 7)])
def test_no_plan_spends_more_than_alpha(plan: Spending) -> None:
    assert plan.spent(plan.looks) <= plan.alpha * (1 + 1e-12)
    assert plan.spent(plan.looks + 50) == plan.spent(plan.looks)
    assert not plan.exhausted(plan.looks - 1) and plan.exhausted(plan.looks)


@pytest.mark.parametrize("wrong", [{"scheme": "halving"}, {"looks": 0}, {"alpha": 0.0}])
def test_a_plan_without_meaning_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Spending(**{"alpha": ALPHA, **wrong})
    with pytest.raises(InvalidInput, match="from 1"):
        PLAN.level(0)


def test_each_question_is_a_look_and_the_same_question_is_the_same_look() -> None:
    before = taken("a", "b")
    third = before.look("c", PLAN)
    assert (third.number, third.level, third.spent, third.again) == (3, PLAN.level(3), False, False)
    again = before.look("a", PLAN)
    assert (again.number, again.level, again.again) == (1, PLAN.level(1), True)
    repeated = Account((*before.counted, counted("a", PLAN.level(1))))
    assert repeated.taken == 2
    assert repeated.look("c", PLAN) == third


def test_a_round_is_one_look_that_its_candidates_share() -> None:
    before = taken("a")
    looks = []
    for name in "bcd":
        looks.append(before.look(name, PLAN, among=3, round="R-1"))
        before = Account((*before.counted, counted(name, looks[-1].level, round="R-1")))
    assert [one.number for one in looks] == [2, 2, 2]
    assert math.fsum(one.level for one in looks) == pytest.approx(PLAN.level(2))
    assert before.look("e", PLAN).number == 3
    assert "shared by 3" in looks[0].words


def test_after_the_last_look_the_holdout_is_spent() -> None:
    before = taken(*"abcdefghij")
    look = before.look("k", PLAN)
    assert look.spent and before.look("b", PLAN).spent is False
    told = spending_told(look, PLAN)
    assert told["exhausted"] and told["next"] is None and told["spent"] < ALPHA


def test_the_question_is_versions_and_policy() -> None:
    one, two = VersionRef(1, "1" * 64), VersionRef(2, "2" * 64)
    asked = question("promotion", two, one, policy_digest="p")
    assert asked == question("promotion", replace(two, version=7), one, policy_digest="p"), "bytes, not numbers"
    others = [
        question("promotion", one, two, policy_digest="p"),
        question("promotion", two, one, policy_digest="q"),
        question("promotion", two, None, policy_digest="p"),
        question("bootstrap", two, one, policy_digest="p"),
    ]
    assert len({asked, *others}) == 5


def test_the_account_is_read_from_the_ledger() -> None:
    def proposal(number: int, round: str) -> Proposal:
        ref = VersionRef(number, str(number) * 64)
        evidence = Evidence("houses", "promotion", ref, VersionRef(9, "9" * 64), "h", "p", "d", "fail", "b")
        return Proposal(f"P-{number}", "promotion", "houses", evidence, "a", "b", "ana", round=round)

    known = {p.id: p for p in (proposal(1, ""), proposal(2, "R-1"), proposal(3, "R-1"))}
    uses = [HoldoutUse("h", "houses", name, "t", 0.01) for name in ("P-1", "P-2", "P-3", "P-1")]
    found = account(uses, known.__getitem__)
    assert [c.round for c in found.counted] == ["", "R-1", "R-1", ""]
    assert found.taken == 2


def test_resamples_reach_the_smallest_corrected_level() -> None:
    for number in range(1, 11):
        level = PLAN.level(number)
        resamples = resamples_for(11, level, at_least=2000)
        assert 11 / (resamples + 1) <= level, "the smallest corrected p-value is below the level"
    assert resamples_for(1, 0.05, at_least=2000) == 2000


def test_a_policy_may_say_how_a_holdout_is_spent(mapping: dict[str, Any], parse: Any) -> None:
    default: Policy = parse(mapping)
    assert default.spending == PLAN
    mapping["holdout"] = {"spending": "decaying", "looks": 10}
    assert parse(mapping).digest == default.digest, "said or not, it is the same policy"
    mapping["holdout"] = {"spending": "equal", "looks": 4}
    other = parse(mapping)
    assert other.spending == Spending(ALPHA, "equal", 4) and other.digest != default.digest
    for wrong, said in (({"spending": "halving", "looks": 4}, "halving"), ({"spending": "equal"}, "looks")):
        with pytest.raises(InvalidInput, match=said):
            parse({**mapping, "holdout": wrong})


def test_a_level_decides_and_a_spent_holdout_decides_nothing(healthy: Comparison) -> None:
    first = Look(1, PLAN.level(1), ALPHA, 10)
    policy = healthy.policy.for_look(first, "promotion")
    assert policy.resamples > healthy.policy.resamples
    base = replace(healthy, policy=policy, look=first)
    found = evaluate(base)
    assert found.verdict == "pass"
    assert "look 1 of 10" in found.of("holdout_unspent")[0].note.lower()
    gate = WeightedImprovement("better", "mdape", 0.05, "relative")
    assert evaluate(base, gates=[gate]).verdict == "pass"
    tight = replace(base, look=replace(first, level=1e-9))
    assert evaluate(tight, gates=[gate]).verdict == "inconclusive", "no number of these resamples shows that much"
    spent = replace(base, look=replace(first, number=11, spent=True))
    (said,) = HoldoutUnspent().check(spent)
    assert said.status == "inconclusive" and "holdout-freeze" in said.note
    assert evaluate(spent, gates=[gate, HoldoutUnspent()]).verdict == "inconclusive"
    asked = claim(spent, metric="mdape", min_effect=0.05, unit="relative")
    assert asked.status == "inconclusive" and "spent" in asked.note
    assert evaluate(spent, kind="champion_trial").verdict == "pass", "the champion stays in office"


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_forty_equal_challengers_find_no_winner_more_often_than_alpha(shared: float) -> None:
    """Histories of forty challengers as good as the champion, one after another on the same rows, of whose differences
    the share `shared` of the variance is the champion's own luck; each p-value is a normal difference's
    (benchmarks/holdout_spending.py goes through models and gates)."""
    before, looks = Account(()), []
    for number in range(1, 41):
        looks.append(before.look(str(number), PLAN))
        before = Account((*before.counted, counted(str(number), looks[-1].level)))
    assert [look.spent for look in looks] == [False] * 10 + [True] * 30
    levels = np.array([0.0 if look.spent else look.level for look in looks])
    assert 0.9 * ALPHA < levels.sum() <= ALPHA, "Boole: whatever the looks have in common"
    rng, histories = np.random.default_rng(5), 20_000
    luck = np.sqrt(shared) * rng.normal(size=(histories, 1))
    p = ndtr(-(luck + np.sqrt(1 - shared) * rng.normal(size=(histories, 40))))

    def ever(levels: Any) -> Any:
        return binomtest(int((p < levels).any(axis=1).sum()), histories).proportion_ci(0.99)

    assert ever(levels).high <= 1.1 * ALPHA
    assert ever(np.full(40, ALPHA)).low > 4 * ALPHA, "the harm that spending prevents is real here"


def test_candidates_that_training_scored_are_counted_and_warned_of() -> None:
    def trained(holdout: str, hypothesis: str) -> Event:
        lineage = {"holdout_digest": holdout, "hypothesis_id": hypothesis}
        return Event.after(None, at="2026", kind=REGISTERED, subject="houses/1", body={"lineage": lineage})

    told = [trained("h", "BASELINE"), *(trained("h", f"H-{n}") for n in range(3)), trained("other", "H-9")]
    assert candidates_scored(told, "h") == 3
    assert [bool(scored_words(scored, 3)) for scored in (0, 3, 4)] == [False, False, True]
    assert scored_words(4, 1).startswith("4 candidates were scored on this holdout")
    assert REGISTERED == chain.REGISTERED
