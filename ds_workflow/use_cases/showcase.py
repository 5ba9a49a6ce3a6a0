"""A tour through the whole: a log with known effects, its SQL, an experiment, a causal estimate, an evaluation of code.

It runs in a folder of its own, so that nothing of the workspace is touched, and checks every figure against what is
true of the simulator. With `daily` it is the one place that knows several use cases: a tour has no rules of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.sandbox import seccomp
from ds_workflow.adapters.telemetry import warehouse as stores
from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.problems.code_suggestions import effects, truth
from ds_workflow.reports import showcase as pages
from ds_workflow.reports.showcase import Claim, Step
from ds_workflow.reports.tables import percent
from ds_workflow.use_cases.code_eval import run as code_eval
from ds_workflow.use_cases.experiment import analyze, causal, product
from ds_workflow.use_cases.telemetry import ingest, query, report, simulate

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

MARK = ".showcase"
SPOILT = 20
OLD, NEW = tuple(effects.MODEL_SHARES)
ASKED = ("acceptance_by_model_and_segment", "acceptance_by_latency", "funnel", "retention", "error_types")
__all__ = ["Shown", "showcase"]


@dataclass(frozen=True)
class Shown:
    """The steps of the tour and the page that tells of them."""

    steps: tuple[Step, ...]
    page: Path

    @property
    def green(self) -> bool:
        """Whether every figure agrees with the truth."""
        return all(step.ok for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The document of `showcase --json`."""
        return {"ok": self.green, "html": str(self.page), "steps": [asdict(s) | {"ok": s.ok} for s in self.steps]}

    def text(self) -> str:
        """For the terminal."""
        lines = []
        for step in self.steps:
            lines.append(step.title)
            for c in step.claims:
                lines.append(f"  {'ok' if c.ok else '!!'}  {c.name}: {c.found} {c.interval} (should be {c.truth})")
            lines += [f"      {note}" for note in step.notes]
        return "\n".join([*lines, f"Report: {self.page}"])


def showcase(work: Workspace, *, out: Path | None = None, count: int = 600_000, seed: int = 42) -> Shown:
    """Run the tour in `out` (default: the workspace's `showcase`), which is made anew when an earlier tour made it.

    Raises StateConflict for a folder that something else made, InvalidInput for fewer than 20,000 events, of which an
    effect of this size can't be told.
    """
    if count < 20_000:
        raise InvalidInput(f"--events must be at least 20,000, not {count:,}: fewer do not show the effects.")
    root = out or work.path("showcase")
    _fresh(root)
    first, second = (replace(work, settings=replace(work.settings, root=root / name)) for name in ("dealt", "chosen"))
    steps = [
        _log(first, root / "dealt" / "log", count=count, seed=seed),
        _sql(first, root),
        _experiment(first, root),
        _causal(second, root, count=count, seed=seed),
        _code(work, root),
    ]
    words = (
        f"Seed {seed}, about {count:,} events; the same seed gives the same figures. A difference agrees when its "
        "99.9 % interval holds the truth."
    )
    path = root / "index.html"
    stores.write_whole(path, pages.html(steps, words=words))
    return Shown(tuple(steps), path)


def _fresh(root: Path) -> None:
    """An empty folder with our mark in it."""
    if root.exists() and any(root.iterdir() if root.is_dir() else [root]) and not (root / MARK).exists():
        raise StateConflict(f"{root} holds something that no showcase made.", hint="Name another folder with --out.")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / MARK).touch()


def _log(work: Workspace, log: Path, *, count: int, seed: int) -> Step:
    made = simulate.simulate(work, log, count=count, seed=seed, deal="developer", spoilt=SPOILT)
    taken = ingest.ingest(work, log).batch
    again = ingest.ingest(work, log).batch
    reasons = {reason.partition(":")[0]: n for reason, n in taken.quarantined.items()}
    expected = {why: n for why, n in made.spoilt.items() if why != "duplicate"}
    claims = (
        _counted("Events accepted", made.events, taken.accepted),
        _counted("Duplicates left out", made.spoilt["duplicate"], taken.duplicates),
        *(_counted(f"In quarantine: {why.replace('_', ' ')}", n, reasons.get(why, 0)) for why, n in expected.items()),
        _counted("Taken in when the same files come again", 0, 0 if again.repeated else again.accepted),
    )
    return Step("1. A log, taken in once", "Simulated, spoilt a little, checked at the door, and sent twice.", claims)


def _counted(name: str, wanted: int, found: int) -> Claim:
    return Claim(name, f"{wanted:,}", f"{found:,}", "", wanted == found)


