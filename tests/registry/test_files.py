"""What a run logged beside its model is what documents quote: it is read only while it is what was registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.errors import OutOfCustody
from registry.files import folder_digest
from registry.memory import MemoryLedger, MemoryVersions


@pytest.fixture
def desk(tmp_path: Path, make_bench: Any) -> Any:
    return make_bench(MemoryVersions(tmp_path / "versions"), MemoryLedger(), tmp_path)


def test_a_scorecard_written_over_or_taken_away_is_not_read(desk: Any) -> None:
    version, registry = desk.candidate(), desk.registry()
    card = registry.run_artifacts(version) / "scorecard.json"
    (card.parent / "a note of mine.txt").write_text("somebody logged more, and that is no fault")
    assert registry.run_artifacts(version) == card.parent
    card.write_text('{"mdape": 0.001}')
    with pytest.raises(OutOfCustody, match=r"scorecard\.json of toy_prices version 1 is gone or was changed") as caught:
        registry.run_artifacts(version)
    assert "backup" in caught.value.hint
    card.unlink()
    with pytest.raises(OutOfCustody, match=r"scorecard\.json"):
        registry.run_artifacts(version)


def test_a_link_in_a_model_s_folder_is_part_of_its_digest(tmp_path: Path) -> None:
    model, elsewhere = tmp_path / "model", tmp_path / "elsewhere"
    for folder in (model, elsewhere):
        folder.mkdir()
        (folder / "weights.json").write_text("[1, 2]")
    before = folder_digest(model)
    (model / "code").symlink_to(elsewhere)
    assert folder_digest(model) != before
    with_folder = folder_digest(model)
    (model / "code").unlink()
    (model / "code").symlink_to(tmp_path)
    assert len({before, with_folder, folder_digest(model)}) == 3
