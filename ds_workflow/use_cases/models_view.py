"""Versions for the console: all of a problem, one with its lineage and figures, two beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import run_files
from ds_workflow.domain.metrics import METRICS
from ds_workflow.errors import InvalidInput
from ds_workflow.reports.charts import horizontal_bars
from ds_workflow.reports.page import figure
from ds_workflow.reports.tables import count, finite, measure, metric_title, metric_unit, typographic
from registry.errors import NotFound, RegistryError

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion, PointerMove, Proposal

WIDE, SLIM = 870, 350
SHOWN = 100  # versions on one page of the list
RUN_DOCUMENTS = (".md", ".html", ".svg", ".json", ".csv")
_BARE = frozenset({"r2"})  # a share that nobody speaks of in per cent


@dataclass(frozen=True)
class Line:
    """One version in a list: where it stands, and its primary figure on its own holdout."""

    version: ModelVersion
    aliases: tuple[str, ...]
    was_champion: int  # how many times it was put in office
    figure: str


@dataclass(frozen=True)
class Listing:
    """Versions of a problem, newest first, and the log of who was champion, newest first.

    `total` counts all versions; those below `older` are not in `lines` (0: none are left).
    """

    problem: str
    title: str
    primary: str
    lines: tuple[Line, ...]
    moves: tuple[PointerMove, ...]
    total: int
    older: int


@dataclass(frozen=True)
class Figure:
    """One metric: `values` by version as stored, `texts` as shown."""

    name: str
    title: str
    values: tuple[float | None, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One version. `pictures` is HTML, escaped already; `files` are those of its run that can be opened."""

    version: ModelVersion
    aliases: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    overall: tuple[Figure, ...]
    segments: tuple[tuple[str, str, tuple[Figure, ...]], ...]  # name, rows, figures
    pictures: str
    proposals: tuple[Proposal, ...]
    moves: tuple[PointerMove, ...]
    files: tuple[str, ...]
    missing: str  # why there are no figures; empty when there are


@dataclass(frozen=True)
class Pair:
    """Two versions beside each other; `same_rows` says whether their figures are of the same holdout."""

    left: ModelVersion
    right: ModelVersion
    facts: tuple[tuple[str, str, str], ...]  # what differs: name, left, right
    figures: tuple[Figure, ...]  # left, right, difference
    same_rows: bool


def listing(work: Workspace, *, most: int = SHOWN, before: int = 0) -> Listing:
    """The newest versions of the workspace's problem, or the newest below `before`: `most` of them."""
    problem = work.problem
    moves = work.registry.moves(problem.name)
    aliases = _aliases(work)
    every = work.registry.versions(problem.name)
    below = sorted((v for v in every if not before or v.version < before), key=lambda v: -v.version)
    lines = []
    for version in below[:most]:  # a line reads the figures from the version's files
        card = _card(work, version)
        value = (card.get("overall") or {}).get(problem.primary_metric)
        lines.append(
            Line(
                version,
                aliases.get(version.version, ()),
                sum(move.to_ref.version == version.version for move in moves),
                _text(problem.primary_metric, value),
            )
        )
    older = below[most - 1].version if len(below) > most else 0
    primary = metric_title(problem.primary_metric)
    return Listing(problem.name, problem.title, primary, tuple(lines), tuple(reversed(moves)), len(every), older)


def read(work: Workspace, number: int) -> Page:
    """One version; NotFound when there is none of that number."""
    problem = work.problem
    version = work.registry.version(problem.name, number)
    card = _card(work, version)
    names = _ordered(work, card.get("overall") or {})
    segments = tuple(
        (name, count(found.get("rows")), tuple(_figure(n, (found.get(n),)) for n in names if n in found))
        for name, found in sorted((card.get("segments") or {}).items())
    )
    return Page(
        version=version,
        aliases=_aliases(work).get(number, ()),
        facts=tuple((k.replace("_", " "), str(v)) for k, v in asdict(version.lineage).items() if v not in ("", None)),
        overall=tuple(_figure(n, (card["overall"].get(n),)) for n in names),
        segments=segments,
        pictures=_pictures(work, version),
        proposals=tuple(work.registry.proposals(problem.name, challenger=version.digest)),
        moves=tuple(m for m in work.registry.moves(problem.name) if m.to_ref.version == number),
        files=files(work, version),
        missing="" if card else "The files of its run are gone, so its figures can't be shown.",
    )


