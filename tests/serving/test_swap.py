"""Decisions reach every worker under load: nobody is refused, nobody gets a mixture, and a bad version stays out."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from office import Office, copied
from served import Callers, Service, service

from ds_workflow.adapters import run_files
from ds_workflow.use_cases import incidents, predict
from serving.app import create_app

SWAPS = 20
ROWS = [{"age": 25 + 3 * i, "education": "Bachelors", "hours_per_week": 30 + i} for i in range(6)]
BODY = json.dumps(ROWS).encode()


def truth(office: Office) -> dict[int, tuple[float, ...]]:
    """What each version answers to ROWS, asked without a service."""
    found = {}
    for number in (1, 2):
        answerer = predict.load(office.work, office.work.registry.version("adult_income", number))
        answers, errors = answerer.predict(ROWS)
        assert not errors
        found[number] = tuple(one["probability"] for one in answers)
    return found


def wait_for(asked: Service, version: int, *, seconds: float = 60) -> None:
    """Until all of twenty connections in a row are answered by that version."""
    deadline = time.monotonic() + seconds
    row = 0
    while row < 20:
        _, body = asked.ask("POST", "/predict", BODY)
        row = row + 1 if body["model"]["version"] == version else 0
        assert time.monotonic() < deadline, f"still version {body['model']['version']}"


@pytest.fixture(scope="module")
def busy(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, Service]]:
    """An office whose service has two workers."""
    folder = tmp_path_factory.mktemp("busy")
    office = copied(trained, folder / "office")
    with service(office.root, "adult_income", workers=2, said=folder / "said.txt") as asked:
        yield office, asked


def test_twenty_swaps_under_load(busy: tuple[Office, Service]) -> None:
    office, asked = busy
    known = truth(office)
    assert known[1] != known[2]
    callers = Callers(asked, BODY)
    callers.start(4)
    office.approve(office.propose(2))
    wait_for(asked, 2)
    for number in range(1, SWAPS):
        office.roll_back(1 if number % 2 else 2)
        wait_for(asked, 1 if number % 2 else 2)
    callers.stop()
    health = asked.wait("/health")
    status, metrics = asked.ask("GET", "/metrics")
    assert not callers.problems
    assert callers.broken == 0
    assert len(callers.answers) > 500
    for version, values in callers.answers:
        assert values == pytest.approx(known[version], rel=1e-6)
    assert health["status"] == "ok"
    assert health["models"][0]["way"] == "compiled"
    assert status == 200
    answered = [line for line in metrics.splitlines() if line.startswith('ds_workflow_requests_total{path="predict"')]
    assert float(answered[0].split()[1]) >= len(callers.answers)  # both workers' counts together


def test_a_killed_worker_comes_back_and_the_others_go_on(busy: tuple[Office, Service]) -> None:
    office, asked = busy
    known = truth(office)
    version = asked.ask("POST", "/predict", BODY)[1]["model"]["version"]
    callers = Callers(asked, BODY)
    callers.start(4)
    time.sleep(1)
    workers = asked.workers()
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    deadline = time.monotonic() + 90
    while len(set(asked.workers()) - {workers[0]}) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    asked.wait("/ready")
    before = len(callers.answers)
    time.sleep(1)
    callers.stop()
    ident = asked.ask("POST", "/predict", BODY)[1]["request_id"]
    assert asked.ask("POST", "/feedback", [{"request_id": ident, "label": 1}])[1]["new"] == 1
    metrics = asked.ask("GET", "/metrics")[1]
    assert f'ds_workflow_champion_version{{problem="adult_income"}} {float(version)}' in metrics
    assert not list(office.root.glob(f"mlruns/metrics/*/gauge_live*_{workers[0]}.db"))  # the dead one waits for nothing
    assert len(callers.answers) > before
    assert not callers.problems
    assert callers.broken <= 4  # the connections that the killed worker held
    assert {found for found, _ in callers.answers} == {version}
    assert all(values == pytest.approx(known[version], rel=1e-6) for _, values in callers.answers)


def spoil_smoke(office: Office) -> None:
    """The rows that version 2 is to be tried on are not those that were registered with it."""
    path = office.work.registry.run_artifacts(office.work.registry.version("adult_income", 2)) / run_files.SMOKE
    rows = pd.read_parquet(path)
    rows.assign(expected=1 - rows["expected"]).to_parquet(path, index=False)


def spoil_bytes(office: Office) -> None:
    """Version 2 has other bytes than those that were decided."""
    (model,) = office.work.registry.model_path(office.work.registry.version("adult_income", 2)).glob("*.skops")
    model.write_bytes(model.read_bytes() + b"x")


@pytest.mark.parametrize(
    ("spoil", "custody", "why"), [(spoil_smoke, "in_custody", "was changed"), (spoil_bytes, "drifted", "digest")]
)
def test_a_version_that_can_not_be_served_keeps_the_old_one_serving(
    own_office: Office, spoil: Callable[[Office], None], custody: str, why: str
) -> None:
    proposal = own_office.propose(2)
    app = create_app(own_office.work)
    with TestClient(app) as client:
        wait_for_health(client, lambda found: found["version"] == 1)
        app.state.hub.stop()  # so that it sees decision and damage together
        own_office.approve(proposal)
        spoil(own_office)
        app.state.hub.start()
        health = wait_for_health(
            client, lambda found: "keeps answering" in found["behind"] and found["custody"] == custody
        )
        assert health["version"] == 1
        assert why in health["behind"]
        assert client.post("/predict", json=ROWS).json()["model"]["version"] == 1
        assert client.get("/ready").status_code == 503
        assert client.get("/health").status_code == 200
        (incident,) = incidents.listed(own_office.work, only_open=True)
        assert (incident.cause, incident.severity) == ("swap", "critical")
        own_office.roll_back(1)  # the way out
        wait_for_health(client, lambda found: not found["behind"] and found["custody"] == "in_custody")
        assert client.get("/ready").json()["status"] == "ok"


def wait_for_health(client: TestClient, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = client.get("/health").json()["models"][0]
        if wanted(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
