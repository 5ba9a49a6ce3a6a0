"""A challenger that is shown requests and answers nobody: in a process of its own, with a hard limit of time.

Whatever it does (answers late, fails, crashes, eats a core) stays there: the process is of low priority, what it does
not answer in time is killed with it, and requests that it has no time for are counted and left out.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import queue
import time
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING, Any

from ds_workflow.use_cases import predict
from ds_workflow.use_cases.requests import Asked
from ds_workflow.use_cases.traffic import SHADOW
from ds_workflow.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from multiprocessing.connection import Connection
    from pathlib import Path

    from ds_workflow.use_cases.traffic import Trial

START_SECONDS = 120.0
ANSWER_SECONDS = 1.0
MOST_WAITING = 64
SURELY_HELD = 32 * 1024  # bytes that an empty line takes in at once, whether anybody reads or not
LONGEST_PAUSE = 60.0  # seconds; each time that the process had to be ended in a row doubles the pause from one on
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """A request as it is shown to the challenger."""

    request_id: str
    at: datetime
    unit: str
    rows: list[dict[str, Any]]


class Shadow:
    """The challenger of one trial in this worker. `count` is called with what became of each request."""

    def __init__(
        self,
        root: Path,
        trial: Trial,
        *,
        keep: Callable[[Asked], None],
        count: Callable[[str], None],
        failed: Callable[[str], None],
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._root, self._trial, self._seconds = root, trial, seconds
        self._keep, self._count, self._failed = keep, count, failed
        self._queue: queue.Queue[Shown | None] = queue.Queue(MOST_WAITING)
        self._stop, self._ready = Event(), Event()
        self._ended = 0  # times in a row that the process had to be ended
        self._child: Any = None
        self._line: Connection | None = None
        self._thread = Thread(target=self._run, name=f"shadow of {trial.problem}", daemon=True)
        self._thread.start()

    def show(self, shown: Shown) -> None:
        """Hand a request over; counted as skipped when too many wait. Never waits itself."""
        try:
            self._queue.put_nowait(shown)
        except queue.Full:
            self._count("skipped")

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join(timeout=5)
        self._end()

    @property
    def pid(self) -> int | None:
        """The process that answers, while there is one."""
        return None if self._child is None else self._child.pid

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        return self._ready.is_set()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._line is None:
                if self._ended and self._stop.wait(min(LONGEST_PAUSE, 2.0 ** (self._ended - 1))):
                    return
                if not self._begin():
                    continue
            try:
                shown = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            if shown is not None:
                self._ask(shown)

    def _begin(self) -> bool:
        """Start the process and wait until it can answer."""
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        told = (
            theirs,
            str(self._root),
            self._trial.problem,
            self._trial.challenger.version,
            self._trial.challenger.digest,
        )
        self._child = context.Process(target=_answer, args=told, name="shadow", daemon=True)
        self._child.start()
        theirs.close()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self._stop.is_set():
            if self._line.poll(0.2):
                try:
                    said = self._line.recv()
                except (EOFError, OSError):
                    said = "its process ended"
                if said == "ready":
                    self._ready.set()
                    return True
                self._failed(f"version {self._trial.challenger.version} can't run in shadow: {said}")
                break
        self._end()
        return False

    def _ask(self, shown: Shown) -> None:
        line = self._line
        if line is None:
            return
        started = time.perf_counter()
        sent = ForkingPickler.dumps(shown.rows)
        # One that stands still takes in no more than the line holds; whoever writes or reads more would stand with it.
        limit = Timer(self._seconds, self._child.kill) if len(sent) > SURELY_HELD else None
        try:
            if limit is not None:
                limit.start()
            line.send_bytes(sent)
            if not line.poll(self._seconds):
                self._count("timeout")
                self._end()
                return
            values = line.recv()
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            late = time.perf_counter() - started >= self._seconds
            self._count("timeout" if late else "crashed")
            self._end()
            return
        finally:
            if limit is not None:
                limit.cancel()
        if isinstance(values, str):
            self._count("failed")
            return
        took = (time.perf_counter() - started) * 1e3
        trial, who = self._trial, self._trial.challenger
        self._ended = 0
        self._count("answered")
        self._keep(
            Asked(
                shown.request_id, shown.at, trial.problem, who.version, who.digest, SHADOW, shown.rows, values, took,
                trial.id, shown.unit,
            )
        )  # fmt: skip

    def _end(self) -> None:
        self._ready.clear()
        self._ended += 1
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._child is not None:
            self._child.kill()
            self._child.join(timeout=5)
            self._child = None


def _answer(line: Connection, root: str, problem: str, number: int, digest: str) -> None:
    """The process: load the version, answer rows until the line is closed."""
    os.nice(10)
    try:
        work = Workspace.at(root, problem)
        version = work.registry.version(problem, number)
        if version.digest != digest:
            raise ValueError(f"its digest is {version.digest}, not {digest}")
        found = predict.known_quick(work, predict.load(work, version))
        found.warm_up()
    except Exception as error:
        line.send(f"{type(error).__name__}: {error}")
        return
    line.send("ready")
    while True:
        try:
            rows = line.recv()
        except (EOFError, OSError):
            return
        try:
            line.send(list(found.score(rows).values))
        except Exception as error:
            line.send(f"{type(error).__name__}: {error}")
