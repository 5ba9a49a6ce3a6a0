"""The untrusted side: a small warm process that forks one confined child per program.

It is started with an empty environment and an empty folder, holds nothing that is secret, and does only this: receive
a descriptor, fork, and tell how children ended. The child drops root, sets limits, puts on the filter, runs the
program and answers calls. `cells` starts it; it imports nothing of the product but its neighbours.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
from typing import Any

from ds_workflow.adapters.sandbox.literals import dumps, loads
from ds_workflow.adapters.sandbox.nursery_names import WARM
from ds_workflow.adapters.sandbox.seccomp import confine

NOBODY = 65534
OUTPUT = 1 << 20  # characters that a program may print
RECURSION = 3_000
MESSAGE = 300  # characters of an exception's text that are kept for people


class Muted:
    """Standard output that counts and forgets, and ends a program that prints without end."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.written = 0

    def write(self, text: str) -> int:
        self.written += len(text)
        if self.written > OUTPUT:
            raise OutputLimit("too much output")
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""

    def isatty(self) -> bool:
        return False


class OutputLimit(Exception):
    """The program printed more than it may."""


def restrict(memory: int, cpu: int) -> None:
    """Its own session, limits, no root, no output, no deep recursion."""
    os.setsid()
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        # the second beyond the soft limit of time is for whoever ignores its signal: then it is killed
        hard = value + 1 if kind == resource.RLIMIT_CPU else value
        resource.setrlimit(kind, (value, hard))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Muted()  # type: ignore[misc, assignment]
    sys.setrecursionlimit(RECURSION)


class Wire:
    """Lines of plain values over one descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = bytearray()

    def receive(self) -> Any:
        """The next value; the process ends when the other side has gone."""
        while b"\n" not in self.pending:
            part = os.read(self.descriptor, 1 << 16)
            if not part:
                os._exit(0)
            self.pending.extend(part)
        line, _, rest = bytes(self.pending).partition(b"\n")
        self.pending[:] = rest
        return loads(line)

    def send(self, line: bytes) -> None:
        """All of a line."""
        view = memoryview(line)
        while view:
            view = view[os.write(self.descriptor, view) :]


def failed(stage: str, error: BaseException) -> bytes:
    """An exception by its type, the name it misses and on what where it says so, and its message for people."""
    try:
        said = {"missing": str(getattr(error, "name", None) or "")[:200], "message": str(error)[:MESSAGE]}
    except BaseException:  # a message of the program's own making may do anything
        said = {}
    owner = type(error.obj).__name__ if isinstance(error, AttributeError) else ""
    return bytes(dumps({"stage": stage, "error": type(error).__name__, "owner": owner, **said}))


def load(wire: Wire) -> dict[str, Any]:
    """The functions asked for, of the program that comes over the wire; the process ends when there is none."""
    source, names = wire.receive()
    stage = "compile"
    try:
        code = compile(source, "<completion>", "exec")
        stage = "load"
        space: dict[str, Any] = {"__name__": "completion", "__builtins__": __builtins__}
        exec(code, space)  # noqa: S102 - the point of this process
        lost = [name for name in names if not callable(space.get(name))]
    except BaseException as error:
        wire.send(failed(stage, error))
        os._exit(0)
    if lost:
        wire.send(dumps({"stage": "load", "error": "MissingEntryPoint", "missing": lost[0]}))
        os._exit(0)
    return {name: space[name] for name in names}


def child(descriptor: int, memory: int, cpu: int) -> None:
    """Become the confined process, load the program, answer calls; never returns."""
    restrict(memory, cpu)
    confine(descriptor)
    wire = Wire(descriptor)
    functions = load(wire)
    wire.send(dumps({"ready": True}))
    while True:
        name, given, named = wire.receive()
        try:
            answer = dumps({"value": functions[name](*given, **named), "given": given})
        except BaseException as error:
            answer = failed("call", error)
        wire.send(answer)


def main(control: int) -> None:
    """Serve forks over the control socket: {memory, cpu} with a descriptor in, the child's pid out; `w pid` waits."""
    for name in sorted(WARM):
        with contextlib.suppress(ImportError):
            __import__(name)
    # the codec of host names: without it a look-up of a name fails for a file that is out of reach, not as a network's
    "warm".encode("idna")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = socket.socket(fileno=control)
    while True:
        message, descriptors, _, _ = socket.recv_fds(link, 256, 1)
        if not message:
            return
        word, *numbers = message.decode().split()
        if word == "w":
            _, status = os.waitpid(int(numbers[0]), 0)
            link.send(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            continue
        pid = os.fork()
        if pid == 0:
            link.close()
            try:
                child(descriptors[0], int(numbers[0]), int(numbers[1]))
            finally:
                os._exit(71)
        os.close(descriptors[0])
        link.send(f"{pid}\n".encode())
