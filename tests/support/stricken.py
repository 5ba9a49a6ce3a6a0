"""What a process does to a workspace while something goes wrong, and what can be seen there afterwards.

Each function is one job of `forked`. Proposals are written as if the arena had passed them; the decisions on them, what
they do to the champion and the looking afterwards are the product's own.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forked import say

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Proposal
    from registry.service import Registry

PROBLEM = "adult_income"
PEOPLE = "people: {olga: [data_scientist], hugo: [data_scientist], ada: [approver], bob: [approver]}\n"
KINDS = ("bootstrap", "promotion", "rollback", "override", "adopt", "restore")


def build(*, root: str) -> dict[str, Any]:
    """Two trained versions on a small simulated snapshot, four declared people, no champion."""
    from ds_workflow.use_cases import data

    work = _work(root)
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=1_500)
    work.path("config", "people.yaml").write_text(PEOPLE, "utf-8")
    return {"versions": [_train(work, seed) for seed in (1, 2)]}


def trained(*, root: str, seed: int) -> dict[str, Any]:
    """Train and register one more version."""
    say("begins")
    return _guarded(lambda: {"version": _train(_work(root), seed)})


def _train(work: Workspace, seed: int) -> int:
    from ds_workflow.use_cases import train

    made = train.baseline(
        work, owner="olga", dataset_version="sim-v1", feature_set_version="v2.0", strategy="global", seed=seed
    )
    return int(made.version)


# -- decisions -----------------------------------------------------------------------------------------------------


def saga(
    *, root: str, kind: str, kill_at: str = "", by: str = "ada", full_at: int | None = None, fatal: bool = False,
    days: float = 0.0, gate: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Bring the workspace to where a decision of `kind` can be taken, say what is there, and take it.

    It kills itself after the step `kill_at`. From the saying on, files can't grow over `full_at` bytes, and one that
    would is an error, or if `fatal` the death of the process. The clock is `days` off. It waits for the file `gate`.
    """

    def step(name: str) -> None:
        if name == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    work = _work(root)
    ready = _ready(work, kind, by)
    say(facts(root=root) | {"id": ready})
    while gate and not Path(gate).exists():
        time.sleep(0.002)
    off = _work(root, days=days)
    registry = off.registry
    registry._step = registry._applier._step = step
    if full_at is not None:
        if fatal:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (full_at, hard))
    told = _guarded(lambda: _decide(off, kind, ready, by))
    if full_at is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    return told


def struck(*, root: str, words: list[str], kill_at: int = 0, copies: str = "") -> dict[str, Any]:
    """A command of the command line that kills itself in the middle of its write number `kill_at`, counted from 1, or
    leaves copies of what a kill would leave; what is there beforehand and the writes so far are said."""
    from deaths import Points

    before = facts(root=root)

    def tell(names: list[str]) -> None:
        say({"before": before, "writes": names})

    points = Points(Path(root), kill_at=kill_at, copies=Path(copies) if copies else None, told=tell)
    points.watch()
    done = command(root=root, words=words)
    tell(points.names)
    return done


def _ready(work: Workspace, kind: str, by: str) -> str:
    """What the decision is about; the proposal's id where there is one."""
    from registry.quorum import Rule

    registry = work.registry
    champion = registry.champion(PROBLEM)
    other = 3 - champion.version if champion else 1
    if kind in ("bootstrap", "promotion", "reject"):
        return _propose(registry, other, "bootstrap" if champion is None else "promotion").id
    if kind == "override":
        failed = _propose(registry, other, "promotion", verdict="fail")
        return registry.request_override(failed.id, by="hugo", reason="a new law", rule=Rule()).id
    if kind in ("adopt", "restore"):
        registry._versions.set_alias(PROBLEM, "champion", other)  # somebody goes round the arena
    return _propose(registry, other, "adopt").id if kind == "adopt" else str(other)


def _decide(work: Workspace, kind: str, about: str, by: str) -> dict[str, Any]:
    from ds_workflow.use_cases.arena import apply
    from registry.quorum import Rule

    registry = work.registry
    if kind == "restore":
        return {"label": registry.restore(PROBLEM, by=by, reason="put back").status}
    if kind == "reject":
        done = registry.reject(about, by=by, reason="no gain")
    elif kind == "rollback":
        done = registry.roll_back(
            PROBLEM, to=int(about), by=by, reason="it erred", smoke=lambda v: apply.smoke(work, v), policy_digest="p"
        )
    else:
        done = registry.approve(
            about, by=by, reason="better", rule=Rule(), override=kind == "override",
            recheck=lambda p: p.evidence, smoke=lambda v: apply.smoke(work, v),
        )  # fmt: skip
    return {"label": done.label, "id": done.id}


def _propose(registry: Registry, number: int, kind: Any, *, verdict: Any = "pass") -> Proposal:
    from registry.records import Evidence, GateResult, digest_of

    champion = registry.champion(PROBLEM)
    unique = digest_of(os.urandom(16).hex())  # as if on a holdout of its own: an artifact is tried once on each
    evidence = Evidence(
        PROBLEM, kind, registry.version(PROBLEM, number).ref, champion.ref if champion else None,
        unique, digest_of("policy"), digest_of("hypothesis"), verdict, digest_of([unique, "bundle"]),
    )  # fmt: skip
    status = "pass" if verdict == "pass" else "fail"
    gate = GateResult("told", status, observed=1.0, required="1", interval=None, rows=1, note="")
    return registry.propose(evidence, gates=(gate,), owner="olga")


