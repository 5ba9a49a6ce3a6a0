"""The monitoring agent's plan, from figures and a drift verdict as files or requests bring them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import monitoring_history, rationale_endpoint, run_files
from ds_workflow.adapters.rationale_endpoint import Reworded
from ds_workflow.domain import agent, strict_json
from ds_workflow.domain.agent import Plan, Shown
from ds_workflow.domain.monitoring.looks import TODAY_DAYS
from ds_workflow.errors import InvalidInput, WorkflowError

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

__all__ = [
    "Plan",
    "Written",
    "history",
    "in_other_words",
    "plan_for",
    "plan_of",
    "sent",
    "verdict",
    "write",
    "yaml_text",
]


@dataclass(frozen=True)
class Written:
    """A plan and the file it was written to. `reworded` is a model's wording of the rationale, for readers only:
    incidents, requests of work and drafts carry the plan's own."""

    plan: Plan
    path: Path
    reworded: Reworded | None = None

    def to_dict(self) -> dict[str, Any]:
        """The plan; what a model said is marked with its name."""
        document = self.plan.to_dict()
        if self.reworded is not None:
            document |= {"rationale_reworded_by": self.reworded.by, "rationale_reworded": self.reworded.text}
        return document

    def text(self) -> str:
        """For the terminal."""
        return f"{_yaml(self.to_dict())}\nWritten to {self.path}"


def plan_of(points: Sequence[Any], drift: Any = None, *, shown: Shown | None = None) -> Plan:
    """The plan. Raises InvalidInput that names what can't be used."""
    return agent.plan(agent.points_of(points), agent.drift_of(drift), shown=shown)


def plan_for(work: Workspace, points: Sequence[Any] | None = None, drift: Any = None) -> Plan:
    """The plan of a history that is given, or else of what the workspace's own looks wrote for its problem: history,
    newest look at the champion's performance and, unless `drift` is given, newest drift verdict.

    Raises InvalidInput that names what can't be used, or that there is no history of its own.
    """
    if points is not None:
        return plan_of(points, drift)
    metrics, newest = _own_files(work)
    if drift is None and newest is not None:
        drift = verdict(newest)
    return plan_of(history(metrics), drift, shown=own_look(work))


def sent(body: bytes) -> Any:
    """A JSON body. Raises InvalidInput for what is none, SaidTwice for a name that stands in an object twice."""
    try:
        return strict_json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The body is not valid JSON: {error}", hint="See the example in /docs.") from error


def _own_files(work: Workspace) -> tuple[Path, Path | None]:
    """The history and the newest drift verdict that the workspace's own looks wrote for its problem."""
    place = monitoring_history.folder(work.settings.root, work.problem.name)
    metrics, newest = place / "metrics_history.jsonl", place / "drift_latest.json"
    if not metrics.exists():
        raise InvalidInput(
            f"{work.problem.name} has no history of its own yet.", hint="Run 'monitor-performance', or give metrics."
        )
    return metrics, newest if newest.exists() else None


def own_look(work: Workspace) -> Shown | None:
    """What the newest look at the champion's performance shows; None for problems that are judged by an AUC, whose
    rules read the history."""
    problem = work.problem
    if problem.primary_metric in agent.FIGURES:
        return None
    champion = work.registry.champion(problem.name)
    look = monitoring_history.latest(work.settings.store, problem.name).get("performance")
    if champion is None or look is None or look.version != champion.version:
        return Shown("unknown", "nobody has looked at this champion's performance yet")
    if (days := look.age(work.clock()).days) > TODAY_DAYS:
        return Shown("unknown", f"the newest look at performance is {days} days old")
    return Shown(*look.worsening())


def write(plan: Plan, out: Path, *, rewrite: Callable[[str], Reworded | None] | None = None) -> Written:
    """The plan as YAML in `out`.

    `rewrite` may say the rationale in other words (see `in_other_words`), which stand beside it and change nothing.
    """
    made = Written(plan, out, rewrite(plan.rationale) if rewrite is not None else None)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(_yaml(made.to_dict()), "utf-8")
    return made


def in_other_words(work: Workspace) -> Callable[[str], Reworded | None]:
    """A language model's words for a rationale, at the endpoint that the environment names; None where there is none,
    it does not answer, or what it says is not shown to be the same. It never decides."""

    def rewritten(text: str) -> Reworded | None:
        try:
            return rationale_endpoint.reworded(text, os.environ)
        except WorkflowError as error:
            work.say(f"the rationale stands in the agent's own words only: {error}")
            return None

    return rewritten


def yaml_text(plan: Plan) -> str:
    """The plan as YAML: the same plan, the same bytes."""
    return _yaml(plan.to_dict())


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120))


def verdict(path: Path) -> Any:
    """What a file says that `drift` wrote. Raises InvalidInput."""
    if not path.is_file():
        raise InvalidInput(f"There is no drift verdict {path}.", hint="Write one by 'drift --out', or leave it out.")
    return run_files.read_json(path)


def history(path: Path) -> list[Any]:
    """The objects of a JSON-lines file; empty lines are passed over. Raises InvalidInput naming the line."""
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
                found.append(strict_json.loads(line))
            except (ValueError, RecursionError) as error:
                raise InvalidInput(
                    f"Line {number} of {path.name} is no JSON: {error}", hint="One object per line."
                ) from error
            except strict_json.SaidTwice as error:
                raise InvalidInput(f"Line {number} of {path.name}: {error}", hint=error.hint) from error
    return found
