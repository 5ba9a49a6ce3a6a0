"""A small office with two versions, trained once a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from built_once import built_once
from office import Office, copied, office


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """adult_income with version 1 as champion and version 2 trained. Read only: `own_office` copies it."""
    built = built_once(tmp_path_factory, "office", _hire)
    return copied(built, tmp_path_factory.mktemp("office") / "home").root


def _hire(home: Path) -> None:
    office(home)


@pytest.fixture
def own_office(trained: Path, tmp_path: Path) -> Office:
    """A copy to change. MLflow's file holds absolute paths, so they are set to the copy's."""
    return copied(trained, tmp_path / "office")
