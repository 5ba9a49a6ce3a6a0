"""A small office with two versions, trained once a session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from office import Office, office

from ds_workflow.workspace import Workspace


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """adult_income with version 1 as champion and version 2 trained. Read only: `own_office` copies it."""
    return office(tmp_path_factory.mktemp("office")).root


@pytest.fixture
def own_office(trained: Path, tmp_path: Path) -> Office:
    """A copy to change. MLflow's file holds absolute paths, so they are set to the copy's."""
    return copied(trained, tmp_path / "office")


def copied(trained: Path, root: Path) -> Office:
    import sqlite3

    shutil.copytree(trained, root)
    connection = sqlite3.connect(root / "mlruns" / "mlflow.db")
    columns = {
        "experiments": ["artifact_location"],
        "runs": ["artifact_uri"],
        "logged_models": ["artifact_location"],
        "model_versions": ["storage_location", "source"],
    }
    for table, names in columns.items():
        for name in names:
            connection.execute(f"UPDATE {table} SET {name} = replace({name}, ?, ?)", (str(trained), str(root)))
    connection.commit()
    connection.close()
    return Office(Workspace.at(root, "adult_income"))
