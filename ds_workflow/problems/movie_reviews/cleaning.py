"""From the published reviews to the declared rows: ids, target, film, length band, split; every review once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ds_workflow.domain.snapshot import HOLDOUT, SPLIT_COLUMN, TRAIN, hashed_holdout
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.movie_reviews.features import SEGMENT
from ds_workflow.problems.movie_reviews.source import (
    COLUMNS,
    FIRST_OF_POSITIVE,
    LABELS,
    LAST_OF_NEGATIVE,
    band,
    tidy,
)

HOLDOUT_SHARE = 0.5  # as the archive has it, for reviews that come without a split
PARTS = {TRAIN: TRAIN, "test": HOLDOUT, HOLDOUT: HOLDOUT}
_HINT = "Read them with this problem's loader."


def clean(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Cleaned rows in the order of their ids, and how many were dropped by reason.

    A review's id is a hash of its text, so it does not depend on the order of the files and tells nothing of the label.
    Each text stays once: one that stands in both parts stays in the holdout only, and one that stands there with both
    labels goes altogether. A review without a film is a film of its own. Raises InvalidInput for a column that is
    absent, a label, part or rating that the source does not know, and a rating that contradicts its label.
    """
    lost = [c for c in COLUMNS if c not in raw]
    if lost:
        raise InvalidInput(f"The rows lack {', '.join(lost)}.", hint=_HINT)
    rows = raw.reset_index(drop=True)
    target = _known(rows["label"], LABELS, "label")
    part = _known(rows["split"], PARTS, "split")
    _refuse_contradictions(rows["rating"], target)
    text = pd.Series([tidy(t) if isinstance(t, str) else "" for t in rows["text"]], dtype="str")
    dropped = {}
    kept = text != ""
    dropped["no text"] = int((~kept).sum())
    dropped["no label"] = int((kept & target.isna()).sum())
    kept &= target.notna()
    frame = pd.DataFrame(
        {
            "review_id": _ids(text),
            "text": text,
            "film": rows["film_id"],
            "rating": rows["rating"].astype("float64"),
            "positive": target.astype("float64"),
            SPLIT_COLUMN: part,
        }
    )[kept]
    again = frame.groupby("text")["positive"]
    disputed = again.transform("min") != again.transform("max")
    dropped["the same review with both labels"] = int(disputed.sum())
    frame = frame[~disputed]
    # of several the holdout's first, then the first film by name: whatever the order of the rows
    frame = frame.assign(late=frame[SPLIT_COLUMN] != HOLDOUT).sort_values(["late", "film", "rating"], kind="stable")
    frame = frame.drop(columns="late")
    first = ~frame.duplicated("text")
    held = set(frame.loc[frame[SPLIT_COLUMN] == HOLDOUT, "text"])
    in_both = ~first & (frame[SPLIT_COLUMN] == TRAIN) & frame["text"].isin(held)
    dropped["in training and holdout, kept in the holdout"] = int(in_both.sum())
    dropped["the same review twice"] = int((~first & ~in_both).sum())
    frame = frame[first].reset_index(drop=True)
    if frame.empty:
        raise InvalidInput(
            f"None of the {len(raw):,} rows is a labelled review: "
            + ", ".join(f"{n:,} {reason}" for reason, n in dropped.items() if n)
            + ".",
            hint="Give the labelled parts of the archive.",
        )
    frame["film"] = frame["film"].where(frame["film"].notna(), frame["review_id"]).astype("str")
    frame[SEGMENT] = [band(len(t.split())) for t in frame["text"]]
    dealt = np.where(hashed_holdout(frame["film"], HOLDOUT_SHARE), HOLDOUT, TRAIN)
    split = frame[SPLIT_COLUMN]
    frame[SPLIT_COLUMN] = split.where(split.notna(), pd.Series(dealt, index=frame.index))
    return frame.sort_values("review_id", ignore_index=True), dropped


def _known(values: pd.Series[Any], known: dict[str, Any], column: str) -> pd.Series[Any]:
    """What the values stand for; missing stays missing."""
    said = values.astype("str").str.strip().str.lower().where(values.notna())
    found = said.map(known)
    strange = (found.isna() & said.notna() & (said != "")).to_numpy().nonzero()[0]
    if len(strange):
        at = int(strange[0])
        raise InvalidInput(
            f"Column '{column}', row {at + 1}: {values.iloc[at]!r} ({len(strange):,} rows such), which the source does "
            f"not know. Known: {', '.join(known)}.",
            hint="Map it to a known value in the file, or leave it empty.",
        )
    return found


def _refuse_contradictions(rating: pd.Series[Any], target: pd.Series[Any]) -> None:
    """Stars are whole, from 1 to 10, few where the label is negative and many where it is positive."""
    stars = rating.astype("float64")
    odd = stars.notna() & ~(stars.between(1, 10) & (stars == stars.round()))
    odd |= ((target == 0) & (stars > LAST_OF_NEGATIVE)) | ((target == 1) & (stars < FIRST_OF_POSITIVE))
    at = odd.to_numpy().nonzero()[0]
    if len(at):
        row = int(at[0])
        label = {0.0: "negative", 1.0: "positive"}.get(target.iloc[row], "unlabelled")
        raise InvalidInput(
            f"Column 'rating', row {row + 1}: {stars.iloc[row]:g} stars on a {label} review ({len(at):,} rows such). "
            f"Negative reviews have 1 to {LAST_OF_NEGATIVE} of 10, positive ones {FIRST_OF_POSITIVE} to 10.",
            hint="Leave the rating empty where it is not known; it is never an input.",
        )


def _ids(texts: pd.Series[str]) -> list[str]:
    """16 hex digits of every text."""
    return [f"{code:016x}" for code in pd.util.hash_pandas_object(texts.astype(object), index=False).tolist()]