def _sql(work: Workspace, root: Path) -> Step:
    told = report.report(work, query.Filters(), page=root / "telemetry.html")
    answers = [query.answer(work, name, query.Filters(), out=root / f"{name}.csv") for name in ASKED]
    found = told.recovered
    if found is None:
        raise RuntimeError("the truth of the simulated log is not there")
    claims = (
        Claim(
            f"Known effects, of {len(found.figures)} figures",
            "none beyond chance",
            f"{len(found.missed)} beyond chance",
            "",
            not found.missed,
        ),
    )
    notes = (f"{percent(found.covered)} of the 95 % intervals hold the truth.",)
    links = (("The telemetry report", "telemetry.html"), *((a.query.question, f"{a.query.name}.csv") for a in answers))
    return Step(
        "2. Questions in SQL", "Every product metric by every level, and five named queries.", claims, links, notes
    )


def _experiment(work: Workspace, root: Path) -> Step:
    measures = product.measures_of("acceptance_rate", ("useful_rate",), ("hallucination_rate",), practical=0.0)
    asked = product.Question("model_version", OLD)
    made = analyze.analyze_telemetry(work, asked, measures, level=0.95, correction="holm", save="acceptance")
    contrast = made.found.primary.contrast
    rates = truth.true_rates("developer")
    useful = rates["useful_rate", "model_version", NEW] - rates["useful_rate", "model_version", OLD]
    second = next(r for r in made.found.rows if r.measure.outcome == "useful_rate").contrast
    claims = (
        pages.difference(f"{NEW} on acceptance", truth.true_model_effect(), contrast.estimate, contrast.interval),
        pages.difference(f"{NEW} on what is taken and passes", useful, second.estimate, second.interval),
    )
    kept = made.kept.page.relative_to(root).as_posix() if made.kept else ""
    return Step(
        "3. An experiment",
        "The model was dealt to developers by chance; they are the units, and sums by arm are all that leaves SQL.",
        claims,
        (("The analysis", kept),) if kept else (),
        (f"Recommendation: {made.found.recommendation.verdict}. {made.found.recommendation.why}",),
    )


def _causal(work: Workspace, root: Path, *, count: int, seed: int) -> Step:
    log, table = work.settings.root / "log", work.settings.root / "suggestions.parquet"
    simulate.simulate(work, log, count=count // 2, seed=seed + 1, deal="chosen")
    ingest.ingest(work, log)
    with stores.of(work.settings.data).session() as session:
        session.ask(
            "copy (select accepted, case when model_version = "  # noqa: S608 - names of our own
            f"'{NEW}' then 1 else 0 end as newer, developer_segment, language, developer_id from suggestions) "
            f"to '{str(table).replace(chr(39), chr(39) * 2)}' (format parquet)"
        )
    ask = causal.Ask(
        "accepted",
        "newer",
        covariates=("developer_segment", "language"),  # segment alone would make the estimators one and the same
        estimators=("aipw", "ipw", "regression"),
        cluster="developer_id",
    )
    made = causal.estimate(work, table, ask)
    wanted = truth.true_effect_on_the_choosers()
    claims, naive = [], ""
    for line in made.lines:
        found = line.estimate
        if found.interval is None:
            continue
        shown = pages.difference(found.estimator, wanted, found.value, found.interval)
        if found.estimand == "descriptive":
            naive = f"The plain difference of those who chose and those who did not is {shown.found} {shown.interval}."
        else:
            claims.append(shown)
    said = "Developers chose the model, experts most of all, who accept less. Adjusted by segment and language:"
    notes = (
        "With so few kinds of developers the estimators differ little: that they agree shows the arithmetic, and not "
        "that no confounder is hidden. Matching is left out, since rows of one kind all tie.",
    )
    return Step("4. What was not randomised", said, tuple(claims), notes=((naive, *notes) if naive else notes))


def _code(work: Workspace, root: Path) -> Step:
    title, words = "5. Code that is run", "Our own tasks, answered rightly and wrongly, each answer in the sandbox."
    if reason := seccomp.unavailable():
        return Step(title, words, notes=(f"Left out: {reason}",))
    claims = []
    for name, part, wanted in (("references", "canonical_solution", 1.0), ("mutants", "wrong_solution", 0.0)):
        path = root / f"{name}.jsonl"
        files.write_lines(path, _answers(part, model=name))
        made = code_eval.run(work, code_eval.Ask("own", path, ks=(1,), timeout=5), page=root / f"{name}.html")
        found = made.found.scores[0].value
        claims.append(Claim(f"pass@1 of the {name}", f"{wanted:.2f}", f"{found:.2f}", "", found == wanted))
    return Step(
        title, words, tuple(claims), tuple((f"Evaluation of the {n}", f"{n}.html") for n in ("references", "mutants"))
    )


def _answers(part: str, *, model: str) -> Sequence[dict[str, Any]]:
    text = (Path(__file__).parents[1] / "templates" / "code_tasks.jsonl").read_text("utf-8")
    tasks = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [{"task_id": t["task_id"], "completion": t[part], "model": model, "sample": 0} for t in tasks]
