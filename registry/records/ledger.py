"""What the ledger keeps beside proposals: decisions, moves, locks, looks, the chain of events; and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from registry.records.proposals import Proposal
from registry.records.texts import digest_of
from registry.records.versions import VersionRef

ALIASES = ("champion", "challenger", "candidate")


@dataclass(frozen=True)
class PointerMove:
    """One applied move of the champion alias; the log of these says who should be champion."""

    problem: str
    proposal_id: str
    from_ref: VersionRef | None
    to_ref: VersionRef
    by: str
    at: str
    seq: int = 0  # given by the ledger


@dataclass(frozen=True)
class Decision:
    """Who decided what, when, on which evidence."""

    proposal_id: str
    action: str  # approve, reject, expire, supersede, invalidate, withdraw
    by: str
    at: str
    reason: str
    evidence_digest: str
    self_approved: bool = False


@dataclass(frozen=True)
class Event:
    """One line of the hash chain: `hash` covers all other fields and the hash of the line before."""

    seq: int
    at: str
    kind: str
    subject: str
    body: Mapping[str, Any]
    previous: str
    hash: str

    @staticmethod
    def after(previous: Event | None, *, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """The next event of the chain."""
        seq, link = (previous.seq + 1, previous.hash) if previous else (1, "0" * 64)
        content = {"seq": seq, "at": at, "kind": kind, "subject": subject, "body": dict(body), "previous": link}
        return Event(seq, at, kind, subject, dict(body), link, digest_of(content))

    def sound(self) -> bool:
        """Whether the hash is the hash of the content."""
        content = {"seq": self.seq, "at": self.at, "kind": self.kind, "subject": self.subject, "body": self.body}
        return digest_of({**content, "previous": self.previous}) == self.hash


@dataclass(frozen=True)
class HypothesisLock:
    """The digest a hypothesis had when it was first trained on."""

    problem: str
    hypothesis_id: str
    digest: str
    by: str
    at: str


@dataclass(frozen=True)
class HoldoutUse:
    """One look at a holdout: a comparison counted against its digest."""

    holdout_digest: str
    problem: str
    proposal_id: str
    at: str
    alpha: float


@dataclass(frozen=True)
class Custody:
    """`in_custody`, `drifted` or `unknown`; `none` while no champion was ever applied. `way_out` ends a drift."""

    status: Literal["in_custody", "drifted", "unknown", "none"]
    expected: VersionRef | None
    actual: VersionRef | None
    detail: str
    way_out: str = ""


@dataclass(frozen=True)
class Status:
    """What stands where: `aliases` maps each alias to `{version, run_id, digest}` or None."""

    problem: str
    registered_model: str
    custody: Custody
    aliases: Mapping[str, Mapping[str, Any] | None]
    proposals: list[Proposal]
    moves: list[PointerMove]


@dataclass(frozen=True)
class Verification:
    """What checking the ledger found: `checked` counts events, `problems` says each fault in a sentence, and `notes`
    what the answer rests on."""

    ok: bool
    checked: int
    problems: list[str]
    notes: tuple[str, ...] = ()
