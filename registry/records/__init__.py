"""Frozen records and their legal transitions; nothing here touches a store.

A change is a new record. Times are UTC ISO-8601 strings with `Z`, which sort as text.
"""

from registry.records.ledger import (
    ALIASES,
    Custody,
    Decision,
    Event,
    HoldoutUse,
    HypothesisLock,
    PointerMove,
    Status,
    Verification,
)
from registry.records.proposals import (
    CLOCK,
    Disposition,
    Effect,
    Evidence,
    GateResult,
    GateStatus,
    HypothesisRef,
    Kind,
    Outcome,
    Proposal,
    Verdict,
    proposal_id,
    require_legal,
)
from registry.records.texts import canonical_json, digest_of, utc_text
from registry.records.versions import Lineage, ModelVersion, SnapshotRecord, VersionRef

__all__ = [
    "ALIASES",
    "CLOCK",
    "Custody",
    "Decision",
    "Disposition",
    "Effect",
    "Event",
    "Evidence",
    "GateResult",
    "GateStatus",
    "HoldoutUse",
    "HypothesisLock",
    "HypothesisRef",
    "Kind",
    "Lineage",
    "ModelVersion",
    "Outcome",
    "PointerMove",
    "Proposal",
    "SnapshotRecord",
    "Status",
    "Verdict",
    "Verification",
    "VersionRef",
    "canonical_json",
    "digest_of",
    "proposal_id",
    "require_legal",
    "utc_text",
]
