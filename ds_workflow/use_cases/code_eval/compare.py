"""Two models on the same tasks: a plain comparison of two files, or a challenger's proposal in the arena."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ds_workflow.adapters import evidence, governance, holdout_account, models, policies, run_files, snapshots
from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.code_eval.evaluating import Ask, evaluate, evaluated
from ds_workflow.domain import few_clusters
from ds_workflow.domain.alignment import Frozen
from ds_workflow.domain.code_eval import scores
from ds_workflow.domain.code_eval.evaluation import NONE_SAID
from ds_workflow.domain.code_eval.tasks import Completion
from ds_workflow.domain.comparison import OVERALL, Comparison, Difference, differences_by_place
from ds_workflow.domain.gates import evaluate as ask_gates
from ds_workflow.domain.holdout_spending import question
from ds_workflow.domain.metrics import metric
from ds_workflow.domain.proving import proven
from ds_workflow.domain.quorum import bound
from ds_workflow.errors import InvalidInput, StateConflict
from ds_workflow.reports import code_eval as report
from ds_workflow.reports import proposal as proposal_report
from ds_workflow.reports import tables
from ds_workflow.use_cases.code_eval import versions
from registry.records import Evidence, ModelVersion, Proposal, utc_text

__all__ = ["Ask", "Beside", "Proposed", "beside", "propose"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ds_workflow.domain.code_eval.evaluation import Evaluation
    from ds_workflow.domain.scored import Scored
    from ds_workflow.domain.snapshot import Snapshot
    from ds_workflow.workspace import Workspace

CONTEST = "code_generation"
POLICY = "POLICY"  # what stands where a hypothesis' digest would: the claim is the policy's, the same for everybody
SEED = 42


@dataclass(frozen=True)
class Beside:
    """Two evaluations of the same tasks and what lies between them."""

    champion: Evaluation
    challenger: Evaluation
    found: scores.Paired

    def to_dict(self) -> dict[str, Any]:
        """The document of `codeeval-compare --against --json`."""
        sides = {"champion": self.champion.to_dict(), "challenger": self.challenger.to_dict()}
        return {"paired": asdict(self.found), **sides}

    def text(self) -> str:
        """For the terminal."""
        return report.paired_text(self.champion.model, self.challenger.model, self.found)


@dataclass(frozen=True)
class Proposed:
    """A proposal as the arena shows it."""

    proposal: Proposal
    context: proposal_report.Context

    def to_dict(self) -> dict[str, Any]:
        """The proposal, as `arena-show --json` gives it."""
        return proposal_report.to_json(self.proposal)

    def text(self) -> str:
        """For the terminal."""
        return proposal_report.text(self.proposal, self.context)


def beside(work: Workspace, ask: Ask, against: Path, *, against_model: str = "") -> Beside:
    """Compare two files of completions; nothing is registered and nothing proposed."""
    champion = evaluate(replace(ask, completions=against, model=against_model), say=work.say)
    challenger = evaluate(ask, say=work.say)
    return Beside(champion, challenger, scores.compare(champion.tallies, challenger.tallies, seed=SEED))


def propose(work: Workspace, ask: Ask, *, owner: str) -> Proposed:
    """Register the completions as a version and propose it: as the first champion where there is none, else against the
    champion, whose own completions are run again beside it.

    Raises InvalidInput for completions that leave tasks out, StateConflict when the champion answered other tasks, and
    what the registry refuses.
    """
    if not owner.strip():
        raise InvalidInput("--owner is empty; name the person who stands for the challenger.")
    work = replace(work, settings=replace(work.settings, problem=CONTEST))
    tasks = files.read_tasks(ask.tasks)
    answers = files.read_completions(ask.completions, tasks=tasks, model=ask.model)
    standing = work.registry.champion(work.problem.name)
    # what the evidence will bind is read before the long work
    policy = policies.load(work.settings.policy(work.problem.name), work.problem)
    _require_same_questions(work, tasks, answers, standing)
    found = evaluated(tasks, answers, ask, say=work.say)
    frozen = versions.freeze(work, tasks)
    champion, notes = None, []
    if standing:
        champion = _again(work, standing, ask, tasks)
        notes = _moved(work, standing, champion, frozen)
    challenger = versions.register(work, found, answers, frozen, owner=owner, base=standing)
    truth = frozen.holdout[work.problem.target].to_numpy(dtype="float64")
    kind: Literal["promotion", "bootstrap"] = "promotion" if standing else "bootstrap"
    taken = holdout_account.take(
        work.registry,
        snapshots.SnapshotStore(work.settings.data),
        work.problem,
        frozen.record,
        asked=question(kind, challenger.ref, standing.ref if standing else None, policy_digest=policy.digest),
        challenger=challenger.digest,
        policy=policy,
        kind=kind,
        say=work.say,
    )
    look = taken.look
    work.say(look.words)
    mine = _scored(work, found, frozen)
    comparison = Comparison.align(
        problem=work.problem,
        policy=policy.for_look(look, kind, clusters=few_clusters.fewest(mine)),
        look=look,
        seed=SEED,
        challenger=mine,
        champion=_scored(work, champion, frozen) if champion else None,
        frozen=Frozen(frozen.holdout[work.problem.row_id].to_numpy(), truth),
    )
    judged = proven(comparison, ask_gates(comparison, kind=kind))
    bundle = evidence.write(
        work.settings.evidence,
        comparison,
        judged,
        policy_text=work.settings.policy(work.problem.name).read_text("utf-8"),
        context={
            "challenger": asdict(challenger.ref),
            "champion": asdict(standing.ref) if standing else None,
            "dataset_version": frozen.record.dataset_version,
            "holdout_digest": frozen.record.holdout_digest,
            "environment": run_files.environment(work.commit),
        },
    )
    written = work.registry.propose(
        Evidence(
            problem=work.problem.name,
            kind=kind,
            challenger=challenger.ref,
            champion=standing.ref if standing else None,
            holdout_digest=frozen.record.holdout_digest,
            policy_digest=policy.digest,
            hypothesis_digest=POLICY,
            verdict=judged.verdict,
            bundle_digest=bundle,
        ),
        gates=judged.gates,
        owner=owner,
        summary=bound(governance.materiality(work.settings, work.problem.name))
        | _summary(
            work,
            comparison,
            found,
            champion,
            frozen.record,
            notes=notes,
            uses=taken.uses,
            spending=taken.told,
        ),
        alpha=look.level,
        uses_before=taken.uses,
        lifetime=timedelta(days=policy.expires_after_days),
    )
    return _shown(work, written)


def _require_same_questions(
    work: Workspace, tasks: files.TaskSet, answers: files.Answers, standing: ModelVersion | None
) -> None:
    """Refuse what can't be judged before anything is run or written."""
    lost = [name for name in tasks.tasks if name not in {c.task_id for c in answers.completions}]
    if lost:
        raise InvalidInput(
            f"{answers.model} leaves {len(lost)} of {len(tasks.tasks)} tasks out, such as {lost[0]}, so it can't be "
            "judged on this set.",
            hint="A task that a model can't do is answered too: with whatever it wrote.",
        )
    if standing and standing.lineage.holdout_digest != versions.digest_of_tasks(work, tasks):
        raise StateConflict(
            f"The champion, version {standing.version}, answered the tasks of {standing.lineage.dataset_version}, and "
            f"these are of {tasks.name}: two models are compared on the same tasks.",
            hint="Give --tasks that the champion answered, or compare two files with --against.",
        )


