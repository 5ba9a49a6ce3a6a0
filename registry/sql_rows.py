"""Between records and rows of the ledger's tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import wraps
from hashlib import sha256
from json.encoder import encode_basestring as quoted
from typing import Any, TypeVar

from registry.errors import Unreadable
from registry.records import (
    Decision,
    Event,
    Evidence,
    GateResult,
    HoldoutUse,
    HypothesisLock,
    HypothesisRef,
    PointerMove,
    Proposal,
    SnapshotRecord,
    VersionRef,
    canonical_json,
)
from registry.signing import Signature
from registry.stored import Standing, StoredProposal

Row = Mapping[str, Any]
T = TypeVar("T")


def _readable(what: str, named: str) -> Callable[[Callable[[Row], T]], Callable[[Row], T]]:
    """Says which row it is that no record can be made of, by its column `named`."""

    def around(read: Callable[[Row], T]) -> Callable[[Row], T]:
        @wraps(read)
        def reading(row: Row) -> T:
            try:
                return read(row)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
                raise Unreadable(
                    f"The row of {what} '{row[named]}' can't be read: {type(error).__name__}: {error}.",
                    hint="Somebody edited it round the ledger. Restore the database from a backup.",
                ) from error

        return reading

    return around


def from_proposal(proposal: Proposal) -> dict[str, Any]:
    """All columns of a proposal."""
    evidence = proposal.evidence
    return {
        "id": proposal.id,
        "kind": proposal.kind,
        "problem": proposal.problem,
        **_from_ref("challenger", evidence.challenger),
        **_from_ref("champion", evidence.champion),
        "holdout_digest": evidence.holdout_digest,
        "policy_digest": evidence.policy_digest,
        "hypothesis_digest": evidence.hypothesis_digest,
        "verdict": evidence.verdict,
        "bundle_digest": evidence.bundle_digest,
        "evidence_digest": evidence.digest,
        "created_at": proposal.created_at,
        "expires_at": proposal.expires_at,
        "owner": proposal.owner,
        "gates": canonical_json([asdict(gate) for gate in proposal.gates]),
        "hypothesis": canonical_json(asdict(proposal.hypothesis)) if proposal.hypothesis else None,
        "round": proposal.round,
        "summary": canonical_json(dict(proposal.summary)),
        **changing(proposal),
    }


def changing(proposal: Proposal) -> dict[str, Any]:
    """The columns that a decision or a step of applying writes."""
    return {
        "disposition": proposal.disposition,
        "effect": proposal.effect,
        "decided_by": proposal.decided_by,
        "decided_at": proposal.decided_at,
        "reason": proposal.reason,
        "self_approved": proposal.self_approved,
        "row_version": proposal.row_version,
    }


def _json(text: str) -> Any:
    """The value of a column of JSON. Raises ValueError for what has no canonical text."""
    value = json.loads(text)
    if "NaN" in text or "Infinity" in text or "\\u" in text:
        canonical_json(value).encode()
    return value


def _whole(record: T) -> T:
    """This record, if its event could tell of it. Raises ValueError or TypeError otherwise."""
    canonical_json(asdict(record)).encode()  # type: ignore[call-overload]
    return record


@_readable("proposal", "id")
def to_proposal(row: Row) -> Proposal:
    """The proposal of a row."""
    challenger, champion = _to_ref("challenger", row), _to_ref("champion", row)
    if challenger is None:
        raise ValueError(f"Proposal '{row['id']}' is stored without a challenger.")
    evidence = Evidence(
        problem=row["problem"],
        kind=row["kind"],
        challenger=challenger,
        champion=champion,
        holdout_digest=row["holdout_digest"],
        policy_digest=row["policy_digest"],
        hypothesis_digest=row["hypothesis_digest"],
        verdict=row["verdict"],
        bundle_digest=row["bundle_digest"],
    )
    if row["evidence_digest"] != evidence.digest:
        raise ValueError("its evidence_digest is not that it binds")
    summary = _json(row["summary"])
    if not isinstance(summary, dict):
        raise TypeError("its summary is no mapping")
    return Proposal(
        id=row["id"],
        kind=row["kind"],
        problem=row["problem"],
        evidence=evidence,
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        owner=row["owner"],
        gates=tuple(_to_gate(gate) for gate in _json(row["gates"])),
        hypothesis=HypothesisRef(**_json(row["hypothesis"])) if row["hypothesis"] else None,
        round=row["round"],
        summary=summary,
        **{name: row[name] for name in _CHANGING},
    )


@_readable("proposal", "id")
def to_stored(row: Row) -> StoredProposal:
    """The proposal of a row with the text of its record, put together of the columns without making the record.

    A column of JSON is taken as it is once it was read whole: then it can't be part of what stands beside it.
    """
    ref = {name: None if row[f"{name}_version"] is row[f"{name}_digest"] is None else {"digest": row[f"{name}_digest"],
                                                            "version": row[f"{name}_version"]}
           for name in ("challenger", "champion")}  # fmt: skip
    evidence = canonical_json(ref | {name: row[name] for name in _EVIDENCE})
    try:
        for name in ("gates", "hypothesis", "summary"):
            json.loads(row[name] or "null")
    except (ValueError, TypeError, RecursionError):
        to_proposal(row)  # says which row it is
    before = canonical_json({name: row[name] for name in _BEFORE})[:-1]
    between = canonical_json({name: row[name] for name in _BETWEEN})[1:-1]
    text = (
        f'{before},"evidence":{evidence},"expires_at":{quoted(row["expires_at"])},"gates":{row["gates"]},'
        f'"hypothesis":{row["hypothesis"] or "null"},{between},"summary":{row["summary"]}}}'
    )
    body = {name: row[name] for name in _TOLD} | {"record": sha256(text.encode()).hexdigest()}
    # the column is read by nobody but the database, which holds two open proposals on one evidence apart by it
    same = sha256(evidence.encode()).hexdigest() == row["evidence_digest"]
    return StoredProposal(row["id"], text, body if same else body | {"evidence_digest": ""})


_EVIDENCE = ("bundle_digest", "holdout_digest", "hypothesis_digest", "kind", "policy_digest", "problem", "verdict")
_BEFORE = ("created_at", "decided_at", "decided_by", "disposition", "effect")
_BETWEEN = ("id", "kind", "owner", "problem", "reason", "round", "row_version", "self_approved")
_TOLD = ("problem", "kind", "verdict", "disposition", "effect", "evidence_digest", "row_version")


@_readable("proposal", "id")
def to_standing(row: Row) -> Standing:
    """What a move has to agree with, of a row."""
    challenger = VersionRef(row["challenger_version"], row["challenger_digest"])
    return Standing(row["id"], row["effect"], challenger, _to_ref("champion", row))


_CHANGING = ("disposition", "effect", "decided_by", "decided_at", "reason", "self_approved", "row_version")


def _to_gate(gate: dict[str, Any]) -> GateResult:
    interval = gate.pop("interval")
    return GateResult(interval=None if interval is None else (interval[0], interval[1]), **gate)


def _from_ref(name: str, ref: VersionRef | None) -> dict[str, Any]:
    return {f"{name}_version": ref.version if ref else None, f"{name}_digest": ref.digest if ref else None}


def _to_ref(name: str, row: Row) -> VersionRef | None:
    if row[f"{name}_version"] is None:
        if row[f"{name}_digest"] is not None:
            raise ValueError(f"its {name}_digest is of no version")
        return None
    return VersionRef(row[f"{name}_version"], row[f"{name}_digest"])


def from_move(move: PointerMove) -> dict[str, Any]:
    """All columns of a move but its number."""
    return {
        "problem": move.problem,
        "proposal_id": move.proposal_id,
        **_from_ref("from", move.from_ref),
        **_from_ref("to", move.to_ref),
        "by": move.by,
        "at": move.at,
    }


@_readable("move", "seq")
def to_move(row: Row) -> PointerMove:
    """The move of a row."""
    made = PointerMove(
        problem=row["problem"],
        proposal_id=row["proposal_id"],
        from_ref=_to_ref("from", row),
        to_ref=VersionRef(row["to_version"], row["to_digest"]),
        by=row["by"],
        at=row["at"],
        seq=row["seq"],
    )
    return _whole(made)


def _flat(what: str, named: str, kind: type[T]) -> Callable[[Row], T]:
    """Of rows whose columns are the fields of the record."""

    @_readable(what, named)
    def read(row: Row) -> T:
        return _whole(kind(**{name: row[name] for name in kind.__dataclass_fields__}))  # type: ignore[attr-defined]

    return read


to_decision = _flat("decision", "seq", Decision)
to_use = _flat("holdout use", "seq", HoldoutUse)
to_lock = _flat("hypothesis lock", "hypothesis_id", HypothesisLock)
to_signature = _flat("signature", "seq", Signature)
SNAPSHOT = ("problem", "dataset_version", "digest", "holdout_digest")  # columns beside the record


@_readable("snapshot", "dataset_version")
def to_snapshot(row: Row) -> SnapshotRecord:
    """The snapshot of a row."""
    record = _json(row["record"])
    made = SnapshotRecord(**{**record, "columns": tuple(record["columns"])})
    if odd := [name for name in SNAPSHOT if row[name] != getattr(made, name)]:
        raise ValueError(f"its {', '.join(odd)} is not that of its record")
    return _whole(made)


@_readable("account", "name")
def to_account(row: Row) -> dict[str, Any]:
    """What the events about an account tell, of its row; of the password's hash a digest."""
    told = {"name": row["name"], "roles": str(row["roles"]).split(), "disabled": bool(row["disabled"]),
            "created_at": row["created_at"], "changed_at": row["changed_at"],
            "password": sha256(row["password_hash"].encode()).hexdigest()}  # fmt: skip
    return _canonical(told | {name: row[name] for name in ("full_name", "email") if row.get(name)})


@_readable("token", "id")
def to_token(row: Row) -> dict[str, Any]:
    """What the events about a token tell, of its row."""
    names = ("id", "account", "label", "created_at", "expires_at", "digest")
    return _canonical({name: row[name] for name in names} | {"revoked": bool(row["revoked"])})


def _canonical(value: dict[str, Any]) -> dict[str, Any]:
    canonical_json(value).encode()
    return value


def from_event(told: Event) -> dict[str, Any]:
    """All columns of an event."""
    return {**asdict(told), "body": canonical_json(told.body)}


def to_event(row: Row) -> Event:
    """The event of a row; an unreadable body is kept as text, so that the check of the chain finds it."""
    try:
        body = json.loads(row["body"])
    except ValueError:
        body = {"unreadable": row["body"]}
    return Event(**{**dict(row), "body": body})
