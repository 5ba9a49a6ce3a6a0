"""How a challenger in traffic fares: who got how much, what failed, how quick, and what to do next. It judges nothing;
`traffic-result` does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import traffic as log
from ds_workflow.adapters.trials import Trials
from ds_workflow.domain.traffic import CHALLENGER, CHAMPION, FALLBACK, SHADOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_workflow.adapters.traffic import Arm
    from ds_workflow.domain.traffic import Trial
    from ds_workflow.workspace import Workspace

MANY_FAILED = 0.01  # of the challenger's requests; beyond, that is what to look at first
NONE = log.Arm(0, 0, 0, None, None, None)


@dataclass(frozen=True)
class Status:
    """One trial. `theirs` are the challenger's units, whoever answered them; `failed` its requests that it did not
    answer in time or not at all; `labelled` the requests of which a label came back."""

    trial: Trial
    arms: Mapping[str, Arm]
    theirs: int
    failed: int
    labelled: int
    killed: bool
    next: tuple[str, ...]

    @property
    def asked_of_challenger(self) -> int:
        """Requests that were its to answer."""
        if self.trial.mode == "shadow":
            return self.arms.get(CHAMPION, NONE).requests
        return self.arms.get(CHALLENGER, NONE).requests + self.failed

    @property
    def seen_share(self) -> float | None:
        """The challenger's part of the units of an A/B test; None in shadow, where only what it is shown is kept."""
        total = self.theirs + self.arms.get(CHAMPION, NONE).units
        return self.theirs / total if self.trial.mode == "ab" and total else None

    def to_dict(self) -> dict[str, Any]:
        """One entry of `trials` in `traffic-status --json`."""
        return {
            **self.trial.to_dict(),
            "arms": {arm: asdict(side) for arm, side in self.arms.items()},
            "failed": self.failed,
            "labelled_requests": self.labelled,
            "seen_share": self.seen_share,
            "next": list(self.next),
        }

    def text(self) -> str:
        """For the terminal."""
        t = self.trial
        what = "is shown" if t.mode == "shadow" else "answers"
        of = "requests to" if t.mode == "shadow" else "units of"
        lines = [
            f"{t.id} ({t.mode}): version {t.challenger.version} {what} {t.share:.1%} of the {of} version "
            f"{t.champion.version}",
            f"  since {_moment(t.started_at)} by {t.started_by}; "
            + ("runs" if t.running else f"stopped {_moment(t.stopped_at)} by {t.stopped_by}: {t.reason}"),
            f"  {t.proposal_id}, salt {t.salt[:8]}",
        ]
        if self.arms:
            lines.append(f"  {'arm':<11}{'requests':>10}{'units':>10}{'median ms':>11}{'p95 ms':>9}  last")
        for arm, side in self.arms.items():
            times = f"{_number(side.median_ms):>11}{_number(side.p95_ms):>9}"
            lines.append(f"  {arm:<11}{side.requests:>10,}{side.units:>10,}{times}  {_moment(side.last_at)}")
        if asked := self.asked_of_challenger:
            share = self.failed / asked
            lines.append(f"  failed: {self.failed:,} of {asked:,} of the challenger's requests ({share:.1%})")
            seen = "" if self.seen_share is None else f"share seen: {self.seen_share:.1%} of the units; "
            lines.append(f"  {seen}labels came back for {self.labelled:,} requests")
        return "\n".join([*lines, *(f"  next: {step}" for step in self.next)])


def read(work: Workspace) -> list[Status]:
    """The trials of a problem, oldest first, each with what the request log holds of it."""
    trials = Trials(work.settings.store)
    killed = trials.switch.exists()
    return [_status(work, trial, killed=killed) for trial in trials.listed(work.settings.problem)]


def _status(work: Workspace, trial: Trial, *, killed: bool) -> Status:
    arms = log.arms(work.settings.store, trial.id)
    if trial.mode == "shadow":
        failed = max(0, arms.get(CHAMPION, NONE).requests - arms.get(SHADOW, NONE).requests)
    else:
        failed = arms.get(FALLBACK, NONE).requests
    theirs, labelled = log.reach(work.settings.store, trial.id, (CHALLENGER, FALLBACK, SHADOW))
    found = Status(trial, arms, theirs, failed, labelled, killed, ())
    return replace(found, next=_next(found))


def _next(found: Status) -> tuple[str, ...]:
    """The steps from here, the most urgent first."""
    t = found.trial
    if not t.running:
        return (f"traffic-result {t.id}",) if found.arms else ()
    steps = []
    if found.killed:
        steps.append("champions alone answer, the switch is thrown: traffic-kill --lift --by NAME, or traffic-stop")
    if not found.arms:
        return (*steps, "nothing was logged for it yet: ask POST /predict, with X-Unit, of a service that runs (serve)")
    if found.failed > MANY_FAILED * found.asked_of_challenger:
        steps.append("the challenger fails: see 'incidents' and the service's log, then traffic-stop or traffic-kill")
    if not found.labelled:
        steps.append("send the labels to POST /feedback; without them there is nothing to compare")
    else:
        more = f", traffic-ramp --share {min(1.0, 2 * t.share):g} --by NAME for more units" if t.share < 1 else ""
        steps.append(f"traffic-result{more}, traffic-stop --by NAME --reason WHY when it is enough")
    return tuple(steps)


def _moment(text: str | None) -> str:
    return f"{text[:10]} {text[11:16]} UTC" if text else "n/a"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.1f}"
