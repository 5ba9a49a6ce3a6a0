"""A proposal with its gates and evidence, and the only ways in which it may change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from registry.errors import InvalidRecord, NotPromotable, ProposalClosed
from registry.records.texts import digest_of
from registry.records.versions import VersionRef

Verdict = Literal["pass", "fail", "inconclusive", "invalid"]
Disposition = Literal["open", "approved", "rejected", "expired", "superseded", "withdrawn", "invalidated"]
Effect = Literal["none", "applying", "applied", "apply_failed", "rolled_back"]
Kind = Literal["bootstrap", "promotion", "rollback", "override", "adopt"]
GateStatus = Literal["pass", "fail", "inconclusive", "invalid"]
Outcome = Literal["supported", "refuted", "inconclusive"]

CLOCK = "clock"  # who decides when a proposal expires
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class GateResult:
    """What one gate saw: `observed` and `interval` are in the gate's own unit, said in `required`."""

    name: str
    status: GateStatus
    observed: float | None = None
    interval: tuple[float, float] | None = None
    required: str = ""
    rows: int | None = None
    note: str = ""
    segment: str = ""
    p_value: float | None = None
    p_adjusted: float | None = None
    rows_needed: int | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything an approval binds. Its digest is the proposal's digest."""

    problem: str
    kind: Kind
    challenger: VersionRef
    champion: VersionRef | None
    holdout_digest: str
    policy_digest: str
    hypothesis_digest: str
    verdict: Verdict
    bundle_digest: str  # of the evidence bundle: the scored rows and the gate results

    @property
    def digest(self) -> str:
        """SHA-256 over all of it."""
        return digest_of(asdict(self))


@dataclass(frozen=True)
class HypothesisRef:
    """The hypothesis as it was locked, and what the arena made of it."""

    id: str
    digest: str
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Proposal:
    """One challenger against one champion on one evidence bundle."""

    id: str
    kind: Kind
    problem: str
    evidence: Evidence
    created_at: str
    expires_at: str
    owner: str
    gates: tuple[GateResult, ...] = ()
    hypothesis: HypothesisRef | None = None
    disposition: Disposition = "open"
    effect: Effect = "none"
    decided_by: str | None = None
    decided_at: str | None = None
    reason: str = ""
    self_approved: bool = False
    round: str = ""
    row_version: int = 1
    summary: Mapping[str, Any] = field(default_factory=dict)  # figures for people: metrics, notes; part of the bundle

    @property
    def verdict(self) -> Verdict:
        """Written once by the evaluator."""
        return self.evidence.verdict

    @property
    def digest(self) -> str:
        """The evidence digest; the id carries its first 8 hex digits."""
        return self.evidence.digest

    @property
    def challenger(self) -> VersionRef:
        """The version on trial."""
        return self.evidence.challenger

    @property
    def champion(self) -> VersionRef | None:
        """The champion it was compared with."""
        return self.evidence.champion

    @property
    def label(self) -> str:
        """The one word shown to people."""
        if self.disposition == "open":
            return "pending" if self.verdict == "pass" else ("invalid" if self.verdict == "invalid" else "no_winner")
        if self.disposition == "approved":
            return {"applied": "approved", "rolled_back": "rolled back"}.get(self.effect, self.effect)
        return self.disposition

    def expired(self, at: str) -> bool:
        """Half-open: at `expires_at` itself it is expired. Only an open proposal expires."""
        return self.disposition == "open" and at >= self.expires_at

    def require_open(self, at: str) -> Proposal:
        """This proposal, if it may still be decided at `at`."""
        if self.expired(at):
            raise ProposalClosed(
                f"Proposal '{self.id}' expired at {self.expires_at}, and only an open one can be decided.",
                hint="Run 'arena-propose' to write a fresh one.",
            )
        if self.disposition != "open":
            who = f" by {self.decided_by} at {self.decided_at}" if self.decided_by else ""
            raise ProposalClosed(
                f"Proposal '{self.id}' is {self.disposition}{who}, and only an open one can be decided.",
                hint="Run 'arena-status' to see what is open, or 'arena-propose' to write a fresh one.",
            )
        return self

    def require_pass(self) -> Proposal:
        """This proposal, if its verdict allows an approval; an override is for one that failed or is inconclusive."""
        if self.verdict != "pass" and not (self.kind == "override" and self.verdict in ("fail", "inconclusive")):
            raise NotPromotable(
                f"Proposal '{self.id}' has verdict {self.verdict}; only a proposal with verdict pass can be approved.",
                hint="Read the gates with 'arena-show', close it with 'arena-reject', or train another candidate.",
            )
        return self

    def decided(self, disposition: Disposition, *, by: str, at: str, reason: str = "", solo: bool = False) -> Proposal:
        """The proposal after a decision; the transition must be legal."""
        self.require_open(at)
        if disposition == "approved":
            self.require_pass()
        return replace(
            self,
            disposition=disposition,
            effect="applying" if disposition == "approved" else "none",
            decided_by=by,
            decided_at=at,
            reason=reason,
            self_approved=solo and disposition == "approved",
            row_version=self.row_version + 1,
        )

    def expire(self, at: str) -> Proposal:
        """The proposal as the clock closes it; InvalidRecord while it still may be decided."""
        if not self.expired(at):
            raise InvalidRecord(f"Proposal '{self.id}' does not expire before {self.expires_at}; it is {at}.")
        return replace(
            self, disposition="expired", decided_by=CLOCK, decided_at=at, reason="", row_version=self.row_version + 1
        )

    def with_effect(self, effect: Effect) -> Proposal:
        """The proposal after a step of applying."""
        legal = {
            "applying": ("applied", "apply_failed"),
            "apply_failed": ("applying",),
            "applied": ("rolled_back",),
            "none": (),
            "rolled_back": (),
        }
        if self.disposition != "approved" or effect not in legal[self.effect]:
            raise InvalidRecord(
                f"Proposal '{self.id}' ({self.disposition}, {self.effect}) can't go to effect '{effect}'."
            )
        return replace(self, effect=effect, row_version=self.row_version + 1)


