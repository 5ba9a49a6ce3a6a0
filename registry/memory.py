"""Both stores in memory: for tests, `--dry-run` and documentation. They keep the same laws as the lasting ones."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from registry import chain, refusals
from registry.errors import Conflict, InvalidRecord, NameTaken, NotFound, Unavailable
from registry.files import folder_digest
from registry.ports import RunRecord
from registry.records import (
    Decision,
    Event,
    HoldoutUse,
    HypothesisLock,
    ModelVersion,
    PointerMove,
    Proposal,
    SnapshotRecord,
    canonical_json,
    require_legal,
)
from registry.signing import Signature
from registry.stored import PAGE, Standing, StoredEvent, StoredProposal, standing_of


class MemoryVersions:
    """Versions in memory; the models' files stand under `root`, or in a folder that goes away with the store."""

    def __init__(self, root: Path | None = None) -> None:
        self._gone = None if root else tempfile.TemporaryDirectory(prefix="versions-")
        self._root = root or Path(self._gone.name if self._gone else "")
        self._versions: dict[str, dict[int, ModelVersion]] = defaultdict(dict)
        self._last: dict[str, int] = defaultdict(int)
        self._aliases: dict[str, dict[str, int]] = defaultdict(dict)
        self._tags: dict[str, dict[str, str]] = defaultdict(dict)

    def register(self, run: RunRecord, *, at: str) -> ModelVersion:
        """Write the model (skops, no pickle) and the artifacts, and remember the version."""
        from skops import io

        problem = run.lineage.problem
        number = self._last[problem] + 1
        folder = self._root / problem / str(number)
        (folder / "model").mkdir(parents=True)
        io.dump(run.model, folder / "model" / "model.skops")
        if unknown := set(io.get_untrusted_types(file=folder / "model" / "model.skops")) - set(run.trusted_types):
            shutil.rmtree(folder)
            raise InvalidRecord(f"The model holds types that are not trusted: {', '.join(sorted(unknown))}.")
        shutil.copytree(run.artifacts, folder / "artifacts")
        self._last[problem] = number
        version = ModelVersion(
            problem=problem,
            version=number,
            digest=folder_digest(folder / "model"),
            run_id=uuid4().hex,
            lineage=run.lineage,
            created_at=at,
            description=run.description,
        )
        self._versions[problem][number] = version
        return version

    def version(self, problem: str, number: int) -> ModelVersion:
        """One version; NotFound otherwise."""
        if number not in self._versions[problem]:
            raise refusals.no_version(problem, number, sorted(self._versions[problem]))
        return self._versions[problem][number]

    def versions(self, problem: str) -> list[ModelVersion]:
        """All versions, oldest first."""
        return [self._versions[problem][number] for number in sorted(self._versions[problem])]

    def numbers(self, problem: str) -> list[int]:
        """Of all versions, oldest first."""
        return sorted(self._versions[problem])

    def delete_version(self, problem: str, number: int) -> None:
        """Forget a version and every alias on it, as MLflow does, without asking."""
        del self._versions[problem][number]
        self._aliases[problem] = {a: n for a, n in self._aliases[problem].items() if n != number}

    def aliases(self, problem: str) -> dict[str, int]:
        """Alias to version number."""
        return dict(self._aliases[problem])

    def set_alias(self, problem: str, alias: str, number: int) -> None:
        """Point an alias at a version that exists."""
        self.version(problem, number)
        self._aliases[problem][alias] = number

    def delete_alias(self, problem: str, alias: str) -> None:
        """Take an alias away; nothing happens when it is not there."""
        self._aliases[problem].pop(alias, None)

    def tag_version(self, problem: str, number: int, tags: Mapping[str, str]) -> None:
        """Tag a version that exists."""
        self.version(problem, number)
        self._tags[f"{problem}/{number}"] |= tags

    def tag_model(self, problem: str, tags: Mapping[str, str]) -> None:
        """Tag the registered model."""
        if not self._last[problem]:
            raise NotFound(f"There is no registered model '{problem}'.")
        self._tags[problem] |= tags

    def model_tags(self, problem: str) -> dict[str, str]:
        """The registered model's tags."""
        return dict(self._tags[problem])

    def tagged(self, key: str) -> dict[str, str]:
        """That tag of every registered model that has it."""
        return {problem: self._tags[problem][key] for problem in self._last if key in self._tags[problem]}

    def model_path(self, version: ModelVersion) -> Path:
        """The folder of the model's files."""
        self.version(version.problem, version.version)
        return self._root / version.problem / str(version.version) / "model"

    def run_artifacts(self, version: ModelVersion) -> Path:
        """The folder of everything else."""
        return self.model_path(version).parent / "artifacts"

    def bytes_digest(self, version: ModelVersion) -> str:
        """The digest of the bytes that are there now."""
        return folder_digest(self.model_path(version))


