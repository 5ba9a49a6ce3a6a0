"""A holdout's error rate is spent look by look and never overdrawn, whatever is asked of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from scipy.special import zeta

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.few_clusters import MOST_RESAMPLES, resamples_for
from ds_workflow.domain.gates import HoldoutUnspent, WeightedImprovement, claim, evaluate
from ds_workflow.domain.holdout_spending import (
    NOTHING,
    REGISTERED,
    Account,
    Counted,
    Look,
    Spending,
    Trained,
    account,
    question,
    trained,
)
from ds_workflow.domain.policy import Policy
from ds_workflow.errors import InvalidInput
from ds_workflow.reports.spending import plan_words, scored_words
from registry import chain
from registry.records import Event, Evidence, HoldoutUse, Proposal, VersionRef

ALPHA = 0.05
PLAN = Spending(ALPHA)


def counted(name: str, level: float, *, round: str = "", looks: bool = True, plan: Spending | None = None) -> Counted:
    use = HoldoutUse("h", "houses", f"P-{name}", "2026-01-01T00:00:00.000000Z", level)
    return Counted(name, round, use, looks, name, plan)


def taken(*names: str) -> Account:
    return Account(tuple(counted(name, PLAN.level(k)) for k, name in enumerate(names, start=1)))


def scored(*names: str) -> tuple[Trained, ...]:
    """Candidates whose training showed their figures before anything was asked."""
    return tuple(Trained(name, "2025") for name in names)


def after(before: Account, look: Look, name: str, **told: Any) -> Account:
    """The account once `name` took that look."""
    return replace(before, counted=(*before.counted, counted(name, look.level, plan=look.plan, **told)))


def test_the_decaying_levels_sum_to_alpha_over_all_places() -> None:
    # the rest of Euler's series from k on is zeta(2, k), Hurwitz's
    rest = ALPHA * 6 / math.pi**2 * float(zeta(2, 100_001))
    assert math.fsum(PLAN.level(k) for k in range(1, 100_001)) + rest == pytest.approx(ALPHA, rel=1e-12)
    assert PLAN.level(1) / PLAN.level(7) == pytest.approx(49)
    equal = Spending(ALPHA, "equal", 7)
    assert math.fsum(equal.level(k) for k in range(1, 100)) == pytest.approx(ALPHA), "nothing after the seventh"


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


def test_training_takes_the_place_proposed_or_not() -> None:
    """The best of twenty that were scored is no first question: each has the level of its place, for good."""
    twenty = [f"c{n}" for n in range(1, 21)]
    before = Account((), (*scored(*twenty), *scored("c3", "c5")))  # refits of the same bytes are no new candidates
    assert (before.scored(), len(before.waiting(PLAN))) == (20, 20)
    look = before.look("best", PLAN, challenger="c9")
    assert (look.number, look.place, look.scored, look.level) == (1, 9, 20, PLAN.level(9))
    assert "chosen among 20 candidates scored on these rows, place 9 of the series: 0.0304/9²" in look.words
    levels = [before.look(name, PLAN, challenger=name).level for name in twenty]
    assert math.fsum(levels) <= ALPHA, "Boole over all that one could choose, whenever"
    later = Account((counted("c9", look.level, plan=PLAN),), before.trained)
    assert [one["place"] for one in later.waiting(PLAN)] == [*range(1, 9), *range(10, 21)]
    assert later.look("c9 under another policy", PLAN, challenger="c9").place == 21, "another question, another place"
    assert later.look("new", PLAN, challenger="new").place == 21
    told = later.told(PLAN)
    assert told["next"] == PLAN.level(21) and (told["scored"], len(told["unjudged"])) == (20, 19)
    assert "20 candidates were scored" in scored_words(told) and "19 of them not judged" in scored_words(told)


def test_a_round_is_one_look_whose_candidates_keep_their_places() -> None:
    before, looks = replace(taken("a"), trained=scored("b", "c", "d", "e")), []
    for name in "bce":
        looks.append(before.look(name, PLAN, among=3, round="R-1", challenger=name))
        before = after(before, looks[-1], name, round="R-1")
    assert [one.number for one in looks] == [2, 2, 2]
    assert [one.place for one in looks] == [1, 2, 4], "they were scored before anything was asked"
    assert before.look("f", PLAN).number == 3
    assert "one of 3 proposed together" in looks[0].words


def test_after_the_last_look_the_holdout_is_spent() -> None:
    before = taken(*"abcdefghij")
    look = before.look("k", PLAN)
    assert look.spent and look.level == NOTHING and before.look("b", PLAN).spent is False
    told = after(before, look, "k").told(PLAN)
    assert told["exhausted"] and told["next"] is None and told["spent"] < ALPHA


EQUAL, LARGE = Spending(ALPHA, "equal", 50), Spending(0.2)


@pytest.mark.parametrize("policy", [EQUAL, LARGE])
def test_a_later_policy_changes_nothing_of_an_account(policy: Spending) -> None:
    first = Account(()).look("a", PLAN)
    before = after(Account(()), first, "a")
    assert before.plan() == PLAN
    second = before.look("b", policy)
    assert (second.plan, second.level) == (PLAN, PLAN.level(2))
    told = before.told(policy)
    assert told["spent"] == first.level and (told["alpha"], told["scheme"]) == (ALPHA, "decaying")
    assert policy.words in plan_words(told) and PLAN.words in plan_words(told)
    assert plan_words(before.told(PLAN)) == "" == plan_words(Account(()).told(policy))


@pytest.mark.parametrize(("on_record", "left"), [([0.0304, 0.0304], 0.0), ([0.0304, 0.0190], 0.0006), ([0.001], None)])
def test_what_is_on_record_is_summed_and_never_overdrawn(on_record: list[float], left: float | None) -> None:
    """Joined accounts, and ledgers of another plan, hold other levels than the series."""
    before = Account(tuple(counted(f"q{n}", level) for n, level in enumerate(on_record)))
    look = before.look("next", PLAN)
    assert before.spent(PLAN) == pytest.approx(sum(on_record))
    if left is None:
        assert look.level == PLAN.level(2)
    elif left:
        assert look.level == pytest.approx(left) and look.level < PLAN.level(3)
    else:
        assert look.spent and look.level == NOTHING and before.told(PLAN)["exhausted"]


def test_trials_of_a_first_champion_spend_an_account_of_their_own() -> None:
    before, levels = Account(()), []
    for number in range(12):
        look = before.look(f"t{number}", PLAN, kind="bootstrap")
        assert look.number == 0 and look.spent == (number >= 10)
        levels.append(look.level)
        before = after(before, look, f"t{number}", looks=False)
    assert levels[:10] == [PLAN.level(k) for k in range(1, 11)] and math.fsum(levels) < ALPHA
    assert "trial 2 of a first champion" in before.look("t1", PLAN, kind="bootstrap").words
    assert before.taken == 0 and before.look("a", PLAN).level == PLAN.level(1), "they take no look of the challengers"


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
        told = {"holdout": {"spending": {"alpha": 0.1, "scheme": "equal", "looks": 3}}} if number == 1 else {}
        return Proposal(f"P-{number}", "promotion", "houses", evidence, "a", "b", "ana", round=round, summary=told)

    known = {p.id: p for p in (proposal(1, ""), proposal(2, "R-1"), proposal(3, "R-1"))}
    uses = [HoldoutUse("h", "houses", name, "t", 0.01) for name in ("P-1", "P-2", "P-3", "P-1")]
    found = account(uses, known.__getitem__)
    assert [c.round for c in found.counted] == ["", "R-1", "R-1", ""]
    assert found.taken == 2
    assert [found.number_of(c.question) for c in found.counted] == [1, 2, 2, 1]
    assert found.plan() == Spending(0.1, "equal", 3), "as the first proposal told it, before plans were reserved"


def test_looks_are_in_the_order_of_the_chain_whatever_the_clock_said() -> None:
    """Two in one moment, a clock that went back, and a question asked again after another one."""

    def told(seq: int, at: str, kind: str, body: dict[str, Any]) -> Event:
        return replace(Event.after(None, at=at, kind=kind, subject="houses/1", body=body), seq=seq)

    def reserved(seq: int, at: str, name: str) -> Event:
        return told(seq, at, chain.RESERVED, {"question": name, "kind": "promotion", "round": "", "alpha": 0.01,
                                              "challenger": name})  # fmt: skip

    def registered(seq: int, at: str, name: str) -> Event:
        return told(seq, at, REGISTERED, {"lineage": {"holdout_digest": "h", "hypothesis_id": "H-1"}, "digest": name})

    begun = [reserved(2, "2026-05", "zeta"), *(reserved(3 + n, "2026-04", name) for n, name in enumerate("qhcxa"))]
    begun.append(reserved(9, "2026-06", "zeta"))
    scored = trained([registered(1, "2026-09", "late"), registered(10, "2026-01", "early")], {"h"})
    found = account([], lambda _: pytest.fail("nothing was proposed"), begun, scored)
    assert [c.question for c in found.counted] == ["zeta", *"qhcxa"]
    assert [found.number_of(c.question) for c in found.counted] == [1, 2, 3, 4, 5, 6]
    assert [one["place"] for one in found.waiting(PLAN)] == [1, 8], "the first was trained before, the other after"
    assert found.look("zeta", PLAN, challenger="zeta").place == 2


def test_the_first_asking_tells_the_order_of_a_question() -> None:
    repeated = Account(tuple(counted(name, 0.01) for name in ("q1", "q2", "q1")))
    assert [c.question for c in repeated.mine(False)] == ["q1", "q2"]
    assert (repeated.number_of("q1"), repeated.number_of("q2")) == (1, 2)


def test_an_order_without_events_is_the_clocks() -> None:
    """A look of before reservations stands between the events by its time."""
    old = counted("old", 0.01)  # of January
    before = Account(
        (old,), (Trained("a", "2025-12", seq=4), Trained("b", "2026-02", seq=5), Trained("c", "2025", seq=6))
    )
    assert [one["place"] for one in before.waiting(PLAN)] == [1, 2, 3], "c came last, though its clock was behind"
    assert before.look("old", PLAN).place == 4
    assert replace(before, trained=before.trained[:2]).look("old", PLAN).place == 2


def test_what_is_kept_for_scored_candidates_is_left_to_them_alone() -> None:
    """Ten were trained of a plan of ten equal levels: no eleventh has one, and each of the ten has its own."""
    plan, ten = Spending(ALPHA, "equal", 10), [f"c{n}" for n in range(10)]
    before = Account((), scored(*ten))
    told = before.told(plan)
    assert (told["exhausted"], told["next"], told["taken"]) == (False, None, 0)
    assert before.look("q", plan, challenger="c9").level == pytest.approx(ALPHA / 10)
    assert before.look("q", plan, challenger="new").spent
    twelve = replace(before, trained=scored(*ten, "c10", "c11"))
    assert "and 5 more at no higher level; no level is left for 2 of them" in scored_words(twelve.told(plan))
    assert "no level is left for any" in scored_words({**told, "exhausted": True})
    for name in ten:
        assert not before.told(plan)["exhausted"]
        before = after(before, before.look(name, plan, challenger=name), name)
    assert before.told(plan)["exhausted"] and before.told(plan)["spent"] == pytest.approx(ALPHA)


def test_all_levels_of_a_round_are_told_with_their_places() -> None:
    plan = Spending(ALPHA, "decaying", 2)
    before = Account((), scored("a", "b", "c", "d", "e"))
    for name in "ecb":
        before = after(before, before.look(name, plan, round="R", challenger=name), name, round="R")
    before = after(before, before.look("f", plan, challenger="f"), "f")
    before = after(before, before.look("g", plan, challenger="g"), "g")  # beyond the last look
    told = before.told(plan)
    assert told["places"] == [5, 3, 2, 6] and told["levels"] == [plan.level(k) for k in told["places"]]
    assert told["spent"] == pytest.approx(math.fsum(told["levels"]))


def test_resamples_reach_the_smallest_corrected_level() -> None:
    for number in range(1, 11):
        level = PLAN.level(number)
        resamples = resamples_for(level, tests=11, at_least=2000)
        assert 11 / (resamples + 1) <= level, "the smallest corrected p-value is below the level"
    assert resamples_for(0.05, at_least=2000) == 2000
    assert resamples_for(1e-9, tests=11, at_least=2000) == MOST_RESAMPLES, "too few to show it, and said so by the gate"


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
    (said,) = HoldoutUnspent().check(tight)
    assert said.status == "inconclusive" and "not enough" in said.note
    spent = replace(base, look=replace(first, number=11, spent=True))
    (said,) = HoldoutUnspent().check(spent)
    assert said.status == "inconclusive" and "holdout-freeze" in said.note
    assert evaluate(spent, gates=[gate, HoldoutUnspent()]).verdict == "inconclusive"
    asked = claim(spent, metric="mdape", min_effect=0.05, unit="relative")
    assert asked.status == "inconclusive" and "spent" in asked.note
    assert evaluate(spent, kind="champion_trial").verdict == "pass", "the champion stays in office"


def together(levels: Sequence[float]) -> float:
    """The chance that any of independent p-values is at most its level: the greatest but for Boole's own bound."""
    return 1 - math.prod(1 - level for level in levels)


