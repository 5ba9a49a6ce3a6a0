"""Train in one go, without a registry: rows in, a folder with the model and its figures out.

For a first look, a teaching room or somebody else's pipeline. What comes of it has no version, no hypothesis and no
decision, so it never becomes a champion; `train-candidate` is the way there.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import datasets, fitting, models, run_files
from ds_workflow.domain.scorecard import Scorecard, scorecard, with_intervals
from ds_workflow.domain.snapshot import conform, digest, holdout_mask
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput
from ds_workflow.reports import tables
from ds_workflow.reports.run_card import interval_text, metric_text
from registry.records import utc_text

if TYPE_CHECKING:
    import pandas as pd

    from ds_workflow.domain.problem import Problem
    from ds_workflow.workspace import Workspace

METRICS, MODEL, PIPELINE = "metrics.json", "model.skops", "feature_pipeline.skops"
FILES = (METRICS, MODEL, PIPELINE, run_files.IMPORTANCES)


@dataclass(frozen=True)
class FitRequest:
    """What a person asks for. Empty names mean the problem's newest feature set and its first strategy."""

    outdir: Path
    data: Path | None = None
    references: tuple[Path, ...] = ()
    simulate: bool = False
    rows: int | None = None
    feature_set_version: str = ""
    strategy: str = ""
    optuna_trials: int = 0
    seed: int = 42
    force: bool = False
    engine: str = "local"


