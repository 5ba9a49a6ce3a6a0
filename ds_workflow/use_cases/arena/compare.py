"""Champion and challenger on the same frozen rows: loaded by digest, scored by the same code, evidence gathered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import evidence, models, policies, probes, run_files, snapshots
from ds_workflow.domain import drift
from ds_workflow.domain.alignment import Frozen
from ds_workflow.domain.comparison import Checks, Comparison, Servability
from ds_workflow.domain.gates import Evaluation, evaluate
from ds_workflow.errors import InvalidInput, StateConflict
from registry.errors import RegistryError

if TYPE_CHECKING:
    from ds_workflow.adapters.snapshots import Snapshot
    from ds_workflow.domain.metrics import Scored
    from ds_workflow.domain.policy import Policy, Trial
    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion


@dataclass(frozen=True)
class Judged:
    """A comparison, what the gates made of it, and the digest of the bundle that holds both."""

    comparison: Comparison
    evaluation: Evaluation
    policy: Policy
    snapshot: Snapshot
    bundle_digest: str
    reference: str
    champion: ModelVersion | None
    champion_trial: Evaluation | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Side:
    """One model's part of a comparison."""

    scored: Scored
    checks: Checks


@dataclass(frozen=True)
class _Ring:
    """Everything of a comparison but the one to beat."""

    work: Workspace
    policy: Policy
    snapshot: Snapshot
    seed: int
    challenger: _Side
    naive: Scored

    def against(self, other: _Side | None) -> Comparison:
        """The challenger beside `other`, on exactly the frozen rows."""
        problem, holdout = self.work.problem, self.snapshot.holdout
        return Comparison.align(
            problem=problem,
            policy=self.policy,
            seed=self.seed,
            challenger=self.challenger.scored,
            champion=other.scored if other else None,
            naive=self.naive,
            challenger_checks=self.challenger.checks,
            champion_checks=other.checks if other else None,
            frozen=Frozen(holdout[problem.row_id].to_numpy(), holdout[problem.target].to_numpy(dtype=float)),
        )


def judge(
    work: Workspace, challenger: ModelVersion, champion: ModelVersion | None, *, trial: Trial, among: int = 1
) -> Judged:
    """Compare, evaluate, and write the evidence bundle.

    `among` candidates of one round share the error rate: each is judged at alpha / among (Bonferroni over the round).
    """
    problem = work.problem
    path = work.settings.policy(problem.name)
    policy = policies.load(path, problem)
    used = replace(policy, alpha=policy.alpha / among)
    snapshot = snapshots.SnapshotStore(work.settings.data).load(problem, challenger.lineage.dataset_version)
    if snapshot.record.holdout_digest != challenger.lineage.holdout_digest:
        raise StateConflict(
            f"Version {challenger.version} was trained beside another holdout of {snapshot.record.dataset_version}.",
            hint="Train it again on this snapshot.",
        )
    work.say(f"scoring the challenger, version {challenger.version}, on {len(snapshot.holdout):,} frozen rows")
    first = _side(work, challenger, snapshot)
    _same_as_trained(work, challenger, first.scored)
    ring = _Ring(work, used, snapshot, challenger.lineage.seed, first, _naive(work, snapshot))
    notes: tuple[str, ...] = ()
    reference, trial_of_champion = "champion" if champion else "naive baseline", None
    if champion is None:
        comparison = ring.against(None)
    else:
        work.say(f"scoring the champion, version {champion.version}, on the same rows")
        comparison = ring.against(_side(work, champion, snapshot))
        work.say(f"asking the gates ({used.resamples:,} paired resamples by {problem.cluster_column})")
        if not comparison.faults:
            trial_of_champion = evaluate(comparison, kind="champion_trial")
            if _disqualified(trial_of_champion):
                comparison, reference, notes = _without_champion(ring, champion, trial_of_champion)
    evaluation = evaluate(comparison, kind=trial)
    bundle = evidence.write(
        work.settings.evidence,
        comparison,
        evaluation,
        policy_text=path.read_text("utf-8"),
        context={
            "challenger": {"version": challenger.version, "digest": challenger.digest},
            "champion": {"version": champion.version, "digest": champion.digest} if champion else None,
            "reference": reference,
            "alpha_shared_among": among,
            "dataset_version": snapshot.record.dataset_version,
            "holdout_digest": snapshot.record.holdout_digest,
            "environment": run_files.environment(work.commit),
        },
    )
    return Judged(comparison, evaluation, policy, snapshot, bundle, reference, champion, trial_of_champion, notes)


