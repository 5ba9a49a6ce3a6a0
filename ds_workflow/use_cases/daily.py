"""The daily check: everything a data scientist looks at first, on one screen, with what to do next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from ds_workflow import plugins, steps
from ds_workflow.adapters import monitoring_history, monitoring_policies, probes, served_rows, snapshots
from ds_workflow.adapters.incidents import Incidents
from ds_workflow.domain.monitoring import service
from ds_workflow.domain.monitoring.looks import TODAY_DAYS
from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.reports import tables
from ds_workflow.use_cases.monitor import retraining
from ds_workflow.use_cases.monitor import work as proposed
from registry.errors import RegistryError
from registry.records import utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ds_workflow.domain.monitoring.looks import Kind, Look
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
        looks = monitoring_history.latest(work.settings.store, work.problem.name)
        asked: tuple[tuple[str, Callable[[], Check]], ...] = (
            ("performance", lambda: _performance(work, found, looks)),
            ("inputs", lambda: _inputs(work, found, looks)),
            ("data", lambda: _data(work, found)),
            ("retrain policy", lambda: _retrain(work)),
        )
        checks += [_answered(name, ask) for name, ask in asked]
        checks += _service(work)
    checks += [_answered("proposals", lambda: _proposals(work)), _answered("incidents", lambda: _incidents(work))]
    checks += [_answered("work", lambda: _work(work))]
    return Daily(work.problem.name, utc_text(work.clock()), tuple(checks))


@dataclass(frozen=True)
class Everything:
    """The screens of all problems that have a champion or ever had a version."""

    at: str
    screens: tuple[Daily, ...]

    @property
    def status(self) -> Level:
        """The worst status of all problems; unknown where there is none."""
        return next((level for level in WORST_FIRST if any(s.status == level for s in self.screens)), "unknown")

    @property
    def next(self) -> tuple[str, ...]:
        """At most three things to do over all problems, the most urgent first."""
        waiting = [
            (WORST_FIRST.index(c.status), k, f"{s.problem}: {c.next}")
            for s in self.screens
            for k, c in enumerate(sorted((c for c in s.checks if c.next), key=lambda c: WORST_FIRST.index(c.status)))
        ]
        return tuple(step for *_, step in sorted(waiting, key=lambda w: w[:2])[:3])

    def to_dict(self) -> dict[str, Any]:
        """The document of `daily --all --json`."""
        return {
            "at": self.at,
            "status": self.status,
            "problems": [screen.to_dict() for screen in self.screens],
            "next": list(self.next),
        }

    def text(self) -> str:
        """For the terminal: a line per problem, and what is not healthy in each."""
        rows = []
        for screen in self.screens:
            bad = [f"{c.name}: {c.detail}" for c in screen.checks if c.status != "healthy"]
            rows.append([screen.status, screen.problem, "; ".join(bad) or f"{len(screen.checks)} checks, all healthy"])
        lines = [f"{len(self.screens)} problem{'' if len(self.screens) == 1 else 's'}: {self.status}   {self.at}", ""]
        lines += tables.text_table(["status", "problem", "what is not healthy"], rows, limit=90)
        steps = [f"  {number}. {step}" for number, step in enumerate(self.next, start=1)]
        return "\n".join([*lines, "", "Next:", *(steps or ["  Nothing is waiting. Think of the next hypothesis."])])


def check_all(works: Sequence[Workspace]) -> Everything:
    """The screen of every problem of `works` that was ever trained. One that can't be read is unknown."""
    screens = []
    for work in works:
        try:
            if work.registry.versions(work.problem.name) or work.registry.moves(work.problem.name):
                screens.append(check(work))
        except (RegistryError, WorkflowError, OSError) as error:
            said = Check("stores", "unknown", str(error), getattr(error, "hint", ""))
            screens.append(Daily(work.settings.problem, utc_text(work.clock()), (said,)))
    at = utc_text(works[0].clock()) if works else ""
    return Everything(at, tuple(screens))


def of_all(work: Workspace) -> Everything:
    """The same for every problem and contest that is installed, in this workspace."""
    names = [name for group in plugins.SUBJECTS for name in plugins.names(group)]
    return check_all([replace(work, settings=replace(work.settings, problem=name)) for name in names])


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
    return champion, Check("custody", level, said, custody.way_out)


