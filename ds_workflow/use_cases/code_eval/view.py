"""Evaluations of generated code for the console: by model, by task, one completion beside its reference, two models.

They come from two places: results that `codeeval-run --save` kept, and the versions that `codeeval-compare`
registered. Either way a page reads how completions ended when they were run; nothing is run for a page.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import experiment_records, run_files
from ds_workflow.domain.code_eval import scores
from ds_workflow.errors import UnknownName, WorkflowError
from ds_workflow.reports import code_eval_page as report
from ds_workflow.use_cases.code_eval.compare import CONTEST, SEED
from ds_workflow.use_cases.code_eval.versions import RESULTS
from registry.errors import RegistryError

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

NOT_SAID = "not said"
COLUMNS = ("task_id", "sample", "model", "passed", "kind", "detail", "category", "difficulty", "levenshtein",
           "likeness", "tfidf_code_reference", "tfidf_prompt_code", "seconds")  # fmt: skip
FILTERS = ("category", "difficulty", "kind")


@dataclass(frozen=True)
class Listed:
    """One evaluation in the list. `name` is what addresses it: a kept result's name, or `version-N`."""

    name: str
    model: str = ""
    tasks: str = ""
    digest: str = ""
    completions: int = 0
    pass_at: tuple[tuple[str, float, tuple[float, float]], ...] = ()
    at: str = ""
    source: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Evaluated:
    """One evaluation: its summary as `codeeval-run --json` gives it, and one line a completion."""

    name: str
    summary: Mapping[str, Any]
    outcomes: tuple[Mapping[str, Any], ...]
    source: str
    at: str

    @property
    def tallies(self) -> dict[str, scores.Tally]:
        """Samples and passes by task."""
        return scores.tallies([(str(o["task_id"]), bool(o["passed"])) for o in self.outcomes])


@dataclass(frozen=True)
class TaskLine:
    """One task: how often it was passed, and how its completions ended."""

    task_id: str
    category: str
    difficulty: str
    samples: int
    passed: int
    ended: str


@dataclass(frozen=True)
class Shown:
    """One evaluation, narrowed. `body` is HTML, everything in it escaped already."""

    found: Evaluated
    body: str
    tasks: tuple[TaskLine, ...]
    choices: Mapping[str, list[str]]
    narrowed: bool


