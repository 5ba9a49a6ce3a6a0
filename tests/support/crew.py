"""Real processes at small cost: one that has imported everything forks a child per job, and a child may be killed.

The server itself opens no store and starts no thread, so that a child inherits no connection. A job is a function of
`stricken` with plain arguments; what it returns comes back as JSON, and what it `said` before it was killed stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Ended:
    """How a job ended: its exit status (negative: the signal), what it returned, what it said on the way."""

    status: int
    answer: Any
    said: Any
    seconds: float

    @property
    def done(self) -> Any:
        """What it returned; AssertionError with what it wrote when it did not end well."""
        assert self.status == 0, f"exit {self.status}: {self.answer}"
        return self.answer


class Job:
    """A running child."""

    def __init__(self, crew: Crew, pid: int, folder: Path) -> None:
        self._crew, self.pid, self._folder, self._started = crew, pid, folder, time.perf_counter()

    def said(self, *, within: float = 120.0) -> Any:
        """What the job says first, as soon as it has said it; None when it ended without."""
        end = time.monotonic() + within
        while time.monotonic() < end and not (self._folder / "said").exists() and not (self._folder / "end").exists():
            time.sleep(0.002)
        return _read(self._folder / "said")

    def kill(self) -> None:
        """SIGKILL; nothing happens when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """How it ended."""
        status = int(self._crew.ask({"wait": self.pid}))
        seconds = time.perf_counter() - self._started
        return Ended(status, _read(self._folder / "answer"), _read(self._folder / "said"), seconds)


class Crew:
    """Starts jobs on one folder; a context manager that ends its server."""

    def __init__(self, house: Path, folder: Path) -> None:
        self._folder, self._count = folder, 0
        paths = [str(house), str(house / "tests" / "support"), os.environ.get("PYTHONPATH", "")]
        self._server = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).resolve())], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._server:  # closes its pipes, and waits
            self._server.kill()

    def ask(self, what: dict[str, Any]) -> str:
        """One line to the server, and its answer."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(what) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the server of forked processes died"
        return answer

    def start(self, do: str, **options: Any) -> Job:
        """Fork a job and let it run."""
        self._count += 1
        folder = self._folder / f"job-{self._count}"
        folder.mkdir(parents=True)
        return Job(self, int(self.ask({"do": do, "folder": str(folder), "options": options})), folder)

    def run(self, do: str, **options: Any) -> Ended:
        """Fork a job and wait for it."""
        return self.start(do, **options).wait()


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def write(path: Path, value: Any) -> None:
    """Whole or not at all."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(value), "utf-8")
    unfinished.replace(path)


def _child(job: dict[str, Any]) -> None:
    import traceback

    import stricken

    folder = Path(job["folder"])
    devnull = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(devnull, number)
    status = 1
    try:
        options = job["options"]
        answer = getattr(stricken, job["do"])(**options, say=lambda value: write(folder / "said", value))
        write(folder / "answer", answer)
        status = 0
    except BaseException:
        write(folder / "answer", traceback.format_exc())
    finally:
        with contextlib.suppress(OSError):
            (folder / "end").touch()
        os._exit(status)


def serve() -> None:
    """Fork a child for each job, or say how one ended."""
    import stricken  # noqa: F401
    import warm

    warm._import_everything()
    for late in ("skops.io", "mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_store",
                 "mlflow.tracking", "sqlalchemy.dialects.sqlite", "click.testing"):  # fmt: skip
        import_module(late)
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                _child(asked)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
