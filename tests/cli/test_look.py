"""The two commands that start something to look at, started for real and asked over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib import error, request

import pytest
from flow import Flow

pytestmark = pytest.mark.end_to_end


@contextmanager
def started(house: Path, home: Path, *words: str) -> Iterator[str]:
    """A command that serves, on a free port; ended with Ctrl-C, as a person would, and without a traceback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = subprocess.Popen(
        [str(house / "scripts" / "ds_workflow.sh"), "--workspace", str(home), *words, "--port", port],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
        assert "ds_workflow/cli" not in said, said[-2000:]


def answer(address: str, *, seconds: float = 90) -> str:
    """The first answer of a server that is starting."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with request.urlopen(address, timeout=10) as got:
                return got.read().decode()
        except (error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def test_serve_answers_with_the_champion(house: Path, champion_workspace: Path) -> None:
    with started(house, champion_workspace, "serve") as address:
        assert '"custody":"in_custody"' in answer(f"{address}/health")


def test_mlflow_ui_shows_the_runs_of_this_workspace(house: Path, champion_workspace: Path) -> None:
    with started(house, champion_workspace, "mlflow-ui") as address:
        assert "MLflow" in answer(address)
        found = answer(f"{address}/ajax-api/2.0/mlflow/registered-models/get?name=nyc_sales")
        assert '"champion"' in found


def test_mlflow_ui_of_an_empty_workspace_says_what_to_do(house: Path, tmp_path: Path) -> None:
    assert "bootstrap-champion" in Flow(house, tmp_path)("mlflow-ui", code=2).err
