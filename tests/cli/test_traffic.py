"""The commands for a challenger in traffic, through the shell script."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow import Flow

pytestmark = pytest.mark.end_to_end


def test_the_switch_needs_no_arena_and_no_champion(house: Path, tmp_path: Path) -> None:
    flow = Flow(house, tmp_path)
    assert "was ever in traffic" in flow("traffic-status").out
    thrown = flow("traffic-kill", "--by", "ana", "--reason", "odd answers", "--json").json
    assert Path(thrown["switch"]).exists()
    assert not (tmp_path / "mlruns" / "arena.db").exists()
    assert flow("traffic-status", "--json").json == {"killed": True, "trials": []}
    assert flow("traffic-kill", "--lift", "--by", "ana", "--json").json == {"killed": False, "was_killed": True}
    assert "not thrown" in flow("traffic-kill", "--lift", "--by", "ana").out


def test_without_a_proposal_nothing_starts(house: Path, champion_workspace: Path) -> None:
    flow = Flow(house, champion_workspace)
    refused = flow("traffic-start", "--mode", "shadow", "--share", "0.2", "--by", "ana", "--json", code=3)
    assert "no open proposal" in refused.json["error"]["message"]
    assert flow("traffic-start", "--mode", "ab", "--share", "2", "--by", "ana", code=2).err
    assert "No challenger" in flow("traffic-stop", "--by", "ana", "--reason", "done", code=3).err
    assert "had no trial" in flow("traffic-result", code=2).err
