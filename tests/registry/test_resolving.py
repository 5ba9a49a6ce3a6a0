"""What went round the arena, or against it: put back, adopted, overridden; and who may do which of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from registry import chain, offline
from registry.errors import Conflict, InvalidRecord, NotEligible, NotPromotable, OutOfCustody, ProposalClosed
from registry.quorum import Rule
from registry.records import HypothesisLock, digest_of
from registry.signing import Signer

PROBLEM = "toy_prices"
PEOPLE = {
    "Ada": ("approver",),
    "bea": ("approver", "data_scientist"),
    "cas": ("approver",),
    "olga": ("data_scientist", "approver"),
    "viv": ("viewer",),
    "bot": ("approver", "agent"),
    "cron": ("approver", "service"),
    "gone": ("disabled",),
}
RULE = Rule(1, {"bea": "wrote its hypothesis"}, "tier 2")


# -- restore -----------------------------------------------------------------------------------------------------------


def test_a_moved_or_deleted_alias_is_put_back_and_told(bench: Any) -> None:
    champion, other = bench.promote(), bench.candidate(3.0)
    registry = bench.registry()
    before = registry.moves(PROBLEM)
    assert registry.restore(PROBLEM, by="ada", reason="nothing moved").status == "in_custody"
    assert registry.events(kind=chain.RESTORED) == []
    for harm in (lambda: bench.versions.set_alias(PROBLEM, "champion", other.version),
                 lambda: bench.versions.delete_alias(PROBLEM, "champion")):  # fmt: skip
        harm()
        assert registry.custody(PROBLEM).status == "drifted"
        assert registry.restore(PROBLEM, by="ada", reason="by mistake").status == "in_custody"
        assert registry.aliases(PROBLEM)["champion"] == champion.version
    told = registry.events(kind=chain.RESTORED)
    assert [e.body["from"] and e.body["from"]["version"] for e in told] == [other.version, None]
    assert {(e.subject, e.body["by"], e.body["reason"]) for e in told} == {(PROBLEM, "ada", "by mistake")}
    assert registry.moves(PROBLEM) == before, "restoring decides nothing"
    assert registry.verify().problems == []


def test_an_alias_where_nobody_was_ever_champion_is_taken_away(light: Any) -> None:
    light.versions.set_alias(PROBLEM, "champion", light.candidate().version)
    assert light.registry().restore(PROBLEM, by="ada", reason="not decided").status == "none"
    assert "champion" not in light.registry().aliases(PROBLEM)


def test_what_is_broken_is_not_pointed_at(bench: Any) -> None:
    champion = bench.promote()
    registry = bench.registry()
    files = sorted(bench.versions.model_path(champion).iterdir())
    kept = files[0].read_bytes()
    files[0].write_bytes(b"better, trust me")
    with pytest.raises(OutOfCustody, match=r"digest .* restores nothing"):
        registry.restore(PROBLEM, by="ada", reason="by mistake")
    files[0].write_bytes(kept)
    assert registry.custody(PROBLEM).status == "in_custody"
    assert registry.events(kind=chain.RESTORED) == []


@pytest.mark.parametrize("who", ["viv", "bot", "cron", "gone", "stranger"])
def test_only_people_who_approve_restore(light: Any, who: str) -> None:
    light.promote()
    light.versions.delete_alias(PROBLEM, "champion")
    with pytest.raises(NotEligible):
        light.registry(people=PEOPLE).restore(PROBLEM, by=who, reason="mine now")
    assert "champion" not in light.registry().aliases(PROBLEM)


# -- adopt -------------------------------------------------------------------------------------------------------------


def moved(bench: Any) -> Any:
    """Version 2 stands under the alias though nobody decided it."""
    bench.promote()
    other = bench.candidate(3.0)
    bench.versions.set_alias(PROBLEM, "champion", other.version)
    return other


def test_a_moved_champion_is_adopted_by_a_decision_of_its_own(bench: Any) -> None:
    other = moved(bench)
    registry = bench.registry()
    assert registry.require_adoptable(PROBLEM) == other.ref
    with pytest.raises(OutOfCustody):
        bench.propose(other)
    proposal = bench.propose(other, kind="adopt")
    assert (proposal.kind, proposal.label) == ("adopt", "pending")
    assert registry.custody(PROBLEM).status == "drifted", "a proposal is no decision"
    adopted = bench.approve(proposal)
    assert (adopted.label, registry.champion(PROBLEM)) == ("approved", other)
    assert registry.custody(PROBLEM).status == "in_custody"
    assert registry.moves(PROBLEM)[-1].proposal_id == proposal.id
    assert registry.verify().problems == []
    with pytest.raises(Conflict, match="nothing to adopt"):
        registry.require_adoptable(PROBLEM)


def test_an_adoption_ends_where_the_alias_is_put_back_or_moved_on(bench: Any) -> None:
    other = moved(bench)
    proposal = bench.propose(other, kind="adopt")
    third = bench.candidate(4.0)
    bench.versions.set_alias(PROBLEM, "champion", third.version)
    with pytest.raises(OutOfCustody, match="on version 3"):
        bench.approve(proposal)
    bench.registry().restore(PROBLEM, by="ada", reason="back")
    with pytest.raises(Conflict, match="nothing left to adopt"):
        bench.approve(proposal)
    assert bench.registry().proposal(proposal.id) == proposal


def test_a_failed_trial_is_not_adopted(light: Any) -> None:
    proposal = light.propose(moved(light), kind="adopt", verdict="fail")
    with pytest.raises(NotPromotable):
        light.approve(proposal)
    with pytest.raises(Conflict, match="another version"):
        light.propose(light.registry().versions(PROBLEM)[0], kind="adopt")


def test_changed_bytes_and_a_lost_alias_are_not_adopted(light: Any) -> None:
    champion = light.promote()
    light.versions.delete_alias(PROBLEM, "champion")
    with pytest.raises(Conflict, match="no moved alias"):
        light.registry().require_adoptable(PROBLEM)
    light.versions.set_alias(PROBLEM, "champion", champion.version)
    next(light.versions.model_path(champion).iterdir()).write_bytes(b"x")
    with pytest.raises(Conflict, match="decided one, changed"):
        light.registry().require_adoptable(PROBLEM)


# -- two people --------------------------------------------------------------------------------------------------------


def test_owner_author_and_editor_do_not_decide_and_names_are_those_declared(light: Any) -> None:
    registry = light.registry(people=PEOPLE)
    proposal = light.propose(light.candidate(), registry)
    for who, says in (("olga", "owns"), ("BEA", "wrote its hypothesis"), ("bot", "agent"), ("cron", "service"),
                      ("viv", "role"), ("gone", "role"), ("Adam", "not declared")):  # fmt: skip
        with pytest.raises(NotEligible, match=says):
            light.approve(proposal, registry, by=who, rule=RULE)
    done = light.approve(proposal, registry, by=" ada ", rule=RULE)
    assert (done.decided_by, done.self_approved) == ("Ada", False)


def test_a_rule_that_nobody_could_satisfy_is_refused_at_once(light: Any) -> None:
    people = {"ada": ("approver",), "olga": ("approver",), "bot": ("approver", "service")}
    registry = light.registry(people=people)
    proposal = light.propose(light.candidate(), registry)
    with pytest.raises(NotEligible, match=r"Nobody could decide this: it takes 2 approvers \(tier 1\).* only ada"):
        light.approve(proposal, registry, by="ada", rule=Rule(2, {}, "tier 1"))
    assert registry.approvals(proposal) == []


def test_two_people_are_two_people(light: Any) -> None:
    registry, two = light.registry(people=PEOPLE), Rule(2, {}, "tier 1")
    proposal = light.propose(light.candidate(), registry)
    first = light.approve(proposal, registry, by="ada", reason="sound", rule=two)
    assert (first.disposition, first.effect) == ("open", "none")
    assert light.approve(proposal, registry, by="ADA", reason="again", rule=two) == first, "one person counts once"
    assert [(a.by, a.reason) for a in registry.approvals(proposal)] == [("Ada", "sound")]
    with pytest.raises(NotEligible):
        light.approve(proposal, registry, by="olga", rule=two)
    shrunk = light.registry(people={**PEOPLE, "Ada": ("disabled",)})
    assert light.approve(proposal, shrunk, by="bea", rule=two).disposition == "open", "who left counts no more"
    done = light.approve(proposal, registry, by="cas", rule=two)
    assert (done.label, done.decided_by) == ("approved", "cas")
    assert registry.verify().problems == []


def test_solo_mode_stamps_whoever_decides(light: Any) -> None:
    assert light.approve(light.propose(light.candidate()), by="anybody", rule=RULE).self_approved


# -- override ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_an_override_takes_a_reason_and_a_second_person(light: Any, verdict: str) -> None:
    light.promote()
    registry = light.registry(people=PEOPLE)
    version = light.candidate(3.0)
    proposal = light.propose(version, registry, verdict=verdict)
    with pytest.raises(NotPromotable):
        light.approve(proposal, registry, by="ada")
    with pytest.raises(InvalidRecord, match="reason"):
        registry.request_override(proposal.id, by="ada", reason=" ", rule=RULE)
    asked = registry.request_override(proposal.id, by="ada", reason="recall decides", rule=RULE)
    assert (asked.kind, asked.verdict, asked.owner, asked.label) == ("override", verdict, "Ada", "no_winner")
    assert registry.request_override(proposal.id, by="cas", reason="me too", rule=RULE) == asked
    with pytest.raises(NotPromotable, match="not approved like any other"):
        light.approve(asked, registry, by="cas")
    for who, says in (("ada", "owns"), ("olga", "owns"), ("bea", "wrote"), ("bot", "agent")):
        with pytest.raises(NotEligible, match=says):
            light.approve(asked, registry, by=who, rule=RULE, override=True)
    done = light.approve(asked, registry, by="cas", reason="agreed", rule=RULE, override=True)
    assert (done.label, registry.champion(PROBLEM)) == ("approved", version)
    assert registry.proposal(proposal.id).disposition == "superseded"
    assert registry.verify().problems == []


def test_what_can_not_be_overridden(light: Any) -> None:
    light.promote()
    registry = light.registry(people=PEOPLE)
    for slope, verdict, says in ((3.0, "pass", "needs no override"), (4.0, "invalid", "nothing was measured")):
        proposal = light.propose(light.candidate(slope), registry, verdict=verdict)
        with pytest.raises(NotPromotable, match=says):
            registry.request_override(proposal.id, by="ada", reason="why not", rule=RULE)
    failed = light.propose(light.candidate(5.0), registry, verdict="fail")
    with pytest.raises(NotEligible, match="two people"):
        light.registry().request_override(failed.id, by="ada", reason="alone", rule=RULE)
    for who in ("bot", "viv", "stranger"):
        with pytest.raises(NotEligible):
            registry.request_override(failed.id, by=who, reason="why not", rule=RULE)
    with pytest.raises(NotEligible, match="Nobody could decide"):
        light.registry(people={"ada": ("approver",), "olga": ("approver",)}).request_override(
            failed.id, by="ada", reason="with whom?", rule=RULE
        )
    registry.reject(failed.id, by="ada", reason="no")
    with pytest.raises(ProposalClosed):
        registry.request_override(failed.id, by="ada", reason="after all", rule=RULE)


# -- keys --------------------------------------------------------------------------------------------------------------


def test_who_has_a_key_signs_and_nobody_signs_for_them(light: Any) -> None:
    key, other = Signer.new(), Signer.new()
    plain, with_key = light.registry(people=PEOPLE), light.registry(people=PEOPLE, signer=lambda: key)
    plain.add_key("ada", signer=key, by="cas")
    proposal = light.propose(light.candidate(), plain)
    for registry in (plain, light.registry(people=PEOPLE, signer=lambda: other)):
        with pytest.raises(NotEligible, match="not at hand"):
            light.approve(proposal, registry, by="ada")
    assert plain.proposal(proposal.id) == proposal
    assert light.approve(proposal, with_key, by="ada").label == "approved"
    assert {s.actor for s in light.ledger.signatures()} == {"Ada"}
    with pytest.raises(NotEligible, match="not at hand"):
        plain.add_key("ada", signer=other, by="cas")  # the next key is vouched for by the one before
    with_key.add_key("ada", signer=other)
    assert plain.verify().problems == []
    plain.revoke_key("ada", by="bea", reason="lost")
    with pytest.raises(InvalidRecord, match="no key"):
        plain.revoke_key("ada", by="bea", reason="again")
    with pytest.raises(NotEligible):
        plain.revoke_key("bea", by="viv", reason="mine")
    plain.reject(light.propose(light.candidate(3.0), plain).id, by="ada", reason="unsigned again")
    assert plain.verify().problems == []


def test_a_key_is_ended_by_itself_or_by_an_approver_who_is_somebody_else(light: Any) -> None:
    key, other = Signer.new(), Signer.new()
    plain, hers = light.registry(people=PEOPLE), light.registry(people=PEOPLE, signer=lambda: key)
    plain.add_key("ada", signer=key, by="cas")
    for thief in (plain, light.registry(people=PEOPLE, signer=lambda: other)):
        with pytest.raises(NotEligible, match="not at hand"):
            thief.revoke_key("ada", by="ADA", reason="without it")
    for nobody in ("bot", "cron", "viv", "gone", "ghost"):
        with pytest.raises(NotEligible):
            plain.revoke_key("ada", by=nobody, reason="not theirs")
    with pytest.raises(NotEligible, match="no second person"):
        light.registry().revoke_key("ada", by="made up", reason="solo")
    plain.add_key("bea", signer=other, by="cas")
    with pytest.raises(NotEligible, match="not at hand"):
        plain.revoke_key("ada", by="bea", reason="she has a key, and it is not used")
    assert len(plain.key_events()) == 2, "what is refused leaves no trace"
    hers.revoke_key("ada", by="ada", reason="a new machine")
    plain.add_key("ada", signer=key, by="cas")
    light.registry(people=PEOPLE, signer=lambda: other).revoke_key("ada", by="bea", reason="lost")
    plain.revoke_key("bea", by="cas", reason="lost, and cas has no key")
    assert plain.verify().problems == []
    path = light.folder / "keys.zip"
    plain.export(path, at="2026-02-01T12:00:00.000000Z")
    assert offline.check(offline.read(path))[1] == []


def test_beside_a_decision_stands_who_was_declared_then(light: Any) -> None:
    people = {"ada": ("approver",), "olga": ("data_scientist",)}
    for n, roles in enumerate((("approver",), ("viewer", "approver")), start=3):
        people = {**people, "ada": roles}
        registry = light.registry(people=people)
        proposal = light.propose(light.candidate(float(n)), registry)
        light.approve(proposal, registry, by="ADA")
        (told,) = light.ledger.events(kind=chain.STANDING, subject=proposal.id)
        everybody = digest_of({name: sorted(held) for name, held in people.items()})
        assert (told.body["by"], told.body["roles"], told.body["people"]) == ("ada", sorted(roles), everybody)
    assert light.registry().verify().problems == []


def standings(bench: Any) -> list[tuple[str, dict[str, Any]]]:
    """The kind of each event that a person answers for, and the standing that is told just before it."""
    found, events = [], bench.ledger.events()
    for before, event in pairwise(events):
        if event.kind in chain.DECIDED and event.body["by"] not in ("clock", "registry"):
            assert (before.kind, before.subject) == (chain.STANDING, event.subject), event
            assert before.body["by"] == event.body["by"]
            found.append((event.kind, dict(before.body)))
    return found


def test_every_decision_carries_how_its_person_was_eligible_and_the_look_it_rests_on(light: Any) -> None:
    first = light.promote()
    registry = light.registry(people={**PEOPLE, "dan": ("approver",)})
    two = Rule(2, {"bea": "wrote its hypothesis"}, "tier 1")
    ((kind, solo),) = standings(light)
    assert (kind, solo["solo"], solo["roles"], solo["action"]) == (chain.DECISION, True, [], "approve")
    before, holdout = len(standings(light)), first.lineage.holdout_digest
    proposal = light.propose(light.candidate(3.0), registry)
    light.approve(proposal, registry, by="ada", rule=two)
    light.approve(proposal, registry, by="cas", rule=two)
    light.versions.set_alias(PROBLEM, "champion", first.version)
    registry.restore(PROBLEM, by="ada", reason="moved by mistake")
    failed = light.propose(light.candidate(4.0), registry, verdict="fail")
    asked = registry.request_override(failed.id, by="ada", reason="recall decides", rule=two)
    for who in ("cas", "dan"):
        light.approve(asked, registry, by=who, rule=two, override=True)
    light.roll_back(registry, by="ada")
    registry.reject(light.propose(light.candidate(5.0), registry).id, by="cas", reason="no")
    told = standings(light)[before:]
    ordinary = {"olga": "owns this candidate", "bea": "wrote its hypothesis"}
    overridden = {"Ada": "owns this candidate", "bea": "wrote its hypothesis", "olga": "owns the candidate"}
    wanted = [  # who, what they did, how many people it takes, who is barred, on which look of how many it rests
        ("Ada", "approval", 2, ordinary, proposal.id, 2), ("cas", "approve", 2, ordinary, proposal.id, 2),
        ("Ada", "restore", 1, {}, proposal.id, 2), ("Ada", "override", 2, overridden, failed.id, 3),
        ("cas", "approval", 2, overridden, failed.id, 3), ("dan", "approve", 2, overridden, failed.id, 3),
        ("dan", "supersede", 1, {}, failed.id, 3), ("Ada", "approve", 1, {}, None, None),
        ("cas", "reject", 1, {}, None, 4),
    ]  # fmt: skip
    for (kind, body), (by, action, asks, barred, of, uses) in zip(told, wanted, strict=True):
        assert set(body) == {
            "action",
            "asks",
            "barred",
            "by",
            "look",
            "people",
            "roles",
            "solo",
            "tier",
            "unknown_editors",
        }, kind
        assert (body["by"], body["action"], body["asks"], body["barred"]) == (by, action, asks, barred)
        assert (body["roles"], body["solo"], len(body["people"])) == (["approver"], False, 64)
        if uses is None:
            assert body["look"] is None, "the way back rests on no look"
            continue
        assert (body["look"]["holdout"], body["look"]["alpha"], body["look"]["uses"]) == (holdout, 0.05, uses)
        assert of in (None, body["look"]["of"])
    assert light.registry().verify().problems == []


def test_a_program_closes_nothing_and_nobody_owns_nothing(light: Any) -> None:
    registry = light.registry(people=PEOPLE)
    proposal = light.propose(light.candidate(), registry)
    for who in ("bot", "cron"):
        with pytest.raises(NotEligible, match="only people close"):
            registry.reject(proposal.id, by=who, reason="by itself")
    assert registry.proposal(proposal.id) == proposal
    without = light.registry(people={"ada": ("approver",), "ben": ("data_scientist",)})
    with pytest.raises(InvalidRecord, match="declared are: ada, ben"):
        light.propose(light.candidate(3.0), without)
    with pytest.raises(InvalidRecord, match="'ghost' is not declared"):
        registry.lock_hypothesis(HypothesisLock(PROBLEM, "H-9", "a" * 64, "ghost", "2026"))
    assert registry.lock_hypothesis(HypothesisLock(PROBLEM, "H-9", "a" * 64, " OLGA ", "2026")).by == "olga"


def test_a_key_file_is_private_and_is_never_overwritten(tmp_path: Path) -> None:
    key, path = Signer.new(), tmp_path / "keys" / "ada.pem"
    key.write(path)
    assert (path.stat().st_mode & 0o777, Signer.read(path).public) == (0o600, key.public)
    with pytest.raises(InvalidRecord, match="never overwritten"):
        key.write(path)
    path.chmod(0o644)
    with pytest.raises(InvalidRecord, match="read by others"):
        Signer.read(path)
    for content in (b"", b"nothing of the kind"):
        broken = tmp_path / "broken.pem"
        broken.write_bytes(content)
        broken.chmod(0o600)
        with pytest.raises(InvalidRecord, match="no private key"):
            Signer.read(broken)
    with pytest.raises(InvalidRecord, match="can't be read"):
        Signer.read(tmp_path / "nowhere.pem")
