"""When what came of each simulated suggestion came: the moments behind the events of the log."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ds_workflow.problems.code_suggestions import effects as e

_SEED = 2026


def moments(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """`rows` of the simulator with seconds from `shown_at`: `decided_after`, and for what was accepted `edited_after`,
    `compiled_after` and `tested_after`, each after the one before it. The same seed gives the same moments."""
    rng = np.random.default_rng([seed, _SEED])
    accepted = rows["accepted"].to_numpy(bool)
    edited = rows["edited"].to_numpy(bool)

    def wait(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return e.AFTER[name] * np.exp(rng.normal(0.0, e.AFTER_SPREAD, len(rows)))

    decided = np.where(accepted, wait("accepted"), wait("ignored"))
    changed = decided + np.where(edited, wait("edited"), 0.0)
    built = changed + wait("compiled")
    after = {"decided_after": decided, "edited_after": changed, "compiled_after": built}
    return rows.assign(**after, tested_after=built + wait("tested"))
