"""When a new candidate is asked for: the retrain policy, and a person's right to hold it back for a while.

Four triggers: performance, drift, calibration and age. What can't be told is no trigger and is said. An override holds
the request back until it expires; it closes no trigger, and it stands beside it in every view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from ds_workflow.domain.monitoring.looks import Kind, Look
from ds_workflow.domain.monitoring.policy import MonitoringPolicy
from ds_workflow.errors import InvalidInput

State = Literal["due", "not due", "unknown"]


@dataclass(frozen=True)
class Trigger:
    """One reason to train anew. `observed` is None where nothing was measured."""

    name: str
    state: State
    observed: float | None
    limit: float
    detail: str


@dataclass(frozen=True)
class Override:
    """A person's word that retraining waits until `until` (UTC text), and why. `by` approved it at `at`."""

    problem: str
    reason: str
    by: str
    at: str
    until: str
    lifted: bool = False

    def holds(self, now: str) -> bool:
        """Whether it still stands: half-open, like every expiry here."""
        return not self.lifted and self.at <= now < self.until


@dataclass(frozen=True)
class Need:
    """What the policy says: `due` when a trigger fires and nobody holds it back, `held` when somebody does."""

    problem: str
    at: str
    triggers: tuple[Trigger, ...]
    override: Override | None

    @property
    def fired(self) -> tuple[Trigger, ...]:
        """The triggers beyond their limits."""
        return tuple(t for t in self.triggers if t.state == "due")

    @property
    def status(self) -> Literal["due", "held", "not due"]:
        """The verdict in a word."""
        if not self.fired:
            return "not due"
        return "held" if self.override is not None and self.override.holds(self.at) else "due"

    def sentence(self) -> str:
        """The verdict in words."""
        why = "; ".join(t.detail for t in self.fired)
        if self.status == "held" and self.override is not None:
            return f"held until {self.override.until[:10]} by {self.override.by} ({self.override.reason}), though {why}"
        if self.status == "due":
            return why
        unknown = [t.name for t in self.triggers if t.state == "unknown"]
        return "no trigger fires" + (f"; not measured yet: {', '.join(unknown)}" if unknown else "")

    def to_dict(self) -> dict[str, Any]:
        """The document of `retrain-check --json`."""
        return {
            "problem": self.problem,
            "at": self.at,
            "status": self.status,
            "triggers": [asdict(t) for t in self.triggers],
            "override": asdict(self.override) if self.override else None,
        }


def need(
    problem: str,
    *,
    now: str,
    version: int,
    age_days: int,
    age_limit: int,
    looks: Mapping[Kind, Look],
    policy: MonitoringPolicy,
    override: Override | None,
) -> Need:
    """The need for a new candidate by the newest looks at champion `version`; looks at another count for nothing."""
    limits = policy.retraining
    mine = {kind: look for kind, look in looks.items() if look.version == version}
    seen, came = mine.get("performance"), mine.get("inputs")
    triggers = (
        _of_look(seen, "performance", limits.worse, "{:+.1%} against the holdout (above 0 is worse)"),
        _of_figure(came, "drift", "drifted_share", limits.drifted, "{:.0%} of the inputs drift"),
        _of_look(seen, "calibration", limits.ece_excess, "{:+.1%} calibration error beyond chance and the holdout's"),
        Trigger(
            "age",
            "due" if age_days > age_limit else "not due",
            float(age_days),
            float(age_limit),
            f"the champion is {age_days} days old, the policy allows {age_limit}",
        ),
    )
    return Need(problem, now, triggers, override)


def _of_look(look: Look | None, name: str, limit: float, words: str) -> Trigger:
    """A trigger on a finding that is shown: one that only looks bad by chance (healthy) does not fire."""
    found = next((f for f in look.findings if f.name == name), None) if look else None
    if found is None or found.figure is None or found.status == "unknown":
        return Trigger(name, "unknown", None, limit, f"{name} was not measured")
    fires = found.figure > limit and found.status in ("warn", "critical")
    return Trigger(name, "due" if fires else "not due", found.figure, limit, words.format(found.figure))


def _of_figure(look: Look | None, name: str, figure: str, limit: float, words: str) -> Trigger:
    found = look.figures.get(figure) if look else None
    stands = look is not None and any(f.name == "drift" and f.status in ("warn", "critical") for f in look.findings)
    if found is None:
        return Trigger(name, "unknown", None, limit, f"{name} was not measured")
    return Trigger(name, "due" if found > limit and stands else "not due", found, limit, words.format(found))


def override_of(events: Sequence[Override], problem: str) -> Override | None:
    """The newest word on a problem, oldest first in `events`; a lifted one is none."""
    mine = [e for e in events if e.problem == problem]
    return mine[-1] if mine and not mine[-1].lifted else None


def require_override(reason: str, at: datetime, until: datetime, *, most_days: int) -> None:
    """Raise InvalidInput for an override without a reason, without an end ahead, or with one too far away."""
    if not reason.strip():
        raise InvalidInput(
            "Holding retraining back needs a reason.", hint="Say in a sentence why; it is kept for good."
        )
    if until <= at:
        raise InvalidInput(f"It must expire after now, not at {until:%Y-%m-%d}.")
    if (until - at).days > most_days:
        raise InvalidInput(
            f"{(until - at).days} days are longer than the {most_days} that the monitoring policy allows.",
            hint="Choose an earlier day; it can be renewed with a fresh reason.",
        )
