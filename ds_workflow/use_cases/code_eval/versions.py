"""What a model wrote, as a version of the registry: its tasks frozen, its completions kept with how they ended."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import models, run_files, snapshots
from ds_workflow.adapters.code_eval import files
from ds_workflow.domain.scorecard import scorecard, with_intervals
from ds_workflow.domain.snapshot import conform, digest
from ds_workflow.reports import code_eval as report
from registry.ports import RunRecord
from registry.records import Lineage

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from ds_workflow.domain.code_eval.evaluation import Evaluation
    from ds_workflow.domain.snapshot import Snapshot
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion

BASELINE, POLICY, SEED = "BASELINE", "POLICY", 42
RESULTS, PAGE = "results.jsonl", "codeeval.html"


def freeze(work: Workspace, tasks: files.TaskSet) -> Snapshot:
    """The task set as a snapshot, named after its file and its digest; every task is judged on."""
    stem = "".join(c if c.isalnum() else "-" for c in tasks.name.split(".")[0]) or "tasks"
    name = f"{stem[:40]}-{tasks.digest[:8]}"
    store = snapshots.SnapshotStore(work.settings.data)
    record = store.create(
        work.problem,
        work.plugin.rows_of(list(tasks.tasks.values())),
        name,
        source=tasks.name,
        licence=work.problem.licence,
        dropped={},
        created_at=work.clock(),
    )
    work.registry.record_snapshot(record)
    return store.load(work.problem, name)


def digest_of_tasks(work: Workspace, tasks: files.TaskSet) -> str:
    """What the snapshot of these tasks has for its digest, without making it."""
    rows = work.plugin.rows_of(list(tasks.tasks.values()))
    return digest(work.problem, conform(work.problem, rows))


def model_of(found: Evaluation) -> Pipeline:
    """The completions and how they ended, as a model that answers for tasks."""
    from ds_workflow.contests import code_generation as contest

    records = [
        {
            "task_id": o.task.task_id,
            "sample": o.completion.sample,
            "mode": o.completion.mode,
            "completion": o.completion.code,
            "passed": o.passed,
        }
        for o in found.outcomes
    ]
    estimator = contest.RecordedGenerator(found.model, records).fit(None)
    return models.assemble(contest.Prompts().fit(None), estimator)


def register(
    work: Workspace,
    found: Evaluation,
    answers: files.Answers,
    frozen: Snapshot,
    *,
    owner: str,
    base: ModelVersion | None,
) -> ModelVersion:
    """The version of these completions: the one that is registered already, or a new one."""
    summary = f"{found.model}: completions {answers.digest[:16]}"
    for version in work.registry.versions(work.problem.name):
        line = version.lineage
        same = (line.change_summary, line.holdout_digest) == (summary, frozen.record.holdout_digest)
        if same and work.registry.registered(version):  # what a killed command left half registered is made anew
            work.say(f"these completions are version {version.version} already")
            return version
    model = model_of(found)
    scored = models.score(model, work.problem, frozen.holdout)
    card = with_intervals(
        scorecard(work.problem.metrics, scored, slices=work.problem.slices),
        scored,
        primary=work.problem.primary_metric,
        seed=SEED,
    )
    with TemporaryDirectory(prefix="run-") as name:
        folder = Path(name)
        files.write_lines(folder / RESULTS, (o.whole() for o in found.outcomes))
        files.write_text(folder / PAGE, report.html(found))
        files.write_text(folder / "codeeval.json", run_files.json_text(found.to_dict()))
        models.to_frame(scored).to_parquet(folder / run_files.PREDICTIONS, index=False)
        smoke = run_files.example(work.problem, frozen.holdout, run_files.SMOKE_ROWS)
        smoke.assign(expected=model.predict(smoke)).to_parquet(folder / run_files.SMOKE, index=False)
        run_files.write_json(folder / run_files.SCORECARD, card.to_dict())
        run_files.write_json(folder / run_files.ENVIRONMENT, run_files.environment(work.commit))
        version = work.registry.register(
            RunRecord(
                name=summary,
                lineage=_lineage(work, frozen, summary, owner=owner, base=base),
                model=model,
                trusted_types=models.trusted_types(),
                metrics=card.flat(),
                params=_params(found),
                tags={"owner": owner, "model": found.model},
                artifacts=folder,
                example=run_files.example(work.problem, frozen.holdout, 2),
                dataset={
                    "name": f"{work.problem.name} {frozen.record.dataset_version}",
                    "digest": frozen.record.digest,
                    "source": frozen.record.source,
                    "rows": frozen.record.rows,
                    "frame": run_files.example(work.problem, frozen.holdout, 20),
                },
                description=f"{summary} of {len(found.tallies)} tasks of {found.tasks}.",
                pip_requirements=run_files.requirements(),
            )
        )
    work.say(f"registered {work.problem.name} version {version.version}")
    return version


def _params(found: Evaluation) -> dict[str, Any]:
    counts = {"completions": len(found.outcomes), "tasks": len(found.tallies)}
    return {"model": found.model, "completions_digest": found.digest, **counts}


def _lineage(work: Workspace, frozen: Snapshot, summary: str, *, owner: str, base: ModelVersion | None) -> Lineage:
    record, problem = frozen.record, work.problem
    return Lineage(
        problem=problem.name,
        dataset_version=record.dataset_version,
        dataset_digest=record.digest,
        holdout_digest=record.holdout_digest,
        feature_set_version=problem.feature_sets[0].version,
        strategy=problem.strategies[0],
        change_type="model",
        change_summary=summary,
        owner=owner,
        seed=SEED,
        git_commit=work.commit,
        hypothesis_id=POLICY if base else BASELINE,
        hypothesis_digest=POLICY if base else BASELINE,
        base_champion_version=base.version if base else None,
    )
