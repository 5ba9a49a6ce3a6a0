"""The experiment commands through the shell script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flow import Flow

pytestmark = pytest.mark.end_to_end


def test_plan_analyse_and_bad_input(house: Path, tmp_path: Path) -> None:
    flow = Flow(house, tmp_path)
    plan = flow("experiment-power", "--base", "0.10", "--effect", "0.02", "--json").json
    assert plan["units_per_arm"] == 3_841
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {"arm": np.repeat(["a", "b"], 500), "hit": rng.integers(0, 2, 1_000), "ms": rng.normal(size=1_000)}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    words = ["experiment-analyze", "--input", str(tmp_path / "t.csv"), "--arm", "arm", "--outcome", "hit"]
    found = flow(*words, "--control", "a", "--guardrail", "ms:0.5:lower", "--json").json
    assert {"test", "estimate", "interval", "p_value", "corrected", "effect_size", "recommendation", "warnings"} <= set(
        found
    )
    assert found["test"] == "two-proportion z"
    assert "there must be the control 'c'" in flow(*words, "--control", "c", code=2).err
