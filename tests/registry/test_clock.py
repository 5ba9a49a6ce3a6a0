"""A clock turned back revives nothing, and one that was ahead locks nobody out, in memory and in SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry import chain, offline
from registry.errors import ClockBehind, InvalidRecord, NotEligible, ProposalClosed
from registry.memory import MemoryLedger, MemoryVersions
from registry.quorum import Rule
from registry.records import utc_text
from registry.signing import Signer
from registry.sql_ledger import SqlLedger
from registry.timekeeping import Now

PROBLEM = "toy_prices"
PEOPLE = {"Ada": ("approver",), "cas": ("approver",), "olga": ("data_scientist",), "bot": ("approver", "agent"),
          "viv": ("viewer",)}  # fmt: skip
DAY = timedelta(days=1)


@pytest.fixture(params=["memory", "sql"])
def bench(request: pytest.FixtureRequest, make_bench: Callable[..., Any], tmp_path: Path) -> Iterator[Any]:
    """Over both kinds of ledger; the versions are in memory."""
    sql = SqlLedger.at(tmp_path / "arena.db", busy_seconds=5)
    made = make_bench(
        MemoryVersions(tmp_path / "versions"), MemoryLedger() if request.param == "memory" else sql, tmp_path
    )
    yield made
    sql.close()


def times(bench: Any) -> list[datetime]:
    return [datetime.fromisoformat(event.at) for event in bench.ledger.events()]


def kinds(bench: Any) -> list[str]:
    return [event.kind for event in bench.ledger.events()]


def refused(bench: Any, registry: Any) -> None:
    with pytest.raises(ProposalClosed):
        bench.approve(registry.proposals(PROBLEM)[0], registry)


SEEN: dict[str, Callable[[Any, Any], object]] = {
    "an event of another matter": lambda bench, registry: registry.record_event("note", "n", {}),
    "somebody who looked": lambda bench, registry: registry.judged(PROBLEM),
    "a decision that was refused": refused,
    "another proposal": lambda bench, registry: bench.propose(bench.candidate(9.0), registry),
}


@pytest.mark.parametrize("seen", SEEN)
def test_what_was_seen_expired_is_never_decided_wherever_the_clock_is_turned(bench: Any, seen: str) -> None:
    bench.promote()
    registry = bench.registry(people=PEOPLE)
    ours = bench.propose(bench.candidate(3.0), registry)
    failed = bench.propose(bench.candidate(4.0), registry, verdict="fail")
    written = bench.clock.now
    bench.clock.now += 15 * DAY
    SEEN[seen](bench, registry)
    bench.clock.now = written  # two weeks to go, by this clock
    for decide in (
        lambda: bench.approve(ours, registry),
        lambda: registry.reject(ours.id, by="Ada", reason="no"),
        lambda: registry.withdraw(ours.id, by="olga", reason="no"),
        lambda: registry.request_override(failed.id, by="Ada", reason="yes", rule=Rule()),
    ):
        with pytest.raises((ProposalClosed, ClockBehind)):
            decide()
        bench.clock.now = written
    registry.judged(PROBLEM)
    assert registry.proposal(ours.id).disposition == registry.proposal(failed.id).disposition == "expired"
    assert registry.champion(PROBLEM).version == 1
    with pytest.raises(ProposalClosed, match="expired by clock"):
        bench.approve(ours, registry)
    assert registry.verify().problems == []


def test_who_sees_it_expired_makes_it_so(bench: Any) -> None:
    registry, proposal = bench.registry(), bench.propose(bench.candidate())
    before = kinds(bench)
    assert registry.judged(PROBLEM) > proposal.created_at
    assert kinds(bench) == before, "looking at what is open changes nothing"
    bench.clock.now += 14 * DAY
    registry.judged(PROBLEM)
    found = registry.proposal(proposal.id)
    assert (found.disposition, found.decided_by) == ("expired", "clock")
    assert registry.head_lags(PROBLEM) is False, "and the head kept outside covers it"


def test_a_ledger_that_can_not_be_written_is_still_looked_at(make_bench: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    made = make_bench(MemoryVersions(tmp_path / "versions"), SqlLedger.at(path, busy_seconds=0.1), tmp_path)
    registry, proposal = made.registry(), made.propose(made.candidate())
    made.clock.now += 14 * DAY
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert proposal.expired(registry.judged(PROBLEM))
        assert registry.proposal(proposal.id).disposition == "open"
    registry.judged(PROBLEM)
    assert registry.proposal(proposal.id).disposition == "expired"
    made.ledger.close()


def test_behind_the_ledger_nothing_is_proposed_or_approved_and_the_way_back_stays_open(bench: Any) -> None:
    bench.promote()
    bench.promote(3.0)
    registry = bench.registry(people=PEOPLE)
    pending, failed = bench.propose(bench.candidate(4.0)), bench.propose(bench.candidate(5.0), verdict="fail")
    version, before = bench.candidate(6.0), bench.ledger.events()
    bench.clock.now -= 40 * DAY
    behind = bench.clock.now
    for refused in (
        lambda: bench.propose(version, registry),
        lambda: bench.approve(pending, registry),
        lambda: registry.request_override(failed.id, by="Ada", reason="yes", rule=Rule()),
        lambda: registry.reserve_look("h", question="q", kind="promotion", round="", alpha=0.01, counted=0),
        registry.require_clock,
    ):
        with pytest.raises(ClockBehind, match="clock says 2025-12-22") as caught:
            refused()
        assert "arena-clock" in caught.value.hint
    assert bench.ledger.events() == before
    assert registry.clock_behind(behind) == before[-1].at
    assert registry.reject(pending.id, by="Ada", reason="no").decided_at == before[-1].at
    assert bench.roll_back(registry).label == "approved"
    bench.versions.delete_alias(PROBLEM, "champion")
    assert registry.restore(PROBLEM, by="Ada", reason="back").status == "in_custody"
    assert times(bench) == sorted(times(bench)), "events never go back"
    (said,) = bench.ledger.events(kind=chain.CLOCK)
    assert said.body["from"] == before[-1].at
    assert said.body["to"] < utc_text(behind + DAY), "what the clock itself said"
    bench.clock.now -= DAY
    registry.record_event("note", "n", {})
    assert kinds(bench).count(chain.CLOCK) == 2, "turned back further"
    bench.clock.now = behind + 50 * DAY
    assert registry.clock_behind(bench.clock.now) == ""
    assert bench.propose(version, registry).label == "pending"
    assert registry.verify().problems == []


def test_a_few_minutes_are_no_turned_back_clock_and_still_revive_nothing(bench: Any) -> None:
    registry = bench.registry()
    early, late = bench.propose(bench.candidate()), bench.propose(bench.candidate(3.0))
    last = bench.ledger.head()
    bench.clock.now -= timedelta(minutes=5)
    approved = bench.approve(late, registry)
    assert approved.decided_at == last.at >= late.created_at
    assert chain.CLOCK not in kinds(bench)
    assert times(bench) == sorted(times(bench))
    assert registry.proposal(early.id).disposition == "superseded"
    bench.clock.now += DAY
    short = registry.propose(
        bench.evidence(bench.candidate(4.0)), gates=[], owner="olga", lifetime=timedelta(minutes=2)
    )  # fmt: skip
    bench.clock.now += timedelta(minutes=2)
    registry.record_event("note", "n", {})
    bench.clock.now -= timedelta(minutes=2)
    with pytest.raises(ProposalClosed, match="expired at"):
        bench.approve(short, registry)


def test_steps_too_small_to_be_told_do_not_add_up(bench: Any) -> None:
    registry, proposal = bench.registry(), bench.propose(bench.candidate())
    bench.clock.now += 14 * DAY
    registry.record_event("note", "seen", {})
    for _ in range(20):
        bench.clock.now -= timedelta(minutes=9)
        registry.record_event("note", "n", {})
    assert proposal.expired(registry.now())
    assert 0 < kinds(bench).count(chain.CLOCK) <= 10, "told once for every ten minutes further back"


def test_what_another_one_writes_meanwhile_is_known_before_it_is_decided(bench: Any) -> None:
    registry, proposal = bench.registry(), bench.propose(bench.candidate())
    tomorrow = utc_text(bench.clock.now + 15 * DAY)

    def recheck(found: Any) -> Any:
        bench.ledger.add_event(at=tomorrow, kind="note", subject="by another machine", body={})
        return found.evidence

    with pytest.raises(ProposalClosed, match="expired at"):
        bench.approve(proposal, recheck=recheck)
    registry.judged(PROBLEM)
    assert registry.proposal(proposal.id).disposition == "expired"
    assert registry.champion(PROBLEM) is None


# -- one that was ahead ------------------------------------------------------------------------------------------------


def ahead(bench: Any) -> tuple[Any, Any, Any, datetime]:
    """A proposal from before, and one that was written while the clock was five years ahead; and the right time."""
    bench.promote()
    registry = bench.registry(people=PEOPLE)
    before = bench.propose(bench.candidate(3.0), registry)
    right = bench.clock.now
    bench.clock.now += 5 * 365 * DAY
    during = bench.propose(bench.candidate(4.0), registry)
    bench.clock.now = right
    return registry, before, during, right


def test_a_clock_that_was_ahead_is_set_right_by_a_person_and_nothing_is_revived(bench: Any) -> None:
    registry, before, during, _ = ahead(bench)
    with pytest.raises(ClockBehind):
        bench.propose(bench.candidate(5.0), registry)
    for who in ("bot", "viv", "olga", "nobody"):
        with pytest.raises(NotEligible):
            registry.set_clock_right(by=who, reason="mine")
    with pytest.raises(InvalidRecord, match="reason"):
        registry.set_clock_right(by="Ada", reason=" ")
    done = registry.set_clock_right(by=" ada ", reason="the build machine was five years ahead")
    assert {p.id: p.disposition for p in done.closed} == {before.id: "expired", during.id: "invalidated"}
    assert "the build machine" in registry.proposal(during.id).reason
    (told,) = bench.ledger.events(kind=chain.CLOCK_SET)
    assert (told.body["by"], set(told.body["closed"])) == ("Ada", {before.id, during.id})
    assert told.at < during.created_at
    assert registry.clock_behind(bench.clock.now) == ""
    for closed in (before, during):
        with pytest.raises(ProposalClosed):
            bench.approve(closed, registry)
    fresh = bench.propose(bench.candidate(6.0), registry)
    assert fresh.created_at < during.created_at
    assert bench.approve(fresh, registry).label == "approved"
    assert registry.verify().problems == []
    path = bench.folder / "clock.zip"
    registry.export(path, at="2026-02-01T12:00:00.000000Z")
    assert offline.check(offline.read(path))[1] == []


def test_a_clock_that_is_right_is_not_set(bench: Any) -> None:
    registry, _, _, right = ahead(bench)
    registry.set_clock_right(by="Ada", reason="it was ahead")
    before = bench.ledger.events()
    assert not registry.set_clock_right(by="Ada", reason="again").changed
    bench.clock.now = right + DAY
    assert not registry.set_clock_right(by="Ada", reason="and again").changed
    assert bench.ledger.events() == before


def test_a_ledgers_time_is_set_right_under_the_key_of_who_has_one(bench: Any) -> None:
    key = Signer.new()
    registry = ahead(bench)[0]
    registry.add_key("cas", signer=key, by="Ada")
    with pytest.raises(NotEligible, match="not at hand"):
        registry.set_clock_right(by="cas", reason="unsigned")
    assert chain.CLOCK_SET not in kinds(bench)
    bench.registry(people=PEOPLE, signer=lambda: key).set_clock_right(by="cas", reason="it was ahead")
    assert registry.verify().problems == []


def test_a_ledger_whose_events_went_back_keeps_what_it_knew() -> None:
    ledger = MemoryLedger()
    ledger.add_event(at="2031-01-01T00:00:00.000000Z", kind="note", subject="n", body={})
    told = {"from": "2031-01-01T00:00:00.000000Z", "to": "2026-01-01T00:00:00.000000Z"}
    for kind, body in ((chain.CLOCK, told), ("note", {})):  # as a release wrote them that did not hold events back
        last = ledger.head()
        event = chain.next_event(last, at="2026-01-01T00:00:00.000000Z", kind=kind, subject="n", body=body)
        ledger._rows.events.append(event)
    assert chain.latest(ledger) == datetime.fromisoformat("2031-01-01T00:00:00.000000Z")
    assert Now.look(datetime.fromisoformat("2026-01-02T00:00:00Z"), ledger).behind


@pytest.mark.parametrize("odd", ["", "2026", "yesterday", "2026-01-01T00:00:00"])
def test_a_time_that_is_none_does_not_take_the_ledgers_away(bench: Any, odd: str) -> None:
    bench.ledger.add_event(at="2026-01-01T00:00:00.000000Z", kind="note", subject="n", body={})
    bench.ledger.add_event(at=odd, kind="note", subject="n", body={})
    assert chain.latest(bench.ledger) == datetime.fromisoformat("2026-01-01T00:00:00Z")
