"""What a strategy is told when it builds an estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ds_workflow.errors import InvalidInput


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
