"""Workspaces, applications and browsers for the console's tests."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from built_once import built_once
from console import PASSWORD, XSS, Story
from fastapi import FastAPI

from ds_workflow.use_cases import data, train
from ds_workflow.use_cases.arena import propose
from ds_workflow.workspace import Workspace
from registry.accounts import Known
from serving.app import create_app

BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


@pytest.fixture(scope="session")
def told(champion_workspace: Path, house: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Made once; read only."""
    built = built_once(tmp_path_factory, "console", lambda root: _tell(root, champion_workspace, house))
    root = tmp_path_factory.mktemp("console") / "home"
    shutil.copytree(built, root)
    work = Workspace.at(root, "adult_income")
    (proposal,) = work.registry.proposals("adult_income", "open")
    assert proposal.verdict == "pass"
    return Story(root, proposal.id, proposal.digest)


def _tell(root: Path, champion_workspace: Path, house: Path) -> None:
    shutil.copytree(champion_workspace, root)
    folder = root / "docs" / "hypotheses"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("H-INC-001.md", "H-SEG-001.md"):
        shutil.copy(house / "docs" / "hypotheses" / name, folder)
    text = (folder / "H-INC-001.md").read_text("utf-8")
    # a hypothesis that tries to act on the page of whoever reads it
    (folder / "H-INC-001.md").write_text(text.replace("## Observation\n", f"## Observation\n\n{XSS}\n", 1), "utf-8")
    work = Workspace.at(root, "adult_income")
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=20_000)
    accounts = work.accounts
    accounts.add("ada", roles=("approver",), password=PASSWORD)
    accounts.add("vic", roles=("viewer",), password=PASSWORD)
    author = Known("Ines Moreau")  # as the document calls her
    accounts.add("ines", roles=("approver", "data_scientist"), password=PASSWORD, known=author)
    first = train.baseline(
        work, owner="ines", dataset_version="sim-v1", feature_set_version="v1.0", strategy="logistic", seed=42
    )
    appointed = propose.bootstrap(work, first.version, owner="ines", approved_by="ada", reason="first")
    assert appointed.proposal.effect == "applied", appointed.text()
    request = train.TrainRequest("H-INC-001", "feature", f"trees {XSS}", "ines", "v2.0", "sim-v1", strategy="global")
    train.candidate(work, request)
    propose.propose(work)


@pytest.fixture
def story(told: Story, tmp_path: Path) -> Story:
    """A copy that a test may decide on."""
    shutil.copytree(told.root, tmp_path / "home")
    return Story(tmp_path / "home", told.proposal, told.digest)


@pytest.fixture(scope="session")
def app(told: Story) -> FastAPI:
    """The application on the folder that is only read."""
    return create_app(told.work())


Serve = Callable[[FastAPI], str]


@contextmanager
def serving() -> Iterator[Serve]:
    """Serve applications on free ports of this machine, each by its address, until the end."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: FastAPI) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        return f"http://127.0.0.1:{port}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def serve() -> Iterator[Serve]:
    with serving() as start:
        yield start


@pytest.fixture(scope="session")
def serve_for_session() -> Iterator[Serve]:
    with serving() as start:
        yield start


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser, where one is installed. While it is open its driver's event loop runs in this process, so that
    no test of another file could run one of its own."""
    found = next((path for path in BROWSERS if Path(path).exists()), None)
    if found is None:
        pytest.skip(f"no browser: install Debian's 'chromium' (looked for {', '.join(BROWSERS)})")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
