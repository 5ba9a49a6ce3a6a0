"""What README tells a reader to type is typed, word for word."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from flow import Flow

pytestmark = pytest.mark.end_to_end


def commands(house: Path) -> list[str]:
    """The commands between the marks, continuation lines joined."""
    text = (house / "README.md").read_text("utf-8")
    block = text.split("<!-- commands:begin -->")[1].split("<!-- commands:end -->")[0]
    (code,) = re.findall(r"```sh\n(.*?)```", block, re.DOTALL)
    return [line.strip() for line in code.replace("\\\n", " ").splitlines() if line.strip()]


def test_the_round_by_hand_works_as_written(house: Path, tmp_path: Path) -> None:
    found = commands(house)
    assert len(found) == 6
    shutil.copytree(house / "docs" / "hypotheses", tmp_path / "docs" / "hypotheses")
    for line in found:
        words = line.replace("./scripts/ds_workflow.sh", str(house / "scripts" / "ds_workflow.sh"), 1)
        done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    status = Flow(house, tmp_path)("arena-status", "--json").json
    assert [p["disposition"] for p in status["proposals"]] == ["open", "approved"]