@dataclass(frozen=True)
class Beside:
    """One completion and its reference, as rows of (line, line, whether they differ)."""

    found: Evaluated
    outcome: Mapping[str, Any]
    rows: tuple[tuple[str, str, bool], ...]
    samples: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Two evaluations on the tasks that both answered."""

    left: Evaluated
    right: Evaluated
    paired: scores.Paired
    body: str
    tasks: tuple[tuple[str, scores.Tally, scores.Tally], ...]
    left_out: int


def listed(work: Workspace, *, tasks: str = "") -> list[Listed]:
    """All evaluations, newest first; `tasks` narrows to one task set."""
    found = []
    for name in _names(work):
        try:
            found.append(_line(read(work, name)))
        except (WorkflowError, RegistryError, KeyError, ValueError, OSError) as error:
            found.append(Listed(name, problem=str(error)))
    fits = [one for one in found if tasks in ("", one.tasks)]
    return sorted(fits, key=lambda one: (one.at, one.name), reverse=True)


def _names(work: Workspace) -> list[str]:
    root = work.settings.root
    kept = []
    for name in experiment_records.names(root):
        try:
            if experiment_records.read(root, name)["kind"] == "code_eval":
                kept.append(name)
        except WorkflowError:
            continue  # the list of experiments says so
    return kept + [f"version-{v.version}" for v in work.registry.versions(CONTEST)]


def _line(e: Evaluated) -> Listed:
    s = e.summary
    low_high = s["intervals"]
    values = tuple((k, float(v), (float(low_high[k][0]), float(low_high[k][1]))) for k, v in s["pass_at"].items())
    task_set = s["task_set"]
    return Listed(
        e.name, s["model"], task_set["name"], task_set["digest"][:12], s["completions"], values, e.at, e.source
    )


def read(work: Workspace, name: str) -> Evaluated:
    """An evaluation by what addresses it. UnknownName with the known ones."""
    if name not in (known := _names(work)):
        raise UnknownName("evaluation", name[:80], known)
    root = work.settings.root
    if experiment_records.folder(root).joinpath(f"{name}.json").is_file():
        body = experiment_records.read(root, name)
        source = f"completions {body['source'].get('file', '')} (sha256 {str(body['source'].get('digest', ''))[:12]})"
        return Evaluated(name, body["result"], tuple(experiment_records.outcomes(root, name)), source, body["at"])
    version = work.registry.version(CONTEST, int(name.removeprefix("version-")))
    folder = work.registry.run_artifacts(version)
    lines = tuple(json.loads(t) for t in (folder / RESULTS).read_text("utf-8").splitlines() if t.strip())
    summary = run_files.read_json(folder / "codeeval.json")
    source = f"{CONTEST} version {version.version}, {version.lineage.change_summary}"
    return Evaluated(name, summary, lines, source, getattr(version, "created_at", "") or "")


def show(work: Workspace, name: str, choice: Mapping[str, str]) -> Shown:
    """One evaluation, narrowed by category, difficulty or how completions ended. UnknownName for another value."""
    found = read(work, name)
    choices = {c: sorted({_said(o, c) for o in found.outcomes}) for c in FILTERS}
    choices = {c: values for c, values in choices.items() if len(values) > 1}
    for column, value in choice.items():
        if value and value not in choices.get(column, ()):
            raise UnknownName(column, value[:80], choices.get(column, ()))
    inside = [o for o in found.outcomes if all(_said(o, c) == v for c, v in choice.items() if v)]
    body = report.body(found.summary, inside, address=f"/code/{name}", choice=choice, source=found.source)
    return Shown(found, body, tuple(_tasks(inside)), choices, any(choice.values()))


def _said(outcome: Mapping[str, Any], column: str) -> str:
    return str(outcome.get(column) or NOT_SAID)


def _tasks(outcomes: Sequence[Mapping[str, Any]]) -> list[TaskLine]:
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for o in outcomes:
        by_task.setdefault(str(o["task_id"]), []).append(o)
    made = []
    for task, mine in by_task.items():
        ended = Counter(str(o["kind"]).replace("_", " ") for o in mine)
        words = ", ".join(kind if n == 1 else f"{kind} {n}" for kind, n in ended.most_common())
        first = mine[0]
        passed = sum(bool(o["passed"]) for o in mine)
        made.append(TaskLine(task, _said(first, "category"), _said(first, "difficulty"), len(mine), passed, words))
    return made


def beside(work: Workspace, name: str, task_id: str, sample: int | None) -> Beside:
    """A completion beside its reference; without `sample` the first that failed, else the first."""
    found = read(work, name)
    mine = [o for o in found.outcomes if o["task_id"] == task_id]
    if not mine:
        raise UnknownName("task", task_id[:80], [str(o["task_id"]) for o in found.outcomes[:12]])
    samples = tuple(int(o["sample"]) for o in mine)
    if sample is None:
        chosen = next((o for o in mine if not o["passed"]), mine[0])
    elif sample in samples:
        chosen = mine[samples.index(sample)]
    else:
        raise UnknownName("sample", str(sample), map(str, samples))
    rows = report.side_by_side(str(chosen.get("program", "")), str(chosen.get("reference", "")))
    return Beside(found, chosen, tuple(rows), samples)


def pair(work: Workspace, left: str, right: str) -> Pair:
    """Two evaluations, champion at the left: pass@1, McNemar or the sign test, the tasks that they answer otherwise.

    Tasks that only one of them answered are left out and counted.
    """
    a, b = read(work, left), read(work, right)
    ours, theirs = a.tallies, b.tallies
    common = [task for task in ours if task in theirs]
    found = scores.compare({t: ours[t] for t in common}, {t: theirs[t] for t in common}, seed=SEED)
    lines = tuple((t, ours[t], theirs[t]) for t in common)
    apart = tuple(row for row in lines if row[1][1] / row[1][0] != row[2][1] / row[2][0])
    left_out = len(set(ours) ^ set(theirs))
    body = report.pair_body(a.summary["model"], b.summary["model"], found)
    return Pair(a, b, found, body, apart, left_out)


def as_csv(work: Workspace, name: str, choice: Mapping[str, str]) -> str:
    """One line a completion, narrowed as the page is; programs are not in it."""
    found = read(work, name)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for o in found.outcomes:
        if all(_said(o, c) == v for c, v in choice.items() if v):
            writer.writerow([_cell(o.get(c)) for c in COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is quoted with '."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
