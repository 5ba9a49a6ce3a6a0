"""Laws of the records and of the rules that need no store."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import chain, deciding
from registry.custody import standing
from registry.errors import Conflict, InvalidRecord, ProposalClosed, Unavailable
from registry.files import file_lock
from registry.records import (
    Event,
    Evidence,
    PointerMove,
    Proposal,
    VersionRef,
    canonical_json,
    digest_of,
    proposal_id,
    require_legal,
    utc_text,
)
from registry.sql_rows import from_proposal, to_proposal
from registry.stored import Links, StoredEvent

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def proposal(**changes: Any) -> Proposal:
    evidence = Evidence(
        "toy", "promotion", VersionRef(2, digest_of(2)), VersionRef(1, digest_of(1)), "h", "p", "y", "pass", "b"
    )
    evidence = replace(evidence, **{k: changes.pop(k) for k in list(changes) if k in Evidence.__dataclass_fields__})
    return Proposal(
        id=proposal_id(START, evidence.digest),
        kind=evidence.kind,
        problem=evidence.problem,
        evidence=evidence,
        created_at=utc_text(START),
        expires_at=utc_text(START + timedelta(days=14)),
        owner="olga",
        **changes,
    )


def broken_links(events: list[Event]) -> list[str]:
    """What a walk along a chain as it is stored finds."""
    rows = [StoredEvent(**{**vars(event), "body": canonical_json(event.body)}) for event in events]
    return Links().page(rows)[0] if rows else []


@given(st.lists(st.tuples(st.text(), st.text(), st.dictionaries(st.text(), plain_json, max_size=3)), max_size=6))
def test_a_chain_holds_until_anything_in_it_changes(told: list[tuple[str, str, dict[str, Any]]]) -> None:
    events: list[Event] = []
    for kind, subject, body in told:
        events.append(chain.next_event(events[-1] if events else None, at="t", kind=kind, subject=subject, body=body))
    assert broken_links(events) == []
    read = [Event(**json.loads(json.dumps(asdict(e)))) for e in events]
    assert broken_links(read) == []
    for i, event in enumerate(events):
        for edited in (replace(event, kind=event.kind + "x"), replace(event, body={"x": 1, **event.body, "y": 0})):
            assert broken_links([*events[:i], edited, *events[i + 1 :]])
        if i + 1 < len(events):
            assert broken_links([*events[:i], *events[i + 1 :]])


@given(plain_json)
def test_canonical_json_is_one_text_per_value(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(plain_json.map(lambda value: {"summary": value}), st.sampled_from(["pass", "fail", "inconclusive", "invalid"]))
def test_a_row_gives_the_proposal_back(summary: dict[str, Any], verdict: str) -> None:
    one = proposal(summary=json.loads(canonical_json(summary)), verdict=verdict)
    assert to_proposal(from_proposal(one)) == one


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    if one.year >= 1000 and other.year >= 1000:
        assert (utc_text(one) < utc_text(other)) == (one < other)
        digest = digest_of(1)
        assert (proposal_id(one, digest) < proposal_id(other, digest)) == (one < other)


def test_times_have_a_zone() -> None:
    with pytest.raises(InvalidRecord, match="zone"):
        utc_text(START.replace(tzinfo=None))
    east = START.astimezone(timezone(timedelta(hours=5)))
    assert utc_text(east) == utc_text(START)


@given(st.sampled_from(["approved", "rejected", "expired", "superseded", "withdrawn", "invalidated"]), st.data())
@settings(max_examples=60)
def test_a_closed_proposal_stays_closed_and_every_step_is_legal(disposition: Any, data: st.DataObject) -> None:
    closed = proposal().decided(disposition, by="ada", at=utc_text(START), reason="why")
    require_legal(closed)
    again = data.draw(st.sampled_from(["approved", "rejected", "withdrawn"]))
    with pytest.raises(ProposalClosed):
        closed.decided(again, by="bob", at=utc_text(START), reason="other")
    for _ in range(4):
        effect = data.draw(st.sampled_from(["none", "applying", "applied", "apply_failed", "rolled_back"]))
        try:
            after = closed.with_effect(effect)
        except InvalidRecord:
            continue
        assert disposition == "approved"
        assert after.row_version == closed.row_version + 1
        closed = require_legal(after)


def test_only_what_is_due_expires() -> None:
    one = proposal()
    with pytest.raises(InvalidRecord, match="does not expire before"):
        one.expire(utc_text(START))
    assert require_legal(one.expire(one.expires_at)).label == "expired"


def test_any_field_of_the_evidence_changes_its_digest() -> None:
    one = proposal().evidence
    others = {"problem": "x", "kind": "override", "challenger": VersionRef(2, digest_of(3)), "champion": None,
              "holdout_digest": "x", "policy_digest": "x", "hypothesis_digest": "x", "verdict": "fail",
              "bundle_digest": "x"}  # fmt: skip
    assert set(others) == set(Evidence.__dataclass_fields__)
    digests = {replace(one, **{name: value}).digest for name, value in others.items()}
    assert len(digests | {one.digest}) == len(others) + 1


def test_the_same_artifact_under_another_number_is_not_new() -> None:
    settled = proposal().decided("rejected", by="ada", at=utc_text(START), reason="no")
    copy = replace(settled.evidence, challenger=VersionRef(3, digest_of(2)), bundle_digest="again")
    with pytest.raises(Conflict, match="is rejected"):
        deciding.require_fresh(copy, [settled])
    with pytest.raises(Conflict, match="is pending"):
        deciding.require_fresh(copy, [proposal()])
    for field in ("holdout_digest", "policy_digest"):
        deciding.require_fresh(replace(copy, **{field: "fresh"}), [settled])
    expired = proposal().expire(utc_text(START + timedelta(days=14)))
    deciding.require_fresh(expired.evidence, [expired])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12))
def test_rolling_back_step_by_step_never_meets_a_version_twice(numbers: list[int]) -> None:
    moves, at = [], None
    for number in numbers:
        if at is None or number != at.version:
            ref = VersionRef(number, digest_of(number))
            moves.append(PointerMove("toy", f"P-{len(moves)}", at, ref, "ada", "t"))
            at = ref
    stack = standing(moves)
    assert stack[-1] == at
    assert len(set(stack)) == len(stack)
    assert set(stack) <= {move.to_ref for move in moves}


def test_a_lock_on_a_file_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    entered = []
    with (
        file_lock(path, seconds=1, busy="Somebody works."),
        pytest.raises(Unavailable, match="Somebody works"),
        file_lock(path, seconds=0.03, busy="Somebody works."),
    ):
        entered.append("while held")
    with file_lock(path, seconds=0.03, busy="Somebody works."):
        entered.append("after")
    assert entered == ["after"]
