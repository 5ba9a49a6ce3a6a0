"""What may be decided, by whom, and what happens then, over every kind of store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry.errors import (
    ApplyFailed,
    ChampionExists,
    ChampionMoved,
    Conflict,
    EvidenceChanged,
    InvalidRecord,
    NoChampion,
    NotEligible,
    NotFound,
    NotPromotable,
    OutOfCustody,
    ProposalClosed,
)
from registry.records import HypothesisLock, SnapshotRecord, digest_of, utc_text

PROBLEM = "toy_prices"


def actions(bench: Any, proposal: Any) -> list[str]:
    return [d.action for d in bench.ledger.decisions(proposal.id)]


def test_bootstrap_then_promotion(bench: Any) -> None:
    registry = bench.registry()
    assert registry.custody(PROBLEM).status == "none"
    assert registry.champion(PROBLEM) is None
    first = bench.candidate()
    assert registry.aliases(PROBLEM) == {"candidate": 1}
    proposal = bench.propose(first)
    assert (proposal.kind, proposal.label, proposal.id[-8:]) == ("bootstrap", "pending", proposal.digest[:8])
    assert registry.aliases(PROBLEM)["challenger"] == 1
    applied = bench.approve(proposal, reason="good enough to begin with")
    assert (applied.label, applied.decided_by, applied.self_approved) == ("approved", "ada", True)
    assert registry.proposal(proposal.id) == applied
    assert registry.aliases(PROBLEM) == {"candidate": 1, "champion": 1}
    second = bench.promote(3.0)
    assert registry.champion(PROBLEM) == second
    assert registry.custody(PROBLEM).status == "in_custody"
    assert [(m.from_ref, m.to_ref) for m in registry.moves(PROBLEM)] == [(None, first.ref), (first.ref, second.ref)]
    assert bench.smoked == [1, 2]
    assert len(registry.holdout_uses(digest_of("holdout"))) == 2
    found = registry.status(PROBLEM)
    assert found.aliases["champion"] == {"version": 2, "run_id": second.run_id, "digest": second.digest}
    assert found.aliases["challenger"] is None
    assert registry.verify().problems == []


def test_incomplete_lineage_is_refused_before_anything_is_written(bench: Any) -> None:
    with pytest.raises(InvalidRecord, match="git_commit"):
        bench.candidate(git_commit="")
    assert bench.registry().versions(PROBLEM) == []
    assert bench.registry().events() == []


def test_the_same_evidence_again_is_the_same_proposal(bench: Any) -> None:
    version = bench.candidate()
    first = bench.propose(version)
    before = bench.registry().events()
    assert bench.propose(version) == first
    assert bench.registry().events() == before


def test_a_version_that_this_ledger_never_registered_is_refused(bench: Any) -> None:
    version = bench.versions.register(bench.run(), at=utc_text(bench.clock()))
    with pytest.raises(Conflict, match="not registered by this workflow"):
        bench.propose(version)


def test_evidence_about_other_bytes_is_refused(bench: Any) -> None:
    version = bench.candidate()
    with pytest.raises(Conflict, match="registered with digest"):
        bench.propose(replace(version, digest=digest_of("other")))


def test_bootstrap_and_promotion_know_their_place(bench: Any) -> None:
    first = bench.candidate()
    with pytest.raises(NoChampion):
        bench.propose(first, kind="promotion", champion=first.ref)
    bench.approve(bench.propose(first))
    second = bench.candidate(3.0)
    with pytest.raises(ChampionExists):
        bench.propose(second, kind="bootstrap", champion=None)
    with pytest.raises(ChampionMoved):
        bench.propose(second, champion=replace(first.ref, digest=digest_of("another")))
    with pytest.raises(Conflict, match="champion's own artifact"):
        bench.propose(first)
    with pytest.raises(NotFound):
        bench.propose(replace(second, version=9))
    with pytest.raises(InvalidRecord, match="not proposed"):
        bench.propose(second, kind="rollback")


def test_decided_evidence_is_not_judged_twice(bench: Any) -> None:
    bench.promote()
    version = bench.candidate(3.0)
    rejected = bench.registry().reject(bench.propose(version).id, by="ada", reason="not now")
    with pytest.raises(Conflict, match=rejected.id):
        bench.propose(version, bundle_digest=digest_of("the same rows scored again"))
    assert bench.propose(version, holdout_digest=digest_of("fresh holdout")).label == "pending"


@pytest.mark.parametrize(
    ("verdict", "label"), [("fail", "no_winner"), ("inconclusive", "no_winner"), ("invalid", "invalid")]
)
def test_only_verdict_pass_is_approved_and_every_one_can_be_rejected(bench: Any, verdict: str, label: str) -> None:
    proposal = bench.propose(bench.candidate(), verdict=verdict)
    assert proposal.label == label
    with pytest.raises(NotPromotable):
        bench.approve(proposal)
    assert bench.registry().proposal(proposal.id) == proposal
    for blank in ("", "  "):
        with pytest.raises(InvalidRecord, match="reason"):
            bench.registry().reject(proposal.id, by="ada", reason=blank)
    assert bench.registry().reject(proposal.id, by="ada", reason="no gain").label == "rejected"


def test_repeating_a_decision_changes_nothing_and_another_one_is_refused(bench: Any) -> None:
    registry = bench.registry()
    proposal = bench.propose(bench.candidate())
    first = bench.approve(proposal, reason="yes")
    before = registry.events()
    assert bench.approve(proposal, reason="yes") == first
    assert registry.events() == before
    for other in ({"by": "bob", "reason": "yes"}, {"by": "ada", "reason": "another"}):
        with pytest.raises(ProposalClosed, match="approved by ada at 2026"):
            bench.approve(proposal, **other)
    with pytest.raises(ProposalClosed, match="approved by ada"):
        registry.reject(proposal.id, by="ada", reason="no")
    second = bench.propose(bench.candidate(3.0))
    rejected = registry.reject(second.id, by="bob", reason="no")
    assert registry.reject(second.id, by="bob", reason="no") == rejected
    with pytest.raises(ProposalClosed, match="rejected by bob"):
        bench.approve(second)
    assert actions(bench, second) == ["reject"]


def test_expiry_is_half_open_and_recorded_when_deciding(bench: Any) -> None:
    for late, slope in ((timedelta(microseconds=-1), 2.0), (timedelta(0), 3.0)):
        proposal = bench.propose(bench.candidate(slope))
        # The clock moves a second when it is looked at.
        bench.clock.now += timedelta(days=14) - (bench.clock.now - _time(proposal.created_at)) - timedelta(seconds=1)
        bench.clock.now += late
        if late:
            assert bench.approve(proposal).label == "approved"
            continue
        with pytest.raises(ProposalClosed, match="expired at"):
            bench.approve(proposal)
        assert bench.registry().proposal(proposal.id).label == "expired"
        assert actions(bench, proposal) == ["expire"]
        fresh = bench.propose(bench.registry().version(PROBLEM, 2))
        assert fresh.label == "pending" and fresh.id != proposal.id


def _time(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


def test_an_expired_proposal_makes_room_for_the_same_evidence(bench: Any) -> None:
    version = bench.candidate()
    old = bench.propose(version)
    bench.clock.now += timedelta(days=15)
    new = bench.propose(version)
    assert (bench.registry().proposal(old.id).label, new.label) == ("expired", "pending")
    assert len(bench.registry().holdout_uses(digest_of("holdout"))) == 2


def test_approving_one_supersedes_the_others_against_the_same_champion(bench: Any) -> None:
    registry = bench.registry()
    bench.promote()
    rivals = [bench.propose(bench.candidate(slope)) for slope in (3.0, 4.0, 5.0)]
    stale = bench.propose(bench.candidate(6.0), verdict="fail")
    bench.approve(rivals[1])
    assert [registry.proposal(p.id).label for p in rivals] == ["superseded", "approved", "superseded"]
    assert registry.proposal(stale.id).label == "superseded"
    assert rivals[1].id in registry.proposal(stale.id).reason
    with pytest.raises(ProposalClosed, match="superseded"):
        bench.approve(rivals[0])


def test_evidence_that_changed_invalidates(bench: Any) -> None:
    proposal = bench.propose(bench.candidate())
    with pytest.raises(EvidenceChanged, match="looked at"):
        bench.approve(proposal, seen_digest=digest_of("another page"))
    assert bench.registry().proposal(proposal.id).label == "pending"
    with pytest.raises(EvidenceChanged, match="policy_digest"):
        bench.approve(proposal, recheck=lambda p: replace(p.evidence, policy_digest=digest_of("eased")))
    closed = bench.registry().proposal(proposal.id)
    assert (closed.label, actions(bench, closed)) == ("invalidated", ["invalidate"])
    assert "champion" not in bench.registry().aliases(PROBLEM)
    assert bench.registry().verify().ok


def test_changed_bytes_of_the_challenger_invalidate(bench: Any) -> None:
    version = bench.candidate()
    proposal = bench.propose(version)
    (bench.versions.model_path(version) / "model.skops").write_bytes(b"another model")
    with pytest.raises(EvidenceChanged, match=version.digest):
        bench.approve(proposal)
    assert bench.registry().proposal(proposal.id).label == "invalidated"


def test_a_failed_smoke_test_leaves_the_old_champion_and_can_be_repeated(bench: Any) -> None:
    bench.promote()
    registry = bench.registry()
    proposal = bench.propose(bench.candidate(3.0))

    def unfit(version: Any) -> None:
        raise RuntimeError("predicts the moon")

    with pytest.raises(ApplyFailed, match=r"version 1 stays champion.*predicts the moon"):
        bench.approve(proposal, smoke=unfit)
    assert registry.proposal(proposal.id).effect == "apply_failed"
    assert registry.aliases(PROBLEM)["champion"] == 1
    assert registry.custody(PROBLEM).status == "in_custody"
    assert registry.verify().problems == []
    assert bench.approve(proposal).label == "approved"
    assert registry.aliases(PROBLEM)["champion"] == 2
    assert actions(bench, proposal) == ["approve"]
    assert registry.verify().problems == []


def test_solo_mode_stamps_the_owners_own_approval(bench: Any) -> None:
    assert bench.approve(bench.propose(bench.candidate()), by=" Olga ").self_approved
    proposal = bench.propose(bench.candidate(3.0))
    with pytest.raises(InvalidRecord, match="name"):
        bench.approve(proposal, by=" ")


def test_declared_people(bench: Any) -> None:
    people = {
        "ada": ["approver"],
        "olga": ["approver", "scientist"],
        "bob": ["scientist"],
        "robot": ["approver", "service"],
    }
    registry = bench.registry(people=people)
    proposal = bench.propose(bench.candidate(), registry)
    for by, why in (("olga", "owns"), ("OLGA", "owns"), ("bob", "role"), ("robot", "service"), ("eve", "not declared")):
        with pytest.raises(NotEligible, match=why):
            bench.approve(proposal, registry, by=by)
    with pytest.raises(NotEligible, match="not declared"):
        registry.reject(proposal.id, by="eve", reason="no")
    assert not bench.approve(proposal, registry, by="ada").self_approved
    bench.approve(bench.propose(bench.candidate(3.0), registry), registry, by="ada")
    for by in ("bob", "robot", "eve"):
        with pytest.raises(NotEligible):
            bench.roll_back(registry, by=by)
    assert bench.roll_back(registry).label == "approved"


def test_only_the_owner_withdraws(bench: Any) -> None:
    proposal = bench.propose(bench.candidate())
    with pytest.raises(NotEligible, match="olga"):
        bench.registry().withdraw(proposal.id, by="ada", reason="mine is better")
    assert bench.registry().withdraw(proposal.id, by="olga", reason="a bug").label == "withdrawn"
    assert bench.propose(bench.registry().version(PROBLEM, 1)).label == "pending"


def test_rollback_goes_back_and_back_again(bench: Any) -> None:
    registry = bench.registry()
    with pytest.raises(NoChampion):
        bench.roll_back()
    one, two, three = (bench.promote(slope) for slope in (2.0, 3.0, 4.0))
    waiting = bench.propose(bench.candidate(5.0))
    back = bench.roll_back(reason="it erred on Sunday")
    assert (back.kind, back.label, back.challenger, back.champion) == ("rollback", "approved", two.ref, three.ref)
    assert registry.proposal(waiting.id).label == "superseded"
    undone = [p for p in registry.proposals(PROBLEM) if p.challenger == three.ref]
    assert [p.label for p in undone] == ["rolled back"]
    before = registry.events()
    assert bench.roll_back(reason="it erred on Sunday") == back
    assert registry.events() == before
    assert bench.roll_back(reason="that one too").challenger == one.ref
    assert registry.custody(PROBLEM).status == "in_custody"
    assert registry.verify().problems == []
    with pytest.raises(Conflict, match="no champion under"):
        bench.roll_back(reason="and further")
    with pytest.raises(Conflict, match="were: 2, 3"):
        bench.roll_back(to=4, reason="to one that never was")
    with pytest.raises(InvalidRecord, match="reason"):
        bench.roll_back(to=3, reason=" ")
    assert bench.roll_back(to=3, reason="it was right after all").challenger == three.ref
    assert registry.verify().problems == []


def test_rollback_needs_whole_bytes_of_its_target_only(bench: Any) -> None:
    one, two = bench.promote(), bench.promote(3.0)
    registry = bench.registry()
    target = bench.versions.model_path(one) / "model.skops"
    whole = target.read_bytes()
    target.write_bytes(b"rotten")
    with pytest.raises(OutOfCustody, match=one.digest):
        bench.roll_back()
    target.write_bytes(whole)
    (bench.versions.model_path(two) / "model.skops").write_bytes(b"rotten too")
    assert registry.custody(PROBLEM).status == "drifted"
    assert bench.roll_back().label == "approved"
    assert registry.custody(PROBLEM).status == "in_custody"


def test_a_model_is_handed_out_only_with_its_own_bytes(bench: Any) -> None:
    version = bench.candidate()
    registry = bench.registry()
    assert (registry.model_path(version) / "model.skops").is_file()
    assert (registry.run_artifacts(version) / "scorecard.json").read_text() == '{"mdape": 0.2}'
    (registry.model_path(version) / "model.skops").write_bytes(b"x")
    found = bench.versions.bytes_digest(version)
    with pytest.raises(OutOfCustody, match=f"{found}.*{version.digest}"):
        registry.model_path(version)
    # Nor by a version record that was doctored to fit.
    with pytest.raises(OutOfCustody):
        registry.model_path(replace(version, digest=found))


def test_locks_and_snapshots_are_written_once(bench: Any) -> None:
    registry = bench.registry()
    lock = HypothesisLock(PROBLEM, "H-001", digest_of("text"), "olga", utc_text(bench.clock()))
    assert registry.hypothesis_lock(PROBLEM, "H-001") is None
    assert registry.lock_hypothesis(lock) == lock
    assert registry.lock_hypothesis(replace(lock, at=utc_text(bench.clock()))) == lock
    with pytest.raises(Conflict, match="locked by olga"):
        registry.lock_hypothesis(replace(lock, digest=digest_of("edited")))
    record = SnapshotRecord(
        PROBLEM, "d1", digest_of("rows"), digest_of("holdout"), 20, ("area", "rooms"), "2020-01-01", "2020-12-31",
        "2020-10-01", 5, "made up", "CC0", utc_text(bench.clock()), {"no price": 3},
    )  # fmt: skip
    assert registry.record_snapshot(record) == record
    assert registry.record_snapshot(record) == registry.snapshot(PROBLEM, "d1") == record
    with pytest.raises(Conflict, match="stands for digest"):
        registry.record_snapshot(replace(record, digest=digest_of("other rows")))
    with pytest.raises(NotFound, match="Known: d1"):
        registry.snapshot(PROBLEM, "d2")
    assert registry.snapshots() == registry.snapshots(PROBLEM) == [record]
    assert len(registry.events()) == 2
    registry.record_event("note", "anything", {"tuple": (1, 2), "figure": 0.1})
    assert registry.events()[-1].body == {"tuple": [1, 2], "figure": 0.1}
    assert registry.verify().problems == []


def test_figures_that_are_not_finite_do_not_enter_a_record(bench: Any) -> None:
    version = bench.candidate()
    with pytest.raises(InvalidRecord, match="can't be kept"):
        bench.registry().propose(bench.evidence(version), gates=[], owner="olga", summary={"mdape": float("nan")})
    assert bench.registry().proposals() == []
    assert bench.registry().holdout_uses(digest_of("holdout")) == []
