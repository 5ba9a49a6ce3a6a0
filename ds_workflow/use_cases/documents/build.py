"""Building the pack of a version: every document, its evidence, one page for paper, and a manifest of all bytes.

It is written anew as a whole: a pack that is half new and half old can't be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow import plugins
from ds_workflow.adapters import governance, packs, printing, unfinished
from ds_workflow.domain import citation, rubric
from ds_workflow.domain.challenge import Challenge
from ds_workflow.errors import SourceUnavailable
from ds_workflow.reports import (
    charts_plane,
    checklist,
    data_sources,
    dictionary,
    lineage,
    metrics_summary,
    model_card,
    monitoring_plan,
    mrm_pack,
    pack,
    release_notes,
    validation,
)
from ds_workflow.reports import rubric as rubric_report
from ds_workflow.reports.charts_bars import Bar, BarGroup, grouped_bars
from ds_workflow.reports.cited import Shelf
from ds_workflow.reports.pack_view import View, stamps
from ds_workflow.use_cases.documents import sources
from ds_workflow.use_cases.documents.governance import challenge, which
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

WRITERS: tuple[tuple[str, str, Callable[[View], str]], ...] = (
    ("model_risk", "Model risk document", mrm_pack.markdown),
    ("validation", "Validation report", validation.markdown),
    ("model_card", "Model card", model_card.of_pack),
    ("metrics_summary", "Metrics summary", metrics_summary.markdown),
    ("checklist", "Effective-challenge checklist", checklist.markdown),
    ("monitoring_plan", "Monitoring plan", monitoring_plan.markdown),
    ("data_sources", "Data sources and lineage", data_sources.markdown),
    ("ml_test_score", "ML Test Score", rubric_report.markdown),
    ("release_notes", "Release notes", release_notes.markdown),
)
WHOLE, PRINTED = "pack.html", "pack.pdf"


@dataclass(frozen=True)
class Built:
    """What was written. `printed` is the PDF, or "" with `why_not` in words."""

    problem: str
    version: int
    digest: str
    folder: Path
    documents: tuple[str, ...]
    figures: int
    gaps: int
    score: float
    printed: str
    why_not: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `docs-build --json`."""
        return {
            "problem": self.problem,
            "version": self.version,
            "digest": self.digest,
            "folder": str(self.folder),
            "documents": list(self.documents),
            "figures": self.figures,
            "not_provided": self.gaps,
            "ml_test_score": self.score,
            "pdf": self.printed,
            "pdf_missing_because": self.why_not,
        }

    def text(self) -> str:
        """For the terminal."""
        out = [f"{self.problem} version {self.version}: {len(self.documents)} documents in {self.folder}"]
        out += [
            f"  {self.figures:,} linked figures, {pack.times(self.gaps)} NOT PROVIDED, ML Test Score {self.score:g}"
        ]
        out += [f"  {self.folder / 'index.html'}", f"  {self.printed}" if self.printed else f"  no PDF: {self.why_not}"]
        return "\n".join(out)


def build(work: Workspace, *, version: int | None = None, pdf: bool = True) -> Built:
    """Write the pack of a version (default: the champion) to docs/packs/PROBLEM/vN.

    Raises NotFound, NoChampion, InvalidInput. Without a Chromium everything but the PDF is written, and said.
    """
    found = challenge(work, version=version)
    view = _view(work, found)
    documents = [pack.Document(name, title, write(view)) for name, title, write in WRITERS]
    documents.append(pack.Document("dictionary", "Data dictionary", _dictionary(view)))
    documents.append(pack.evidence(view.shelf))
    final = packs.folder(work.settings, work.problem.name, found.known.version.version)
    with unfinished.building(final.parent, packs.BUILDING) as fresh:
        printed, why = _written(fresh, view, documents, pdf=pdf)
        packs.replace(fresh, final)
    known = found.known.version
    return Built(
        problem=known.problem,
        version=known.version,
        digest=known.digest,
        folder=final,
        documents=tuple(d.name for d in documents),
        figures=sum(d.markdown.count(f"]({citation.FOLDER}/") for d in documents),
        gaps=sum(d.markdown.count("NOT PROVIDED") for d in documents),
        score=view.score.score,
        printed=str(final / PRINTED) if printed else "",
        why_not=why,
    )


def build_sources(work: Workspace) -> str:
    """DATA_SOURCES of every problem that can be read, as Markdown."""
    problems = [p.PROBLEM for p in (plugins.load("problems", name) for name in plugins.names("problems"))]
    told = {p.name: governance.sourcing(work.settings, p.name) for p in problems}
    return data_sources.of_problems(problems, told)


