"""What became of a promise: the live difference set beside the registered claim."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import hypotheses, policies, served_rows
from ds_workflow.adapters.request_log import RequestLog
from ds_workflow.adapters.trials import Trials
from ds_workflow.domain import delivery
from ds_workflow.domain.delivery import Delivery, Promise
from ds_workflow.domain.metrics import Scored, metric
from ds_workflow.domain.traffic import CHALLENGER, CHAMPION, SHADOW
from ds_workflow.errors import InvalidInput, StateConflict, WorkflowError
from ds_workflow.reports import delivery as report
from ds_workflow.reports import tables
from registry.errors import NoChampion

if TYPE_CHECKING:
    from ds_workflow.domain.traffic import Trial
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal

EVENT = "delivery"
SEED = 42
LOG_DAYS = 400  # of the log that is read


@dataclass(frozen=True)
class Delivered:
    """One promise and what came of it."""

    proposal: str
    hypothesis: str
    promise: Promise
    found: Delivery

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-delivery --json`."""
        promised = {**asdict(self.promise), "hypothesis": self.hypothesis}
        promised.pop("weights")
        return {"proposal": self.proposal, "promise": promised, "delivery": self.found.to_dict()}

    def text(self) -> str:
        """For the terminal."""
        unit, found = self.promise.unit, self.found
        about = f" on {found.slice}" if found.slice else ""
        lines = [
            f"{self.proposal} ({self.hypothesis})",
            f"  promised   {self.promise.words}",
            f"  holdout    {report.amount(self.promise.observed, self.promise.interval, unit)}",
            f"  live       {report.amount(found.observed, found.interval, unit)}{about}"
            f"  ({found.source}; {found.rows:,} labelled rows, {found.units:,} units)",
            f"  {found.verdict}: {found.note}",
        ]
        if found.segments:
            body = [list(row) for row in report.rows(unit, [asdict(one) for one in found.segments])]
            lines += ["", *tables.text_table(list(report.HEADS), body, align="lrrrrrl"), f"Segments: {found.family}."]
        return "\n".join(lines)


def deliver(work: Workspace, proposal_id: str = "") -> Delivered:
    """Compare a promoted challenger's promise with what the log of requests and its labels say, and keep the answer in
    the chain of events (default: the proposal that made the present champion).

    Raises NoChampion, NotFound, StateConflict for a proposal that was not applied, InvalidInput without a claim.
    """
    proposal = work.registry.proposal(proposal_id) if proposal_id else _present(work)
    if proposal.disposition != "approved":
        raise StateConflict(
            f"'{proposal.id}' is {proposal.label.replace('_', ' ')}: a promise is kept or broken once it is applied.",
            hint="'traffic-result' says how a challenger does beside the champion before that.",
        )
    if proposal.hypothesis is None:
        raise InvalidInput(f"'{proposal.id}' made no claim; a first champion is not better than anybody.")
    promise, name = _promise(work, proposal)
    found = _live(work, proposal, promise, name)
    made = Delivered(proposal.id, proposal.hypothesis.id, promise, found)
    body = json.loads(json.dumps(made.to_dict()["delivery"]))  # as the chain of events gives it back
    told = work.registry.events(kind=EVENT, subject=proposal.id)
    if not told or dict(told[-1].body) != body:
        work.registry.record_event(EVENT, proposal.id, body)
    return made


def _present(work: Workspace) -> Proposal:
    moves = work.registry.moves(work.problem.name)
    if not moves:
        raise NoChampion(f"{work.problem.name} has no champion.", hint="Run 'bootstrap-champion' first.")
    found: Proposal = work.registry.proposal(moves[-1].proposal_id)
    return found


def _promise(work: Workspace, proposal: Proposal) -> tuple[Promise, str]:
    """The claim as registered, what the holdout showed, and the name of the metric to measure."""
    kept = proposal.summary.get("claim") or {}
    if kept:
        ends = kept.get("interval")
        promise = Promise(
            kept["metric"], kept["slice"], float(kept["min_effect"]), kept["unit"], kept["words"],
            kept.get("observed"), (float(ends[0]), float(ends[1])) if ends else None,
        )  # fmt: skip
        return promise, str(kept["base"])
    if proposal.hypothesis is None:
        raise InvalidInput(f"'{proposal.id}' made no claim.")
    claim = hypotheses.of(work.settings).load(proposal.hypothesis.id).claim
    return Promise(claim.metric, claim.slice, claim.min_effect, claim.unit, str(claim)), claim.base.name


