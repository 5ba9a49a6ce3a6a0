"""Who people are: declared for good, owners who sign, keys and accounts that another approver stands for."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry import chain
from registry.accounts import Known, Vouch
from registry.accounts_store import Accounts
from registry.declared import declared
from registry.errors import Conflict, InvalidRecord, NotEligible
from registry.memory import MemoryLedger, MemoryVersions
from registry.quorum import ASKS, Rule
from registry.records import HypothesisLock, digest_of
from registry.service import Registry
from registry.signing import Signer
from registry.sql_ledger import SqlLedger

PEOPLE = {"ana": ("approver",), "ben": ("approver",), "cy": ("approver",), "olga": ("data_scientist",)}
PROBLEM = "toy_prices"


@pytest.fixture
def bench(tmp_path: Path, make_bench: Any) -> Any:
    return make_bench(MemoryVersions(tmp_path / "versions"), MemoryLedger(), tmp_path)


def asked(bench: Any, registry: Registry, people: int, tier: int) -> Any:
    """A proposal that binds so many people."""
    evidence = bench.evidence(bench.candidate(float(people)))
    return registry.propose(evidence, gates=[], owner="olga", summary={ASKS: {"people": people, "tier": tier,
                            "why": f"tier {tier}"}})  # fmt: skip


def test_what_was_asked_when_it_was_proposed_is_asked_when_it_is_decided(bench: Any) -> None:
    registry, eased = bench.registry(people=PEOPLE), Rule(1, {}, "tier 3", tier=3)
    proposal = asked(bench, registry, 2, 1)
    (told,) = bench.ledger.events(kind=chain.ASKS, subject=proposal.id)
    assert (told.body["people"], told.body["tier"]) == (2, 1)
    assert bench.approve(proposal, registry, by="ana", rule=eased).disposition == "open"
    assert bench.approve(proposal, registry, by="ana", rule=eased).disposition == "open", "twice is one person"
    assert bench.approve(proposal, registry, by="ben", rule=eased).effect == "applied"
    standing = [e.body for e in bench.ledger.events(kind=chain.STANDING, subject=proposal.id)]
    assert [(body["asks"], body["tier"]) for body in standing] == [(2, 1), (2, 1)]
    assert registry.verify().problems == []


def test_what_is_asked_now_is_asked_too_and_nothing_is_assumed(bench: Any) -> None:
    registry = bench.registry(people=PEOPLE)
    proposal = asked(bench, registry, 1, 3)
    assert bench.approve(proposal, registry, by="ana", rule=Rule(2, {}, "tier 1", tier=1)).disposition == "open"
    with pytest.raises(Conflict, match="never committed"):
        bench.approve(proposal, registry, by="ben", rule=Rule(refused="It was never committed."))
    assert inspect.signature(registry.approve).parameters["rule"].default is inspect.Parameter.empty


def test_solo_mode_does_not_come_back(bench: Any) -> None:
    registry, alone = bench.registry(people=PEOPLE), bench.registry()
    first = bench.propose(bench.candidate(), alone)
    assert alone.declared_before() is None
    bench.approve(first, registry, by="ana")
    second = bench.propose(bench.candidate(3.0), registry)
    before = bench.ledger.head()
    for act in (
        lambda: bench.approve(second, alone, by="olga"),
        lambda: alone.reject(second.id, by="olga", reason="no"),
        lambda: bench.propose(bench.candidate(3.0), alone),
        lambda: alone.register(bench.run()),
        lambda: alone.add_key("ana", signer=Signer.new()),
    ):
        with pytest.raises(Conflict, match=r"Nobody is declared here now, but people were"):
            act()
    bench.versions.set_alias(PROBLEM, "champion", 2)
    with pytest.raises(Conflict, match=r"Nobody is declared here now"):
        alone.restore(PROBLEM, by="olga", reason="x")
    assert [e.kind for e in bench.ledger.events(after=before.seq)] == [chain.REGISTERED]


def test_an_account_declares_people_as_well(tmp_path: Path, make_bench: Any) -> None:
    made = make_bench(MemoryVersions(tmp_path / "versions"), MemoryLedger(), tmp_path)
    made.ledger.add_event(at="2026-01-31T12:00:00.000000Z", kind=chain.ACCOUNT, subject="ana", body={"what": "added"})
    with pytest.raises(Conflict, match="when 'ana' was written"):
        made.propose(made.candidate(), made.registry())


def test_nobody_is_made_an_owner_without_their_key(bench: Any) -> None:
    ana, ben = Signer.new(), Signer.new()
    plain, hers = bench.registry(people=PEOPLE), bench.registry(people=PEOPLE, signer=lambda: ana)
    his = bench.registry(people=PEOPLE, signer=lambda: ben)
    plain.add_key("ana", signer=ana, by="cy")
    plain.add_key("ben", signer=ben, by="cy")
    lock = HypothesisLock(PROBLEM, "H-9", digest_of("text"), "ben", "2026-01-31T12:00:00.000000Z")
    for thief in (plain, hers):
        with pytest.raises(NotEligible, match="'ben' decides or owns is signed"):
            thief.register(bench.run(owner="ben"))
        with pytest.raises(NotEligible, match="'ben' decides or owns is signed"):
            thief.lock_hypothesis(lock)
        with pytest.raises(NotEligible, match="not at hand"):
            thief.require_owner("Ben")
    assert bench.versions.versions(PROBLEM) == [] and plain.hypothesis_lock(PROBLEM, "H-9") is None
    assert his.lock_hypothesis(lock) == his.lock_hypothesis(lock), "locking again writes nothing"
    his.register(bench.run(owner="ben"))
    signed = {s.seq: s.actor for s in bench.ledger.signatures()}
    owned = [e for e in bench.ledger.events() if e.kind in (chain.LOCK, chain.REGISTERED)]
    assert [signed.get(e.seq) for e in owned] == ["ben", "ben"]
    assert plain.verify().problems == []


def test_a_claim_of_ownership_written_round_the_registry_shows(bench: Any) -> None:
    ben = Signer.new()
    plain, his = bench.registry(people=PEOPLE), bench.registry(people=PEOPLE, signer=lambda: ben)
    old = HypothesisLock(PROBLEM, "H-8", digest_of("text"), "ben", "2026-01-31T12:00:00.000000Z")
    plain.add_key("ben", signer=ben, by="cy")
    bench.ledger.add_lock(old)  # as an earlier release did
    assert plain.verify().problems == []
    his.register(bench.run(owner="ben"))
    bench.ledger.add_lock(replace(old, hypothesis_id="H-9"))
    bench.ledger.add_event(at="2026-01-31T13:00:00.000000Z", kind=chain.REGISTERED, subject="x/1", body={"by": "ben"})
    (lock, version) = [problem for problem in plain.verify().problems if "signature" in problem]
    assert "hypothesis.locked H-9" in lock and "version.registered x/1" in version


def test_a_first_key_takes_another_approver_who_signs_for_it(bench: Any) -> None:
    key, cys = Signer.new(), Signer.new()
    plain = bench.registry(people=PEOPLE)
    for by, says in (("", "--by NAME"), ("ana", "other than 'ana'"), ("olga", "other than 'ana'"), ("eve", "declared")):
        with pytest.raises((InvalidRecord, NotEligible), match=says):
            plain.add_key("ana", signer=key, by=by)
    plain.add_key("cy", signer=cys, by="ana")
    with pytest.raises(NotEligible, match="not at hand"):
        plain.add_key("ana", signer=key, by="cy")
    bench.registry(people=PEOPLE, signer=lambda: cys).add_key("ana", signer=key, by="CY")
    told = bench.ledger.events(kind=chain.VOUCHED)
    assert [(e.subject, e.body["by"], e.body["key"]) for e in told] == [
        ("cy", "ana", cys.public), ("ana", "cy", key.public),
    ]  # fmt: skip
    assert plain.verify().problems == []


def test_an_account_is_changed_by_another_approver_and_the_event_names_them(tmp_path: Path, bench: Any) -> None:
    key, password = Signer.new(), "four plain words here"
    accounts = Accounts(tmp_path / "arena.db", clock=bench.clock)
    accounts.add("cy", roles=("approver",), password=password)
    accounts.change("cy", roles=("approver",), password=password, known=Known("Cy Young"), vouch=Vouch("ana", key))
    found = accounts.change("cy", roles=("viewer",), password=password, known=Known(email="cy@example.org"))
    assert (found.full_name, found.email) == ("Cy Young", "cy@example.org"), "what is not given stays"
    ledger = SqlLedger.at(tmp_path / "arena.db")
    told = ledger.events(kind=chain.ACCOUNT)
    assert [e.body.get("by") for e in told] == [None, "ana", None]
    assert [(s.seq, s.actor) for s in ledger.signatures()] == [(told[1].seq, "ana")]
    registry = bench.registry(people=PEOPLE)
    with pytest.raises(NotEligible, match="other than 'cy'"):
        registry.vouch("cy", by="cy", what="A change of a user")
    assert registry.vouch("cy", by=" ANA", what="A change of a user") == ("ana", None)
    assert bench.registry().vouch("cy", by="", what="A change of a user") == ("", None), "nobody is declared"
    only = bench.registry(people={"ana": ("approver",), "vic": ("viewer",)})
    assert only.vouch("ana", by="vic", what="It") == ("vic", None), "there is no other approver"


@pytest.mark.parametrize(
    ("people", "says", "helps"),
    [
        ({"ana": ["aprover"]}, r"people\.ana: there is no role 'aprover'", "Did you mean 'approver'?"),
        ({"ana": ["approver"], "Ana": ["viewer"]}, "'ana' and 'Ana' are the same name", "Keep one"),
        ({"ana": ["approver"], "ana ": ["viewer"]}, "'ana ' can't be a name", "no blank at its end"),
        ({"\u0430na": ["approver"]}, r"CYRILLIC SMALL LETTER A", "a-z"),
        ({"ana": []}, r"people\.ana has no list of roles", "approver"),
        ({"ana": "approver"}, r"people\.ana has no list of roles", "approver"),
        ({"ana": {"role": ["approver"]}}, r"people\.ana: there is no key 'role'", "roles, name, email"),
        ({1: ["approver"]}, "'1' can't be a name", "a-z"),
        ({"ana": {"roles": ["viewer"], "name": "A"}, "bo": {"roles": ["viewer"], "email": "a"}}, "'a' is ana", ""),
        ({"ana": {"roles": ["viewer"], "name": "Bo"}, "bo": ["viewer"]}, "'bo' is a person of the list", ""),
    ],
)
def test_a_file_of_people_is_read_strictly(people: Any, says: str, helps: str) -> None:
    with pytest.raises(InvalidRecord, match=says) as refused:
        declared({"people": people}, where="people.yaml")
    assert helps in refused.value.hint


def test_what_a_file_of_people_declares() -> None:
    read = declared(
        {"people": {"Ana": ["approver", "viewer"], "bo": {"roles": ["agent"], "name": "Bo\u0308 X"}}}, where="f"
    )
    assert dict(read.roles) == {"Ana": ("approver", "viewer"), "bo": ("agent",)}
    assert dict(read.known_as) == {"b\u00f6 x": "bo"}
    assert declared(None, where="f").roles == {}
