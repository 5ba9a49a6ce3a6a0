"""The prediction service as a caller sees it: started in a process of its own, asked, stopped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib import error, request

from ds_workflow.errors import InvalidInput

START_SECONDS = 90.0


def smoke(root: Path, problem: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Start the service on a workspace, ask GET /health and POST /predict, stop it.

    Returns the two answers under `health` and `predict`. Raises InvalidInput when it does not start, or does not
    answer with 200; the message carries what it said.
    """
    port = _free_port()
    environ = {**os.environ, "DS_WORKFLOW_HOME": str(root), "DS_WORKFLOW_PROBLEM": problem}
    words = [sys.executable, "-m", "uvicorn", "serving.app:app", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        health = _wait(process, f"{address}/health")
        return {"health": health, "predict": _ask(f"{address}/predict", rows)}
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(process: subprocess.Popen[str], address: str) -> Any:
    """The first answer of a service that is starting."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.communicate()[0].strip().splitlines()
            raise InvalidInput(f"The service stopped at its start: {said[-1] if said else 'it said nothing'}")
        try:
            return _ask(address)
        except ConnectionError:
            time.sleep(0.2)
    raise InvalidInput(f"The service did not answer within {START_SECONDS:.0f} s.")


def _ask(address: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    asked = request.Request(address, data=data, headers={"Content-Type": "application/json"})  # noqa: S310 - loopback
    try:
        with request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())
    except error.HTTPError as refused:
        said = refused.read().decode(errors="replace")[:500]
        raise InvalidInput(f"{address} answered {refused.code}: {said}") from refused
    except error.URLError as refused:
        raise ConnectionError(str(refused.reason)) from refused
