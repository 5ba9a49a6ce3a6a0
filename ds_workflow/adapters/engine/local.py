"""One after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

from ds_workflow.errors import InvalidInput

A = TypeVar("A")
B = TypeVar("B")
NOTHING = "There is no fragment to work on."


def merged(merge: Callable[[B, B], B], answers: Iterator[B]) -> B:
    """The answers of all fragments as one, in their order. Raises InvalidInput when there is none."""
    for first in answers:
        return reduce(merge, answers, first)
    raise InvalidInput(NOTHING)


class LocalEngine:
    """The engine that needs nothing."""

    width = 1

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """One item at a time."""
        return map(function, items)

    def fold(self, function: Callable[[A], B], merge: Callable[[B, B], B], fragments: Iterable[A]) -> B:
        """One fragment at a time; only the merged answer is kept."""
        return merged(merge, self.map(function, fragments))

    def fit_xgb(
        self, load: Callable[[A], tuple[Any, Any]], fragments: Sequence[A], *, params: Mapping[str, Any], rounds: int
    ) -> Any:
        """All fragments loaded here, one below the other."""
        import numpy as np
        import xgboost

        loaded = list(self.map(load, fragments))
        if not loaded:
            raise InvalidInput(NOTHING)
        X, y = (np.concatenate([np.asarray(part[side]) for part in loaded]) for side in (0, 1))
        return xgboost.train(dict(params), xgboost.DMatrix(X, y), rounds)
