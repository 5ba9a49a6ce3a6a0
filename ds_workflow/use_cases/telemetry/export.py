"""The suggestions of the warehouse as a table that `code_suggestions` is trained on: from telemetry to a champion."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.telemetry import warehouse as stores
from ds_workflow.adapters.telemetry.views import literal
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.errors import InvalidInput, StateConflict

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

# as the loader of code_suggestions names them; code that did not compile passed no test, and what was accepted and not
# changed is as long as it was
_COLUMNS = (
    "session_id, suggestion_id, developer_id, developer_segment, language, task_id, task, model_version, shown_at, "
    "latency_ms, prompt_length, suggestion_length, cast(accepted as boolean) as accepted, "
    "cast(edited as boolean) as edited, case when accepted = 1 then edit_distance end as edit_distance, "
    "case when accepted = 1 then coalesce(final_length, suggestion_length) end as final_length, "
    "cast(compiled as boolean) as compiled, "
    "cast(case when compiled = 0 then 0 else tests_passed end as boolean) as tests_passed, error_type, "
    "cast(hallucination as boolean) as hallucination"
)


@dataclass(frozen=True)
class Exported:
    """The file, its rows and its days."""

    path: Path
    rows: int
    first: str
    last: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `telemetry-export --json`."""
        return asdict(self) | {"path": str(self.path)}

    def text(self) -> str:
        """For the terminal."""
        return (
            f"{self.rows:,} suggestions from {self.first} to {self.last}: {self.path}\n"
            f"Next: ds-workflow --problem code_suggestions data-snapshot --dataset-version V --input {self.path}"
        )


def export(work: Workspace, out: Path, filters: Filters) -> Exported:
    """Write one row per suggestion to a parquet file that is not there yet. InvalidInput where there is none,
    StateConflict for a file that is there."""
    if out.suffix != ".parquet":
        raise InvalidInput(f"{out.name} must end in .parquet.", hint="--out suggestions.parquet")
    if out.exists():
        raise StateConflict(f"{out} is there already.", hint="Name another file; nothing was written.")
    out.parent.mkdir(parents=True, exist_ok=True)
    waiting = out.with_name(f".{out.name}.part")
    with stores.of(work.settings.data).session(filters, keep=True) as session:
        found = session.ask("select count(*), min(shown_at), max(shown_at) from suggestions")
        rows, first, last = found.rows[0]
        if not rows:
            raise InvalidInput(f"No suggestion was shown there: {filters.words}.", hint="Take a filter off.")
        ordered = f"select {_COLUMNS} from suggestions order by shown_at, suggestion_id"  # noqa: S608 - names of our own
        session.ask(f"copy ({ordered}) to {literal(str(waiting))} (format parquet, compression zstd)")
    waiting.replace(out)
    return Exported(out, int(rows), str(first)[:10], str(last)[:10])
