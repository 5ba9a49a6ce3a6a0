"""From the published rows to the declared ones: words for columns, ids, minutes, bands; repeated rows dropped."""

from __future__ import annotations

import pandas as pd

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.credit_card_fraud.source import COLUMNS, NAMES, WEIGHT, bands


def clean(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Cleaned rows in the order of time, and how many were dropped by reason.

    A row's id is its second and a hash of all it says, so it does not depend on the order of the file. The published
    table repeats 1,081 rows to the last digit; a model must not meet in the holdout what it learned by heart, so
    one of each stays. Raises InvalidInput for a column that is absent, a class but 0 and 1, and negative times.
    """
    lost = [c for c in (*COLUMNS, WEIGHT) if c not in raw]
    if lost:
        raise InvalidInput(f"The rows lack {', '.join(lost)}.", hint="Read them with this problem's loader.")
    known = raw["Class"].isin((0, 1)) | raw["Class"].isna()
    if not known.all():
        strange = raw["Class"][~known]
        raise InvalidInput(
            f"Column 'Class' holds {strange.iloc[0]:g} ({len(strange):,} rows such). Known: 0 (honest) and 1 (fraud).",
            hint="Map it to 0 or 1 in the file, or leave it empty.",
        )
    dropped = {}
    rows = raw[[*COLUMNS, WEIGHT]].astype("float64")
    whole = rows[rows.notna().all(axis=1)]
    dropped["a value missing"] = len(rows) - len(whole)
    drawn = whole[whole[WEIGHT] > 0]
    dropped["not drawn by chance"] = len(whole) - len(drawn)
    distinct = drawn.sort_values(WEIGHT, kind="stable").drop_duplicates(list(COLUMNS), keep="last")
    dropped["the same row again"] = len(drawn) - len(distinct)
    if (distinct["Time"] < 0).any():
        raise InvalidInput("Column 'Time' holds negative seconds.", hint="It counts from the first transaction.")
    frame = distinct.rename(columns=dict(NAMES)).reset_index(drop=True)
    frame.insert(0, "transaction_id", _ids(distinct))
    frame["minute"] = frame["seconds"] // 60
    frame["amount_band"] = bands(frame["amount"].to_numpy(dtype="float64"))
    return frame.sort_values("transaction_id", ignore_index=True), dropped


def _ids(rows: pd.DataFrame) -> list[str]:
    """Second and 16 hex digits of every distinct row, the same wherever it stands; their order is that of time."""
    codes = pd.util.hash_pandas_object(rows[list(COLUMNS)] + 0.0, index=False).tolist()  # no negative zero
    return [f"{second:08.0f}-{code:016x}" for second, code in zip(rows["Time"].tolist(), codes, strict=True)]
