"""Write a proposal: one challenger against one champion on one evidence bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import hypotheses, models, policies
from ds_workflow.domain.claim_verdict import Tested, tested
from ds_workflow.domain.comparison import OVERALL, Difference, differences_by_place
from ds_workflow.domain.gates.base import method_words
from ds_workflow.domain.holdout_spending import BASELINE
from ds_workflow.domain.hypothesis import Hypothesis
from ds_workflow.domain.metrics import metric
from ds_workflow.domain.outcome import OutcomeEntry
from ds_workflow.reports import round as report
from ds_workflow.reports import spending, tables
from ds_workflow.use_cases.arena import apply, challenging, compare, people
from ds_workflow.use_cases.arena.view import View, view
from registry.errors import ChampionExists, NoChampion, NotFound
from registry.records import Evidence, HypothesisRef, ModelVersion, Proposal

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Round:
    """What arena-propose wrote: one proposal, or several that share the error rate."""

    views: tuple[View, ...]
    name: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A proposal, or a round of them."""
        if len(self.views) == 1:
            return self.views[0].to_dict()
        told = report.to_json(self.name, [view.proposal for view in self.views])
        return {**told, "proposals": [view.to_dict() for view in self.views]}

    def text(self) -> str:
        """For the terminal."""
        head = [report.text(self.name, [view.proposal for view in self.views])] if len(self.views) > 1 else []
        return "\n\n".join([*head, *(view.text() for view in self.views)])


def propose(work: Workspace, versions: Sequence[int] = ()) -> Round:
    """Compare candidates (default: the newest) with the champion; each gets a proposal of its own.

    Raises NoChampion, OutOfCustody, NotFound, and whatever the evidence refuses.
    """
    name = work.problem.name
    apply.reconcile(work)
    champion = work.registry.champion(name)
    if champion is None:
        raise NoChampion(f"{name} has no champion to challenge.", hint="Run 'bootstrap-champion' first.")
    numbers = list(dict.fromkeys(versions)) or [_newest(work)]
    challengers = [work.registry.version(name, number) for number in numbers]
    # all refusals before any look is taken
    documents = [challenging.document(work, challenger) for challenger in challengers]
    for challenger, document in zip(challengers, documents, strict=True):
        people.require_decidable(work, owner=challenger.lineage.owner, hypothesis=document.id)
    label = f"R-{work.clock():%Y%m%dT%H%M%S%f}" if len(challengers) > 1 else ""
    found = [
        _one(work, challenger, champion, document, label=label, among=len(challengers))
        for challenger, document in zip(challengers, documents, strict=True)
    ]
    rounds = {proposal.round for proposal in found}  # what was asked before stands in the round of then
    return Round(tuple(view(work, proposal) for proposal in found), rounds.pop() if len(rounds) == 1 else label)


def bootstrap(work: Workspace, number: int, *, owner: str, approved_by: str, reason: str) -> View:
    """Judge the first version by the absolute gates and, when they pass, appoint it by a named person's decision."""
    require_no_champion(work)
    challenger = work.registry.version(work.problem.name, number)
    judged = compare.judge(work, challenger, None, kind="bootstrap")
    proposal = write(work, judged, challenger, kind="bootstrap", hypothesis=None, owner=owner)
    if proposal.verdict != "pass":
        return view(work, proposal)
    return apply.approve(work, proposal.id, by=approved_by, reason=reason)


def require_no_champion(work: Workspace) -> None:
    """Refuse a bootstrap where a champion stands, before anything is trained."""
    apply.reconcile(work)
    champion = work.registry.champion(work.problem.name)
    if champion is not None:
        raise ChampionExists(
            f"{work.problem.name} has a champion, version {champion.version}; a bootstrap is for the first one.",
            hint="Write a hypothesis and run 'train-candidate' to challenge it.",
        )


def _newest(work: Workspace) -> int:
    try:
        return work.registry.aliases(work.problem.name)["candidate"]
    except (KeyError, NotFound) as error:
        raise NotFound(
            f"{work.problem.name} has no candidate yet.", hint="Run 'train-candidate' first, or name a --version."
        ) from error


