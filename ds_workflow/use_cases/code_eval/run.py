"""Run a model's completions against the tests of their tasks, each in the sandbox, and measure what can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import experiment_records
from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.code_eval.evaluating import Ask, evaluate
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import code_eval as report
from registry.records import utc_text

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
    kept: experiment_records.Kept | None = None

    def to_dict(self) -> dict[str, Any]:
        """The document of `codeeval-run --json`."""
        written = {"results": self.out, "html": self.page}
        record = {"record": {"name": self.kept.name, "digest": self.kept.digest}} if self.kept else {}
        return self.found.to_dict() | record | {name: str(path) for name, path in written.items() if path}

    def text(self) -> str:
        """For the terminal."""
        kept = f"\n\nKept as {self.kept.document} (digest {self.kept.digest[:8]})" if self.kept else ""
        return report.text(self.found) + "".join(f"\nwritten: {p}" for p in (self.out, self.page) if p) + kept


def run(work: Workspace, ask: Ask, *, out: Path | None = None, page: Path | None = None, save: str = "") -> Ran:
    """Run and measure; the results (one line a completion) and the page are written whole or not at all. With `save`
    the result is kept under that name, with every program, for the console."""
    if save and not experiment_records.NAME.fullmatch(save):  # before the work, not after it
        raise InvalidInput(f"'{save}' can't name a result.", hint="Letters, digits, dots, dashes; at most 64.")
    found = evaluate(ask, say=work.say)
    if out is not None:
        files.write_lines(out, (outcome.to_dict() for outcome in found.outcomes))
    if page is not None:
        files.write_text(page, report.html(found))
    kept = None
    if save:
        body = {
            "kind": "code_eval",
            "source": {**experiment_records.of_file(ask.completions), "tasks": found.tasks},
            "ask": {"model": found.model, "timeout": ask.timeout},
            "result": found.to_dict(),
        }
        kept = experiment_records.keep(
            work.settings.root,
            save,
            body,
            page=report.html(found),
            at=utc_text(work.clock()),
            commit=work.commit,
            lines=(outcome.whole() for outcome in found.outcomes),
        )
    return Ran(found, out, page, kept)
