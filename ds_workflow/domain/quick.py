"""What the quick way from a request to its answer hands on: features and answers of a few rows, outside pandas.

A featurizer may offer `compiled()`, a function from parsed rows (see `domain.contract.parse_rows`) to `FeatureRows`; an
estimator `compiled(names, coverage=...)`, a function from `FeatureRows` to `Answers`. Together they must say what the
pipeline says; `adapters.scorer` proves it on every holdout row before it lets them answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SentRows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Features of n rows: `values` is (n, p), an array of numbers or n sequences of numbers and texts, columns in the
    order of the featurizer's names; `groups` are the n segments."""

    values: Any
    groups: Sequence[str]


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to n rows, in the target's unit or as probabilities of class 1, and the bounds of their intervals."""

    values: Sequence[float]
    lower: Sequence[float] | None = None
    upper: Sequence[float] | None = None

    def cut(self, start: int, stop: int) -> Answers:
        """The answers to the rows from `start` to before `stop`."""
        if self.lower is None or self.upper is None:
            return Answers(self.values[start:stop])
        return Answers(self.values[start:stop], self.lower[start:stop], self.upper[start:stop])


CompiledFeatures = Callable[[SentRows], FeatureRows]
CompiledModel = Callable[[FeatureRows], Answers]
Score = Callable[[SentRows], Answers]
