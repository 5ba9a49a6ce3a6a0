"""A process that has imported the house once and forks a child per command.

A command spends two to four seconds on imports before its first line of work, and a lifecycle of seventy commands most
of its time. A forked child is a process of its own, with its own exit, files and memory, as if the shell had started
it; only its imports are done. The parent does nothing but import, so no thread, connection or cache is inherited.
"""

from __future__ import annotations

import atexit
import json
import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

_SERVER: list[subprocess.Popen[str]] = []


def run(words: list[str], *, house: Path, folder: Path, out: Path, err: Path) -> int:
    """Run `ds-workflow WORDS` in a forked process from `folder`; what it prints goes to the files; its exit code."""
    if not _SERVER or _SERVER[0].poll() is not None:
        _SERVER[:] = [_start(house)]
    server = _SERVER[0]
    assert server.stdin is not None
    assert server.stdout is not None
    ask = {"words": words, "folder": str(folder), "out": str(out), "err": str(err), "environ": dict(os.environ)}
    server.stdin.write(json.dumps(ask) + "\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    assert answer, "the warm process died"
    return int(answer)


def _start(house: Path) -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-P", str(Path(__file__).resolve())],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=house,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(house), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen[str]) -> None:
    with server:  # closes its pipes and waits for it
        server.kill()


def _import_everything() -> None:
    for name in ("ds_workflow", "registry"):
        package = import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            # a migration's environment runs when it is imported
            if "__main__" not in module.name and "migrations" not in module.name:
                import_module(module.name)
    import_module("mlflow.sklearn")


def _child(ask: dict[str, object]) -> None:
    """Become the command: its folder, its surroundings, its streams."""
    from ds_workflow.cli.main import main

    os.environ.clear()
    os.environ.update(ask["environ"])  # type: ignore[call-overload]
    os.chdir(str(ask["folder"]))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, key in ((1, "out"), (2, "err")):
        os.dup2(os.open(str(ask[key]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    main(args=list(ask["words"]), prog_name="ds-workflow")  # type: ignore[call-overload]


def serve() -> None:
    """Read one request a line, answer with one exit code a line."""
    _import_everything()
    for line in sys.stdin:
        ask = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(ask)
            sys.exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
