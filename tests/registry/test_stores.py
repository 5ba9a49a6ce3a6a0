"""Both ports, each over every store: what holds for one holds for the other."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from skops import io

from registry.errors import Conflict, InvalidRecord, NameTaken, NotFound, Unavailable
from registry.records import (
    Decision,
    HoldoutUse,
    PointerMove,
    Proposal,
    VersionRef,
    digest_of,
    proposal_id,
    utc_text,
)

PROBLEM = "toy_prices"


def test_a_version_comes_back_as_it_was_registered(bench: Any) -> None:
    run = bench.run(base_champion_version=4, parent_hypothesis_id="H-000")
    at = utc_text(bench.clock())
    version = bench.versions.register(run, at=at)
    assert (version.version, version.lineage, version.created_at) == (1, run.lineage, at)
    assert (version.status, version.description, version.problem) == ("READY", "A tiny model.", PROBLEM)
    assert bench.versions.version(PROBLEM, 1) == version
    second = bench.versions.register(bench.run(slope=3.0), at=at)
    assert bench.versions.versions(PROBLEM) == [version, second]
    assert second.digest != version.digest == bench.versions.bytes_digest(version)
    read = io.load(bench.versions.model_path(version) / "model.skops", trusted=[])
    assert read.predict(run.example) == pytest.approx(run.model.predict(run.example))
    assert (bench.versions.run_artifacts(version) / "scorecard.json").is_file()


def test_an_unknown_problem_is_empty_and_an_unknown_version_is_named(bench: Any) -> None:
    assert bench.versions.versions("nobody") == []
    assert bench.versions.aliases("nobody") == {}
    assert bench.versions.model_tags("nobody") == {}
    bench.versions.register(bench.run(), at=utc_text(bench.clock()))
    with pytest.raises(NotFound, match=r"no version 7\. Known: 1"):
        bench.versions.version(PROBLEM, 7)
    with pytest.raises(NotFound):
        bench.versions.set_alias(PROBLEM, "champion", 7)
    with pytest.raises(NotFound):
        bench.versions.tag_version(PROBLEM, 7, {"a": "b"})
    with pytest.raises(NotFound):
        bench.versions.tag_model("nobody", {"a": "b"})


def test_aliases_move_and_go(bench: Any) -> None:
    for slope in (2.0, 3.0):
        bench.versions.register(bench.run(slope=slope), at=utc_text(bench.clock()))
    bench.versions.set_alias(PROBLEM, "champion", 1)
    bench.versions.set_alias(PROBLEM, "challenger", 2)
    assert bench.versions.aliases(PROBLEM) == {"champion": 1, "challenger": 2}
    bench.versions.set_alias(PROBLEM, "champion", 2)
    bench.versions.delete_alias(PROBLEM, "challenger")
    bench.versions.delete_alias(PROBLEM, "challenger")
    assert bench.versions.aliases(PROBLEM) == {"champion": 2}
    bench.versions.tag_model(PROBLEM, {"a": "1", "b": "2"})
    bench.versions.tag_model(PROBLEM, {"a": "3"})
    assert bench.versions.model_tags(PROBLEM) == {"a": "3", "b": "2"}
    assert (bench.versions.tagged("a"), bench.versions.tagged("c")) == ({PROBLEM: "3"}, {})


def test_a_model_of_types_that_are_not_trusted_is_refused(bench: Any) -> None:

    run = bench.run()

    class Own(type(run.model)):
        pass

    stranger = Own().fit(run.example, [1.0, 2.0, 3.0])
    with pytest.raises(InvalidRecord):
        bench.versions.register(replace(run, model=stranger), at=utc_text(bench.clock()))
    assert bench.versions.versions(PROBLEM) == []


def test_digest_covers_names_and_bytes_but_not_what_mlflow_rewrites(bench: Any) -> None:
    version = bench.versions.register(bench.run(), at=utc_text(bench.clock()))
    folder = bench.versions.model_path(version)
    (folder / "registered_model_meta").write_text("model_name: toy")
    assert bench.versions.bytes_digest(version) == version.digest
    (folder / "extra.txt").write_text("x")
    assert bench.versions.bytes_digest(version) != version.digest
    (folder / "extra.txt").unlink()
    assert bench.versions.bytes_digest(version) == version.digest
    (folder / "model.skops").rename(folder / "renamed.skops")
    assert bench.versions.bytes_digest(version) != version.digest
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(NotFound, match="gone"):
        bench.versions.bytes_digest(version)


# -- the ledger ------------------------------------------------------------------------------------------------------


def written(bench: Any, **changes: Any) -> Proposal:
    from registry.records import Evidence

    now = bench.clock()
    evidence = Evidence(
        PROBLEM, "promotion", VersionRef(2, digest_of(2)), VersionRef(1, digest_of(1)), digest_of("h"), digest_of("p"),
        digest_of("y"), "pass", digest_of(changes.pop("bundle", "b")),
    )  # fmt: skip
    evidence = replace(evidence, **changes)
    return Proposal(
        id=proposal_id(now, evidence.digest),
        kind=evidence.kind,
        problem=evidence.problem,
        evidence=evidence,
        created_at=utc_text(now),
        expires_at="2027-01-01T00:00:00.000000Z",
        owner="olga",
        summary={"list": [1, 2.5, None], "text": "é"},
    )


def approved(proposal: Proposal) -> Proposal:
    return proposal.decided("approved", by="ada", at=proposal.created_at)


def test_a_proposal_comes_back_and_is_written_in_order(bench: Any) -> None:
    one, two = written(bench), written(bench, bundle="other")
    bench.ledger.add_proposal(one)
    bench.ledger.add_proposal(two)
    assert bench.ledger.proposal(one.id) == one
    assert bench.ledger.proposals() == [two, one]
    assert bench.ledger.proposals(PROBLEM, disposition="open", limit=1) == [two]
    assert bench.ledger.proposals("nobody") == []
    with pytest.raises(NotFound):
        bench.ledger.proposal("P-0")
    with pytest.raises(NameTaken):
        bench.ledger.add_proposal(written(bench))
    after = approved(one)
    bench.ledger.update_proposal(one, after, at=one.created_at)
    assert bench.ledger.proposal(one.id) == after
    with pytest.raises(Conflict, match="by ada"):
        bench.ledger.update_proposal(one, one.decided("rejected", by="bob", at=one.created_at, reason="no"), at="")
    assert [e.kind for e in bench.ledger.events(subject=one.id)] == ["proposal.written", "proposal.changed"]
    assert [e.seq for e in bench.ledger.events(after=2)] == [3]


def test_one_applying_per_problem(bench: Any) -> None:
    one, two = written(bench), written(bench, bundle="other")
    for proposal in (one, two):
        bench.ledger.add_proposal(proposal)
    bench.ledger.update_proposal(one, approved(one), at=one.created_at)
    with pytest.raises(Conflict, match="being applied"):
        bench.ledger.update_proposal(two, approved(two), at=two.created_at)
    assert bench.ledger.proposal(two.id) == two


def test_evidence_is_written_once(bench: Any) -> None:
    one = written(bench)
    bench.ledger.add_proposal(one)
    better = replace(one, evidence=replace(one.evidence, verdict="fail"), row_version=2)
    with pytest.raises(InvalidRecord, match="never changed"):
        bench.ledger.update_proposal(one, better, at=one.created_at)
    assert bench.ledger.proposal(one.id) == one


@pytest.mark.parametrize(
    "change",
    [
        {"disposition": "approved", "effect": "none", "decided_by": "ada", "decided_at": "2026"},
        {"disposition": "approved", "effect": "applied"},
        {"disposition": "rejected", "decided_by": "ada", "decided_at": "2026", "reason": " "},
        {"disposition": "expired", "effect": "applied", "decided_by": "clock", "decided_at": "2026"},
        {"effect": "applied"},
        {"decided_by": "ada"},
        {"self_approved": True},
        {"expires_at": "2020-01-01T00:00:00.000000Z"},
        {"kind": "bootstrap"},
    ],
)
def test_illegal_columns_are_refused(bench: Any, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="breaks"):
        bench.ledger.add_proposal(replace(written(bench), **change))
    assert bench.ledger.proposals() == []
    assert bench.ledger.events() == []


def test_a_transaction_is_all_or_nothing(bench: Any) -> None:
    one = written(bench)
    with pytest.raises(RuntimeError, match="half way"), bench.ledger.transaction():
        bench.ledger.add_proposal(one)
        bench.ledger.add_holdout_use(HoldoutUse(digest_of("h"), PROBLEM, one.id, one.created_at, 0.05))
        assert bench.ledger.proposals() == [one]
        raise RuntimeError("half way")
    assert bench.ledger.proposals() == []
    assert bench.ledger.holdout_uses(digest_of("h")) == []
    assert bench.ledger.events() == []


def test_decisions_moves_and_uses_are_kept_in_order(bench: Any) -> None:
    one, two = written(bench), written(bench, bundle="other")
    for proposal in (one, two):
        bench.ledger.add_proposal(proposal)
        bench.ledger.add_decision(
            Decision(proposal.id, "approve", "ada", proposal.created_at, "why", proposal.digest, True)
        )
        move = PointerMove(
            PROBLEM, proposal.id, VersionRef(1, digest_of(1)), VersionRef(2, digest_of(2)), "ada", "2026"
        )
        bench.ledger.add_move(move)
        bench.ledger.add_holdout_use(HoldoutUse(digest_of("h"), PROBLEM, proposal.id, proposal.created_at, 0.1 + 0.2))
        with pytest.raises(Conflict, match="already moved"):
            bench.ledger.add_move(move)
        with pytest.raises(Conflict, match="decided already"):
            bench.ledger.add_decision(bench.ledger.decisions(proposal.id)[0])
    assert [d.proposal_id for d in bench.ledger.decisions()] == [one.id, two.id]
    assert bench.ledger.decisions(two.id)[0].self_approved is True
    assert [m.seq for m in bench.ledger.moves(PROBLEM)] == [1, 2]
    assert [u.alpha for u in bench.ledger.holdout_uses(digest_of("h"))] == [0.1 + 0.2] * 2
    with pytest.raises(NotFound):
        bench.ledger.add_decision(Decision("P-0", "approve", "ada", "2026", "", digest_of(1)))


def test_writers_take_turns_and_none_is_lost(bench: Any) -> None:
    failures: list[BaseException] = []

    def write(name: int) -> None:
        try:
            for n in range(15):
                with bench.ledger.transaction():
                    before = len(bench.ledger.events())
                    bench.ledger.add_event(at="2026", kind="note", subject=f"{name}.{n}", body={"before": before})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    events = bench.ledger.events()
    assert [e.body["before"] for e in events] == list(range(60))
    assert all(e.sound() for e in events)


def test_the_lease_is_for_one_at_a_time(bench: Any) -> None:
    bench.ledger._lease_seconds = 0.05
    with bench.ledger.lease(PROBLEM):
        with pytest.raises(Unavailable, match=PROBLEM), bench.ledger.lease(PROBLEM):
            pass
        with bench.ledger.lease("another_problem"):
            pass
    with bench.ledger.lease(PROBLEM):
        pass
