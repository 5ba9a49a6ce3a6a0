"""A log of a code assistant whose every effect is known, written as a service would write it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.telemetry import log
from ds_workflow.adapters.telemetry.warehouse import write_whole
from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.problems.code_suggestions import events, simulator, truth

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

TRUTH = "truth.json"
EVENTS_EACH = 2.85  # events that a suggestion makes in the mean, its share of the session's end included
MOST = 100_000_000


@dataclass(frozen=True)
class Simulated:
    """What was written. `spoilt` counts the events in the file of bad ones, by what ingestion should say of them."""

    folder: Path
    seed: int
    deal: str
    suggestions: int
    events: int
    files: int
    spoilt: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The document of `telemetry-simulate --json`."""
        return asdict(self) | {"folder": str(self.folder)}

    def text(self) -> str:
        """For the terminal."""
        lines = [
            f"{self.events:,} events of {self.suggestions:,} suggestions in {self.files} files: {self.folder}",
            f"  the model was dealt by {self.deal}; what is true of it stands in {TRUTH}",
        ]
        if self.spoilt:
            lines.append("  events-again.jsonl: " + ", ".join(f"{n:,} {why}" for why, n in self.spoilt.items()))
        return "\n".join([*lines, f"Next: ds-workflow telemetry-ingest --input {self.folder}"])


def simulate(work: Workspace, out: Path, *, count: int, seed: int, deal: str, spoilt: int = 0) -> Simulated:
    """Write about `count` events into the new folder `out`, with `spoilt` bad ones of each kind.

    Raises InvalidInput for a number out of range, StateConflict for a folder that holds something.
    """
    if not 100 <= count <= MOST:
        raise InvalidInput(f"--events must be from 100 to {MOST:,}, not {count:,}.")
    if not 0 <= spoilt <= 10_000:
        raise InvalidInput(f"--spoilt must be from 0 to 10,000, not {spoilt:,}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StateConflict(f"{out} is there already and not empty.", hint="Name a new folder; nothing was written.")
    rows = round(count / EVENTS_EACH)
    work.say(f"drawing {rows:,} suggestions with seed {seed}")
    table = events.moments(simulator.simulate(rows=rows, seed=seed, deal=deal), seed=seed)
    made, files = log.write(table, out)
    bad = log.spoil(out, events=spoilt) if spoilt else {}
    rates = [[*key, figure] for key, figure in truth.true_rates(deal).items()]
    document = {"seed": seed, "deal": deal, "suggestions": rows, "events": made, "spoilt": bad, "rates": rates}
    write_whole(out / TRUTH, json.dumps(document, indent=1) + "\n")
    return Simulated(out, seed, deal, rows, made, len(files), bad)
