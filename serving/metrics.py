"""What the service counts, for Prometheus.

Every worker of `--workers N` adds to the same counters: they keep them in small files of one folder of the store, and
whichever worker is asked adds the files up. The counts of a worker that died stay.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it when it is first imported
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


def share_with_siblings(root: Path) -> None:
    """In a worker among several: choose the folder that its siblings choose. Call it before anything is counted."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None or FOLDER in os.environ:
        return
    folder = root / f"{parent.pid}-{_started(parent.pid)}"
    folder.mkdir(parents=True, exist_ok=True)
    for old in root.iterdir():
        if old != folder and not _runs(old.name.partition("-")[0]):
            shutil.rmtree(old, ignore_errors=True)  # of a service that ended
    os.environ[FOLDER] = str(folder)


def _started(pid: int) -> str:
    """When a process started, in ticks since the machine did: a later process of the same number has another."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"


def _runs(pid: str) -> bool:
    return Path("/proc", pid).exists()


class Metrics:
    """The counters of one application; `root` is where workers share theirs."""

    def __init__(self, root: Path) -> None:
        share_with_siblings(root)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = own = CollectorRegistry()
        self.requests = Counter(
            "ds_workflow_requests", "Requests answered or refused.", ("path", "status"), registry=own
        )
        self.rows = Counter("ds_workflow_rows", "Rows answered.", ("problem", "arm"), registry=own)
        self.seconds = Histogram(
            "ds_workflow_seconds", "From a request's start to its answer.", ("problem",), registry=own, buckets=_BUCKETS
        )
        self.swaps = Counter("ds_workflow_swaps", "Changes of the served version.", ("problem",), registry=own)
        self.version = Gauge(
            "ds_workflow_champion_version", "The version that answers.", ("problem",), registry=own,
            multiprocess_mode="livemostrecent",
        )  # fmt: skip
        self.compiled = Gauge(
            "ds_workflow_compiled", "1 where the proven quick way answers.", ("problem",), registry=own,
            multiprocess_mode="livemin",
        )  # fmt: skip
        self.shadow = Counter(
            "ds_workflow_shadow", "What became of requests for a challenger.", ("problem", "outcome"), registry=own
        )
        self.log_lost = Gauge(
            "ds_workflow_log_rows_lost", "Rows that the request log had to leave out.", registry=own,
            multiprocess_mode="sum",
        )  # fmt: skip
        self.log_waiting = Gauge(
            "ds_workflow_log_rows_waiting", "Rows that the request log has yet to write.", registry=own,
            multiprocess_mode="livesum",
        )  # fmt: skip

    def text(self) -> tuple[bytes, str]:
        """All counters as Prometheus reads them, and their content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

        registry = self._registry
        if FOLDER in os.environ:
            for file in Path(os.environ[FOLDER]).glob("gauge_live*.db"):
                pid = file.stem.rpartition("_")[2]
                if not _runs(pid):
                    bury: Any = mark_process_dead
                    bury(int(pid))  # what it was doing, it does no more
            registry = CollectorRegistry()
            collector: Any = MultiProcessCollector
            collector(registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST
