"""A challenger in traffic: in shadow or with a share of it; started, raised, stopped, switched off, and judged.

It decides nothing: what it finds is kept beside the proposal, and a person decides there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import run_files
from ds_workflow.adapters.request_log import RequestLog
from ds_workflow.adapters.trials import Trials
from ds_workflow.domain import traffic
from ds_workflow.domain.traffic import CHALLENGER, CHAMPION, FALLBACK, SHADOW, Result, Trial
from ds_workflow.errors import InvalidInput, StateConflict
from registry.errors import NotFound
from registry.records import digest_of, utc_text

if TYPE_CHECKING:
    from pathlib import Path

    from ds_workflow.domain.traffic import Mode
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal

__all__ = ["CHALLENGER", "CHAMPION", "FALLBACK", "SHADOW", "Found", "Result", "Trial"]


@dataclass(frozen=True)
class Found:
    """A result and where it is kept."""

    result: Result
    digest: str
    document: Path
    rows: Path

    def to_dict(self) -> dict[str, Any]:
        """The document of `traffic-result --json`."""
        kept = {"digest": self.digest, "document": str(self.document), "rows": str(self.rows)}
        return {**self.result.to_dict(), **kept}

    def text(self) -> str:
        """For the terminal."""
        r = self.result
        lines = [f"{r.trial} ({r.mode}): {r.verdict}. {r.note}", f"  loss: {r.loss_name}"]
        for arm, side in r.arms.items():
            loss = "n/a" if side.loss is None else f"{side.loss:.5g}"
            counted = f"{side.requests:>9,} requests {side.units:>9,} units, {side.labelled_units:,} labelled"
            lines.append(f"  {arm:<11}{counted}, loss {loss}")
        if r.difference is not None and r.interval is not None:
            lines.append(
                f"  difference {r.difference:+.5g}, between {r.interval[0]:+.5g} and {r.interval[1]:+.5g} at every look"
            )
        return "\n".join([*lines, f"  rows: {self.rows}"])


def start(work: Workspace, *, mode: Mode, share: float, by: str, proposal_id: str | None = None) -> Trial:
    """Let the challenger of an open proposal run beside the champion; by default the newest open one.

    Raises InvalidInput for a share that can't be, NotFound and StateConflict where there is no such open proposal
    against the present champion, or a trial runs already.
    """
    traffic.require_share(share)
    by = _name(by)
    name, now = work.problem.name, utc_text(work.clock())
    proposal = _proposal(work, proposal_id, now)
    champion = proposal.champion
    moves = work.registry.moves(name)
    if champion is None or not moves or moves[-1].to_ref != champion:
        raise StateConflict(f"'{proposal.id}' was compared with another champion than the present one.",
                            hint="Run 'arena-propose' again.")  # fmt: skip
    work.registry.model_path(work.registry.version(name, proposal.challenger.version))  # its bytes are whole
    trials = _trials(work)
    number = len(trials.listed(name)) + 1
    ident = f"T-{name}-{number:03d}"
    return trials.start(
        Trial(
            id=ident,
            problem=name,
            mode=mode,
            champion=champion,
            challenger=proposal.challenger,
            proposal_id=proposal.id,
            salt=traffic.new_salt(ident, now),
            share=share,
            started_at=now,
            started_by=by,
        )
    )


def ramp(work: Workspace, *, share: float, by: str) -> Trial:
    """Give the running trial a larger share: units are only added to the challenger's."""
    traffic.require_share(share)
    trial = require_running(work)
    return _trials(work).ramp(trial.id, share, at=utc_text(work.clock()), by=_name(by))


def stop(work: Workspace, *, by: str, reason: str) -> Trial:
    """End the running trial."""
    if not reason.strip():
        raise InvalidInput("--reason is empty; say why the trial ends.")
    return _trials(work).stop(require_running(work).id, at=utc_text(work.clock()), by=_name(by), reason=reason.strip())


def kill(work: Workspace, *, by: str, reason: str) -> Path:
    """Throw the switch: from now on champions alone answer, everywhere. Needs neither the arena nor MLflow."""
    trials = _trials(work)
    trials.throw_switch(at=utc_text(work.clock()), by=_name(by), reason=reason.strip() or "no reason given")
    return trials.switch


def lift(work: Workspace) -> bool:
    """Take the switch back; whether it was thrown."""
    return _trials(work).lift_switch()


def switch_path(work: Workspace) -> Path:
    """The file that, by being there, keeps all challengers from answering."""
    return _trials(work).switch


def running(work: Workspace) -> Trial | None:
    """The problem's trial that nobody stopped, whatever the switch says."""
    return _trials(work).running(work.problem.name)


