"""From the published rows to the declared ones: ids, target, segment, split; duplicates dropped, nothing repaired."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ds_workflow.domain.snapshot import HOLDOUT, SPLIT_COLUMN, TRAIN, hashed_holdout
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.adult_income.source import CATEGORIES, COLUMNS, INCOME, SEGMENT_OF

HOLDOUT_SHARE = 1 / 3  # as the official files have it, for rows that come without a split


def clean(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Cleaned rows in the order of their ids, and how many were dropped by reason.

    A row's id is a hash of what it says, so it does not depend on the order of the file. A person who stands in both
    parts stays in the holdout only. Raises InvalidInput for a column that is absent and a value that the source's
    description does not know, since either means another table.
    """
    lost = [c for c in (*COLUMNS, SPLIT_COLUMN) if c not in raw]
    if lost:
        raise InvalidInput(f"The rows lack {', '.join(lost)}.", hint="Read them with this problem's loader.")
    for column, known in {**CATEGORIES, "income": tuple(INCOME), SPLIT_COLUMN: (TRAIN, HOLDOUT)}.items():
        present = raw[column].dropna()
        strange = present[~present.isin(known)]
        if len(strange):
            raise InvalidInput(
                f"Column '{column}' holds {strange.iloc[0]!r} ({len(strange):,} rows such), which the source does not "
                f"know. Known: {', '.join(known)}.",
                hint="Map it to a known value in the file, or leave it empty.",
            )
    dropped = {}
    rows = raw[raw["income"].notna()]
    dropped["no income"] = len(raw) - len(rows)
    rows = rows.sort_values(SPLIT_COLUMN, key=lambda c: c != HOLDOUT, kind="stable")
    first = ~rows.duplicated(list(COLUMNS))
    dropped["the same person twice"] = int((~first).sum())
    rows = rows[first].reset_index(drop=True)
    frame = rows.rename(columns={"fnlwgt": "final_weight"}).drop(columns=["income", "education_num"])
    frame.insert(0, "person_id", _ids(rows))
    frame["over_50k"] = rows["income"].map(INCOME).astype("float64")
    frame["education_group"] = rows["education"].map(SEGMENT_OF)
    dealt = np.where(hashed_holdout(frame["person_id"], HOLDOUT_SHARE), HOLDOUT, TRAIN)
    frame[SPLIT_COLUMN] = rows[SPLIT_COLUMN].where(rows[SPLIT_COLUMN].notna(), pd.Series(dealt, index=rows.index))
    return frame.sort_values("person_id", ignore_index=True), dropped


def _ids(rows: pd.DataFrame) -> list[str]:
    """16 hex digits of every distinct row, the same wherever it stands."""
    text = rows[list(COLUMNS)].astype(object).where(rows[list(COLUMNS)].notna(), "").astype(str)
    joined = text.iloc[:, 0].str.cat([text[c] for c in text.columns[1:]], sep="|").astype(object)
    return [f"{code:016x}" for code in pd.util.hash_pandas_object(joined, index=False).tolist()]
