"""From the event table to the declared rows: ids, dropped rows, nothing repaired."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.code_suggestions.source import CATEGORIES, COLUMNS, FLAGS, NUMBERS, REQUIRED, TEXTS

LONGEST_WAIT = 600_000  # milliseconds; a suggestion shown after ten minutes was left open, not waited for
_LARGEST = 1_000_000  # tokens or characters; longer texts are no suggestions


def clean(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Cleaned rows in the order of time and id, and how many were dropped by reason.

    A suggestion's id is its session's and its own, joined: its own may begin anew in every session. Raises
    InvalidInput for a column that is absent and a category that the declaration does not know.
    """
    lost = [c for c in COLUMNS if c not in raw]
    if lost:
        raise InvalidInput(f"The rows lack {', '.join(lost)}.", hint="Read them with this problem's loader.")
    for column, known in CATEGORIES.items():
        levels = raw[column].dropna().unique()
        strange = sorted(str(level) for level in levels if str(level) not in known)
        if strange:
            count = int((raw[column].astype("str") == strange[0]).sum())
            raise InvalidInput(
                f"Column '{column}' holds {strange[0]!r} ({count:,} rows such), which is not known. Known: "
                f"{', '.join(known)}.",
                hint="Map it to a known value in the file; a language that is none of them is 'other'.",
            )
    rows = pd.DataFrame({c: raw[c].astype("str") for c in TEXTS})
    rows["shown_at"] = pd.to_datetime(raw["shown_at"]).astype("datetime64[us]")
    rows = rows.assign(**{c: raw[c].astype("float64") for c in (*FLAGS, *NUMBERS)})
    dropped: dict[str, int] = {}

    def keep(reason: str, good: pd.Series[bool]) -> None:
        nonlocal rows
        dropped[reason] = int((~good).sum())
        rows = rows if good.all() else rows[good]

    named = [c for c in REQUIRED if c not in (*NUMBERS, *FLAGS)]
    keep(
        "an id, a developer, a segment, a language, a model version or a time is missing",
        rows[named].notna().all(axis=1),
    )
    keep("not known whether it was accepted", rows["accepted"].notna())
    keep(f"latency outside 0 to {LONGEST_WAIT:,} ms", rows["latency_ms"].between(0, LONGEST_WAIT))
    keep("a length that is missing, negative or absurd", _sound(rows))
    rows["suggestion_id"] = rows["session_id"].str.cat(rows["suggestion_id"], sep="-")
    rows = rows.sort_values(["shown_at", "suggestion_id"], kind="stable")
    keep("the same suggestion twice", ~rows.duplicated("suggestion_id"))
    return rows.reset_index(drop=True), dropped


def _sound(rows: pd.DataFrame) -> pd.Series[bool]:
    """Which rows have a suggestion length, and no length or distance beyond reason."""
    sound = rows["suggestion_length"].notna()
    for column in ("suggestion_length", "prompt_length", "edit_distance", "final_length"):
        values = rows[column].to_numpy()
        sound &= np.isnan(values) | ((values >= 0) & (values <= _LARGEST))
    return sound
