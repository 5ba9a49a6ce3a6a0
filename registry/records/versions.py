"""What is registered: versions with where they come from, and the snapshots that they were made on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Lineage:
    """Where a version comes from; without all of it a version is not eligible for the arena."""

    problem: str
    dataset_version: str
    dataset_digest: str
    holdout_digest: str
    feature_set_version: str
    strategy: str
    change_type: str
    change_summary: str
    owner: str
    seed: int
    git_commit: str
    hypothesis_id: str  # "BASELINE" for a bootstrap, which no hypothesis precedes
    hypothesis_digest: str
    parent_hypothesis_id: str = ""
    base_champion_version: int | None = None

    def missing(self) -> tuple[str, ...]:
        """Names of the empty fields that a whole lineage needs."""
        optional = {"parent_hypothesis_id", "base_champion_version", "change_summary"}
        return tuple(k for k, v in asdict(self).items() if k not in optional and v in ("", None))


@dataclass(frozen=True)
class VersionRef:
    """A version by number and by the digest of its bytes: the number alone is not an identity."""

    version: int
    digest: str


@dataclass(frozen=True)
class ModelVersion:
    """One registered version of a problem's model."""

    problem: str
    version: int
    digest: str
    run_id: str
    lineage: Lineage
    created_at: str
    status: str = "READY"
    description: str = ""

    @property
    def ref(self) -> VersionRef:
        """The version as records name it."""
        return VersionRef(self.version, self.digest)


@dataclass(frozen=True)
class SnapshotRecord:
    """An immutable data snapshot: name, digest and what a reader needs to know of it."""

    problem: str
    dataset_version: str
    digest: str
    holdout_digest: str
    rows: int
    columns: tuple[str, ...]
    first: str
    last: str
    holdout_from: str
    holdout_rows: int
    source: str
    licence: str
    created_at: str
    dropped: Mapping[str, int] = field(default_factory=dict)
