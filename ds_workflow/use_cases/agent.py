"""The monitoring agent's plan, from figures and a drift verdict as files or requests bring them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import monitoring_history, rationale_endpoint, run_files
from ds_workflow.domain import agent
from ds_workflow.domain.agent import Plan
from ds_workflow.errors import InvalidInput, WorkflowError

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

__all__ = ["Plan", "Written", "in_other_words", "own_files", "plan_of", "write", "yaml_text"]


@dataclass(frozen=True)
class Written:
    """A plan and the file it was written to."""

    plan: Plan
    path: Path

    def text(self) -> str:
        """For the terminal."""
        return f"{yaml_text(self.plan)}\nWritten to {self.path}"


def plan_of(points: Sequence[Any], drift: Any = None) -> Plan:
    """The plan. Raises InvalidInput that names what can't be used."""
    return agent.plan(agent.points_of(points), agent.drift_of(drift))


def own_files(work: Workspace) -> tuple[Path, Path | None]:
    """The history and the newest drift verdict that the workspace's own looks wrote for its problem."""
    place = monitoring_history.folder(work.settings.root, work.problem.name)
    history, verdict = place / "metrics_history.jsonl", place / "drift_latest.json"
    if not history.exists():
        raise InvalidInput(
            f"{work.problem.name} has no history of its own yet.", hint="Run 'monitor-performance', or give --metrics."
        )
    return history, verdict if verdict.exists() else None


def write(metrics: Path, drift: Path | None, out: Path, *, rewrite: Callable[[str], str] | None = None) -> Written:
    """The plan of a history (JSON lines) and a drift verdict, as YAML in `out`; nothing is written on bad input.

    `rewrite` may say the rationale in other words (see `in_other_words`); it sees and changes nothing else.
    """
    verdict = None
    if drift is not None:
        if not drift.is_file():
            raise InvalidInput(
                f"There is no drift verdict {drift}.", hint="Write one by 'drift --out', or leave it out."
            )
        verdict = run_files.read_json(drift)
    plan = plan_of(_lines(metrics), verdict)
    if rewrite is not None:
        plan = replace(plan, rationale=rewrite(plan.rationale))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(yaml_text(plan), "utf-8")
    return Written(plan, out)


def in_other_words(work: Workspace) -> Callable[[str], str]:
    """A language model's words for a rationale, at the endpoint that the environment names; the agent's own words where
    there is none, it does not answer, or what it says holds another figure than the agent's. It never decides."""

    def rewritten(text: str) -> str:
        try:
            said = rationale_endpoint.reworded(text, os.environ)
        except WorkflowError as error:
            work.say(f"the rationale stays in the agent's own words: {error}")
            return text
        return said

    return rewritten


def yaml_text(plan: Plan) -> str:
    """The plan as YAML: the same plan, the same bytes."""
    import yaml

    return str(yaml.safe_dump(plan.to_dict(), sort_keys=False, allow_unicode=True, width=120))


def _lines(path: Path) -> list[Any]:
    """The objects of a JSON-lines file; empty lines are passed over."""
    if not path.is_file():
        raise InvalidInput(f"There is no history {path}.", hint="A file of one JSON object per line, each with a date.")
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text.", hint="One JSON object per line.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise InvalidInput(
                    f"Line {number} of {path.name} is no JSON: {error}", hint="One object per line."
                ) from error
    return found
