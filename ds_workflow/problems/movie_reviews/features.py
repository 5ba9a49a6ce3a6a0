"""What a model of movie_reviews may see: the words of a review, and how it is written.

The review itself is a feature: which words count, and how much, is for a strategy to learn. All is known when the
question is asked, and nothing is looked up in other reviews.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from ds_workflow.domain.problem import Feature, FeatureSet
from ds_workflow.domain.quick import CompiledFeatures, FeatureRows, SentRows
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.movie_reviews.source import band, tidy

SEGMENT = "length_band"
_SHOUTED = re.compile(r"\b[A-Z]{2,}\b")

# name, the version that it enters with, what it is, unit
_TABLE: tuple[tuple[str, str, str, str], ...] = (
    ("text", "v1.0", "The review without HTML line breaks, single spaces between words", ""),
    ("words_log", "v2.0", "Log of 1 + words of the review", "log words"),
    ("exclamations_log", "v2.0", "Log of 1 + exclamation marks", "log marks"),
    ("questions_log", "v2.0", "Log of 1 + question marks", "log marks"),
    ("capitals_share", "v2.0", "Words of two letters or more all in capitals, as a share of the words", "share"),
)
_NOTES = {
    "v1.0": "The words of the review and nothing else.",
    "v2.0": "And how it is written: length, exclamation and question marks, words in capitals.",
}
FEATURES = tuple(Feature(name, words, "request", unit, ("text",)) for name, _, words, unit in _TABLE)
FEATURE_SETS = FeatureSet.grown(((name, entered) for name, entered, *_ in _TABLE), _NOTES)


_STYLE = tuple(name for name, entered, *_ in _TABLE if entered == "v2.0")


def _style(text: str, words: int) -> tuple[float, ...]:
    """The numbers of _STYLE, of a tidy text of so many words."""
    shouted = len(_SHOUTED.findall(text))
    return math.log1p(words), math.log1p(text.count("!")), math.log1p(text.count("?")), shouted / max(words, 1)


class ReviewFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of feature set `version`: the text, numbers as float64, and the segment."""

    def __init__(self, version: str) -> None:
        self.version = version

    def fit(self, rows: pd.DataFrame, y: Any = None) -> ReviewFeatures:
        """Nothing is learned; raises InvalidInput on no rows."""
        if not len(rows):
            raise InvalidInput("Features need rows, and there are none.")
        self.fitted_ = True
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The columns of the feature set and the segment, (n, p + 1), in the order and with the index of `rows`."""
        texts = [tidy(text) if isinstance(text, str) else "" for text in rows["text"]]
        counts = [len(text.split()) for text in texts]
        made: dict[str, Any] = {"text": pd.array(texts, dtype="str")}
        if self.version != FEATURE_SETS[0].version:
            style = np.array([_style(*told) for told in zip(texts, counts, strict=True)]).reshape(-1, len(_STYLE))
            made |= dict(zip(_STYLE, style.T, strict=True))
        made[SEGMENT] = [band(words) for words in counts]
        return pd.DataFrame(made, index=rows.index)

    def compiled(self) -> CompiledFeatures:
        """`transform` for parsed rows, outside pandas."""
        styled = self.version != FEATURE_SETS[0].version

        def features(rows: SentRows) -> FeatureRows:
            texts = [tidy(row["text"]) for row in rows]
            counts = [len(text.split()) for text in texts]
            values = [[t, *_style(t, n)] if styled else [t] for t, n in zip(texts, counts, strict=True)]
            return FeatureRows(values, [band(n) for n in counts])

        return features

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The columns that `transform` gives, in order."""
        names = next(s.features for s in FEATURE_SETS if s.version == self.version)
        return np.array([*names, SEGMENT], dtype=object)
