"""Have an endpoint write completions for a task set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.code_eval import endpoint, files
from ds_workflow.adapters.code_eval.endpoint import Endpoint, Wish
from ds_workflow.errors import InvalidInput

__all__ = ["Generated", "Wish", "generate"]

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Generated:
    """What came of it: `written` in this run, `kept` from earlier ones."""

    model: str
    path: Path
    tasks: int
    written: int
    kept: int

    def to_dict(self) -> dict[str, Any]:
        """The document of `codeeval-generate --json`."""
        return {
            "model": self.model,
            "path": str(self.path),
            "tasks": self.tasks,
            "written": self.written,
            "kept": self.kept,
        }

    def text(self) -> str:
        """For the terminal."""
        return f"{self.written} completions of {self.model} written to {self.path}, {self.kept} were there already"


def generate(
    work: Workspace,
    tasks: str,
    wish: Wish,
    out: Path,
    *,
    base_url: str = "",
    timeout: float = 120.0,
    workers: int = 1,
    limit: int = 0,
    environ: Mapping[str, str] | None = None,
) -> Generated:
    """Ask for every sample that `out` does not hold yet. `limit` takes only the first tasks (0: all).

    Raises InvalidInput, and SourceUnavailable when the endpoint does not answer; what was written stays.
    """
    if wish.samples < 1 or wish.max_tokens < 1 or not 0.0 <= wish.temperature <= 2.0:
        raise InvalidInput("--samples and --max-tokens must be 1 or more, --temperature from 0 to 2.")
    if out.suffix != ".jsonl":
        raise InvalidInput(f"{out.name} is no name for completions.", hint="It must end in .jsonl.")
    found = files.read_tasks(tasks)
    chosen = dict(list(found.tasks.items())[: limit or None])
    server = Endpoint.of(os.environ if environ is None else environ, base_url, timeout=timeout)
    there = len(endpoint.kept(out, wish.model))
    work.say(f"{len(chosen)} tasks of {found.name}, {wish.samples} samples each; {there} completions are there already")
    written = 0
    for task_id, sample in endpoint.generate(server, chosen, wish, out, workers=workers):
        written += 1
        work.say(f"{task_id}, sample {sample}")
    return Generated(wish.model, out, len(chosen), written, there)