def _again(work: Workspace, standing: ModelVersion, ask: Ask, tasks: files.TaskSet) -> Evaluation:
    """The champion's stored completions, run again by the same code with the same limits."""
    stored = models.read(work.registry.model_path(standing))["model"]
    completions = tuple(
        Completion(r["task_id"], r["completion"], stored.model, int(r["sample"]), r["mode"]) for r in stored.records
    )
    work.say(f"the champion, version {standing.version}, once more beside it")
    return evaluated(tasks, files.Answers(stored.model, standing.digest, completions), ask, say=work.say)


def _moved(work: Workspace, standing: ModelVersion, again: Evaluation, frozen: Snapshot) -> list[str]:
    """What the champion's programs do otherwise than when they were registered."""
    then = models.read_scored(work.registry.run_artifacts(standing) / run_files.PREDICTIONS)
    now = _scored(work, again, frozen)
    moved = then.row_id[then.prediction != now.prediction].tolist()
    if not moved:
        return []
    return [
        f"The champion's answers to {len(moved)} tasks end otherwise than at its registration: {', '.join(moved[:5])}."
    ]


def _scored(work: Workspace, found: Evaluation, frozen: Snapshot) -> Scored:
    return models.score(versions.model_of(found), work.problem, frozen.holdout)


def _summary(
    work: Workspace,
    comparison: Comparison,
    found: Evaluation,
    champion: Evaluation | None,
    record: Any,
    *,
    notes: Sequence[str],
    uses: int,
    spending: Mapping[str, Any],
) -> dict[str, Any]:
    """The figures that people see; the shape is said in reports.proposal_view."""
    problem = work.problem
    parts = {} if comparison.faults else differences_by_place(comparison.differences(groups=problem.slices))
    said = [*notes, f"Challenger: {found.model}. Outcomes: {_words(found.failures)}."]
    if champion is not None:
        paired = scores.compare(champion.tallies, found.tallies, seed=SEED)
        said.append(f"Champion: {champion.model}. Outcomes: {_words(champion.failures)}.")
        said.append(
            f"Tasks that the challenger answers better: {paired.only_challenger}, the champion: {paired.only_champion} "
            f"({paired.test}: p = {paired.p_value:.4f})."
        )
    return {
        "order": list(problem.metrics),
        "overall": _cells(parts.get(OVERALL, {})),
        "segments": {},
        "slices": {
            name: {
                place[1]: {"rows": max(cell.rows for cell in cells.values()), "metrics": _cells(cells)}
                for place, cells in parts.items()
                if place[0] == name
            }
            for name in problem.slices
            if (name, NONE_SAID) not in parts
        },
        "holdout": {
            "digest": record.holdout_digest,
            "rows": record.holdout_rows,
            "from": record.holdout_from,
            "to": record.last,
            "uses": uses + 1,
            "spending": dict(spending),
        },
        "reference": "champion" if champion else "none",
        "labels": {"champion": champion.model if champion else "no champion", "challenger": found.model},
        "notes": said,
    }


def _words(failures: Mapping[str, int]) -> str:
    return ", ".join(f"{kind.replace('_', ' ')} {n}" for kind, n in failures.items())


def _cells(cells: Mapping[str, Difference]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "champion": tables.finite(d.champion),
            "challenger": tables.finite(d.challenger),
            "difference": tables.finite(d.difference),
            "interval": list(d.interval) if d.interval else None,
            "unit": metric(name).unit,
            "greater_is_better": metric(name).greater_is_better,
            "title": metric(name).title,
        }
        for name, d in cells.items()
    }


def _shown(work: Workspace, proposal: Proposal) -> Proposed:
    command = f"./scripts/ds_workflow.sh --workspace {work.settings.root}"
    decisions = tuple(work.registry.decisions(proposal.id))
    context = proposal_report.Context(
        problem_title=work.problem.title, decisions=decisions, now=utc_text(work.clock()), command=command
    )
    return Proposed(proposal, context)