def _side(work: Workspace, version: ModelVersion, snapshot: Snapshot) -> _Side:
    """Score one version and try it: leakage, servability, drift of its inputs between training and holdout."""
    problem = work.problem
    path = work.registry.model_path(version)
    try:
        stored = models.read(path)
    except InvalidInput as error:
        raise InvalidInput(f"Version {version.version} can't be loaded: {error}", hint=error.hint) from error
    rows = snapshot.rows
    model = models.with_history(stored, rows, rows[problem.target].to_numpy(dtype=float))
    features = model["features"].transform(snapshot.holdout)
    scored = models.score(model, problem, snapshot.holdout, features=features)
    names = list(model["model"].feature_names_)
    trained = model["features"].transform(snapshot.train.iloc[:: max(1, len(snapshot.train) // 20_000)])
    checks = Checks(
        leakage=probes.leakage(
            model,
            problem,
            snapshot.holdout,
            features,
            history=rows,
            feature_set_version=version.lineage.feature_set_version,
            seed=version.lineage.seed,
        ),
        servability=_served(work, version, model, snapshot),
        drift=drift.compare(drift.profile(probes.drift_columns(names, trained)), probes.drift_columns(names, features)),
    )
    return _Side(scored, checks)


def _served(work: Workspace, version: ModelVersion, model: Any, snapshot: Snapshot) -> Servability:
    found = probes.servability(model, work.problem, snapshot.holdout)
    try:
        run_files.smoke(models.read(work.registry.model_path(version)), work.registry.run_artifacts(version))
    except (InvalidInput, RegistryError) as error:
        return replace(found, equal=False, detail=f"{found.detail} {error}")
    return found


def _same_as_trained(work: Workspace, version: ModelVersion, scored: Scored) -> None:
    """Raise StateConflict when the version no longer answers what its run recorded."""
    import numpy as np

    stored = models.read_scored(work.registry.run_artifacts(version) / run_files.PREDICTIONS)
    same = len(stored) == len(scored) and bool(np.array_equal(stored.row_id, scored.row_id))
    if not same or not np.allclose(stored.prediction, scored.prediction, rtol=1e-6, atol=0):
        raise StateConflict(
            f"Version {version.version} scored again differs from what its run recorded; the data or the code changed.",
            hint="Train it again with this checkout.",
        )


def _naive(work: Workspace, snapshot: Snapshot) -> Scored:
    """The naive baseline, fitted on the training rows."""
    import numpy as np

    problem = work.problem
    baseline = work.plugin.naive().fit(snapshot.train, snapshot.train[problem.target].to_numpy(dtype=float))
    return replace(
        models.unanswered(problem, snapshot.holdout),
        prediction=np.asarray(baseline.predict(snapshot.holdout), dtype=float),
    )


def _disqualified(trial: Evaluation) -> bool:
    """Failed or invalid; an inconclusive trial leaves the champion in office."""
    return trial.verdict in ("fail", "invalid")


def _without_champion(
    ring: _Ring, champion: ModelVersion, trial: Evaluation
) -> tuple[Comparison, str, tuple[str, ...]]:
    """The comparison when the champion failed its own trial: with the last fit champion, else the naive baseline."""
    failed = sorted({gate.name for gate in trial.gates if gate.status in ("fail", "invalid")})
    note = f"Champion version {champion.version} is disqualified by its own trial ({', '.join(failed)})."
    for former in _former_champions(ring.work, champion):
        comparison = ring.against(_side(ring.work, former, ring.snapshot))
        if not comparison.faults and not _disqualified(evaluate(comparison, kind="champion_trial")):
            more = f"The comparison is with the last fit champion, version {former.version}."
            return comparison, "last fit champion", (note, more)
    comparison = ring.against(_Side(ring.naive, Checks()))
    return comparison, "naive baseline", (note, "The comparison is with the naive baseline.")


def _former_champions(work: Workspace, champion: ModelVersion) -> list[ModelVersion]:
    """Versions that were champion before, newest first, without repetition."""
    numbers: list[int] = []
    for move in reversed(work.registry.moves(work.problem.name)):
        if move.to_ref.version not in (champion.version, *numbers):
            numbers.append(move.to_ref.version)
    return [work.registry.version(work.problem.name, number) for number in numbers]