@dataclass(frozen=True)
class FitResult:
    """What came of it: the content of metrics.json, and where the files are."""

    outdir: Path
    content: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The document of `train --json`."""
        return {**self.content, "outdir": str(self.outdir)}

    def text(self) -> str:
        """For the terminal."""
        c = self.content
        rows = [
            [
                name,
                metric_text(name, value),
                interval_text(name, c["intervals"].get(name)),
                metric_text(name, c["naive"].get(name)),
            ]
            for name, value in c["metrics"].items()
        ]
        lines = [
            f"{c['problem']}: {c['strategy']} on feature set {c['feature_set_version']}, "
            f"{c['rows']['train']:,} training and {c['rows']['holdout']:,} holdout rows, {c['seconds']:.1f} s",
            "",
            *tables.text_table(["on the holdout", "model", "95 % interval", "naive baseline"], rows, align="lrrr"),
            *(f"  {name} was not measured: {why}" for name, why in c["missing"].items() if "." not in name),
            "",
            f"{self.outdir} holds {', '.join(FILES)}.",
        ]
        return "\n".join(lines)


def fit(work: Workspace, request: FitRequest) -> FitResult:
    """Train on all but the problem's holdout, measure there, and write FILES into the folder, whole or not at all.

    Raises InvalidInput, UnknownName or LeakageRefused before anything is trained; what the plug-in raises on bad rows.
    """
    problem = work.problem
    recipe = fitting.Recipe(
        request.feature_set_version or problem.feature_sets[-1].version,
        request.strategy or problem.strategies[0],
        StrategyOptions(seed=request.seed),
        request.optuna_trials,
        request.engine,
    )
    fitting.check(problem, recipe)
    outdir = request.outdir.expanduser().absolute()
    _require_free(outdir, force=request.force)
    if (request.data is None) != request.simulate:
        asked = "both were asked for" if request.simulate else "neither was asked for"
        raise InvalidInput(
            f"Rows come either from a file or folder or from the simulator, and {asked}.",
            hint="Give --data PATH, or --simulate.",
        )
    started = time.perf_counter()
    with _building(outdir, force=request.force) as folder:
        ready = datasets.prepare(
            work.plugin,
            source=request.data,
            references=request.references,
            simulate=request.simulate,
            rows=request.rows,
            seed=request.seed,
            say=work.say,
        )
        rows = conform(problem, ready.rows)
        held = holdout_mask(problem, rows)
        train, holdout = (rows[mask].reset_index(drop=True) for mask in (~held, held))
        work.say(f"{len(train):,} training rows, {len(holdout):,} holdout rows")
        made = fitting.fit(work.plugin, recipe, rows=rows, train=train, holdout=holdout, say=work.say)
        naive = scorecard(problem.metrics, fitting.naive(work.plugin, train, holdout))
        models.write(folder / MODEL, made.model)
        models.write(folder / PIPELINE, made.model["features"])
        run_files.importances(made.model).to_csv(folder / run_files.IMPORTANCES, index=False)
        content = {
            "problem": problem.name,
            "task": problem.task,
            "target": problem.target,
            "strategy": recipe.strategy,
            "feature_set_version": recipe.feature_set_version,
            "features": list(problem.feature_set(recipe.feature_set_version).features),
            "optuna_trials": recipe.trials,
            "params": dict(getattr(made.model["model"], "settings", made.options.params)),
            "threshold": getattr(made.model["model"], "threshold_", 0.5) if problem.task == "binary" else None,
            "seed": request.seed,
            "rows": {"train": len(train), "holdout": len(holdout)},
            "data": _data(problem, ready, rows),
            **_figures(
                with_intervals(made.card, made.scored, primary=problem.primary_metric, seed=request.seed), naive
            ),
            "at": utc_text(work.clock()),
            "git_sha": work.commit,
            "seconds": round(time.perf_counter() - started, 3),
            "fit_seconds": round(made.fit_seconds, 3),
            "environment": run_files.environment(work.commit),
        }
        run_files.write_json(folder / METRICS, content)
    return FitResult(outdir, content)


def load(outdir: Path) -> Any:
    """The fitted pipeline of a folder that `fit` wrote: `predict` takes rows of the problem's input columns.

    Raises InvalidInput when the file is gone, damaged or holds a type that no plug-in trusts.
    """
    return models.read_file(outdir / MODEL)


def _data(problem: Problem, ready: datasets.Prepared, rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "source": ready.source,
        "licence": ready.licence,
        "rows": len(rows),
        "digest": digest(problem, rows),
        "dropped": {str(reason): int(count) for reason, count in ready.dropped.items()},
        "split": problem.split.method,
        "notes": list(ready.notes),
    }


def _figures(card: Scorecard, naive: Scorecard) -> dict[str, Any]:
    return {
        "metrics": dict(card.overall),
        "intervals": {name: list(ends) for name, ends in card.intervals.overall.items()} if card.intervals else {},
        "naive": dict(naive.overall),
        "segments": {name: dict(figures) for name, figures in card.segments.items()},
        "missing": dict(card.missing),
    }


def _require_free(outdir: Path, *, force: bool) -> None:
    """Refuse a folder that holds anything; with `force`, one that holds anything but what this command writes."""
    if outdir.is_symlink() or (outdir.exists() and not outdir.is_dir()):
        raise InvalidInput(f"{outdir} is not a folder.", hint="Name a folder with --outdir; it is made when absent.")
    held = sorted(path.name for path in outdir.iterdir()) if outdir.exists() else []
    if held and not force:
        raise InvalidInput(
            f"{outdir} is not empty; it holds {_some(held)}.",
            hint="Name another folder, or give --force to replace what an earlier 'train' left there.",
        )
    if strange := [name for name in held if name not in FILES]:
        raise InvalidInput(
            f"{outdir} holds {_some(strange)}, which 'train' does not write, so --force would destroy it.",
            hint="Name another folder, or move that away first.",
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


@contextmanager
def _building(outdir: Path, *, force: bool) -> Iterator[Path]:
    """A folder beside `outdir` that takes its place when the block ends well, and is gone otherwise."""
    outdir.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f".{outdir.name}-", dir=outdir.parent))
    try:
        yield folder
        _require_free(outdir, force=force)  # somebody may have written there meanwhile
        folder.chmod(0o755)
        before = folder.with_name(f"{folder.name}-before")
        if outdir.exists():
            outdir.rename(before)
        try:
            folder.rename(outdir)
        except OSError:
            before.rename(outdir)
            raise
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