def _one(
    work: Workspace,
    challenger: ModelVersion,
    champion: ModelVersion,
    document: Hypothesis,
    *,
    label: str,
    among: int,
) -> Proposal:
    standing = _standing(work, challenger, champion)
    if standing is not None:
        work.say(f"this question was asked already and {standing.id} is open; nothing is computed twice")
        work.registry.point_challenger(standing)
        _tell(work, standing, challenger, document)  # whoever was stopped after proposing has not told it yet
        return standing
    judged = compare.judge(work, challenger, champion, kind="promotion", among=among, round=label)
    found = tested(judged.comparison, document.claim, document.guardrails)
    proposal = write(
        work,
        judged,
        challenger,
        kind="promotion",
        hypothesis=HypothesisRef(document.id, document.digest, found.outcome),
        owner=challenger.lineage.owner,
        champion=champion,
        label=label,
        claimed=found,
        document=document,
    )
    _tell(work, proposal, challenger, document)
    return proposal


def _tell(work: Workspace, proposal: Proposal, challenger: ModelVersion, document: Hypothesis) -> None:
    """Write what a proposal made of the claim into the document; the same again changes nothing."""
    said = (proposal.summary.get("claim") or {}).get("said")
    if proposal.hypothesis is None or proposal.hypothesis.outcome is None or said is None:
        return
    entry = OutcomeEntry(
        proposal_id=proposal.id,
        at=proposal.created_at,
        dataset_version=challenger.lineage.dataset_version,
        outcome=proposal.hypothesis.outcome,
        observed=str(said),
    )
    written = hypotheses.of(work.settings).write_outcome(document.id, entry)
    work.say(f"wrote the outcome, {entry.outcome}, into {written}")


def _standing(work: Workspace, challenger: ModelVersion, champion: ModelVersion) -> Proposal | None:
    """The open proposal that asks the same question: same two versions, same holdout, same policy."""
    policy = policies.load(work.settings.policy(work.problem.name), work.problem).digest
    asked = (challenger.ref, champion.ref, challenger.lineage.holdout_digest, policy)
    now = work.registry.now()
    for other in work.registry.proposals(work.problem.name, disposition="open"):
        e = other.evidence
        if (e.challenger, e.champion, e.holdout_digest, e.policy_digest) == asked and not other.expired(now):
            return other
    return None


def write(
    work: Workspace,
    judged: compare.Judged,
    challenger: ModelVersion,
    *,
    kind: Any,
    hypothesis: HypothesisRef | None,
    owner: str,
    champion: ModelVersion | None = None,
    label: str = "",
    claimed: Tested | None = None,
    document: Hypothesis | None = None,
) -> Proposal:
    """Write the proposal that a judgement makes, with its figures for people."""
    evidence = Evidence(
        problem=work.problem.name,
        kind=kind,
        challenger=challenger.ref,
        champion=champion.ref if champion else None,
        holdout_digest=judged.snapshot.record.holdout_digest,
        policy_digest=judged.policy.digest,
        hypothesis_digest=hypothesis.digest if hypothesis else BASELINE,
        verdict=judged.evaluation.verdict,
        bundle_digest=judged.bundle_digest,
    )
    return work.registry.propose(
        evidence,
        gates=judged.evaluation.gates,
        owner=owner,
        hypothesis=hypothesis,
        round=label,
        summary=people.bind(
            work,
            _summary(work, judged, challenger, champion, claimed=claimed, document=document),
            hypothesis.id if hypothesis else "",
        ),
        alpha=judged.taken.look.level,
        uses_before=judged.taken.uses,
        lifetime=timedelta(days=judged.policy.expires_after_days),
    )


