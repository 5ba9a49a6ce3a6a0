"""One ground for all faults: two trained versions, the first of them champion, and processes that cost no import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from crew import Crew
from ground import Ground


@pytest.fixture(scope="session")
def built(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Built once; its databases are put back before each test."""
    folder = tmp_path_factory.mktemp("faults")
    with Crew(house, folder / "jobs") as crew:
        made = Ground(crew, folder / "workspace")
        made.build()
        yield made


@pytest.fixture
def ground(built: Ground) -> Ground:
    """Version 1 is champion, version 2 waits."""
    built.put_back("champion")
    return built