def busy(*, root: str, seconds: float) -> dict[str, Any]:
    """Propose, reject and write events for a while, as others do meanwhile; what was acknowledged."""
    from registry.errors import Conflict, RegistryError

    registry, end, n, refused = _work(root).registry, time.monotonic() + seconds, 0, 0
    say("begins")
    done: list[str] = []
    while time.monotonic() < end:
        time.sleep(0.02)
        n += 1
        done.append(registry.record_event("note", f"{os.getpid()}/{n}", {"n": n}).hash)
        try:
            champion = registry.champion(PROBLEM)
            if champion is not None:
                made = _propose(registry, 3 - champion.version, "promotion")
                registry.reject(made.id, by="hugo", reason="only load")
        except Conflict:
            refused += 1  # the champion moved, or is moving, meanwhile
        except RegistryError as error:
            return {"error": str(error), "events": done}
    return {"events": done, "refused": refused}


def verified(*, root: str, times: int) -> list[str]:
    """What the check of the ledger finds, several times over, while others write."""
    registry = _work(root).registry
    return [problem for _ in range(times) for problem in registry.verify().problems]


def moved(*, root: str, number: int) -> str:
    """Somebody moves the alias in MLflow's own interface."""
    _work(root).registry._versions.set_alias(PROBLEM, "champion", number)
    return "moved"


def approved(*, root: str, id: str) -> str:
    """Approve a proposal; what it is then."""
    return str(_decide(_work(root), "promotion", id, "ada")["label"])


def tried(*, root: str, id: str) -> dict[str, Any]:
    """Try to approve a proposal; what it is then, or the error."""
    return _guarded(lambda: _decide(_work(root), "promotion", id, "ada"))


def restored(*, root: str) -> str:
    """Put the alias back; the custody afterwards."""
    return str(_work(root).registry.restore(PROBLEM, by="bob", reason="after the kill").status)


def hold(*, path: str, until: str) -> str:
    """Hold the write lock of a SQLite file until another file appears."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        say("locked")
        end = time.monotonic() + 120
        while not Path(until).exists() and time.monotonic() < end:
            time.sleep(0.01)
        connection.execute("ROLLBACK")
    return "let go"


def bundle(*, root: str, full_at: int) -> dict[str, Any]:
    """Write an evidence bundle and a snapshot to a disk that is full after `full_at` bytes of a file."""
    from ds_workflow.use_cases import data

    work = _work(root)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (full_at, hard))
    told = _guarded(
        lambda: {"rows": data.snapshot(
            work, "sim-v9", source=None, references=(), simulate=True, seed=9, rows=1_500).record.rows}
    )  # fmt: skip
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    return told


# -- looking -------------------------------------------------------------------------------------------------------


def facts(*, root: str) -> dict[str, Any]:
    """What must never be lost: every event and every decision."""
    registry = _work(root).registry
    return {
        "events": [event.hash for event in registry.events()],
        "decisions": [[d.proposal_id, d.action, d.by] for d in registry.decisions()],
        "moves": len(registry.moves(PROBLEM)),
    }


def looked(*, root: str, days: float = 0.0) -> dict[str, Any]:
    """What `arena-status` and `arena-verify` tell, and the facts."""
    from ds_workflow.use_cases.arena import status

    lines: list[str] = []
    work = replace(_work(root, days=days), say=lines.append)
    raw = work.registry.custody(PROBLEM)
    begun = time.perf_counter()
    shown = status.read(work)
    seconds = time.perf_counter() - begun
    champion = work.registry.moves(PROBLEM)
    return facts(root=root) | {
        "kinds": [event.kind for event in work.registry.events()],
        "before": raw.detail,
        "seconds": seconds,
        "text": shown.text(),
        "json": shown.to_dict(),
        "said": lines,
        "champion": champion[-1].to_ref.version if champion else None,
        "alias": (shown.aliases.get("champion") or {}).get("version"),
        "problems": work.registry.verify().problems,
    }


def command(*, root: str, words: list[str], environ: dict[str, str] | None = None) -> dict[str, Any]:
    """A command of the command line: its exit code and what it printed."""
    from click.testing import CliRunner

    from ds_workflow.cli.main import main

    os.environ.update(environ or {})
    done = CliRunner().invoke(main, ["--workspace", root, "--problem", PROBLEM, *words])
    return {"code": done.exit_code, "out": done.stdout, "err": done.stderr, "all": done.output}


@contextmanager
def _caught(told: dict[str, Any]) -> Iterator[None]:
    from ds_workflow.errors import WorkflowError
    from registry.errors import RegistryError

    try:
        yield
    except (RegistryError, WorkflowError, OSError) as error:
        told |= {"error": type(error).__name__, "message": str(error), "hint": getattr(error, "hint", "")}


def _guarded(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    with _caught(told):
        told |= act()
    return told


def _work(root: str, *, days: float = 0.0) -> Workspace:
    from ds_workflow.workspace import Workspace, system_clock

    return replace(Workspace.at(root, PROBLEM), clock=lambda: system_clock() + timedelta(days=days))
