"""What a strategy is told when it builds an estimator, and what the estimator offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
_SPREAD: ContextVar[Spread] = ContextVar("spread", default=map)


@contextmanager
def spread_by(way: Spread) -> Iterator[None]:
    """Within the block, the trials of a search are worked on by `way`, which answers like the built-in `map`."""
    before = _SPREAD.set(way)
    try:
        yield
    finally:
        _SPREAD.reset(before)


def spread(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """`map` in the way that is in force, see `spread_by`; by default one after the other, here."""
    return _SPREAD.get()(function, items)


class Estimator(Protocol):
    """What every strategy's `build` returns, unfitted. Its class stands in the strategy module's TRUSTED_TYPES.

    `X` is the featurizer's table, (n, features and the segment column); columns of text are categories, and a value
    that training never saw must not break `predict`. An estimator may offer `predict_interval(X, coverage,
    answers=None)` -> (lower, upper) besides, and `routing_keys`. A strategy module may offer `weights(problem, rows, y,
    X=..., estimator=...)` -> (n,) beside `build` and `tune`: training then calls `tune(..., sample_weight=...)` and
    `fit(X, y, sample_weight=...)`; `estimator` is the unfitted one; `rows` are the cleaned training rows, so that what
    is sensitive can weigh rows without ever standing in `X`. One that sets `BY_CLUSTER = True` is also given `clusters`
    (n,), the cluster of every row: rows of one are alike, so what is held back from a model must be whole clusters.
    """

    contribution_unit: str  # of `contributions`: "log target", "log odds"
    feature_names_: list[str]  # the columns it sees
    feature_importances_: NDArray[np.float64]  # shares, shape (p,)
    importance_kind: str  # what they are shares of: "total gain of the trees"; without it nothing is claimed

    def fit(self, X: pd.DataFrame, y: Any) -> Estimator:
        """Learn from n rows and targets (n,)."""
        ...

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Shape (n,): values in the target's unit, or the probability of class 1 where the task is binary."""
        ...

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to each answer, (n, p), from the training mean."""
        ...


@dataclass(frozen=True)
class StrategyOptions:
    """Options as a person gives them; a strategy refuses the ones it has no use for.

    `params` are hyperparameters of the underlying booster, as a tuning run found them; empty: the strategy's own.
    """

    seed: int = 42
    router_mode: str = ""
    min_segment_rows: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.min_segment_rows is not None and self.min_segment_rows < 1:
            raise InvalidInput(f"--min-segment-rows must be at least 1, not {self.min_segment_rows}.")
