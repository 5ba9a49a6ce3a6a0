"""Train a candidate and register it with its whole lineage.

Order matters: everything that could refuse the request is checked, and the hypothesis is locked, before the first
second of training; nothing is written to the registry until the model is whole.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import (
    asked_before,
    claim_reach,
    datasets,
    fitting,
    holdout_account,
    hypotheses,
    models,
    policies,
    run_files,
    snapshots,
)
from ds_workflow.domain.scorecard import Scorecard, with_intervals
from ds_workflow.domain.snapshot import held_out
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.reports import run_card
from ds_workflow.use_cases.train import annexes
from ds_workflow.use_cases.train.run import Run
from registry import deciding
from registry.errors import NotFound, OutOfCustody
from registry.ports import RunRecord
from registry.records import HypothesisLock, Lineage, SnapshotRecord, utc_text

if TYPE_CHECKING:
    from ds_workflow.domain.hypothesis import Hypothesis, Plan
    from ds_workflow.domain.snapshot import Snapshot
    from ds_workflow.workspace import Workspace

BASELINE = "BASELINE"


@dataclass(frozen=True)
class TrainRequest:
    """What a person asks for on the command line. `strategy` and `router_mode` are "" for what the hypothesis plans."""

    hypothesis_id: str
    change_type: str
    change_summary: str
    owner: str
    feature_set_version: str
    dataset_version: str
    input_csv: Path | None = None
    strategy: str = ""
    router_mode: str = ""
    min_segment_rows: int | None = None
    optuna_trials: int = 0
    run_name: str = ""
    seed: int = 42
    engine: str = "local"


@dataclass(frozen=True)
class TrainResult:
    """What came of it. Of `seconds`, `fit_seconds` went into features and fit, and `bare_seconds` into what any script
    would do: read the rows, features, fit, answers for the holdout."""

    run_id: str
    version: int
    digest: str
    card: Scorecard
    rows: Mapping[str, int]
    seconds: float
    fit_seconds: float
    bare_seconds: float
    problem: str
    primary: str

    def to_dict(self) -> dict[str, Any]:
        """The document of shared `train-candidate --json`."""
        return {
            "run_id": self.run_id,
            "version": self.version,
            "digest": self.digest,
            "metrics": dict(self.card.overall),
            "intervals": (self.card.to_dict()["intervals"] or {}).get("overall", {}),
            "segments": {name: dict(values) for name, values in self.card.segments.items()},
            "rows": dict(self.rows),
            "seconds": round(self.seconds, 3),
            "fit_seconds": round(self.fit_seconds, 3),
            "bare_seconds": round(self.bare_seconds, 3),
        }

    def text(self) -> str:
        """A short summary for the terminal."""
        return run_card.summary(
            problem=self.problem,
            version=self.version,
            digest=self.digest,
            run_id=self.run_id,
            card=self.card,
            rows=self.rows,
            seconds=self.seconds,
        )


def candidate(work: Workspace, request: TrainRequest) -> TrainResult:
    """Train the candidate of a written hypothesis.

    Raises IncompleteHypothesis (nothing trained, nothing written), UnknownName, LeakageRefused, InvalidInput (also
    for a claim out of reach); and registry.errors.NameTaken when the document changed after its lock.
    """
    _require_words(work, request)
    store = hypotheses.of(work.settings)
    store.adopt(request.hypothesis_id)
    document = store.load(request.hypothesis_id)
    if document.problem == work.problem.name:  # else the disagreement below says so
        request = _as_planned(request, document.plan)
        fitting.check(work.problem, _recipe(request))
    disagreements = document.agrees_with(
        id=request.hypothesis_id,
        problem=work.problem.name,
        change_type=request.change_type,
        strategy=request.strategy or None,
        feature_set_version=request.feature_set_version,
        dataset_version=request.dataset_version,
        router_mode=request.router_mode or None,
    )
    deciding.require_author(work.people, work.known_as(document.owner), ident=document.id)
    if disagreements:
        raise InvalidInput(
            f"The options disagree with {document.id}, so nothing was trained: {'; '.join(disagreements)}.",
            hint="Give the options that the document plans, or write another hypothesis.",
        )
    started = time.perf_counter()
    snapshot = _snapshot(work, request)
    _require_reach(work, document, snapshot)
    lock = work.registry.lock_hypothesis(_lock(work, document.id, document.digest, request.owner))
    return _train(work, request, snapshot, started=started, lock=lock, parent=document.parent or "")


def baseline(
    work: Workspace, *, owner: str, dataset_version: str, feature_set_version: str, strategy: str = "", seed: int
) -> TrainResult:
    """Train the first model of a problem, which no hypothesis precedes; without a strategy, its first one."""
    request = TrainRequest(
        hypothesis_id=BASELINE,
        change_type="architecture",
        change_summary="First champion: the baseline.",
        owner=owner,
        feature_set_version=feature_set_version,
        dataset_version=dataset_version,
        strategy=strategy or work.problem.strategies[0],
        seed=seed,
    )
    _require_words(work, request)
    fitting.check(work.problem, _recipe(request))
    started = time.perf_counter()
    return _train(work, request, _snapshot(work, request), started=started, lock=None, parent="")


def _as_planned(request: TrainRequest, plan: Plan) -> TrainRequest:
    """The request, what it leaves open filled from the hypothesis' plan; a strategy of its own routes as it says."""
    router = request.router_mode or ("" if request.strategy not in ("", plan.strategy) else plan.router_mode)
    return replace(request, strategy=request.strategy or plan.strategy, router_mode=router)


