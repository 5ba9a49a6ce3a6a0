"""What several processes do to one registry at one moment: jobs of `forked`, each waiting for the file `gate`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.records import Proposal
    from registry.service import Registry

PROBLEM = "toy_prices"


def prepare(*, root: str, gate: str) -> str:
    """Make the store, and a registered model of its own in it."""
    from registry.mlflow_store import MlflowStore

    versions = MlflowStore(Path(root))
    _wait(gate)
    versions.prepare()
    versions._mlflow.call(versions._mlflow.client.create_registered_model, f"m{os.getpid()}")
    return "prepared"


def alias(*, root: str, gate: str, alias: str, number: int) -> int:
    """Set an alias; where it stands then."""
    from registry.mlflow_store import MlflowStore

    versions = MlflowStore(Path(root))
    _wait(gate)
    versions.set_alias(PROBLEM, alias, number)
    return versions.aliases(PROBLEM)[alias]


def approve(*, root: str, gate: str, id: str, by: str, kill_at: str = "") -> dict[str, Any]:
    """Approve a proposal, or die after the step `kill_at`."""
    from registry.quorum import Rule

    return _decide(root, gate, kill_at, lambda registry: registry.approve(
        id, by=by, rule=Rule(), recheck=lambda p: p.evidence, smoke=lambda v: None))  # fmt: skip


def roll_back(*, root: str, gate: str, kill_at: str = "") -> dict[str, Any]:
    """Put the champion before this one back, or die after the step `kill_at`."""
    return _decide(root, gate, kill_at, lambda registry: registry.roll_back(
        PROBLEM, to=None, by="ada", reason="it erred", smoke=lambda v: None, policy_digest="p"))  # fmt: skip


def _decide(root: str, gate: str, kill_at: str, act: Callable[[Registry], Proposal]) -> dict[str, Any]:
    from registry.errors import RegistryError
    from registry.mlflow_store import MlflowStore
    from registry.service import Registry
    from registry.sql_ledger import SqlLedger

    def step(name: str) -> None:
        if name == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    registry = Registry(
        versions=MlflowStore(Path(root)),
        ledger=SqlLedger.at(Path(root) / "arena.db"),
        clock=lambda: datetime(2026, 1, 31, 12, 5, tzinfo=UTC),  # about when the bench is
        step_hook=step,
    )
    _wait(gate)
    try:
        done = act(registry)
    except RegistryError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"ok": done.label, "id": done.id}


def _wait(gate: str) -> None:
    while not Path(gate).exists():
        time.sleep(0.002)
