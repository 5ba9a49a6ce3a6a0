"""One simulated log, taken into one warehouse, for all tests of telemetry in this folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from ds_workflow.adapters.telemetry import ingest, log, warehouse
from ds_workflow.adapters.telemetry.warehouse import Warehouse
from ds_workflow.problems.code_suggestions import events, simulator

ARRIVED = datetime(2025, 8, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """Suggestions with the moments of what came of them; the model was dealt to developers."""
    return events.moments(simulator.simulate(rows=8_000, seed=11, deal="developer"), seed=11)


@pytest.fixture(scope="session")
def log_folder(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The events of `rows`, in files. Read only."""
    folder = tmp_path_factory.mktemp("telemetry") / "log"
    log.write(rows, folder)
    return folder


@pytest.fixture(scope="session")
def filled(log_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse with that log. Read only."""
    made = warehouse.of(tmp_path_factory.mktemp("filled"))
    ingest.ingest(made, log_folder, received_at=ARRIVED, say=lambda _: None)
    return made