def test_forty_equal_challengers_find_no_winner_more_often_than_alpha() -> None:
    """In closed form, of independent p-values; benchmarks/holdout_spending.py goes through models, rounds and gates."""
    before, looks = Account(()), []
    for number in range(1, 41):
        looks.append(before.look(str(number), PLAN))
        before = after(before, looks[-1], str(number))
    assert [look.spent for look in looks] == [False] * 10 + [True] * 30
    levels = [look.level for look in looks]
    assert 0.9 * ALPHA < together(levels) <= math.fsum(levels) <= ALPHA, "Boole: whatever the looks have in common"
    assert together([ALPHA] * 40) > 0.87, "the harm that spending prevents"


def test_looking_as_soon_as_one_seems_good_wins_no_more_often() -> None:
    """Forty candidates are scored one by one; one proposes the first whose p-value its level would let pass."""
    levels = []
    for number in range(1, 41):
        before = Account((), scored(*(f"c{n}" for n in range(1, number + 1))))
        levels.append(before.look("q", PLAN, challenger=f"c{number}").level)
    assert together(levels) <= math.fsum(levels) <= ALPHA
    assert together([PLAN.level(1) / m for m in range(1, 41)]) > 2 * ALPHA, "what dividing a look by m would give"


def test_candidates_that_training_scored_are_read_from_the_ledger() -> None:
    def registered(holdout: str, hypothesis: str, digest: str) -> Event:
        body = {"lineage": {"holdout_digest": holdout, "hypothesis_id": hypothesis}, "digest": digest}
        return Event.after(None, at="2026", kind=REGISTERED, subject="houses/1", body=body)

    told = [registered("h", "BASELINE", "b"), *(registered("h", f"H-{n}", f"c{n}") for n in range(3))]
    told += [registered("joined", "H-4", "c4"), registered("h", "H-5", "c2"), registered("other", "H-9", "c9")]
    found = Account((), trained(told, {"h", "joined"}))
    assert (found.scored(), found.scored(trial=True)) == (4, 1)
    assert found.look("q", PLAN, challenger="c4").place == 4
    assert scored_words(found.told(PLAN)).count("version 1 would be judged at") == 4, "each with its level"
    assert scored_words(Account(()).told(PLAN)) == ""
    assert REGISTERED == chain.REGISTERED