def compare(work: Workspace, left: int, right: int) -> Pair:
    """Two versions of one problem; InvalidInput when it is twice the same."""
    if left == right:
        raise InvalidInput("Comparing needs two versions.", hint="Choose another one.")
    name = work.problem.name
    a, b = work.registry.version(name, left), work.registry.version(name, right)
    cards = _card(work, a).get("overall") or {}, _card(work, b).get("overall") or {}
    figures = []
    for metric in _ordered(work, {**cards[0], **cards[1]}):
        one, two = finite(cards[0].get(metric)), finite(cards[1].get(metric))
        difference = None if one is None or two is None else two - one
        shown = _text(metric, one), _text(metric, two), _text(metric, difference, difference=True)
        figures.append(Figure(metric, metric_title(metric), (one, two, difference), shown))
    old, new = asdict(a.lineage), asdict(b.lineage)
    facts = tuple((k.replace("_", " "), str(old[k]), str(new[k])) for k in old if old[k] != new[k])
    return Pair(a, b, facts, tuple(figures), a.lineage.holdout_digest == b.lineage.holdout_digest)


def files(work: Workspace, version: ModelVersion) -> tuple[str, ...]:
    """Names of the run's files that a page can show, sorted."""
    try:
        folder = work.registry.run_artifacts(version)
    except RegistryError:
        return ()
    found = (p for p in folder.iterdir() if p.is_file() and p.suffix in RUN_DOCUMENTS) if folder.is_dir() else ()
    return tuple(sorted(p.name for p in found))


def file_text(work: Workspace, number: int, name: str) -> str:
    """The text of one of the run's files; NotFound for any name that is not listed."""
    version = work.registry.version(work.problem.name, number)
    if name not in files(work, version):
        raise NotFound(f"Version {number} has no file '{name[:80]}'.", hint="Its page lists what there is.")
    return (work.registry.run_artifacts(version) / name).read_text("utf-8")


def _card(work: Workspace, version: ModelVersion) -> dict[str, Any]:
    """The stored scorecard, or nothing when it is gone."""
    try:
        found: dict[str, Any] = run_files.read_json(work.registry.run_artifacts(version) / run_files.SCORECARD)
    except (InvalidInput, RegistryError):
        return {}
    return found


def _aliases(work: Workspace) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for alias, number in sorted(work.registry.aliases(work.problem.name).items()):
        found[number] = (*found.get(number, ()), alias)
    return found


def _ordered(work: Workspace, found: Mapping[str, Any]) -> list[str]:
    """The problem's metrics in its order, the primary first; then what else was measured."""
    problem = work.problem
    wanted = dict.fromkeys([problem.primary_metric, *problem.metrics, *(n for n in found if n in METRICS)])
    return [name for name in wanted if name in found]


def _figure(name: str, values: tuple[Any, ...]) -> Figure:
    known = tuple(map(finite, values))
    return Figure(name, metric_title(name), known, tuple(_text(name, v) for v in known))


def _text(name: str, value: Any, *, difference: bool = False) -> str:
    unit = "" if name in _BARE else metric_unit(name)
    return typographic(measure(value, unit, difference=difference))


def _pictures(work: Workspace, version: ModelVersion) -> str:
    """What the model looks at, from its run's files; empty when they are gone."""
    import csv

    try:
        path = work.registry.run_artifacts(version) / run_files.IMPORTANCES
        with path.open(encoding="utf-8", newline="") as stream:
            shares = {row["feature"]: float(row["importance"]) for row in csv.DictReader(stream)}
    except (RegistryError, OSError, KeyError, ValueError):
        return ""
    title = "What the model looks at"

    def draw(width: int) -> str:
        return horizontal_bars(
            shares, title=title, unit="share", caption="share of the gain", top_n=12, width=width, styled=False
        )

    return figure(title, "Importance of each input as its estimator measures it.", draw(WIDE), draw(SLIM))
