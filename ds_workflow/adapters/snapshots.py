"""Immutable snapshots on disk: `<root>/snapshots/<problem>/<version>/` with rows, manifest and quality report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ds_workflow.adapters import unfinished
from ds_workflow.domain import quality
from ds_workflow.domain.problem import Problem, Split
from ds_workflow.domain.quality import Check
from ds_workflow.domain.snapshot import (
    Snapshot,
    check_name,
    conform,
    describe,
    digest,
    from_plain,
    holdout_mask,
    to_plain,
)
from ds_workflow.errors import InvalidInput, StateConflict, UnknownName, WorkflowError

if TYPE_CHECKING:
    from ds_workflow.domain.snapshot import SnapshotRecord

ROWS, MANIFEST, SPLIT = "rows.parquet", "manifest.json", "split.json"
BUILDING = ".building-"  # how the name of a folder begins that is not whole yet


class SnapshotStore:
    """Snapshots below a workspace's data folder. A name never changes its meaning."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root) / "snapshots"

    def folder(self, problem: str, dataset_version: str) -> Path:
        """Where the snapshot of that name lies or would lie."""
        return self.root / problem / check_name(dataset_version)

    def create(
        self,
        problem: Problem,
        rows: pd.DataFrame,
        dataset_version: str,
        *,
        source: str,
        licence: str,
        dropped: Mapping[str, int],
        created_at: datetime,
    ) -> SnapshotRecord:
        """Freeze cleaned rows under a name, whole or not at all, the holdout cut as `problem.split` says, now and ever
        after; returns the record.

        The same values under the same name again change nothing and return the first record. Raises StateConflict
        when the name stands for other values, InvalidInput when the rows break the declared schema or can't be split.
        """
        frame = conform(problem, rows)
        record = describe(
            problem,
            frame,
            dataset_version=dataset_version,
            source=source,
            licence=licence,
            dropped=dropped,
            created_at=created_at,
        )
        target = self.folder(problem.name, dataset_version)
        if target.exists():
            return self._same(problem.name, record)
        with unfinished.building(target.parent, BUILDING) as building:
            self._write(building, problem, frame, record, now=created_at)
            building.chmod(0o755)
            try:
                building.rename(target)
            except OSError:  # somebody froze the same name meanwhile: a full folder is never replaced
                if not target.exists():
                    raise
                return self._same(problem.name, record)
        return record

    def _same(self, problem: str, record: SnapshotRecord) -> SnapshotRecord:
        there = self.record(problem, record.dataset_version)
        if (there.digest, there.holdout_digest) != (record.digest, record.holdout_digest):
            what = "other rows" if there.digest != record.digest else "these rows with another holdout"
            raise StateConflict(
                f"The snapshot '{record.dataset_version}' of {problem} already stands for {what} "
                f"({_summed(there)}; given: {_summed(record)}).",
                hint="A name never changes its meaning: choose another --dataset-version.",
            )
        return there

    @staticmethod
    def _write(folder: Path, problem: Problem, frame: pd.DataFrame, record: SnapshotRecord, *, now: datetime) -> None:
        mask = holdout_mask(problem, frame)
        found = quality.quality(problem, frame[~mask], frame[mask], record.dropped, now=now)
        frame.attrs = {}
        frame.to_parquet(folder / ROWS, index=False)
        title = f"Quality of {record.problem} {record.dataset_version}"
        (folder / "quality.md").write_text(quality.to_markdown(title, found), encoding="utf-8")
        (folder / "quality.json").write_text(_json(found), encoding="utf-8")
        (folder / SPLIT).write_text(_json(asdict(problem.split)), encoding="utf-8")
        (folder / MANIFEST).write_text(_json(to_plain(record)), encoding="utf-8")

    def record(self, problem: str, dataset_version: str) -> SnapshotRecord:
        """The record as its manifest holds it; UnknownName lists the known snapshots."""
        path = self.folder(problem, dataset_version) / MANIFEST
        if not path.exists():
            known = (r.dataset_version for r in self.listed(problem))
            raise UnknownName(f"snapshot of {problem}", dataset_version, known, hint="Make one with 'data-snapshot'.")
        try:
            return from_plain(json.loads(path.read_text("utf-8")))
        except ValueError as error:
            raise InvalidInput(f"{path} is not JSON: {error}.", hint="Restore the folder from a copy.") from error

    def whole(self, problem: str, dataset_version: str) -> bool:
        """Whether the rows are there; `load` also verifies their digest."""
        return (self.folder(problem, dataset_version) / ROWS).is_file()

    def split(self, problem: Problem, dataset_version: str) -> Split:
        """How the snapshot's holdout was cut; the declared split where nothing else is on record."""
        path = self.folder(problem.name, dataset_version) / SPLIT
        try:
            return self._as_split(problem, path).split
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"{path} can't be read: {error}.", hint="Restore the folder from a copy.") from error

    def load(self, problem: Problem, dataset_version: str) -> Snapshot:
        """The snapshot, its digests computed again from the rows that are there now.

        Raises UnknownName, and StateConflict when rows are gone, unreadable or not the ones that were frozen.
        """
        record = self.record(problem.name, dataset_version)
        path = self.folder(problem.name, dataset_version) / ROWS
        hint = "Restore the folder from a copy, or freeze the source again under a new name."
        try:
            problem = self._as_split(problem, path.with_name(SPLIT))
            rows = conform(problem, pd.read_parquet(path))
        except (OSError, ValueError, TypeError) as error:
            raise StateConflict(
                f"The rows of snapshot '{dataset_version}' can't be read: {error}", hint=hint
            ) from error
        except InvalidInput as error:
            raise StateConflict(
                f"The rows of snapshot '{dataset_version}' don't fit the declaration any more: {error}", hint=hint
            ) from error
        mask = holdout_mask(problem, rows)
        for part, kept, now in (
            ("rows", record.digest, digest(problem, rows)),
            ("holdout", record.holdout_digest, digest(problem, rows[mask])),
        ):
            if kept != now:
                raise StateConflict(
                    f"The {part} of snapshot '{dataset_version}' of {problem.name} changed since frozen: "
                    f"digest {now[:12]}, and the manifest says {kept[:12]}.",
                    hint=hint,
                )
        train, holdout = (rows[m].reset_index(drop=True) for m in (~mask, mask))
        return Snapshot(record, rows, train, holdout, problem.split)

    @staticmethod
    def _as_split(problem: Problem, path: Path) -> Problem:
        """The problem with the split that the snapshot was frozen with; one without a word of it has the declared."""
        return replace(problem, split=Split(**json.loads(path.read_text("utf-8")))) if path.exists() else problem

    def check(
        self, problem: Problem, dataset_version: str, *, now: datetime, max_age_days: float | None = None
    ) -> list[Check]:
        """The lines of `data-check`: digest, contract, missingness, duplicates, freshness, representativeness.

        Raises UnknownName only; everything else that is wrong is a failed check. What can't be looked at because
        the rows can't be trusted is `unknown`.
        """
        self.record(problem.name, dataset_version)
        try:
            snapshot = self.load(problem, dataset_version)
        except WorkflowError as error:
            after = ("contract", "missingness", "duplicates", "freshness", "representativeness")
            return [
                Check("digest", "fail", str(error), error.hint),
                *(Check(name, "unknown", "the rows can't be trusted", "Mend the digest first.") for name in after),
            ]
        record = snapshot.record
        return [
            Check(
                "digest", "pass", f"{record.rows:,} rows give {record.digest[:12]}, as frozen at {record.created_at}"
            ),
            *quality.checks(problem, snapshot.train, snapshot.holdout, now=now, max_age_days=max_age_days),
        ]

    def listed(self, problem: str | None = None) -> list[SnapshotRecord]:
        """The records of all snapshots, oldest first; a folder without a readable manifest is left out."""
        found = []
        for path in self.root.glob(f"{problem or '*'}/*/{MANIFEST}"):
            if not path.parent.name.startswith("."):
                try:
                    found.append(from_plain(json.loads(path.read_text("utf-8"))))
                except (ValueError, InvalidInput):
                    continue
        return sorted(found, key=lambda r: (r.created_at, r.dataset_version))

    def quality(self, problem: str, dataset_version: str) -> dict[str, Any]:
        """The quality report of a snapshot, as written when it was frozen."""
        self.record(problem, dataset_version)
        content: dict[str, Any] = json.loads(
            (self.folder(problem, dataset_version) / "quality.json").read_text("utf-8")
        )
        return content


def _summed(record: SnapshotRecord) -> str:
    holdout = f"{record.holdout_rows:,} held out, digest {record.holdout_digest[:12]}"
    return f"{record.rows:,} rows, digest {record.digest[:12]}, {holdout}"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