def listed(work: Workspace) -> list[Trial]:
    """The problem's trials, oldest first."""
    return _trials(work).listed(work.problem.name)


def require_running(work: Workspace) -> Trial:
    """The problem's running trial. Raises StateConflict when there is none."""
    trial = running(work)
    if trial is None:
        raise StateConflict(f"No challenger of {work.problem.name} runs in traffic.", hint="Start one: traffic-start.")
    return trial


def outdated(work: Workspace, trial: Trial) -> str:
    """Why a running trial has lost its sense (empty: it has not): the champion moved, or its proposal is closed."""
    moves = work.registry.moves(trial.problem)
    if not moves or moves[-1].to_ref != trial.champion:
        return "the champion changed"
    proposal = work.registry.proposal(trial.proposal_id)
    if proposal.disposition != "open":
        return f"{proposal.id} is {proposal.disposition}"
    return f"{proposal.id} has expired" if proposal.expired(work.registry.judged(trial.problem)) else ""


def end_outdated(work: Workspace, trial: Trial, reason: str) -> Trial:
    """Stop a trial that lost its sense."""
    return _trials(work).stop(trial.id, at=utc_text(work.clock()), by="serving", reason=reason)


def result(work: Workspace, ident: str | None = None) -> Found:
    """What a trial shows so far (default: the newest), from the request log and the labels that came.

    The rows and the result are kept under experiments/, and the chain of events gets a line that binds the result to
    the proposal. Raises NotFound when the problem had no trial.
    """
    import pandas as pd

    trials = _trials(work)
    found = trials.listed(work.problem.name)
    if not found:
        raise NotFound(f"{work.problem.name} had no trial in traffic.", hint="Start one: traffic-start.")
    trial = trials.find(ident) if ident else found[-1]
    log = RequestLog(work.settings.store, clock=work.clock)
    columns = ["arm", "unit", "request", "row", "answer", "milliseconds", "at", "label"]
    rows = pd.DataFrame(list(log.trial_rows(trial.id)), columns=columns)
    rows = rows.astype({"label": "float64", "answer": "float64", "milliseconds": "float64"})
    told = traffic.judge(trial, work.problem.task, rows, _expected(trials, trial, rows))
    folder = work.settings.root / "experiments"
    folder.mkdir(parents=True, exist_ok=True)
    at = utc_text(work.clock())
    stem = f"{trial.id}-{at[:19].replace(':', '')}"
    table = folder / f"{stem}.csv"
    rows.assign(loss=traffic.losses(work.problem.task, rows["answer"], rows["label"])).to_csv(table, index=False)
    body = {"kind": f"traffic {trial.mode}", "trial": trial.to_dict(), "result": told.to_dict()}
    digest = digest_of(body)
    document = folder / f"{stem}.json"
    run_files.write_json(document, {**body, "digest": digest, "at": at, "commit": work.commit})
    interval = list(told.interval) if told.interval else None
    event = {"trial": trial.id, "digest": digest, "verdict": told.verdict, "note": told.note,
             "difference": told.difference, "interval": interval}  # fmt: skip
    work.registry.record_event("traffic_result", trial.proposal_id, event)
    return Found(told, digest, document, table)


def _expected(trials: Trials, trial: Trial, rows: Any) -> dict[str, float]:
    """The units that the arms should have got, by the share in force when each unit was first seen."""
    arms = rows["arm"].replace({FALLBACK: CHALLENGER, SHADOW: CHALLENGER})
    first = rows.assign(arm=arms).groupby(["arm", "unit"])["at"].min()
    seen = {arm: [str(at) for at in first[arm]] if arm in first else [] for arm in (CHAMPION, CHALLENGER)}
    return traffic.expected_units(trials.shares(trial.id), seen)


def _proposal(work: Workspace, ident: str | None, now: str) -> Proposal:
    if ident:
        proposal = work.registry.proposal(ident)
        if proposal.disposition != "open" or proposal.expired(now):
            raise StateConflict(f"'{ident}' is not open any more, so its challenger gets no traffic.")
        return proposal
    waiting = [p for p in work.registry.proposals(work.problem.name, disposition="open") if not p.expired(now)]
    if not waiting:
        raise StateConflict(
            f"{work.problem.name} has no open proposal, so there is no challenger.", hint="Run 'arena-propose' first."
        )
    return waiting[0]


def _name(by: str) -> str:
    if not by.strip():
        raise InvalidInput("--by is empty; name the person who does this.")
    return by.strip()


def _trials(work: Workspace) -> Trials:
    return Trials(work.settings.store)
