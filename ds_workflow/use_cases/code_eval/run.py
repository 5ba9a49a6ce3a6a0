"""Run a model's completions against the tests of their tasks, each in the sandbox, and measure what can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.code_eval.evaluating import Ask, evaluate
from ds_workflow.reports import code_eval as report

__all__ = ["Ask", "Ran", "run"]

if TYPE_CHECKING:
    from ds_workflow.domain.code_eval.evaluation import Evaluation
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Ran:
    """An evaluation and where it was written."""

    found: Evaluation
    out: Path | None = None
    page: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """The document of `codeeval-run --json`."""
        written = {"results": self.out, "html": self.page}
        return self.found.to_dict() | {name: str(path) for name, path in written.items() if path}

    def text(self) -> str:
        """For the terminal."""
        return report.text(self.found) + "".join(f"\nwritten: {p}" for p in (self.out, self.page) if p)


def run(work: Workspace, ask: Ask, *, out: Path | None = None, page: Path | None = None) -> Ran:
    """Run and measure; the results (one line a completion) and the page are written whole or not at all."""
    found = evaluate(ask, say=work.say)
    if out is not None:
        files.write_lines(out, (outcome.to_dict() for outcome in found.outcomes))
    if page is not None:
        files.write_text(page, report.html(found))
    return Ran(found, out, page)
