"""What a model of code_suggestions may see: the features, the feature sets, and the transformer that makes them.

A developer's past is read strictly before the day of the suggestion: what happened on that day, the session itself
included, is not seen, in training, in evaluation and in serving alike, so that a log that arrives overnight is enough.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ds_workflow.domain.problem import Feature, FeatureSet
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.problems.code_suggestions.history import Floats, Integers, Tally, by_day, days

SEGMENT = "developer_segment"
WINDOW = 90  # days that a past reaches back: habits age, and a count without an end would grow for ever
CAUTION = 10.0  # a developer's share is drawn to everybody's, and one in a language to the developer's, by so many
_FIRST = 50.0  # everybody's share is drawn to one half by so many suggestions, which matters on the first days only

FEATURES = (
    Feature(SEGMENT, "How experienced the developer is", "request", "", (SEGMENT,)),
    Feature("task", "Kind of task that the session is about", "request", "", ("task",)),
    Feature("language", "Programming language of the file", "request", "", ("language",)),
    Feature("model_version", "Version of the assistant's model", "request", "", ("model_version",)),
    Feature(
        "latency_doublings", "Log2 of 1 + milliseconds until it was shown", "request", "doublings", ("latency_ms",)
    ),
    Feature(
        "suggestion_doublings",
        "Log2 of 1 + length of the suggestion",
        "request",
        "doublings",
        ("suggestion_length",),
    ),
    Feature("prompt_doublings", "Log2 of 1 + length of the prompt", "request", "doublings", ("prompt_length",)),
    Feature(
        "developer_log_odds",
        f"Log odds of the developer's share of acceptances on the {WINDOW} days before, drawn to everybody's as by "
        f"{CAUTION:g} suggestions",
        "as_of",
        "log odds",
        ("developer_id", "shown_at"),
    ),
    Feature(
        "developer_language_log_odds",
        f"The same in the language of the file, drawn to the developer's share as by {CAUTION:g} suggestions",
        "as_of",
        "log odds",
        ("developer_id", "language", "shown_at"),
    ),
    Feature(
        "developer_doublings",
        f"Log2 of 1 + suggestions that the developer was shown on the {WINDOW} days before",
        "as_of",
        "doublings",
        ("developer_id", "shown_at"),
    ),
    Feature(
        "developer_language_doublings",
        "The same in the language of the file",
        "as_of",
        "doublings",
        ("developer_id", "language", "shown_at"),
    ),
)
_REQUEST = tuple(f.name for f in FEATURES if f.availability == "request")
FEATURE_SETS = (
    FeatureSet("v1.0", _REQUEST, "What the request says: who in general, what on, by which model, how fast, how long."),
    FeatureSet("v2.0", tuple(f.name for f in FEATURES), "And how the developer took suggestions so far.", "v1.0"),
)


class SuggestionFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of feature set `version`: numbers as float64, categories as text, and the segment."""

    def __init__(self, version: str) -> None:
        self.version = version

    def fit(self, rows: pd.DataFrame, y: Any = None) -> SuggestionFeatures:
        """Keep the history of rows (n) and whether they were accepted, y (n,); nothing else is learned.

        Raises InvalidInput on no rows, and without y where the feature set reads the past.
        """
        if not len(rows):
            raise InvalidInput("Features need rows, and there are none.")
        self._keep(rows, y)
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The columns of the feature set, (n, p), in the order and with the index of `rows`."""
        check_is_fitted(self, "history_")
        made: dict[str, Any] = {
            **{name: rows[name] for name in (SEGMENT, "task", "language", "model_version")},
            "latency_doublings": _doublings(rows["latency_ms"]),
            "suggestion_doublings": _doublings(rows["suggestion_length"]),
            "prompt_doublings": _doublings(rows["prompt_length"]),
        }
        if self._looks_back():
            made |= self._past(rows)
        return pd.DataFrame({name: made[name] for name in self._names()}, index=rows.index)

    def with_history(self, rows: pd.DataFrame, y: Any) -> SuggestionFeatures:
        """A copy whose past is that of `rows` (n) and their outcomes `y` (n,)."""
        other = copy.copy(self)
        other._keep(rows, y)
        return other

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The columns that `transform` gives, in order."""
        return np.array(self._names(), dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_tallies", None)  # made again from the history
        return state

    def _names(self) -> tuple[str, ...]:
        for feature_set in FEATURE_SETS:
            if feature_set.version == self.version:
                return feature_set.features
        raise UnknownName("feature-set version", self.version, (fs.version for fs in FEATURE_SETS))

    def _looks_back(self) -> bool:
        return set(self._names()) != set(_REQUEST)

    def _keep(self, rows: pd.DataFrame, y: Any) -> None:
        self.__dict__.pop("_tallies", None)
        self.history_: dict[str, Any] = {}
        if not self._looks_back():
            return
        accepted = np.asarray(y if y is not None else [], dtype=np.float64)
        if len(accepted) != len(rows) or not np.isfinite(accepted).all():
            raise InvalidInput(
                f"The history needs to know of every suggestion whether it was accepted; got {len(rows)} rows, "
                f"{int(np.isfinite(accepted).sum())} outcomes."
            )
        counted = by_day(rows, ["developer_id", "language"], accepted)
        kept = {name: np.array(counted[name].to_numpy(), dtype=str) for name in ("developer_id", "language")}
        numbers = {name: counted[name].to_numpy(dtype=np.float64) for name in ("shown", "accepted")}
        self.history_ = {**kept, "day": counted["day"].to_numpy(dtype=np.int64), **numbers}

    def _ready(self) -> tuple[pd.Index, pd.Index, dict[str, Tally]]:
        """Names of developers and languages in the order of their codes, and a tally for each key."""
        if not hasattr(self, "_tallies"):
            kept = self.history_
            developers, languages = (pd.Index(np.unique(kept[name])) for name in ("developer_id", "language"))
            who = developers.get_indexer(pd.Index(kept["developer_id"]))
            both = _both(who, languages.get_indexer(pd.Index(kept["language"])), len(languages))
            keys = {"all": np.zeros_like(who), "developer": who, "both": both}
            counts = (kept["day"], kept["shown"], kept["accepted"])
            self._tallies = (developers, languages, {name: Tally(key, *counts) for name, key in keys.items()})
        return self._tallies

    def _past(self, rows: pd.DataFrame) -> dict[str, Floats]:
        developers, languages, tallies = self._ready()
        who = developers.get_indexer(pd.Index(rows["developer_id"].to_numpy(dtype=object)))
        both = _both(who, languages.get_indexer(pd.Index(rows["language"].to_numpy(dtype=object))), len(languages))
        day = days(rows["shown_at"])
        shown, accepted = tallies["all"].before(np.zeros_like(who), day, WINDOW)
        everybody = (accepted + 0.5 * _FIRST) / (shown + _FIRST)
        shown, accepted = tallies["developer"].before(who, day, WINDOW)
        share = (accepted + CAUTION * everybody) / (shown + CAUTION)
        there, taken = tallies["both"].before(both, day, WINDOW)
        narrow = (taken + CAUTION * share) / (there + CAUTION)
        return {
            "developer_log_odds": _log_odds(share),
            "developer_language_log_odds": _log_odds(narrow),
            "developer_doublings": np.log2(1 + shown),
            "developer_language_doublings": np.log2(1 + there),
        }


def _both(who: Any, language: Any, languages: int) -> Integers:
    """One code for developer and language, -1 where either is unknown."""
    return np.where((who < 0) | (language < 0), -1, who * languages + language).astype(np.int64)


def _doublings(values: pd.Series[Any]) -> Floats:
    return np.asarray(np.log2(1 + values.to_numpy(dtype=np.float64)))


def _log_odds(share: Floats) -> Floats:
    return np.asarray(np.log(share / (1 - share)))
