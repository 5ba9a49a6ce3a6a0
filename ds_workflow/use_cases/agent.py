"""The monitoring agent's plan, from figures and a drift verdict as files or requests bring them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ds_workflow.adapters import run_files
from ds_workflow.domain import agent
from ds_workflow.domain.agent import Plan
from ds_workflow.errors import InvalidInput

__all__ = ["Plan", "Written", "plan_of", "write", "yaml_text"]


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


def write(metrics: Path, drift: Path | None, out: Path) -> Written:
    """The plan of a history (JSON lines) and a drift verdict, as YAML in `out`; nothing is written on bad input."""
    verdict = None
    if drift is not None:
        if not drift.is_file():
            raise InvalidInput(
                f"There is no drift verdict {drift}.", hint="Write one by 'drift --out', or leave it out."
            )
        verdict = run_files.read_json(drift)
    plan = plan_of(_lines(metrics), verdict)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(yaml_text(plan), "utf-8")
    return Written(plan, out)


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