def _live(work: Workspace, proposal: Proposal, promise: Promise, name: str) -> Delivery:
    """From the newest trial of this proposal that has labels; failing one, the level alone."""
    if promise.weighted:
        policy = policies.load(work.settings.policy(proposal.problem), work.problem)
        promise = replace(promise, weights=policy.weights)
    shown = _held(proposal, promise, name)
    trials = [t for t in Trials(work.settings.store).listed(proposal.problem) if t.proposal_id == proposal.id]
    found: Delivery | None = None
    for trial in reversed(trials):
        one = _of_trial(work, trial, promise, name=name, holdout=shown)
        if one.verdict != "unknown":
            return one
        found = found or one
    return found or _level(work, proposal, name)


def _held(proposal: Proposal, promise: Promise, name: str) -> dict[str, float]:
    """The gain in the promise's unit that the holdout showed on each segment, from the proposal's own figures."""
    m, found = metric(name), {}
    for segment, part in (proposal.summary.get("segments") or {}).items():
        cell = (part.get("metrics") or {}).get(name) or {}
        old, new = (tables.finite(cell.get(role)) for role in ("champion", "challenger"))
        if old is None or new is None:
            continue
        lost, left = float(m.loss(old)), float(m.loss(new))
        if promise.unit == "absolute" or lost:
            found[str(segment)] = (lost - left) / (1.0 if promise.unit == "absolute" else abs(lost))
    return found


def _of_trial(work: Workspace, trial: Trial, promise: Promise, *, name: str, holdout: Mapping[str, float]) -> Delivery:
    import pandas as pd

    said = f"{'shadow' if trial.mode == 'shadow' else 'A/B'} trial {trial.id}"
    log = RequestLog(work.settings.store, clock=work.clock)
    rows = pd.DataFrame(list(log.trial_rows(trial.id)))
    if rows.empty or rows["label"].isna().all():
        return delivery.unknown(said, "No label has come for its rows yet.")
    rows = rows[rows["label"].notna()]
    key = ["request", "row"]
    old, new = (rows[rows["arm"].isin(arms)] for arms in ((CHAMPION,), (CHALLENGER, SHADOW)))
    if trial.mode == "shadow":  # the rows that both answered
        both = old.merge(new[key], on=key)[key].drop_duplicates()
        old, new = (part.merge(both, on=key).sort_values(key) for part in (old, new))
    if old.empty or new.empty:
        return delivery.unknown(said, "Labels came for one of the two models only.")
    try:
        return delivery.judge(promise, _scored(old), _scored(new), name=name, seed=SEED, source=said, holdout=holdout)
    except WorkflowError as error:
        return delivery.unknown(said, str(error), rows=len(new))


def _scored(rows: Any) -> Scored:
    ident = (rows["request"].astype(str) + "/" + rows["row"].astype(str)).to_numpy(dtype=object)
    truth, answer = (rows[column].to_numpy(dtype=float) for column in ("label", "answer"))
    segments = rows["segment"].fillna("").astype(str).to_numpy(dtype=object)  # as the row told it when it was answered
    units = rows["unit"].astype(str).to_numpy(dtype=object)
    return Scored(ident, truth, answer, groups={"unit": units, "segment": segments})


def _level(work: Workspace, proposal: Proposal, name: str) -> Delivery:
    """Without anybody beside it, only how high the new model stands, which is no difference."""
    now = work.clock().astimezone(UTC)
    since = max(now - timedelta(days=LOG_DAYS), datetime.fromisoformat(str(proposal.decided_at)))
    lines = served_rows.from_log(work.settings.store, proposal.problem, since=since, until=now).lines
    lines = lines[(lines["version"] == proposal.challenger.version) & lines["label"].notna()]
    lines = lines.drop_duplicates("row_id", keep="last")
    said = "log of requests"
    if lines.empty:
        return delivery.unknown(said, "No answer of it has a label yet. Callers send labels to POST /feedback.")
    scored = Scored(
        lines["row_id"].to_numpy(dtype=object), lines["label"].to_numpy(float), lines["answer"].to_numpy(float)
    )
    m = metric(name)
    if why := m.absent(scored):
        return delivery.unknown(said, f"{name} can't be measured on live answers: {why}.", rows=len(scored))
    then = ((proposal.summary.get("overall") or {}).get(name) or {}).get("challenger")
    beside = f" (on the holdout {then:.4g})" if isinstance(then, int | float) else ""
    note = (
        f"Its {name} live is {m(scored):.4g}{beside}. That is a level, not a difference: nobody answered beside it. "
        "A shadow trial before the promotion, or with the former champion after it, shows one."
    )
    return delivery.unknown(said, note, rows=len(scored))
