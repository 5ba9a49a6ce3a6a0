"""Looking at what the registry remembers; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from registry import chain
from registry.custody import custody, pointed, require_bytes
from registry.errors import NotFound, OutOfCustody, RegistryError, Unavailable
from registry.ports import Ledger, VersionStore
from registry.records import (
    ALIASES,
    Custody,
    Decision,
    Event,
    HoldoutUse,
    HypothesisLock,
    ModelVersion,
    PointerMove,
    Proposal,
    SnapshotRecord,
    Status,
    Verification,
)


class Reader:
    """The looking half of the registry, over one version store and one ledger."""

    def __init__(self, *, versions: VersionStore, ledger: Ledger) -> None:
        self._versions, self._ledger = versions, ledger

    def version(self, problem: str, number: int) -> ModelVersion:
        """One version; NotFound lists nothing that is not there."""
        return self._versions.version(problem, number)

    def versions(self, problem: str) -> list[ModelVersion]:
        """All versions, oldest first."""
        return self._versions.versions(problem)

    def aliases(self, problem: str) -> dict[str, int]:
        """The aliases as the store has them now; the champion is `champion(problem)`, not an alias."""
        return self._versions.aliases(problem)

    def champion(self, problem: str) -> ModelVersion | None:
        """The champion by the pointer log, with the digest that was decided; None while nobody ever was.

        Raises OutOfCustody when its version was deleted.
        """
        ref = pointed(self._ledger.moves(problem))
        if ref is None:
            return None
        try:
            return replace(self._versions.version(problem, ref.version), digest=ref.digest)
        except NotFound as error:
            raise OutOfCustody(
                f"Version {ref.version}, the champion of {problem}, was deleted from the registry.",
                hint="Roll back with 'arena-rollback' to a version that is still there.",
            ) from error

    def model_path(self, version: ModelVersion) -> Path:
        """The folder of the model's files, their digest verified. OutOfCustody names both digests otherwise."""
        require_bytes(self._versions, version, self._registered_digest(version) or version.digest)
        return self._versions.model_path(version)

    def run_artifacts(self, version: ModelVersion) -> Path:
        """The folder of everything else the run logged."""
        return self._versions.run_artifacts(version)

    def custody(self, problem: str) -> Custody:
        """Whether alias and bytes of the champion are what the pointer log says."""
        return custody(self._versions, problem, self._ledger.moves(problem), applying=self._applying(problem))

    def status(self, problem: str) -> Status:
        """What stands where; it works, with custody `unknown`, when the version store can't be read."""
        aliases: dict[str, Mapping[str, Any] | None] = dict.fromkeys(ALIASES)
        try:
            for alias, number in self._versions.aliases(problem).items():
                found = self._versions.version(problem, number)
                aliases[alias] = {"version": number, "run_id": found.run_id, "digest": found.digest}
        except (Unavailable, NotFound):
            pass  # custody below says so
        return Status(
            problem=problem,
            registered_model=problem,
            custody=self.custody(problem),
            aliases=aliases,
            proposals=self._ledger.proposals(problem),
            moves=self._ledger.moves(problem),
        )

    def verify(self) -> Verification:
        """Check the chain, every row against its event, each pointer log, and the head kept on each model."""
        events = self._ledger.events()
        problems = chain.broken_links(events) + chain.strayed_rows(self._ledger, events)
        by_problem: dict[str, dict[str, Proposal]] = {}
        for proposal in self._ledger.proposals():
            by_problem.setdefault(proposal.problem, {})[proposal.id] = proposal
        for event in events:
            if event.kind == chain.REGISTERED:
                by_problem.setdefault(event.subject.rpartition("/")[0], {})
        for problem, proposals in sorted(by_problem.items()):
            problems += chain.broken_pointer(self._ledger.moves(problem), proposals)
            try:
                tag = self._versions.model_tags(problem).get(chain.HEAD_TAG)
                wrong = chain.wrong_head(tag, events, problem, set(proposals))
                half = [p.id for p in proposals.values() if p.effect == "applying"]
                if wrong and half:
                    # the head is written after the last step of applying: one that lags here is no tampering
                    wrong = [f"{half[0]} is half applied: any command that decides, or 'arena-status', finishes it"]
                problems += wrong
            except RegistryError as error:
                problems.append(f"{problem}: the head kept on the registered model can't be read: {error}")
        return Verification(not problems, len(events), problems)

    def proposal(self, proposal_id: str) -> Proposal:
        """One proposal; NotFound when there is none of that id."""
        return self._ledger.proposal(proposal_id)

    def proposals(self, problem: str | None = None, disposition: str | None = None) -> list[Proposal]:
        """Proposals, newest first."""
        return self._ledger.proposals(problem, disposition=disposition)

    def moves(self, problem: str) -> list[PointerMove]:
        """The pointer log, oldest first."""
        return self._ledger.moves(problem)

    def decisions(self, proposal_id: str | None = None) -> list[Decision]:
        """Decisions, oldest first."""
        return self._ledger.decisions(proposal_id)

    def holdout_uses(self, digest: str) -> list[HoldoutUse]:
        """Every comparison that looked at this holdout, oldest first."""
        return self._ledger.holdout_uses(digest)

    def hypothesis_lock(self, problem: str, hypothesis_id: str) -> HypothesisLock | None:
        """The lock, or None before the first training."""
        return self._ledger.lock(problem, hypothesis_id)

    def snapshot(self, problem: str, dataset_version: str) -> SnapshotRecord:
        """One snapshot; NotFound lists the known ones."""
        return self._ledger.snapshot(problem, dataset_version)

    def snapshots(self, problem: str | None = None) -> list[SnapshotRecord]:
        """Snapshots by problem and name."""
        return self._ledger.snapshots(problem)

    def events(self, *, kind: str | None = None) -> list[Event]:
        """The chain, oldest first: all of it, or the events of one kind."""
        return self._ledger.events(kind=kind)

    def _registered_digest(self, version: ModelVersion) -> str | None:
        told = self._ledger.events(kind=chain.REGISTERED, subject=f"{version.problem}/{version.version}")
        return str(told[-1].body["digest"]) if told else None

    def _applying(self, problem: str) -> Proposal | None:
        approved = self._ledger.proposals(problem, disposition="approved")
        return next((p for p in approved if p.effect == "applying"), None)