def _summary(
    work: Workspace,
    judged: compare.Judged,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    *,
    claimed: Tested | None,
    document: Hypothesis | None,
) -> dict[str, Any]:
    """The figures that people see; the shape is said in reports.proposal_view."""
    comparison, problem, record = judged.comparison, work.problem, judged.snapshot.record
    if comparison.faults:
        parts: Any = {}
    else:
        # figures for people need no more resamples than the policy's, however many this look's level asked for
        shown = comparison
        if comparison.policy.resamples != judged.policy.resamples:
            shown = replace(comparison, policy=judged.policy)
        parts = differences_by_place(shown.differences(groups=("segment", *problem.slices)))
    minimum = judged.policy.major_min_rows
    told = judged.taken.told
    notes = [*judged.notes, *filter(None, (spending.scored_words(told), spending.plan_words(told)))]
    if not comparison.faults:
        notes.append(method_words(comparison))
    if claimed is not None:
        what = "The claim and its guardrails" if claimed.guardrails else "The claim by itself"
        notes.append(f"{what}: {claimed.outcome}. {claimed.said}")
        if claimed.outcome == "supported" and judged.evaluation.verdict != "pass":
            open_ = sorted({g.name for g in judged.evaluation.gates if g.status != "pass"})
            notes.append(
                f"The claim holds, and yet this may not be promoted: the policy asks for more ({', '.join(open_)})."
            )
    return {
        "order": list(dict.fromkeys([problem.primary_metric, *problem.metrics])),
        "overall": _cells(parts.get(OVERALL, {})),
        "segments": {
            place[1]: {"rows": _rows(cells), "major": _rows(cells) >= minimum, "metrics": _cells(cells)}
            for place, cells in parts.items()
            if place[0] == "segment"
        },
        "slices": {
            name: {
                place[1]: {"rows": _rows(cells), "metrics": _cells(cells)}
                for place, cells in parts.items()
                if place[0] == name
            }
            for name in problem.slices
        },
        "residuals": models.residuals_by_month(comparison.challenger, comparison.champion),
        "residuals_title": "Mean signed error of the probability"
        if problem.task == "binary"
        else "Median signed error",
        "champion_trial": _trial(judged),
        "holdout": {
            "digest": record.holdout_digest,
            "rows": record.holdout_rows,
            "from": record.holdout_from,
            "to": record.last,
            "uses": judged.taken.uses + 1,
            "candidates_scored": told["scored"],
            "spending": told,
        },
        "claim": _claim(claimed, document),
        "reference": judged.reference,
        "labels": {"champion": _label(champion) if champion else "no champion", "challenger": _label(challenger)},
        "notes": notes,
    }


def _claim(claimed: Tested | None, document: Hypothesis | None) -> dict[str, Any]:
    """The claim as registered and what these rows showed of it: what delivery is measured against later."""
    if claimed is None or document is None:
        return {}
    stated, test = document.claim, claimed.claim
    limits = {rail.name: rail for rail in document.guardrails}
    return {
        "words": str(stated),
        "metric": stated.metric,
        "base": stated.base.name,
        "slice": stated.slice,
        "min_effect": stated.min_effect,
        "unit": stated.unit,
        "outcome": claimed.outcome,
        "said": claimed.said,
        "observed": tables.finite(test.observed),
        "interval": list(test.interval) if test.interval else None,
        "guardrails": [
            {
                "name": g.name,
                "segment": g.segment,
                "status": g.status,
                "limit": limits[g.name].limit,
                "unit": limits[g.name].unit,
                "observed": tables.finite(g.observed),
                "interval": [tables.finite(end) for end in g.interval] if g.interval else None,
                "required": g.required,
                "said": g.note,
            }
            for g in claimed.guardrails
        ],
    }


def _label(version: ModelVersion) -> str:
    return f"v{version.version} · {version.lineage.strategy} · {version.lineage.feature_set_version}"


def _rows(cells: Any) -> int:
    return max((cell.rows for cell in cells.values()), default=0)


def _cells(cells: dict[str, Difference]) -> dict[str, dict[str, Any]]:
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


def _trial(judged: compare.Judged) -> dict[str, Any]:
    trial = judged.champion_trial
    if trial is None:
        return {}  # nobody to be tried
    checks = [{"name": f"{g.name} {g.segment}".strip(), "status": g.status, "note": g.note} for g in trial.gates]
    return {"fit": trial.verdict not in ("fail", "invalid"), "checks": checks}
