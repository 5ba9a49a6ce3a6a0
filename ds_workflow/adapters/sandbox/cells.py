"""The trusted side: one program in one cell, its functions called from here, its end explained."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ds_workflow.adapters.sandbox import literals, seccomp
from ds_workflow.domain.code_eval.failures import Report, Stage
from ds_workflow.errors import InvalidInput

ROOT = Path(__file__).resolve().parents[3]
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from ds_workflow.adapters.sandbox.nursery import main; main(int(sys.argv[2]))"
)


@dataclass(frozen=True)
class Limits:
    """`cpu` seconds of processor time, `wall` seconds in all (generous: a busy machine is slow), `memory` bytes of
    address space."""

    cpu: int = 5
    wall: float = 20.0
    memory: int = 512 * 1024 * 1024


class Ended(Exception):
    """The program can answer no more; `report` says why."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.exception)
        self.report = report


# what tests may expect a program to raise
CATCHABLE: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        ArithmeticError, AttributeError, IndexError, KeyError, LookupError, NotImplementedError, OverflowError,
        RuntimeError, StopIteration, TypeError, ValueError, ZeroDivisionError,
    )
}  # fmt: skip


def ended(report: Report) -> Ended:
    """The exception of a report: where the program raised one of CATCHABLE in a call, it is one of that kind too, so
    that a test can say `except ValueError`."""
    kind = CATCHABLE.get(report.exception)
    if report.stage != "call" or kind is None:
        return Ended(report)
    raised: Ended = type(kind.__name__, (Ended, kind), {})(report)
    return raised


class Nursery:
    """The warm process that forks cells. Use as a context; one per worker.

    Raises seccomp.NoSandbox where a process can't be confined.
    """

    def __enter__(self) -> Nursery:
        why = seccomp.unavailable()
        if why:
            raise seccomp.NoSandbox(f"Untrusted code is not run here: {why}.")
        self.folder = Path(tempfile.mkdtemp(prefix="cell-"))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-E", "-s", "-B", "-c", START, str(ROOT), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.link = ours
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fork(self, wire: socket.socket, limits: Limits) -> int:
        """A confined child that holds the other end of `wire`; its process id."""
        socket.send_fds(self.link, [f"f {limits.memory} {limits.cpu}".encode()], [wire.fileno()])
        return int(self._answer())

    def wait(self, pid: int) -> int:
        """The exit code of a child that has ended or was killed (negative: the signal)."""
        self.link.send(f"w {pid}".encode())
        return int(self._answer())

    def _answer(self) -> bytes:
        answer = self.link.recv(64)
        if not answer:
            raise InvalidInput("The process that runs untrusted code has ended.", hint="Run the command again.")
        return answer


class Cell:
    """One program under confinement. Use as a context; `call` its functions."""

    def __init__(self, nursery: Nursery, source: str, names: tuple[str, ...], limits: Limits) -> None:
        self.nursery, self.limits = nursery, limits
        self.source, self.names = source, names
        self.pending = bytearray()
        self.ended: int | None = None
        self.broken: Report | None = None  # why nothing more can be asked of it

    def __enter__(self) -> Cell:
        self.until = time.monotonic() + self.limits.wall
        self.wire, theirs = socket.socketpair()
        with theirs:
            self.pid = self.nursery.fork(theirs, self.limits)
        try:
            self._send([self.source, list(self.names)])
            self._receive()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self.wire.close()

    def call(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The answer of a function of the program; what it did to its arguments is done to ours. Raises Ended."""
        if self.broken:
            raise Ended(self.broken)
        try:
            self._send([name, list(given), named])
            answer = self._receive()
        except Ended as error:
            if error.report.stage == "process" or error.report.exception == "SystemExit":
                self.broken = error.report
            raise
        for ours, theirs in zip(given, answer["given"], strict=False):
            if type(ours) is list and type(theirs) is list:
                ours[:] = theirs
            elif type(ours) is dict and type(theirs) is dict:
                ours.clear()
                ours.update(theirs)
        return answer["value"]

    def _send(self, value: Any) -> None:
        view = memoryview(literals.dumps(value))
        self.wire.setblocking(False)
        while view:
            _, ready, _ = select.select([], [self.wire], [], max(0.0, self.until - time.monotonic()))
            if not ready:
                raise Ended(self._why(timed_out=True))
            try:
                view = view[self.wire.send(view) :]
            except (BrokenPipeError, ConnectionResetError):
                raise Ended(self._why()) from None

    def _receive(self) -> dict[str, Any]:
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.wire], [], [], max(0.0, self.until - time.monotonic()))
            if not ready:
                raise Ended(self._why(timed_out=True))
            try:
                part = self.wire.recv(1 << 16)
            except ConnectionResetError:
                part = b""
            if not part:
                raise Ended(self._why())
            self.pending.extend(part)
            if len(self.pending) > 2 * literals.LONGEST:
                raise Ended(Report("process", "output"))
        line, _, rest = bytes(self.pending).partition(b"\n")
        self.pending[:] = rest
        try:
            answer = literals.loads(line)
        except ValueError:
            raise Ended(Report("process", "signal")) from None
        if not isinstance(answer, dict) or not {"ready", "value", "error"} & set(answer):
            raise Ended(Report("process", "signal"))
        if "error" in answer:
            error, stage = str(answer["error"]), answer.get("stage")
            if error == "OutputLimit":
                raise Ended(Report("process", "output"))
            known: Stage = stage if stage in ("compile", "load") else "call"
            missing, owner, message = (_printable(answer.get(name, "")) for name in ("missing", "owner", "message"))
            raise ended(Report(known, error, missing, owner=owner, message=message))
        if "value" in answer and not isinstance(answer.get("given"), list):
            raise Ended(Report("process", "signal"))
        return answer

    def _why(self, *, timed_out: bool = False) -> Report:
        code = self._end()
        # the kernel kills whoever ignores the signal at the limit of processor time
        if timed_out or code in (-signal.SIGXCPU, -signal.SIGKILL):
            return Report("process", "timeout")
        return Report("call", "SystemExit") if code == 0 else Report("process", "signal")

    def _end(self) -> int:
        """Kill the cell with whatever hangs on it, and say how it ended."""
        if self.ended is None:
            # a cell that ended by itself keeps its own exit code: a moment for the kernel to tell
            for end in (os.killpg, os.kill):
                try:
                    end(self.pid, signal.SIGKILL)
                    break
                except (ProcessLookupError, PermissionError):
                    continue
            self.ended = self.nursery.wait(self.pid)
        return self.ended


def _printable(text: Any) -> str:
    """What a program says of itself, as one line that moves no cursor."""
    return "".join(c if c.isprintable() else " " for c in str(text)[:300]).strip()
