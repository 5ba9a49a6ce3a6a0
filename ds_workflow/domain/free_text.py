"""Columns of free text: no categories, so what can be said of them is said of their words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LONG_TEXT = 40  # mean characters; longer texts have no distribution by value
COMMON_WORDS = 1_000
_LEAST_SHARE, _LEAST_ROWS = 0.02, 20  # of the texts, to be common: words that chance let in would be rarer elsewhere
_LOOKED_AT = 4_000  # texts, to find the common words
_WORD = re.compile(r"\w+")


def is_free_text(values: pd.Series[Any]) -> bool:
    """Whether a column holds running text: no numbers, and more than 40 characters on average."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return False
    known = values.dropna().astype(str)
    return bool(len(known)) and float(known.str.len().mean()) > LONG_TEXT


def common_words(texts: Sequence[str]) -> tuple[str, ...]:
    """The words that stand in at least 2 % of the texts and 20 of them, at most 1,000, in lower case and sorted; of
    equals the first in the alphabet. Of many texts 4,000 to 8,000 are looked at, spread evenly."""
    some = texts[:: max(1, len(texts) // _LOOKED_AT)]
    having: Counter[str] = Counter()
    for text in some:
        having.update(set(_WORD.findall(text.lower())))
    least = max(_LEAST_ROWS, _LEAST_SHARE * len(some))
    ranked = sorted((word for word in having if having[word] >= least), key=lambda word: (-having[word], word))
    return tuple(sorted(ranked[:COMMON_WORDS]))


def length_and_strangeness(texts: Sequence[str], common: Sequence[str]) -> tuple[Floats, Floats]:
    """Of every text the number of its words and the share of them that are not `common`, both of shape (n,); a text
    without words has none that are strange."""
    known = frozenset(common)
    words = [_WORD.findall(text.lower()) for text in texts]
    length = np.array([len(said) for said in words], dtype=np.float64)
    strange = np.array([sum(word not in known for word in said) for said in words], dtype=np.float64)
    return length, strange / np.maximum(length, 1.0)


def strongest_word(values: pd.Series[Any], target: Floats, *, least_rows: int, two_classes: bool) -> float:
    """How well the presence of a single word orders the target, 0..1: the largest Somers' D of the target given the
    presence, over words that at least `least_rows` texts have and as many lack; NaN when there is none.

    Of two classes D of the presence given the class counts too. Both come from the rank sum of the texts that have the
    word: 2 (sum - n1 (n1 + 1) / 2) - n1 n0 is concordant less discordant pairs.
    """
    from scipy.stats import rankdata
    from sklearn.feature_extraction.text import CountVectorizer

    n = len(values)
    try:
        present = CountVectorizer(binary=True, min_df=least_rows, token_pattern=_WORD.pattern).fit_transform(
            values.astype(str).tolist()
        )
    except ValueError:  # no word at all, or none that is frequent enough
        return float("nan")
    having = np.asarray(present.sum(axis=0), dtype=np.float64).ravel()
    lacking = n - having
    pairs = having * lacking
    judged = lacking >= least_rows
    if not judged.any():
        return float("nan")
    ranks = np.asarray(present.T @ rankdata(target), dtype=np.float64).ravel()
    surplus = 2 * (ranks - having * (having + 1) / 2) - pairs
    found = np.abs(surplus[judged]) / pairs[judged]
    if two_classes:
        untied = float((target == 1).sum()) * float((target == 0).sum())
        if untied:
            found = np.maximum(found, np.abs(surplus[judged]) / untied)
    return float(found.max())
