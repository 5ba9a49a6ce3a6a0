"""The service in real processes, and callers that keep asking."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Service:
    """A running service."""

    port: int
    process: subprocess.Popen[str]
    said: Path

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and document."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            line.request(method, path, data, {"Content-Type": "application/json", **headers})
            answer = line.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text[:1] in b"[{" else text.decode()
        finally:
            line.close()

    def wait(self, path: str, *, seconds: float = 120) -> Any:
        """The document of the first 200."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                status, found = self.ask("GET", path)
                if status == 200:
                    return found
            except OSError:
                found = self.said.read_text("utf-8")[-2000:]
            assert self.process.poll() is None, self.said.read_text("utf-8")[-3000:]
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def workers(self) -> list[int]:
        """The processes that answer: children of the one that was started, but Python's own helper."""
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(status.read_text("utf-8").rpartition(")")[2].split()[1])
                words = (status.parent / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if parent == self.process.pid and b"spawn_main" in words:
                found.append(int(status.parent.name))
        return found


@contextmanager
def service(root: Path, problem: str, *, workers: int = 1, said: Path) -> Iterator[Service]:
    """`serving.app:app` on a workspace, ready; ended with all its processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "uvicorn", "serving.app:app", "--port", str(port), "--no-access-log"]
    words += ["--workers", str(workers), "--timeout-worker-healthcheck", "15"] if workers > 1 else []
    environ = {**os.environ, "DS_WORKFLOW_HOME": str(root), "DS_WORKFLOW_PROBLEM": problem}
    with said.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(words, env=environ, stdout=stream, stderr=stream, text=True, start_new_session=True)
    made = Service(port, process, said)
    try:
        made.wait("/ready")
        yield made
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass
class Callers:
    """Connections that ask again as soon as they were answered, until told to stop."""

    service: Service
    body: bytes
    answers: list[tuple[int, tuple[float, ...]]] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    broken: int = 0  # connections that were cut, and opened again
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, count: int) -> None:
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()
            time.sleep(0.02)  # opened at once, all connections could land on one worker

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _call(self) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        while not self._stop.is_set():
            try:
                line.request("POST", "/predict", self.body, {"Content-Type": "application/json"})
                answer = line.getresponse()
                found = json.loads(answer.read())
                if answer.status == 200:
                    values = tuple(p["probability"] for p in found["predictions"])
                    self.answers.append((found["model"]["version"], values))
                else:
                    self.problems[f"{answer.status} {found}"[:200]] += 1
            except (OSError, http.client.HTTPException, ValueError):
                self.broken += 1
                line.close()
                time.sleep(0.05)
                line = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        line.close()


def versions_of(callers: Callers) -> Sequence[int]:
    """The versions that answered, in the order of their first answer."""
    return list(dict.fromkeys(version for version, _ in callers.answers))
