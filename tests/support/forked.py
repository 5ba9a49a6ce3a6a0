"""Real processes at small cost: one that has imported the house forks a child for each job.

A command spends two to four seconds on imports before its first line of work, and a lifecycle of seventy commands most
of its time. A forked child is a process of its own, with its own exit, files and memory, as if the caller had started
it; only its imports are done. The process that forks does nothing but import, so a child inherits no thread, no
connection and no cache.

A job is a function, named as "module.function", with plain arguments: a command of the command line, or a function of
`stricken` or `deciding`. What it returns comes back as JSON, and what it said before it was killed stays.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import pkgutil
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

HOUSE = Path(__file__).resolve().parent.parent.parent
KILLED = -signal.SIGKILL
LATE = ("skops.io", "mlflow.sklearn", "mlflow.store.model_registry.sqlalchemy_store", "click.testing", "xgboost",
        "mlflow.store.tracking.sqlalchemy_store", "mlflow.tracking", "sqlalchemy.dialects.sqlite", "pyarrow.parquet",
        "pyarrow.dataset", "alembic.command")  # fmt: skip


# -- whoever wants a process ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a job ended: its exit status (negative: the signal), what it returned, said and printed."""

    status: int
    answer: Any
    said: Any
    out: str
    err: str
    seconds: float

    @property
    def done(self) -> Any:
        """What it returned; AssertionError with what it wrote when it did not end well."""
        assert self.status == 0, f"exit {self.status}: {self.answer}\n{self.err[-3000:]}"
        return self.answer


class Job:
    """A running child."""

    def __init__(self, server: _Server, do: str, options: dict[str, Any]) -> None:
        self._server, self._folder, self._started = server, server.folder(), time.perf_counter()
        surroundings = {"environ": dict(os.environ), "cwd": str(Path.cwd()), "folder": str(self._folder)}
        self.pid = int(server.ask({"do": do, "options": options} | surroundings))

    def said(self, *, within: float = 120.0) -> Any:
        """What the job says first, as soon as it has said it; None when it ended without."""
        end = time.monotonic() + within
        while time.monotonic() < end and not (self._folder / "said").exists() and self._runs():
            time.sleep(0.002)
        return _read(self._folder / "said")

    def _runs(self) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
        return False

    def kill(self) -> None:
        """SIGKILL; nothing happens when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """How it ended."""
        status = int(self._server.ask({"wait": self.pid}))
        seconds = time.perf_counter() - self._started
        told = [_read(self._folder / name) for name in ("answer", "said")]
        streams = (self._folder / name for name in ("out", "err"))  # one that was killed at once made none
        out, err = (path.read_text("utf-8", "replace") if path.exists() else "" for path in streams)
        shutil.rmtree(self._folder)
        return Ended(status, *told, out, err, seconds)


def start(do: str, **options: Any) -> Job:
    """Fork a child that calls the function `do` ("module.function") and let it run."""
    if not _SERVERS:
        _SERVERS.append(_Server())
    return Job(_SERVERS[0], do, options)


def run(do: str, **options: Any) -> Ended:
    """Fork a child that calls the function `do` and wait for its end."""
    return start(do, **options).wait()


class _Server:
    """The process that forks: asked by a line of JSON, it answers with a number."""

    def __init__(self) -> None:
        self._home, self._count = Path(tempfile.mkdtemp(prefix="forked-")), 0
        paths = [str(HOUSE), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "import forked; forked.serve()"], text=True, cwd=HOUSE,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
        atexit.register(self._end)

    def _end(self) -> None:
        with self._process:  # closes its pipes, and waits
            self._process.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def folder(self) -> Path:
        """A new folder for what a job tells."""
        self._count += 1
        made = self._home / str(self._count)
        made.mkdir()
        return made

    def ask(self, what: dict[str, Any]) -> str:
        """One line to the process, and its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has died"
        return answer


_SERVERS: list[_Server] = []


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8")) if path.exists() else None


# -- in the child --------------------------------------------------------------------------------------------------

_FOLDER: list[Path] = []


def say(value: Any) -> None:
    """Tell the caller something before the job has ended; it stays when the job is killed."""
    _write("said", value)


def command(*, words: list[str]) -> None:
    """`ds-workflow WORDS`."""
    from ds_workflow.cli.main import main

    main(args=words, prog_name="ds-workflow")


def _write(name: str, value: Any) -> None:
    """Whole or not at all."""
    unfinished = _FOLDER[0] / f"{name}.new"
    unfinished.write_text(json.dumps(value), "utf-8")
    unfinished.replace(_FOLDER[0] / name)


def _perform(job: dict[str, Any]) -> NoReturn:
    """Become the job: its surroundings, its folder, its streams, its end."""
    _FOLDER.append(Path(job["folder"]))
    os.environ.clear()
    os.environ.update(job["environ"])
    os.chdir(job["cwd"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(_FOLDER[0] / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    module, _, name = job["do"].rpartition(".")
    status = 0
    try:
        _write("answer", getattr(import_module(module), name)(**job["options"]))
    except SystemExit as left:
        status = int(left.code or 0)
    except Exception:
        _write("answer", traceback.format_exc())
        status = 1
    # An interpreter's end, but for taking a thousand modules apart: that costs more than most commands.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def serve() -> None:
    """Fork a child for each job and answer with its id, or wait for one and answer with its exit status."""
    gc.disable()
    for package in map(import_module, ("ds_workflow", "registry")):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # a migration's environment runs when it is imported
            if "__main__" not in module.name and "migrations" not in module.name:
                import_module(module.name)
    for late in LATE:
        import_module(late)
    gc.freeze()  # no child looks through what was imported for garbage, nor copies its pages by looking
    gc.enable()
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                _perform(asked)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
