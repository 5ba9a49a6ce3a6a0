"""The daily check: everything a data scientist looks at first, on one screen, with what to do next."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from ds_workflow import steps
from ds_workflow.adapters import policies, probes, snapshots
from ds_workflow.adapters.incidents import Incidents
from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.reports import tables
from registry.errors import RegistryError
from registry.records import utc_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ds_workflow.workspace import Workspace
    from registry.records import ModelVersion

Level = Literal["healthy", "warn", "critical", "unknown"]
WORST_FIRST: tuple[Level, ...] = ("critical", "unknown", "warn", "healthy")


@dataclass(frozen=True)
class Check:
    """One line of the screen; `next` is what to do about it."""

    name: str
    status: Level
    detail: str
    next: str = ""


@dataclass(frozen=True)
class Daily:
    """The whole screen."""

    problem: str
    at: str
    checks: tuple[Check, ...]

    @property
    def status(self) -> Level:
        """The worst status of all checks."""
        return next(level for level in WORST_FIRST if any(c.status == level for c in self.checks))

    @property
    def next(self) -> tuple[str, ...]:
        """At most three things to do, the most urgent first."""
        ordered = sorted((c for c in self.checks if c.next), key=lambda c: WORST_FIRST.index(c.status))
        return tuple(dict.fromkeys(c.next for c in ordered))[:3]

    def to_dict(self) -> dict[str, Any]:
        """The document of `daily --json`."""
        return {
            "problem": self.problem,
            "at": self.at,
            "status": self.status,
            "checks": [asdict(c) for c in self.checks],
            "next": list(self.next),
        }

    def text(self) -> str:
        """For the terminal."""
        rows = [[c.status, c.name, c.detail] for c in self.checks]
        lines = [f"{self.problem}: {self.status}   {self.at}", ""]
        lines += tables.text_table(["status", "check", "detail"], rows, limit=90)
        steps = [f"  {number}. {step}" for number, step in enumerate(self.next, start=1)]
        return "\n".join([*lines, "", "Next:", *(steps or ["  Nothing is waiting. Think of the next hypothesis."])])


def check(work: Workspace) -> Daily:
    """Ask every check; one that can't be answered is unknown, which is not healthy."""
    champion, first = _champion(work)
    checks = [first]
    if champion is not None:
        found = champion
        asked: tuple[tuple[str, Callable[[], Check]], ...] = (
            ("performance", lambda: _performance(work, found)),
            ("data", lambda: _data(work, found)),
            ("retrain policy", lambda: _retrain(work, found)),
        )
        checks += [_answered(name, ask) for name, ask in asked]
    checks += [_answered("proposals", lambda: _proposals(work)), _answered("incidents", lambda: _incidents(work))]
    return Daily(work.problem.name, utc_text(work.clock()), tuple(checks))


def _answered(name: str, ask: Callable[[], Check]) -> Check:
    try:
        return ask()
    except Exception as error:  # a check that breaks is unknown, and never the end of the screen
        known = isinstance(error, WorkflowError | RegistryError | OSError)
        said = str(error) if known else f"{type(error).__name__}: {error}"
        return Check(name, "unknown", said, getattr(error, "hint", "") or f"Find out why '{name}' can't be answered.")


def _champion(work: Workspace) -> tuple[ModelVersion | None, Check]:
    name = work.problem.name
    try:
        custody = work.registry.custody(name)
        champion = work.registry.champion(name)
    except RegistryError as error:
        return None, Check("custody", "unknown", str(error), error.hint)
    if custody.status == "none":
        return None, Check(
            "custody", "warn", "no champion yet", f"Appoint the first champion: {steps.to_appoint(work)}"
        )
    level: Level = {"in_custody": "healthy", "drifted": "critical"}.get(custody.status, "unknown")  # type: ignore[assignment]
    said = f"champion v{champion.version}: {custody.detail or custody.status}" if champion else custody.detail
    step = "" if level == "healthy" else "Find out who moved the champion (arena-status); decisions are blocked."
    return champion, Check("custody", level, said, step)


def _performance(work: Workspace, champion: ModelVersion) -> Check:
    run = work.registry.run_artifacts(champion)
    found = probes.decay(run, work.problem, seed=champion.lineage.seed)
    step = "" if found.status == "healthy" else "Read which segments decayed and write a hypothesis about it."
    return Check("performance", found.status, found.detail, step)


def _data(work: Workspace, champion: ModelVersion) -> Check:
    store = snapshots.SnapshotStore(work.settings.data)
    listed = store.listed(work.problem.name)
    if not listed:
        raise InvalidInput("no snapshot is left in this workspace", hint="Restore data/snapshots from its backup.")
    newest = listed[-1]
    if not store.whole(work.problem.name, newest.dataset_version):
        fix = "Restore it from its backup, then run 'data-check'."
        return Check("data", "critical", f"the rows of {newest.dataset_version} are gone", fix)
    if newest.dataset_version != champion.lineage.dataset_version:
        detail = f"{newest.dataset_version} is newer than the champion's {champion.lineage.dataset_version}"
        return Check("data", "warn", detail, f"Train a candidate on {newest.dataset_version}.")
    return Check("data", "healthy", f"the champion was trained on the newest snapshot, {newest.dataset_version}")


def _retrain(work: Workspace, champion: ModelVersion) -> Check:
    policy = policies.load(work.settings.policy(work.problem.name), work.problem)
    days = (work.clock() - _moment(champion.created_at)).days
    limit = policy.retrain_after_days
    if days > limit:
        return Check(
            "retrain policy", "warn", f"the champion is {days} days old, the policy says {limit}", "Train a candidate."
        )
    return Check("retrain policy", "healthy", f"the champion is {days} days old; the policy allows {limit}")


def _moment(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


def _proposals(work: Workspace) -> Check:
    now = utc_text(work.clock())
    found = [p for p in work.registry.proposals(work.problem.name, disposition="open") if not p.expired(now)]
    winners = [p for p in found if p.verdict == "pass"]
    if winners:
        newest = winners[-1]
        return Check(
            "proposals",
            "warn",
            f"{len(winners)} pending, the newest expires at {newest.expires_at}",
            f"Decide: ds-workflow arena-show {newest.id}",
        )
    if found:
        step = f"Close with a reason: ds-workflow arena-reject --proposal-id {found[-1].id}"
        return Check("proposals", "healthy", f"{len(found)} open without a winner", step)
    return Check("proposals", "healthy", "none is waiting for a decision")


def _incidents(work: Workspace) -> Check:
    stuck = [p for p in work.registry.proposals(work.problem.name) if p.effect in ("applying", "apply_failed")]
    if stuck:
        return Check(
            "incidents",
            "critical",
            f"{stuck[-1].id} was approved but is {stuck[-1].effect.replace('_', ' ')}",
            "Run 'arena-status': it finishes the promotion or says what is wrong.",
        )
    noted = Incidents(work.settings.store).listed(work.problem.name, only_open=True)
    if noted:
        worst: Level = "critical" if any(one.severity == "critical" for one in noted) else "warn"
        newest = noted[-1]
        said = f"{len(noted)} open, the newest {newest.id} ({newest.cause}): {newest.detail}"
        return Check("incidents", worst, said, f"Mend what {newest.id} says; what is gone closes itself.")
    return Check("incidents", "healthy", "no promotion is unfinished, nothing is noted")
