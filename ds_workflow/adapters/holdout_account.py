"""The account of one holdout as the registry holds it, and the one way to take a look at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import asked_before
from ds_workflow.domain.holdout_spending import BOOTSTRAP, REGISTERED, Account, Look, account, trained

if TYPE_CHECKING:
    from ds_workflow.adapters.snapshots import SnapshotStore
    from ds_workflow.domain.policy import Policy
    from ds_workflow.domain.problem import Problem
    from ds_workflow.domain.snapshot import SnapshotRecord


@dataclass(frozen=True)
class Taken:
    """A look that was taken, `told` in plain figures, and how many comparisons were counted before it."""

    look: Look
    told: dict[str, Any]
    uses: int


def read(registry: Any, digest: str) -> Account:
    """The account of the holdout with that digest and of all that share its rows."""
    scored = trained(registry.events(kind=REGISTERED), set(registry.holdouts_sharing(digest)))
    return account(registry.holdout_uses(digest), registry.proposal, registry.holdout_reserved(digest), scored)


def take(
    registry: Any,
    store: SnapshotStore,
    problem: Problem,
    record: SnapshotRecord,
    *,
    asked: str,
    challenger: str,
    policy: Policy,
    kind: str,
    among: int = 1,
    round: str = "",
    say: Callable[[str], None],
) -> Taken:
    """Take the look at the holdout of `record` that the question `asked` of the candidate with the digest `challenger`
    is, before anything is scored: who is stopped afterwards has looked. Raises Conflict when another took one
    meanwhile."""
    asked_before.join(registry, store, problem, record, say=say)
    digest = record.holdout_digest
    uses, reserved = registry.holdout_uses(digest), registry.holdout_reserved(digest)
    known, trial = read(registry, digest), kind == BOOTSTRAP
    look = known.look(asked, policy.spending, kind=kind, among=among, round=round, challenger=challenger)
    registry.reserve_look(
        digest,
        question=asked,
        kind=kind,
        round=round,
        alpha=look.level,
        counted=len(uses) + len(reserved),
        facts={"challenger": challenger, "plan": asdict(look.plan), "place": look.place, "scored": look.scored},
    )
    told = read(registry, digest).told(policy.spending, trial=trial)
    return Taken(look, told | told_of(look), len(uses))


def told_of(look: Look) -> dict[str, Any]:
    """One candidate's part of the look in plain figures."""
    names = ("number", "level", "among", "again", "place", "chosen")
    return {name: getattr(look, name) for name in names} | {"scored": look.scored}


def would_be(registry: Any, digest: str, *, challenger: str, policy: Policy) -> str:
    """At which level the arena would judge a candidate whose figures on this holdout are known from now on."""
    known = read(registry, digest)
    look = known.look("not asked yet", policy.spending, challenger=challenger)
    if any(one.challenger == challenger for one in known.mine(False)):
        return (
            "these bytes were judged on these rows before: the same question has the same level, and another one (a "
            f"new champion or policy) would be judged at level {look.level:.3g}"
        )
    many = f"one of {look.scored} candidates" if look.scored > 1 else "the first candidate"
    return f"{many} scored on these rows, place {look.place}: judged at level {look.level:.3g}, if proposed"
