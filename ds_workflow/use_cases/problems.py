"""The problems that are installed, as lists, one by one, and as data dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow import plugins
from ds_workflow.adapters import policies
from ds_workflow.domain.policy import Policy
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import dictionary, tables

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Problem
    from ds_workflow.workspace import Workspace

UNITS = {"servability": "ms", "no_new_drift_alerts": "PSI"}  # of gates that measure no metric


@dataclass(frozen=True)
class Listed:
    """One problem with the policy that holds in the workspace, or why there is none."""

    problem: Problem
    policy: Policy | None
    without_policy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """One entry of `problems --json`."""
        p = self.problem
        return {
            "name": p.name,
            "title": p.title,
            "task": p.task,
            "target": p.target,
            "target_unit": p.target_unit,
            "metrics": list(p.metrics),
            "primary_metric": p.primary_metric,
            "segments": list(p.segments),
            "sensitive": list(p.sensitive),
            "feature_sets": [fs.version for fs in p.feature_sets],
            "strategies": list(p.strategies),
            "split": asdict(p.split),
            "gates": _gates(self.policy),
            "policy_version": self.policy.policy_version if self.policy else None,
            "without_policy": self.without_policy,
            "source": p.source,
            "licence": p.licence,
        }

    def detail(self) -> dict[str, Any]:
        """The document of `problems NAME --json`: the entry, and the whole declaration."""
        return {**self.to_dict(), **dictionary.content(self.problem)}

    def text(self) -> str:
        """One problem for the terminal."""
        p = self.problem
        facts = {
            "predicts": f"{p.target} ({p.task}{f', in {p.target_unit}' if p.target_unit else ''})",
            "metrics": ", ".join(f"{m} (first)" if m == p.primary_metric else m for m in p.metrics),
            "strategies": ", ".join(p.strategies),
            "feature sets": " ".join(f"{fs.version}: {fs.note}" for fs in p.feature_sets),
            "segments": f"{p.segment_column}: {', '.join(p.segments)}",
            "sensitive": ", ".join(p.sensitive) or "none",
            "never an input": "; ".join(f"{name}: {why}" for name, why in p.forbidden.items()) or "nothing else",
            "source": f"{p.source} ({p.licence})",
            "for": p.intended_use,
            "limits": p.limits,
        }
        lines = [f"{p.name}: {p.title}", ""]
        for head, said in facts.items():
            first, *rest = tables.paragraph(said, width=84) or [""]
            lines += [f"  {head:<15}{first}", *(f"  {'':<15}{line}" for line in rest)]
        lines.append("")
        if self.policy is None:
            return "\n".join([*lines, *tables.paragraph(f"No gates: {self.without_policy}", indent="  ")])
        body = [
            [g["name"], g["kind"], _measured(g), _required(g), ", ".join(g["applies_to"])] for g in _gates(self.policy)
        ]
        gates = tables.text_table(["gate", "kind", "metric", "required", "in"], body, limit=40)
        return "\n".join([*lines, f"  policy {self.policy.policy_version}", *gates])


def _gates(policy: Policy | None) -> list[dict[str, Any]]:
    """The gates as the policy declares them, without the keys that a gate has no use for."""
    return [{key: value for key, value in asdict(gate).items() if value} for gate in (policy.gates if policy else ())]


def _measured(gate: Mapping[str, Any]) -> str:
    """What a gate looks at."""
    either = [one["metric"] for one in gate.get("alternatives", ())]
    return gate.get("metric") or " or ".join(either) or ", ".join(gate.get("tolerances", ()))


def _required(gate: Mapping[str, Any]) -> str:
    """The thresholds of a gate in words: one number where all trials want the same."""
    if "alternatives" in gate:
        return " or ".join(f"{one['minimum']:g} {one['unit']}" for one in gate["alternatives"])
    if "tolerances" in gate:
        kinds = gate.get("metric")  # tolerances are by kind of stress, else by metric, which is named already
        each = ((f"{name} " if kinds else "") + _per_trial(by) for name, by in gate["tolerances"].items())
        return " ".join(filter(None, ("; ".join(each), gate.get("unit", ""))))
    if "thresholds" not in gate:
        return ""
    where = gate["over"].replace("_", " ") if gate["over"] != "overall" else ""
    unit = gate.get("unit") or UNITS.get(gate["kind"], "")
    return " ".join(part for part in (_per_trial(gate["thresholds"]), unit, where) if part)


def _per_trial(thresholds: Mapping[str, float]) -> str:
    if len(set(thresholds.values())) == 1:
        return f"{next(iter(thresholds.values())):g}"
    return ", ".join(f"{trial} {value:g}" for trial, value in thresholds.items())


def one(work: Workspace, name: str) -> Listed:
    """The problem of that name. Raises UnknownName, and InvalidInput for a policy that is no policy."""
    problem: Problem = plugins.load("problems", name).PROBLEM
    path = work.settings.policy(name)
    if not path.exists():
        return Listed(problem, None, f"there is no policy at {path}")
    return Listed(problem, policies.load(path, problem))


def listed(work: Workspace) -> list[Listed]:
    """Every problem that is installed, sorted by name."""
    return [one(work, name) for name in plugins.names("problems")]


def table(found: Sequence[Listed]) -> str:
    """All problems for the terminal."""
    body = []
    for entry in found:
        p = entry.problem
        gates = ", ".join(g["name"] for g in _gates(entry.policy)) or entry.without_policy
        body.append([p.name, f"{p.task}: {p.target}", ", ".join(p.metrics), gates, f"{p.source} ({p.licence})"])
    heads = ["problem", "task: target", "metrics", "gates", "data source (licence)"]
    return "\n".join(tables.text_table(heads, body, limit=34))


def dictionary_text(work: Workspace) -> str:
    """The data dictionary of the workspace's problem, as Markdown."""
    return dictionary.markdown(work.problem)


def write_dictionary(work: Workspace, *, out: Path | None, html: Path | None) -> list[Path]:
    """The data dictionary of the workspace's problem, as Markdown and as a page; returns the files written."""
    made = []
    for path, render in ((out, dictionary.markdown), (html, dictionary.html)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(work.problem), "utf-8")
            made.append(path)
    return made


def write_dictionaries(folder: Path) -> list[Path]:
    """One Markdown page for every installed problem and an index, into a folder; returns the files written.

    Pages of problems that are gone are removed; nothing else in the folder is touched.
    """
    pages = dictionaries()
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder.", hint="With --all, name a folder for the pages.")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in pages and old.read_text("utf-8").startswith(dictionary.HEAD):
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in pages]


def dictionaries() -> dict[str, str]:
    """File name to text of every page of docs/data_dictionary."""
    declared = [plugins.load("problems", name).PROBLEM for name in plugins.names("problems")]
    return {"README.md": dictionary.index(declared), **{f"{p.name}.md": dictionary.markdown(p) for p in declared}}
