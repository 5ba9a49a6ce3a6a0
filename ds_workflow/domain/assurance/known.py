"""Everything that is gathered of a version before it is asked anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ds_workflow.domain.checklist import Status
from ds_workflow.domain.findings import Finding
from ds_workflow.domain.materiality import Materiality
from ds_workflow.domain.monitoring.looks import Look
from ds_workflow.domain.policy import Policy
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.retirement import Retirement
from registry.records import GateResult, ModelVersion, PointerMove, Proposal, SnapshotRecord, Verification

Answer = tuple[Status, str, str]  # status, detail, the source that shows it


@dataclass(frozen=True)
class Canary:
    """A trial in which the version answered a share of the traffic beside the champion, and how many requests."""

    id: str
    started_at: str
    share: float
    requests: int


@dataclass(frozen=True)
class Known:
    """Everything the facts are computed from. None or empty: it could not be had.

    `judged` is the proposal that holds the version's evidence, `decision` the one that put it in office; `bundle` the
    manifest of its evidence, every byte verified; `files` the run's files by name, those of them that are JSON as
    content; `monitoring` (status, words) of the last looks, `looks` the newest of each kind; `canaries` the trials with
    real traffic that it was in; `incidents` the open ones in words; `told` counts the signatures, findings and
    retirements that people put down about the problem so far.
    """

    problem: Problem
    version: ModelVersion
    at: str
    materiality: Materiality
    policy: Policy | None = None
    judged: Proposal | None = None
    decision: Proposal | None = None
    moves: tuple[PointerMove, ...] = ()
    custody: str = ""
    chain: Verification | None = None
    snapshot: SnapshotRecord | None = None
    snapshot_whole: bool | None = None
    bundle: Mapping[str, Any] | None = None
    files: Mapping[str, Any] = field(default_factory=dict)
    card: str | None = None
    sourcing: Mapping[str, str] = field(default_factory=dict)
    tests: Mapping[str, Any] | None = None
    monitoring: tuple[str, str] | None = None
    looks: tuple[Look, ...] = ()
    canaries: tuple[Canary, ...] = ()
    incidents: tuple[str, ...] | None = None
    findings: tuple[Finding, ...] = ()
    retired: Mapping[int, Retirement] = field(default_factory=dict)
    told: int = 0

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """The open findings about this version."""
        return tuple(f for f in self.findings if f.open and f.concerns(self.version.version))

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """Those of them that a release waits for."""
        blocking = self.materiality.required.blocking
        return tuple(f for f in self.open_findings if f.blocks(self.at, blocking=blocking))

    @property
    def in_office(self) -> bool:
        """Whether the pointer log names this version."""
        return bool(self.moves) and self.moves[-1].to_ref == self.version.ref

    def gates(self, *words: str) -> tuple[GateResult, ...]:
        """The gate results of its evidence whose name holds one of the words."""
        found = self.judged.gates if self.judged else ()
        return tuple(g for g in found if any(word in g.name for word in words))