def _require_words(work: Workspace, request: TrainRequest) -> None:
    """Refuse a candidate that nobody stands for, or of which nobody says what differs."""
    if not request.owner.strip():
        raise InvalidInput("--owner is empty; name the person who stands for the candidate.")
    work.registry.require_owner(request.owner)
    if not request.change_summary.strip():
        raise InvalidInput("--change-summary is empty; say in one sentence what differs from the champion.")


def _require_reach(work: Workspace, document: Hypothesis, snapshot: Snapshot) -> None:
    """Refuse a claim that no model could fulfil where the champion stands, before it is locked and a look is spent."""
    policy = policies.load(work.settings.policy(work.problem.name), work.problem)
    try:
        found = claim_reach.standing(work.registry, work.problem, snapshot, document.claim)
    except (NotFound, OutOfCustody) as error:  # a broken champion stops decisions, and no training
        found = claim_reach.Standing({}, {}, str(error))
    if found.unknown:
        work.say(f"whether the claim is within reach is not known: {found.unknown}")
    if why := found.why_not(document.claim, policy):
        raise InvalidInput(
            f"{document.id} {why} Nothing was trained and nothing locked.",
            hint=f"Change claim.min_effect, then run 'hypothesis-check {document.id}'.",
        )


def _recipe(request: TrainRequest) -> fitting.Recipe:
    options = StrategyOptions(
        seed=request.seed, router_mode=request.router_mode, min_segment_rows=request.min_segment_rows
    )
    return fitting.Recipe(request.feature_set_version, request.strategy, options, request.optuna_trials, request.engine)


def _lock(work: Workspace, hypothesis_id: str, digest: str, by: str) -> HypothesisLock:
    return HypothesisLock(work.problem.name, hypothesis_id, digest, by, utc_text(work.clock()))


def _snapshot(work: Workspace, request: TrainRequest) -> Snapshot:
    """The rows to train on, their digest verified; --input-csv freezes them first."""
    store = snapshots.SnapshotStore(work.settings.data)
    if request.input_csv is not None:
        record = datasets.freeze(
            store,
            work.plugin,
            request.dataset_version,
            created_at=work.clock(),
            source=request.input_csv,
            say=work.say,
        )
        work.registry.record_snapshot(record)
        asked_before.join(work.registry, store, work.problem, record, say=work.say)
    snapshot = store.load(work.problem, request.dataset_version)
    known = {record.dataset_version for record in work.registry.snapshots(work.problem.name)}
    if request.dataset_version not in known:  # whoever froze it was stopped before the ledger heard of it
        work.registry.record_snapshot(snapshot.record)
    return snapshot