@dataclass
class _Rows:
    proposals: dict[str, Proposal] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    moves: list[PointerMove] = field(default_factory=list)
    locks: dict[tuple[str, str], HypothesisLock] = field(default_factory=dict)
    snapshots: dict[tuple[str, str], SnapshotRecord] = field(default_factory=dict)
    uses: list[HoldoutUse] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    signatures: dict[int, Signature] = field(default_factory=dict)

    def copy(self) -> _Rows:
        return _Rows(**{name: copy(getattr(self, name)) for name in self.__dataclass_fields__})


class MemoryLedger:
    """The ledger in memory, for one process; threads take turns."""

    def __init__(self, *, lease_seconds: float = 60.0) -> None:
        self._rows = _Rows()
        self._turn = threading.RLock()
        self._leases: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lease_seconds = lease_seconds

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; one inside another joins it."""
        with self._turn:
            before = self._rows.copy()
            try:
                yield
            except UnicodeEncodeError as error:
                self._rows = before
                raise refusals.no_text() from error
            except BaseException:
                self._rows = before
                raise

    @contextmanager
    def reading(self, *, faults: list[str] | None = None, any_text: bool = False) -> Iterator[None]:
        """All of one moment; what is in memory are records, so there are no `faults`."""
        with self._turn:
            yield

    @contextmanager
    def lease(self, problem: str) -> Iterator[None]:
        """One applying at a time."""
        if not self._leases[problem].acquire(timeout=self._lease_seconds):
            raise Unavailable(f"Another decision on {problem} is being applied.", hint="Repeat the command.")
        try:
            yield
        finally:
            self._leases[problem].release()

    def add_proposal(self, proposal: Proposal) -> None:
        """Write a new proposal."""
        with self.transaction():
            require_legal(proposal)
            rows = self._rows.proposals
            if proposal.id in rows:
                raise NameTaken(f"There already is a proposal '{proposal.id}'.")
            self._rows.proposals[proposal.id] = proposal
            self._require_unique(proposal)
            self._tell(proposal.created_at, chain.PROPOSAL, proposal.id, chain.proposal_body(proposal))

    def update_proposal(self, before: Proposal, after: Proposal, *, at: str) -> None:
        """Write `after` if the stored one still is `before`."""
        with self.transaction():
            stored = self.proposal(before.id)
            if stored != before or after.row_version != before.row_version + 1:
                raise refusals.changed_meanwhile(stored)
            if (after.id, after.evidence, after.gates, after.summary) != (
                before.id, before.evidence, before.gates, before.summary,
            ):  # fmt: skip
                raise InvalidRecord(f"The evidence of '{before.id}' is written once and never changed.")
            self._rows.proposals[after.id] = require_legal(after)
            self._require_unique(after)
            self._tell(at, chain.CHANGED, after.id, chain.proposal_body(after))

    def proposal(self, proposal_id: str) -> Proposal:
        """One proposal; NotFound otherwise."""
        if proposal_id not in self._rows.proposals:
            raise refusals.no_proposal(proposal_id)
        return self._rows.proposals[proposal_id]

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
        """Newest first."""
        found = [
            p
            for p in sorted(self._rows.proposals.values(), key=lambda p: p.id, reverse=True)
            if problem in (None, p.problem)
            and disposition in (None, p.disposition)
            and effect in (None, p.effect)
            and challenger in (None, p.challenger.digest)
            and (since is None or p.created_at >= since)
            and (hypothesis is None or (p.hypothesis is not None and p.hypothesis.id == hypothesis))
        ]
        return found[:limit]

    def approved(self, problem: str) -> list[Standing]:
        """What moves have to agree with."""
        return [standing_of(p) for p in self.proposals(problem, disposition="approved")]

    def stored_proposals(self) -> Iterator[StoredProposal]:
        """Oldest first."""
        yield from (chain.stored(p) for p in reversed(self.proposals()))

    def count_proposals(self, problem: str) -> dict[str, int]:
        """How many there are of each disposition."""
        return dict(Counter(p.disposition for p in self.proposals(problem)))

    def problems(self) -> list[str]:
        """By name."""
        return sorted({p.problem for p in self._rows.proposals.values()})

    def add_decision(self, decision: Decision) -> None:
        """Append a decision on a proposal that exists."""
        with self.transaction():
            self.proposal(decision.proposal_id)
            if self.decisions(decision.proposal_id):
                raise refusals.already_decided(decision.proposal_id)
            self._rows.decisions.append(decision)
            self._tell(decision.at, chain.DECISION, decision.proposal_id, asdict(decision))

    def decisions(self, proposal_id: str | None = None) -> list[Decision]:
        """Oldest first."""
        return [d for d in self._rows.decisions if proposal_id in (None, d.proposal_id)]

    def add_move(self, move: PointerMove) -> PointerMove:
        """Append a move and give it its number."""
        with self.transaction():
            self.proposal(move.proposal_id)
            if any(m.proposal_id == move.proposal_id for m in self._rows.moves):
                raise Conflict(f"'{move.proposal_id}' already moved the champion.")
            numbered = replace(move, seq=len(self._rows.moves) + 1)
            self._rows.moves.append(numbered)
            self._tell(move.at, chain.MOVE, move.proposal_id, asdict(numbered))
            return numbered

    def moves(self, problem: str) -> list[PointerMove]:
        """Oldest first."""
        return [m for m in self._rows.moves if m.problem == problem]

    def add_lock(self, lock: HypothesisLock) -> HypothesisLock:
        """Lock once."""
        with self.transaction():
            key = (lock.problem, lock.hypothesis_id)
            if key in self._rows.locks:
                return refusals.same_lock(self._rows.locks[key], lock)
            self._rows.locks[key] = lock
            self._tell(lock.at, chain.LOCK, lock.hypothesis_id, asdict(lock))
            return lock

    def lock(self, problem: str, hypothesis_id: str) -> HypothesisLock | None:
        """The lock, or None."""
        return self._rows.locks.get((problem, hypothesis_id))

    def locks(self) -> list[HypothesisLock]:
        """By problem and hypothesis."""
        return [lock for _, lock in sorted(self._rows.locks.items())]

    def add_snapshot(self, snapshot: SnapshotRecord) -> SnapshotRecord:
        """Record once."""
        with self.transaction():
            key = (snapshot.problem, snapshot.dataset_version)
            if key in self._rows.snapshots:
                return refusals.same_snapshot(self._rows.snapshots[key], snapshot)
            self._rows.snapshots[key] = snapshot
            self._tell(snapshot.created_at, chain.SNAPSHOT, snapshot.dataset_version, asdict(snapshot))
            return snapshot

    def snapshot(self, problem: str, dataset_version: str) -> SnapshotRecord:
        """One snapshot; NotFound otherwise."""
        if (problem, dataset_version) not in self._rows.snapshots:
            raise refusals.no_snapshot(problem, dataset_version, [s.dataset_version for s in self.snapshots(problem)])
        return self._rows.snapshots[problem, dataset_version]

    def snapshots(self, problem: str | None = None) -> list[SnapshotRecord]:
        """By problem and name."""
        return [s for key, s in sorted(self._rows.snapshots.items()) if problem in (None, key[0])]

    def add_holdout_use(self, use: HoldoutUse) -> None:
        """Count a look at a holdout."""
        with self.transaction():
            self.proposal(use.proposal_id)
            self._rows.uses.append(use)
            self._tell(use.at, chain.HOLDOUT, use.proposal_id, asdict(use))

    def holdout_uses(self, holdout_digest: str | None = None) -> list[HoldoutUse]:
        """Oldest first."""
        return [u for u in self._rows.uses if holdout_digest in (None, u.holdout_digest)]

    def people(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Nobody: accounts are kept in a database."""
        return [], []

    def add_event(self, *, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """Append to the chain."""
        with self.transaction():
            return self._tell(at, kind, subject, body)

    def events(
        self, *, after: int = 0, kind: str | None = None, subject: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Oldest first, those numbered above `after`."""
        found = (e for e in self._rows.events[after:] if kind in (None, e.kind) and subject in (None, e.subject))
        return list(islice(found, limit))

    def subjects(self, kind: str) -> list[str]:
        """Of every event of a kind, oldest first."""
        return [event.subject for event in self.events(kind=kind)]

    def stored_events(self, *, after: int = 0) -> Iterator[list[StoredEvent]]:
        """The chain, page by page."""
        while page := self.events(after=after, limit=PAGE):
            yield [StoredEvent(**{**vars(event), "body": canonical_json(event.body)}) for event in page]
            after = page[-1].seq

    def event(self, seq: int) -> Event | None:
        """The event of that number, or None."""
        return self._rows.events[seq - 1] if 0 < seq <= len(self._rows.events) else None

    def head(self) -> Event | None:
        """The last event."""
        return self._rows.events[-1] if self._rows.events else None

    def add_signature(self, signature: Signature) -> None:
        """Keep the signature of an event that has none."""
        with self.transaction():
            if self.event(signature.seq) is None or signature.seq in self._rows.signatures:
                raise InvalidRecord(f"Event {signature.seq} is not there, or signed already.")
            self._rows.signatures[signature.seq] = signature

    def signatures(self, *, after: int = 0) -> list[Signature]:
        """In the order of their events."""
        return [s for seq, s in sorted(self._rows.signatures.items()) if seq > after]

    def _tell(self, at: str, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        last = self._rows.events[-1] if self._rows.events else None
        said = partial(self.events, kind=chain.CLOCK)
        told = chain.next_events(last, at=at, kind=kind, subject=subject, body=body, clock_events=said)
        self._rows.events += list(told)
        return self._rows.events[-1]

    def _require_unique(self, proposal: Proposal) -> None:
        for other in self._rows.proposals.values():
            if other.id != proposal.id:
                if proposal.effect == other.effect == "applying" and proposal.problem == other.problem:
                    raise refusals.already_applying(proposal.problem)
                if proposal.disposition == other.disposition == "open" and proposal.digest == other.digest:
                    raise refusals.already_open(proposal)
