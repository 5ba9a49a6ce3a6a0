"""A process that decides, for tests that kill it: reads jobs from stdin, forks one process for each.

MLflow is imported once, before anything is opened, so that a fork costs milliseconds instead of seconds and shares
no connection. A job is one line of JSON; `wait` waits for all of them and prints their exit statuses as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROBLEM = "toy_prices"


def perform(job: dict[str, Any]) -> dict[str, Any]:
    from registry.errors import RegistryError
    from registry.mlflow_store import MlflowStore
    from registry.service import Registry
    from registry.sql_ledger import SqlLedger

    root = Path(job["root"])
    versions = MlflowStore(root)
    if job["do"] == "prepare":
        while not Path(job["gate"]).exists():
            time.sleep(0.002)
        versions.prepare()
        versions._call(versions._client.create_registered_model, f"m{os.getpid()}")
        return {"ok": "prepared"}
    if job["do"] == "alias":
        while not Path(job["gate"]).exists():
            time.sleep(0.002)
        versions.set_alias(PROBLEM, job["alias"], job["number"])
        return {"ok": versions.aliases(PROBLEM)[job["alias"]]}

    def step(name: str) -> None:
        if name == job.get("kill_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    registry = Registry(
        versions=versions,
        ledger=SqlLedger.at(root / "arena.db"),
        clock=lambda: datetime(2026, 2, 1, 12, tzinfo=UTC),
        step_hook=step,
    )
    while not Path(job["gate"]).exists():
        time.sleep(0.002)
    try:
        if job["do"] == "roll_back":
            done = registry.roll_back(
                PROBLEM, to=None, by="ada", reason="it erred", smoke=lambda v: None, policy_digest="p"
            )
        else:
            done = registry.approve(job["id"], by=job["by"], recheck=lambda p: p.evidence, smoke=lambda v: None)
    except RegistryError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"ok": done.label, "id": done.id}


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    warnings.simplefilter("ignore")
    import mlflow.sklearn
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    import registry.sql_ledger  # noqa: F401

    children: list[int] = []
    for line in sys.stdin:
        if line.strip() == "wait":
            statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
            children = []
            sys.stdout.write(json.dumps(statuses) + "\n")
            sys.stdout.flush()
            continue
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                Path(job["out"]).write_text(json.dumps(perform(job)), "utf-8")
                status = 0
            finally:
                os._exit(status)
        children.append(pid)


if __name__ == "__main__":
    main()
