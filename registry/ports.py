"""What the registry asks of its stores. Each has an in-memory form in `registry.memory`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from registry.records import (
    Decision,
    Event,
    HoldoutUse,
    HypothesisLock,
    Lineage,
    ModelVersion,
    PointerMove,
    Proposal,
    SnapshotRecord,
)
from registry.signing import Signature
from registry.stored import Standing, StoredEvent, StoredProposal


@dataclass(frozen=True)
class RunRecord:
    """A finished training run, ready to be remembered.

    `model` is a fitted scikit-learn estimator; `trusted_types` names every non-standard type that may be read back
    without pickle. `metrics` are flat (`mdape`, `segment.WALKUP.mdape`). `artifacts` is a folder whose content is
    logged beside the model. `example` is a small pandas DataFrame of raw rows (signature and input example).
    `dataset` holds name, digest, source, rows and, under `frame`, an optional sample for the mlflow.data view.
    """

    name: str
    lineage: Lineage
    model: Any
    trusted_types: tuple[str, ...]
    metrics: Mapping[str, float]
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    artifacts: Path
    example: Any
    dataset: Mapping[str, Any]
    description: str = ""
    pip_requirements: Sequence[str] = field(default_factory=tuple)


class VersionStore(Protocol):
    """Versions, their bytes, and the aliases that point at them (MLflow in production)."""

    def register(self, run: RunRecord, *, at: str) -> ModelVersion: ...

    def version(self, problem: str, number: int) -> ModelVersion: ...

    def versions(self, problem: str) -> list[ModelVersion]: ...

    def numbers(self, problem: str) -> list[int]:
        """Of all versions, oldest first; cheaper than the versions themselves."""
        ...

    def aliases(self, problem: str) -> dict[str, int]: ...

    def set_alias(self, problem: str, alias: str, number: int) -> None: ...

    def delete_alias(self, problem: str, alias: str) -> None: ...

    def tag_version(self, problem: str, number: int, tags: Mapping[str, str]) -> None: ...

    def tag_model(self, problem: str, tags: Mapping[str, str]) -> None: ...

    def model_tags(self, problem: str) -> dict[str, str]: ...

    def tagged(self, key: str) -> dict[str, str]:
        """That tag of every registered model that has it, by problem."""
        ...

    def model_path(self, version: ModelVersion) -> Path:
        """The local folder of the model's files."""
        ...

    def run_artifacts(self, version: ModelVersion) -> Path:
        """The local folder of everything else the run logged."""
        ...

    def bytes_digest(self, version: ModelVersion) -> str:
        """The digest computed again from the bytes that are there now; NotFound when they are gone."""
        ...


class Ledger(Protocol):
    """Proposals, decisions, pointer moves, locks, snapshots, holdout uses and the event chain.

    Every method that writes appends an event in the same transaction. `transaction()` is serialised against every
    other writer (`BEGIN IMMEDIATE`): what is read inside it does not change until it ends.
    """

    def transaction(self) -> AbstractContextManager[None]: ...

    def reading(self, *, faults: list[str] | None = None, any_text: bool = False) -> AbstractContextManager[None]:
        """What is read inside is all of one moment, while others go on writing. Nothing is written inside.

        With `faults` a row that no record can be made of is told there and left out, instead of Unreadable being
        raised; with `any_text` even one with text that is none.
        """
        ...

    def lease(self, problem: str) -> AbstractContextManager[None]:
        """One process at a time applies decisions of a problem; let go when the process dies. Not re-entrant.

        Unavailable when another one holds it too long.
        """
        ...

    def add_proposal(self, proposal: Proposal) -> None: ...

    def update_proposal(self, before: Proposal, after: Proposal, *, at: str) -> None:
        """Write `after` if the stored row still is `before` (row_version); Conflict otherwise."""
        ...

    def proposal(self, proposal_id: str) -> Proposal: ...

    def proposals(
        self,
        problem: str | None = None,
        *,
        disposition: str | None = None,
        effect: str | None = None,
        challenger: str | None = None,
        hypothesis: str | None = None,
        since: str | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        """Newest first; `challenger` is the digest of the version on trial, `hypothesis` an id, `since` a UTC time."""
        ...

    def approved(self, problem: str) -> list[Standing]:
        """Of every approved proposal, what a move has to agree with."""
        ...

    def stored_proposals(self) -> Iterator[StoredProposal]:
        """All proposals, oldest first, a few in memory at a time; reading one may raise Unreadable."""
        ...

    def count_proposals(self, problem: str) -> dict[str, int]:
        """How many there are of each disposition."""
        ...

    def problems(self) -> list[str]:
        """Every problem that a proposal is about, by name."""
        ...

    def add_decision(self, decision: Decision) -> None: ...

    def decisions(self, proposal_id: str | None = None) -> list[Decision]: ...

    def add_move(self, move: PointerMove) -> PointerMove: ...

    def moves(self, problem: str) -> list[PointerMove]: ...

    def add_lock(self, lock: HypothesisLock) -> HypothesisLock:
        """Lock once: the same digest again returns the first lock, another digest raises NameTaken."""
        ...

    def lock(self, problem: str, hypothesis_id: str) -> HypothesisLock | None: ...

    def locks(self) -> list[HypothesisLock]:
        """All of them, by problem and hypothesis."""
        ...

    def add_snapshot(self, snapshot: SnapshotRecord) -> SnapshotRecord:
        """Record once: the same digest again returns the first record, another digest raises NameTaken."""
        ...

    def snapshot(self, problem: str, dataset_version: str) -> SnapshotRecord: ...

    def snapshots(self, problem: str | None = None) -> list[SnapshotRecord]: ...

    def add_holdout_use(self, use: HoldoutUse) -> None: ...

    def holdout_uses(self, holdout_digest: str | None = None) -> list[HoldoutUse]:
        """Of one holdout, or all; oldest first."""
        ...

    def people(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Accounts and tokens, as the events about them tell; of a password's hash and a token's text a digest."""
        ...

    def add_event(self, *, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event: ...

    def events(
        self, *, after: int = 0, kind: str | None = None, subject: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Oldest first, those numbered above `after`."""
        ...

    def subjects(self, kind: str) -> list[str]:
        """Of every event of a kind, oldest first; cheaper than the events themselves."""
        ...

    def stored_events(self, *, after: int = 0) -> Iterator[Sequence[StoredEvent]]:
        """The chain as it is stored, from the one numbered above `after`, oldest first, a page in memory at a time."""
        ...

    def event(self, seq: int) -> Event | None: ...

    def head(self) -> Event | None:
        """The last event."""
        ...

    def add_signature(self, signature: Signature) -> None: ...

    def signatures(self, *, after: int = 0) -> list[Signature]: ...
