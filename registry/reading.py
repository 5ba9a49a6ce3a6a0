"""Looking at what the registry remembers; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from registry import chain, exporting, tail, verifying
from registry.custody import custody, pointed, require_bytes
from registry.errors import Conflict, NotFound, OutOfCustody, RegistryError, Unavailable
from registry.files import changed_files
from registry.ports import Ledger, VersionStore
from registry.quorum import Approval
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
from registry.signing import KEY_ADDED, KEY_REVOKED
from registry.timekeeping import Now
from registry.verifying import Checkpoint

RECENT = 50  # proposals that a view of the present shows of the past


class Reader:
    """The looking half of the registry, over one version store and one ledger."""

    _people: Mapping[str, Sequence[str]] | None = None  # who is declared, where that is known

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
        require_bytes(self._versions, version, str(self._registered(version).get("digest", version.digest)))
        return self._versions.model_path(version)

    def run_artifacts(self, version: ModelVersion) -> Path:
        """The folder of everything else the run logged, in which the files of its registration are what they were.

        OutOfCustody names those that are not: figures of documents and smoke rows are read from there.
        """
        folder = self._versions.run_artifacts(version)
        if wrong := changed_files(folder, self._registered(version).get("files", {})):
            raise OutOfCustody(
                f"{', '.join(wrong[:3])} of {version.problem} version {version.version} is gone or was changed since "
                "it was registered.",
                hint=f"Nothing is read from {folder}. Restore it from a backup, or train the version again.",
            )
        return folder

    def custody(self, problem: str) -> Custody:
        """Whether alias and bytes of the champion are what the pointer log says."""
        return custody(self._versions, problem, self._ledger.moves(problem), applying=self._applying(problem))

    def status(self, problem: str, *, recent: int = RECENT) -> Status:
        """What stands where; it works, with custody `unknown`, when the version store can't be read.

        Of the proposals, the newest `recent` ones and every other that is open or not wholly applied.
        """
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
            proposals=self.present(problem, recent=recent),
            moves=self._ledger.moves(problem),
        )

    def verify(
        self,
        *,
        since: Checkpoint | None = None,
        progress: Callable[[int, int], None] | None = None,
        trusted: Mapping[str, str] | None = None,
    ) -> Verification:
        """Check the chain, every row against its event, signatures, each pointer log, and the head on each model.

        From a checkpoint on, only what came after it, and that what was before is still there (see `verifying`).
        `progress` is told, every 100,000 events, how many of how many were checked. `trusted` are public keys that
        people handed over, by name. Nothing is changed.
        """
        return verifying.verify(
            self._versions, self._ledger, since=since, progress=progress, trusted=trusted, people=self._people
        )

    def export(self, path: Path, *, at: str, faults: list[str] | None = None) -> tuple[int, str]:
        """Write the whole ledger, with the program that checks it, to a zip; how many events, and the head.

        Rows that no record can be made of are left out, told in the zip, and in `faults`.
        """
        heads, unread = dict[str, str](), ""
        try:
            heads = self._versions.tagged(chain.HEAD_TAG)
        except RegistryError as error:
            unread = str(error)
        lacks: list[str] = [] if faults is None else faults
        return exporting.write(path, self._ledger, heads=heads, unread=unread, at=at, faults=lacks)

    def beyond_head(self, problem: str) -> str:
        """What decided after the head kept outside, in words; empty when nothing did, or when it can't be read."""
        try:
            tag = self._versions.model_tags(problem).get(chain.HEAD_TAG, "")
        except RegistryError:
            return ""
        return tail.words(tail.beyond(self._ledger, problem, tag))

    def checkpoint(self) -> Checkpoint | None:
        """Where the chain ends now, to be checked from later; None for an empty one."""
        last = self._ledger.head()
        return None if last is None else Checkpoint(last.seq, last.hash)

    def proposal(self, proposal_id: str) -> Proposal:
        """One proposal; NotFound when there is none of that id."""
        return self._ledger.proposal(proposal_id)

    def proposals(
        self,
        problem: str | None = None,
        disposition: str | None = None,
        *,
        effect: str | None = None,
        challenger: str | None = None,
        hypothesis: str | None = None,
        since: str | None = None,
        limit: int | None = None,
    ) -> list[Proposal]:
        """Proposals, newest first; `challenger` is a version's digest, `hypothesis` an id, `since` a UTC time."""
        return self._ledger.proposals(
            problem, disposition=disposition, effect=effect, challenger=challenger, hypothesis=hypothesis, since=since,
            limit=limit,
        )  # fmt: skip

    def present(self, problem: str, *, recent: int = RECENT) -> list[Proposal]:
        """The newest proposals, and every other that is open or not wholly applied; newest first."""
        asked = (
            self._ledger.proposals(problem, limit=recent),
            self._ledger.proposals(problem, disposition="open"),
            self._ledger.proposals(problem, effect="applying"),
            self._ledger.proposals(problem, effect="apply_failed"),
        )
        found = {p.id: p for group in asked for p in group}
        return sorted(found.values(), key=lambda p: p.id, reverse=True)

    def count_proposals(self, problem: str) -> dict[str, int]:
        """How many proposals there are of each disposition."""
        return self._ledger.count_proposals(problem)

    def moves(self, problem: str) -> list[PointerMove]:
        """The pointer log, oldest first."""
        return self._ledger.moves(problem)

    def decisions(self, proposal_id: str | None = None) -> list[Decision]:
        """Decisions, oldest first."""
        return self._ledger.decisions(proposal_id)

    def holdout_uses(self, digest: str) -> list[HoldoutUse]:
        """Every comparison that looked at this holdout, or at one that shares its rows, oldest first."""
        found = [use for one in self._sharing(digest) for use in self._ledger.holdout_uses(one)]
        return sorted(found, key=lambda use: use.at)

    def holdout_reserved(self, digest: str) -> list[Event]:
        """Every look that was begun at this holdout, or at one that shares its rows, with a proposal in the end or
        without, oldest first."""
        found = [e for one in self._sharing(digest) for e in self._ledger.events(kind=chain.RESERVED, subject=one)]
        return sorted(found, key=lambda told: told.seq)

    def holdouts_sharing(self, digest: str) -> list[str]:
        """The holdout itself and those that it shares rows with, as far as `continue_holdout` was told."""
        return self._sharing(digest)

    def _sharing(self, digest: str) -> list[str]:
        """The holdout itself and those that it shares rows with."""
        told = ((e.subject, str(e.body["of"])) for e in self._ledger.events(kind=chain.CONTINUES))
        pairs = [pair for pair in told if digest in pair]
        return list(dict.fromkeys([digest, *(one for pair in pairs for one in pair)]))

    def hypothesis_lock(self, problem: str, hypothesis_id: str) -> HypothesisLock | None:
        """The lock, or None before the first training."""
        return self._ledger.lock(problem, hypothesis_id)

    def snapshot(self, problem: str, dataset_version: str) -> SnapshotRecord:
        """One snapshot; NotFound lists the known ones."""
        return self._ledger.snapshot(problem, dataset_version)

    def snapshots(self, problem: str | None = None) -> list[SnapshotRecord]:
        """Snapshots by problem and name."""
        return self._ledger.snapshots(problem)

    def events(self, *, kind: str | None = None, subject: str | None = None) -> list[Event]:
        """The chain, oldest first: all of it, or the events of one kind and about one subject."""
        return self._ledger.events(kind=kind, subject=subject)

    def half_applied(self, problem: str) -> Proposal | None:
        """The decision that is being applied, or was left half applied."""
        return self._applying(problem)

    def clock_behind(self, now: datetime) -> str:
        """The newest time that the ledger knows when the clock, which says `now`, is behind it; '' otherwise."""
        look = Now.look(now, self._ledger)
        return look.text if look.behind else ""

    def head_lags(self, problem: str) -> bool:
        """Whether a decision came after the head kept on the registered model: its process stopped in between."""
        try:
            tag = self._versions.model_tags(problem).get(chain.HEAD_TAG, "")
        except RegistryError:
            return False
        if tag and chain.strange_head(tag, self._ledger, problem):
            return False  # no lag, but an end that was cut off
        return bool(tail.beyond(self._ledger, problem, tag))

    def key_events(self) -> list[Event]:
        """Every key that was added or revoked, oldest first."""
        told = self._ledger.events(kind=KEY_ADDED) + self._ledger.events(kind=KEY_REVOKED)
        return sorted(told, key=lambda event: event.seq)

    def declared_before(self) -> Event | None:
        """The first event that says that people were declared; None in a ledger that only ever was in solo mode."""
        for told in self._ledger.events(kind=chain.ACCOUNT, limit=1):
            return told
        return next((e for e in self._ledger.events(kind=chain.STANDING) if e.body.get("solo") is False), None)

    def approvals(self, proposal: Proposal) -> list[Approval]:
        """Who approved this evidence so far, oldest first; more than one is needed where a quorum is asked."""
        told = self._ledger.events(kind=chain.APPROVAL, subject=proposal.id)
        return [Approval.of(event) for event in told if event.body["evidence_digest"] == proposal.digest]

    def require_registered(self, version: ModelVersion) -> None:
        """Raise Conflict for a version that the ledger was never told of, before anything is made of it."""
        if not self.registered(version):
            raise Conflict(
                f"{version.problem} version {version.version} was not registered by this workflow: a training that did "
                "not finish made it, or somebody went round the arena.",
                hint="Train it again with 'train-candidate'; a registered version is never mended.",
            )

    def registered(self, version: ModelVersion) -> bool:
        """Whether the ledger was told of the version when it was made."""
        return bool(self._registered(version))

    def registrations(self, problem: str) -> set[int]:
        """The numbers of all versions that the ledger was told of."""
        told = (subject.rpartition("/") for subject in self._ledger.subjects(chain.REGISTERED))
        return {int(number) for name, _, number in told if name == problem}

    def lately(self, kind: str, *, among: int) -> list[Event]:
        """The events of one kind among the last `among` of any kind, oldest first."""
        last = self._ledger.head()
        return [] if last is None else self._ledger.events(kind=kind, after=max(0, last.seq - among))

    def numbers(self, problem: str) -> list[int]:
        """The numbers of all versions that the store has, oldest first."""
        return self._versions.numbers(problem)

    def _registered(self, version: ModelVersion) -> Mapping[str, Any]:
        """What the ledger was told when the version was registered; empty when it was not."""
        told = self._ledger.events(kind=chain.REGISTERED, subject=f"{version.problem}/{version.version}")
        return told[-1].body if told else {}

    def _applying(self, problem: str) -> Proposal | None:
        return next(iter(self._ledger.proposals(problem, effect="applying")), None)