def _performance(work: Workspace, champion: ModelVersion, looks: Mapping[Kind, Look]) -> Check:
    look = looks.get("performance")
    if look is not None and look.version == champion.version:
        return _of_look(work, look, "performance", "monitor-performance")
    run = work.registry.run_artifacts(champion)
    found = probes.decay(run, work.problem, seed=champion.lineage.seed)
    step = "" if found.status == "healthy" else "Read which segments decayed and write a hypothesis about it."
    unseen = _unseen(work, champion, "performance", "monitor-performance")
    if unseen.status == "healthy":
        return Check("performance", found.status, f"{found.detail} Labelled rows: {unseen.detail}.", step)
    level: Level = "critical" if found.status == "critical" else "unknown"
    return Check("performance", level, f"labelled rows: {unseen.detail}; on its holdout: {found.detail}", unseen.next)


def _inputs(work: Workspace, champion: ModelVersion, looks: Mapping[Kind, Look]) -> Check:
    look = looks.get("inputs")
    if look is not None and look.version == champion.version:
        return _of_look(work, look, "inputs", "monitor-inputs --input FILE")
    return _unseen(work, champion, "inputs", "monitor-inputs --input FILE")


def _unseen(work: Workspace, champion: ModelVersion, kind: Kind, command: str) -> Check:
    """What is to be said where nobody has looked at this champion: in its first days that is in order, then unknown."""
    office = next((m.at for m in reversed(work.registry.moves(champion.problem))), champion.created_at)
    policy = monitoring_policies.load(work.settings, work.problem.name)
    due = policy.first_look_due(datetime.fromisoformat(office), kind)
    if work.clock() < due:
        return Check(kind, "healthy", f"not looked at yet, and not due until {utc_text(due)[:10]}")
    again = f"ds-workflow --problem {work.problem.name} {command}"
    return Check(kind, "unknown", f"nobody has looked since v{champion.version} took office on {office[:10]}", again)


def _of_look(work: Workspace, look: Look, name: str, command: str) -> Check:
    """What a stored look says; one that is too old says nothing of today."""
    days = look.age(work.clock()).days
    again = f"ds-workflow --problem {work.problem.name} {command}"
    if days > TODAY_DAYS:
        return Check(name, "unknown", f"last looked {days} days ago, then {look.status}: {look.sentence()}", again)
    found = sorted(look.findings, key=lambda f: WORST_FIRST.index(f.status))
    step = next((f.next for f in found if f.next), "") if look.status != "healthy" else ""
    return Check(
        name,
        look.status,
        f"{look.sentence()} (looked {look.at[:10]})",
        step or ("" if look.status == "healthy" else again),
    )


def _service(work: Workspace) -> list[Check]:
    """Latency and errors of the last hours; nothing where the log was never written."""
    try:
        policy = monitoring_policies.load(work.settings, work.problem.name)
        now = work.clock()
        since = now - timedelta(hours=policy.service.hours)
        seen = served_rows.requests_since(work.settings.store, work.problem.name, since=since, until=now)
        found = service.findings(seen, policy)
    except (WorkflowError, OSError) as error:
        return [Check("service", "unknown", str(error), getattr(error, "hint", ""))]
    return [Check(f"service: {f.name}", f.status, f.detail, f.next) for f in found]


def _work(work: Workspace) -> Check:
    waiting = proposed.listed(work, only_open=True)
    if not waiting:
        return Check("work", "healthy", "the monitoring agent proposes nothing")
    newest = waiting[-1]
    step = f"Take it on or decline it: ds-workflow --problem {newest.problem} work-close {newest.id} --help"
    return Check("work", "warn", f"{len(waiting)} proposed, the newest {newest.id}: {newest.detail}", step)


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


def _retrain(work: Workspace) -> Check:
    found = retraining.check(work)
    level: Level = "warn" if found.need.status == "due" else "healthy"
    age = next(t.detail for t in found.need.triggers if t.name == "age")
    said = found.need.sentence()
    return Check("retrain policy", level, said if "days old" in said else f"{said}; {age}", found.step)


def _proposals(work: Workspace) -> Check:
    now = work.registry.judged(work.problem.name)
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
    stuck = [p for e in ("applying", "apply_failed") for p in work.registry.proposals(work.problem.name, effect=e)]
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
        if any(one.acknowledged_by is None for one in noted):
            ask = next(one for one in reversed(noted) if one.acknowledged_by is None)
            return Check("incidents", worst, said, f"Take it on: ds-workflow incident-ack {ask.id} --by YOU")
        return Check("incidents", worst, said, f"Mend what {newest.id} says; what is gone closes itself.")
    return Check("incidents", "healthy", "no promotion is unfinished, nothing is noted")
