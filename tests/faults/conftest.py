"""One ground for all faults: two trained versions, the first of them champion, and processes that cost no import."""

from __future__ import annotations

import pytest
from ground import Ground


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Built once; its databases are put back before each test."""
    made = Ground(tmp_path_factory.mktemp("faults") / "workspace")
    made.build()
    return made


@pytest.fixture
def ground(built: Ground) -> Ground:
    """Version 1 is champion, version 2 waits."""
    built.put_back("champion")
    return built
