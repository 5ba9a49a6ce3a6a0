"""The release check: five gates, each a list of checks, red until every one is green.

It walks from the alias to the pointer log, to the applied decision, to the evidence, and computes the verdict again;
then data, the service as a caller sees it, alerts, documents, findings and signatures. How much hangs on the problem,
its tier, says which checks are asked; what is not asked is named. It changes nothing but its own report.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import dossier, packs
from ds_workflow.errors import WorkflowError
from ds_workflow.reports import release_report
from ds_workflow.use_cases.release import model, operations, papers
from ds_workflow.use_cases.release.walk import Found, Walk
from registry.errors import RegistryError
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

KNOWN = (WorkflowError, RegistryError, OSError)
Ask = Callable[[Walk], Found]
Gates = tuple[tuple[str, tuple[tuple[str, Ask], ...]], ...]


@dataclass(frozen=True)
class Release:
    """The whole report, as a plain structure."""

    content: dict[str, Any]

    @property
    def ready(self) -> bool:
        """Whether every check of every gate is green."""
        return bool(self.content["ready"])

    def to_dict(self) -> dict[str, Any]:
        """The document of `release-check --json`."""
        return self.content

    def text(self) -> str:
        """For the terminal."""
        return release_report.text(self.content)

    def explanation(self) -> str:
        """The smallest set of facts that would turn it green."""
        return release_report.explain_text(self.content)


def check(work: Workspace) -> Release:
    """Ask every check and write the report to reports/releases as Markdown and JSON."""
    walk = Walk(work)
    gates, excused = ask(walk, GATES)
    at = work.clock()
    champion = walk.champion_or_none
    ready = all(c["status"] == "pass" for gate in gates for c in gate["checks"])
    folder = work.settings.reports / "releases"
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{work.problem.name}-{at:%Y%m%dT%H%M%S%f}Z"
    content = {
        "problem": work.problem.name,
        "champion": asdict(champion.ref) if champion else None,
        "ready": ready,
        "at": utc_text(at),
        "gates": gates,
        "tier": _tier(walk),
        "not_required": excused,
        "report": str(stem.with_suffix(".md")),
    }
    stem.with_suffix(".md").write_text(release_report.markdown(content), "utf-8")
    stem.with_suffix(".json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")
    return Release(content)


def ask(walk: Walk, wanted: Gates) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The wanted gates with the answer of each check, and the checks that the tier does not ask, with the reason."""
    gates: list[dict[str, Any]] = []
    excused: list[dict[str, str]] = []
    for gate, checks in wanted:
        found = []
        for name, put in checks:
            why = _excuse(name, walk)
            if why:
                excused.append({"check": f"{gate}/{name}", "why": why})
                continue
            walk.work.say(f"{gate}: {name}")
            status, detail, fix = _asked(put, walk)
            walk.statuses[name] = status
            found.append({"name": name, "status": status, "detail": detail, "fix": "" if status == "pass" else fix})
        gates.append({"name": gate, "checks": found})
    return gates, excused


def _asked(put: Ask, walk: Walk) -> Found:
    """A check that can't be answered is `unknown`, which is never green."""
    try:
        return put(walk)
    except Exception as error:  # a check that breaks is unknown, and never the end of the report
        hint = getattr(error, "hint", "") or "See 'arena-status'."
        return "unknown", str(error) if isinstance(error, KNOWN) else f"{type(error).__name__}: {error}", hint


def _tier(walk: Walk) -> str:
    """The tier in words; a materiality file that can't be read counts as the highest."""
    try:
        return walk.materiality.words
    except KNOWN as error:
        return f"unknown, treated as the highest: {error}"


def _excuse(name: str, walk: Walk) -> str:
    """Why a check is not asked of this problem; empty when it is. What is there is checked in every tier."""
    if name not in ("documents", "monitoring"):
        return ""
    try:
        required = walk.materiality.required
        if required.pack if name == "documents" else required.monitoring:
            return ""
        tier, settings = f"tier {walk.materiality.tier}", walk.work.settings
        champion = walk.champion
        if name == "documents":
            there = packs.folder(settings, champion.problem, champion.version).is_dir()
            return "" if there else f"{tier} asks for the model card; no pack of documents was built"
        found = dossier.watched(settings, champion.problem, champion.digest)
    except KNOWN:
        return ""
    if found is None:
        return f"{tier} asks for the performance on its newest labelled rows; nobody has looked at it in office"
    return f"{tier}: the last look could not tell ({found[1]})" if found[0] == "unknown" else ""


GATES: Gates = (
    ("Data", (("snapshot", model.snapshot), ("contract", model.contract), ("holdout", model.holdout))),
    (
        "Model",
        (
            ("custody", model.custody),
            ("decision", model.decision),
            ("evidence", model.evidence_whole),
            ("replay", model.replay),
            ("trial", model.own_trial),
            ("smoke", model.smoke),
        ),
    ),
    ("Product", (("verdict", model.verdict), ("hypothesis", model.hypothesis), ("policy", model.policy))),
    (
        "Operations",
        (
            ("service", operations.service_answers),
            ("fallback", operations.fallback),
            ("performance", operations.performance),
            ("inputs", operations.inputs),
            ("monitoring", operations.watched),
            ("incidents", operations.incidents),
        ),
    ),
    (
        "Release",
        (
            ("lineage", papers.lineage),
            ("model card", papers.card),
            ("documents", papers.documents),
            ("in service", papers.in_service),
            ("findings", papers.findings),
            ("checklist", papers.checklist),
            ("tests", papers.tests),
        ),
    ),
)