def _train(
    work: Workspace,
    request: TrainRequest,
    snapshot: Snapshot,
    *,
    started: float,
    lock: HypothesisLock | None,
    parent: str,
) -> TrainResult:
    problem = work.problem
    train_rows, holdout = snapshot.train, snapshot.holdout
    work.say(f"{len(train_rows):,} training rows, {held_out(problem, snapshot.record, snapshot.split)}")

    fitted = fitting.fit(
        work.plugin, _recipe(request), rows=snapshot.rows, train=train_rows, holdout=holdout, say=work.say
    )
    model, scored = fitted.model, fitted.scored
    estimator, params = model["model"], _params(request, fitted)
    bare_seconds = time.perf_counter() - started
    card = with_intervals(fitted.card, scored, primary=problem.primary_metric, seed=request.seed)
    lineage = _lineage(work, request, snapshot.record, lock=lock, parent=parent)
    with TemporaryDirectory(prefix="run-") as name:
        folder = Path(name)
        tables = run_files.write(
            folder,
            model=model,
            problem=problem,
            holdout=holdout,
            features=fitted.holdout_features,
            scored=scored,
            card=card.to_dict(),
            commit=work.commit,
            seed=request.seed,
        )
        shap = dict(tables["shap"].itertuples(index=False, name=None))
        written = run_card.of(
            problem,
            lineage,
            card,
            record=snapshot.record,
            split=snapshot.split,
            params=params,
            importances=dict(tables["importances"].itertuples(index=False, name=None)),
            importance_kind=run_files.importance_kind(model),
            shap=shap,
            shap_unit=estimator.contribution_unit,
            environment=run_files.environment(work.commit),
            seconds=fitted.fit_seconds,
        )
        tables_of = (fitted.features, fitted.holdout_features)
        run = Run(problem, model, request.seed, train_rows, holdout, *tables_of, scored, shap, request.strategy)
        card_with_annexes = replace(written, annexes=tuple(annexes.written(run, folder)))
        for file, text in run_card.documents(card_with_annexes).items():
            (folder / file).write_text(text, "utf-8")
        ends = card.intervals.flat() if card.intervals else {}
        version = work.registry.register(
            RunRecord(
                name=request.run_name or f"{request.hypothesis_id} {request.strategy} {request.feature_set_version}",
                lineage=lineage,
                model=model,
                trusted_types=models.trusted_types(),
                metrics={**card.flat(), **ends, "fit_seconds": fitted.fit_seconds, "rows.train": len(train_rows)},
                params=params,
                tags=_tags(lineage),
                artifacts=folder,
                example=run_files.example(problem, holdout, 5),
                dataset={
                    "name": f"{problem.name} {request.dataset_version}",
                    "digest": snapshot.record.digest,
                    "source": snapshot.record.source,
                    "rows": snapshot.record.rows,
                    "frame": run_files.example(problem, train_rows, 100),
                },
                description=_description(request, card, problem.primary_metric),
                pip_requirements=run_files.requirements(),
            )
        )
    seconds = time.perf_counter() - started
    work.say(f"registered {problem.name} version {version.version} in {seconds:.1f} s")
    if lock is not None:
        with suppress(WorkflowError):  # a policy that can't be read is told by who needs it
            policy = policies.load(work.settings.policy(problem.name), problem)
            rows_of = snapshot.record.holdout_digest
            work.say(holdout_account.would_be(work.registry, rows_of, challenger=version.digest, policy=policy))
    return TrainResult(
        run_id=version.run_id,
        version=version.version,
        digest=version.digest,
        card=card,
        rows={"train": len(train_rows), "holdout": len(holdout)},
        seconds=seconds,
        fit_seconds=fitted.fit_seconds,
        bare_seconds=bare_seconds,
        problem=problem.name,
        primary=problem.primary_metric,
    )


def _lineage(
    work: Workspace, request: TrainRequest, record: SnapshotRecord, *, lock: HypothesisLock | None, parent: str
) -> Lineage:
    champion = work.registry.champion(work.problem.name)
    return Lineage(
        problem=work.problem.name,
        dataset_version=record.dataset_version,
        dataset_digest=record.digest,
        holdout_digest=record.holdout_digest,
        feature_set_version=request.feature_set_version,
        strategy=request.strategy,
        change_type=request.change_type,
        change_summary=request.change_summary,
        owner=request.owner,
        seed=request.seed,
        git_commit=work.commit,
        hypothesis_id=lock.hypothesis_id if lock else BASELINE,
        hypothesis_digest=lock.digest if lock else BASELINE,
        parent_hypothesis_id=parent,
        base_champion_version=champion.version if champion else None,
    )


def _params(request: TrainRequest, fitted: fitting.Fitted) -> dict[str, Any]:
    settings = getattr(fitted.model["model"], "settings", fitted.options.params)
    return {
        "strategy": request.strategy,
        "feature_set_version": request.feature_set_version,
        "dataset_version": request.dataset_version,
        "router_mode": request.router_mode or "none",
        "min_segment_rows": request.min_segment_rows or "default",
        "optuna_trials": request.optuna_trials,
        "seed": request.seed,
        **{f"booster.{name}": value for name, value in settings.items()},
    }


def _tags(lineage: Lineage) -> dict[str, str]:
    names = ("hypothesis_id", "change_type", "change_summary", "owner", "feature_set_version", "dataset_version",
             "parent_hypothesis_id", "base_champion_version", "git_commit", "seed", "strategy")  # fmt: skip
    return {name: str(getattr(lineage, name) if getattr(lineage, name) is not None else "") for name in names}


def _description(request: TrainRequest, card: Scorecard, primary: str) -> str:
    return (
        f"{request.hypothesis_id}: {request.change_summary.rstrip('.')}. {request.strategy} on feature set "
        f"{request.feature_set_version}, data {request.dataset_version}; holdout {primary} {card.overall[primary]:.4f}."
    )
