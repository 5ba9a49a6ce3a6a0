"""What the checks of a release share, each looked up once; and the shape of an answer."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ds_workflow.adapters import dossier, evidence, governance, snapshots
from registry.errors import NotFound, RegistryError
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.domain.assurance import Known
    from ds_workflow.domain.challenge import Challenge
    from ds_workflow.domain.materiality import Materiality
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion, Proposal

Status = Literal["pass", "fail", "unknown", "skipped"]
Found = tuple[Status, str, str]  # status, detail, fix


class Walk:
    """What the checks share, each looked up once."""

    def __init__(self, work: Workspace) -> None:
        self.work = work
        self.statuses: dict[str, str] = {}  # of the checks asked so far, by name

    @cached_property
    def champion_or_none(self) -> ModelVersion | None:
        """The champion of the pointer log, when the registry can be reached."""
        try:
            return self.work.registry.champion(self.work.problem.name)
        except RegistryError:
            return None

    @property
    def champion(self) -> ModelVersion:
        """The champion; NotFound when there is none."""
        found = self.work.registry.champion(self.work.problem.name)
        if found is None:
            raise NotFound(f"{self.work.problem.name} has no champion.", hint="Run 'bootstrap-champion'.")
        return found

    @cached_property
    def decision(self) -> Proposal:
        """The proposal whose application made the champion what it is."""
        moves = self.work.registry.moves(self.work.problem.name)
        if not moves:
            raise NotFound("The pointer log is empty.", hint="Run 'bootstrap-champion'.")
        return self.work.registry.proposal(moves[-1].proposal_id)

    @cached_property
    def judged(self) -> Proposal:
        """The proposal that holds the champion's evidence: for a rollback, the one that first promoted it."""
        if self.decision.kind != "rollback":
            return self.decision
        for move in self.work.registry.moves(self.work.problem.name):
            if move.to_ref == self.champion.ref:
                found = self.work.registry.proposal(move.proposal_id)
                if found.kind != "rollback":
                    return found
        raise NotFound(f"No evidence of version {self.champion.version} is on record.", hint="Run 'arena-verify'.")

    @cached_property
    def snapshot(self) -> Any:
        """The snapshot the champion was judged on, its digest verified."""
        store = snapshots.SnapshotStore(self.work.settings.data)
        return store.load(self.work.problem, self.champion.lineage.dataset_version)

    @cached_property
    def bundle(self) -> Any:
        """The evidence of the champion, every byte verified."""
        digest = self.judged.evidence.bundle_digest
        return evidence.read(self.work.settings.evidence, digest, self.work.problem)

    @cached_property
    def known(self) -> Known:
        """All that a machine can know of the champion."""
        work = self.work
        at = utc_text(work.clock())
        return dossier.gather(work.settings, work.registry, work.problem, self.champion, at=at, errors=(RegistryError,))

    @cached_property
    def challenge(self) -> Challenge:
        """The checklist of the champion."""
        return dossier.challenge(self.work.settings, self.work.registry, self.known)

    @cached_property
    def materiality(self) -> Materiality:
        """How much hangs on the problem; it decides which checks are asked."""
        return governance.materiality(self.work.settings, self.work.problem.name)
