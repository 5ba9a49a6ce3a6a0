"""Events taken into the workspace's warehouse, and copied to a database when one is named."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.telemetry import ingest as door
from ds_workflow.adapters.telemetry import warehouse as stores
from ds_workflow.adapters.telemetry.database import Database
from ds_workflow.adapters.telemetry.ingest import Batch
from ds_workflow.domain.telemetry.schema import REASONS
from ds_workflow.use_cases.telemetry.simulate import TRUTH

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Ingested:
    """What became of the batch, and how quickly."""

    batch: Batch
    root: Path
    seconds: float
    copied: int | None = None

    @property
    def green(self) -> bool:
        """Whether anything of a batch could be used; one taken in before, or all of it, counts."""
        return self.batch.repeated or not self.batch.rows or self.batch.refused < self.batch.rows

    def to_dict(self) -> dict[str, Any]:
        """The document of `telemetry-ingest --json`."""
        return asdict(self.batch) | {
            "seconds": round(self.seconds, 3),
            "copied": self.copied,
            "files": len(self.batch.files),
        }

    def text(self) -> str:
        """For the terminal."""
        b = self.batch
        if b.repeated:
            lines = [f"Batch {b.batch} was taken in at {b.received_at}; nothing was done."]
        else:
            lines = [
                f"Batch {b.batch}: {b.rows:,} events came, {b.accepted:,} were accepted "
                f"({b.rows / max(self.seconds, 1e-9):,.0f} a second)",
                f"  days        {b.first_day or 'none'} to {b.last_day or 'none'}",
                f"  duplicates  {b.duplicates:,}   late {b.late:,}   in quarantine {b.refused:,}",
            ]
            for reason, n in b.quarantined.items():
                kind, _, field = reason.partition(":")
                lines.append(f"    {n:>8,}  {field or 'line'}: {REASONS[kind]}")
            if not self.green:
                lines.append("  ! No event of this batch could be used: is it a log of events, and of this schema?")
            if b.ignored_columns:
                lines.append(f"  ! no fields of an event, left out: {', '.join(b.ignored_columns)}")
            if b.quarantine:
                lines.append(f"  as they came, with reasons: {self.root / b.quarantine[0]}")
        if self.copied is not None:
            lines.append(f"  {self.copied:,} events copied to the database")
        return "\n".join(lines)


def ingest(work: Workspace, source: Path, *, database: str = "") -> Ingested:
    """Take in a file or folder of events, once; see `adapters.telemetry.ingest`."""
    target = Database(database) if database else None
    if target is not None:
        target.reach()  # before anything is taken in
    warehouse = stores.of(work.settings.data)
    began = time.perf_counter()
    batch = door.ingest(warehouse, source, received_at=work.clock(), say=work.say)
    seconds = time.perf_counter() - began
    told = source / TRUTH
    if not batch.repeated and told.is_file() and [b["batch"] for b in warehouse.batches()] == [batch.batch]:
        stores.write_whole(warehouse.root / TRUTH, told.read_text("utf-8"))
    elif not batch.repeated:
        (warehouse.root / TRUTH).unlink(missing_ok=True)  # true of one log, not of several together
    copied = target.load(warehouse, say=work.say) if target else None
    return Ingested(batch, warehouse.root, seconds, copied)