def check(work: Workspace, *, version: int | None = None) -> list[str]:
    """What is wrong with the pack of a version (default: the champion). Raises InvalidInput when there is none."""
    found = which(work, version)
    folder = packs.folder(work.settings, work.problem.name, found.version)
    wrong = packs.faults(folder)
    if packs.manifest(folder)["digest"] != found.digest:
        wrong.append(f"the pack is about other bytes than version {found.version}")
    return wrong


def _view(work: Workspace, found: Challenge) -> View:
    tests = found.known.tests or {}
    ran = frozenset(map(str, tests.get("files") or ())) if not tests.get("failed") else frozenset()
    score = rubric.score(governance.test_score(work.settings), facts=found.facts, ran=ran, signed=found.signed)
    shelf = Shelf(sources.gather(work, found.known, found.facts, found.lines, score))
    return View(
        shelf=shelf,
        known=found.known,
        facts=found.facts,
        checklist=found.checklist,
        lines=found.lines,
        score=score,
        at=utc_text(work.clock()),
        pictures=_pictures(work, found, shelf),
    )


def _pictures(work: Workspace, found: Challenge, shelf: Shelf) -> dict[str, str]:
    """The pictures that the evidence allows, by name."""
    drawn = {"lineage": lineage.chart(found.known)}
    roc, base = shelf.get("curves", "roc"), shelf.get("curves", "base_rate")
    if roc:
        drawn["roc"] = charts_plane.plane_curve(
            roc,
            title="ROC curve on the holdout",
            across="false alarms, per cent of class 0",
            up="found, per cent of class 1",
            area=shelf.get("curves", "roc_area"),
        )
        drawn["precision_recall"] = charts_plane.plane_curve(
            shelf.get("curves", "precision_recall"),
            title="Precision over recall on the holdout",
            across="found, per cent of class 1",
            up="right among the flagged, per cent",
            area=shelf.get("curves", "precision_recall_area"),
            chance=base,
        )
    parts = shelf.get("curves", "parts")
    if parts:
        drawn["amounts"] = grouped_bars(
            [
                BarGroup(f"tenth {i + 1}", (Bar(one["predicted"]), Bar(one["true"])), f"{one['rows']:,} rows")
                for i, one in enumerate(parts)
            ],
            labels=("predicted", "true"),
            title="Median predicted and true amounts by tenths",
            unit="",
        )
    run = work.registry.run_artifacts(found.known.version) if shelf.has("scorecard") else None
    for name in ("confusion", "reliability"):
        path = run / f"{name}.svg" if run else None
        if path is not None and path.is_file():
            drawn[name] = path.read_text("utf-8")
    return drawn


def _dictionary(view: View) -> str:
    """Columns and features as declared; its evidence is the declaration as a whole."""
    text = dictionary.markdown(view.known.problem)
    return f"{text.rstrip()}\n\n{view.shelf.below('declaration')}\n"


def _written(fresh: Path, view: View, documents: list[pack.Document], *, pdf: bool) -> tuple[bool, str]:
    for source in view.shelf.sources.values():
        _write(fresh / source.path, source.text)
    for name, svg in view.pictures.items():
        _write(fresh / "pictures" / f"{name}.svg", svg)
    title = f"{view.known.problem.title}, version {view.known.version.version}"
    _write(fresh / WHOLE, pack.whole(title, documents, view.pictures))
    printed, why = False, "not asked for"
    if pdf:
        try:
            printing.to_pdf(fresh / WHOLE, fresh / PRINTED)
            printed, why = True, ""
        except SourceUnavailable as error:
            why = f"{error} {error.hint}".strip()
    said = f"All of it for paper: [{WHOLE}]({WHOLE})" + (
        f" and [{PRINTED}]({PRINTED})." if printed else f"; no PDF: {why}"
    )
    lead = [f"Artifact digest `{view.known.version.digest}`.", "", *stamps(view)]
    first = pack.index(title, documents, printed=said, lead=lead)
    for document in (first, *documents):
        _write(fresh / f"{document.name}.md", document.markdown)
        _write(fresh / f"{document.name}.html", pack.html(document, view.pictures, [first, *documents]))
    known = view.known
    about = {
        "problem": known.problem.name,
        "version": known.version.version,
        "digest": known.version.digest,
        "at": view.at,
        "in_office": known.in_office,
        "events": known.told,
        "score": view.score.score,
    }
    packs.seal(fresh, about)
    return printed, why


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