def require_legal(proposal: Proposal) -> Proposal:
    """This proposal, if its columns may stand together; InvalidRecord otherwise. A store checks the same laws."""
    p = proposal
    decided = p.decided_by is not None and p.decided_at is not None
    laws = {
        "an open proposal is undecided": p.disposition != "open" or (p.decided_by, p.decided_at) == (None, None),
        "a closed proposal says who and when": p.disposition == "open" or decided,
        "only an approved proposal has an effect": (p.disposition == "approved") == (p.effect != "none"),
        "only verdict pass is approved, but for an override": p.disposition != "approved"
        or p.verdict == "pass"
        or p.kind == "override",
        "only an approval is self-approved": not p.self_approved or p.disposition == "approved",
        "a bootstrap has no champion": p.kind != "bootstrap" or p.champion is None,
        "a promotion, override or rollback has a champion": p.kind not in ("promotion", "override", "rollback")
        or p.champion is not None,
        "a proposal is about its evidence": (p.problem, p.kind) == (p.evidence.problem, p.evidence.kind),
        "a rejection has a reason": p.disposition != "rejected" or bool(p.reason.strip()),
        "it expires after it was written": p.expires_at > p.created_at,
    }
    broken = [law for law, holds in laws.items() if not holds]
    if broken:
        raise InvalidRecord(f"Proposal '{p.id}' ({p.kind}, {p.disposition}, {p.effect}) breaks: {'; '.join(broken)}.")
    return proposal


def proposal_id(at: datetime, evidence_digest: str) -> str:
    """`P-20260131T120000123456-1a2b3c4d`: sorts by time, names its evidence."""
    if not _DIGEST.fullmatch(evidence_digest):
        raise InvalidRecord(f"'{evidence_digest}' is not a SHA-256 digest of 64 hex digits.")
    return f"P-{at.astimezone(UTC).strftime('%Y%m%dT%H%M%S%f')}-{evidence_digest[:8]}"
