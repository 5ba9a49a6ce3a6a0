"""What wrong and right decisions of a two-class problem cost, and the threshold that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ds_workflow.errors import InvalidInput


@dataclass(frozen=True)
class Costs:
    """Cost of each kind of decision for one row, in `unit`; negative is a gain. `reason` says where the figures come
    from. A missed row of class 1 costs `missed`, a false alarm `false_alarm`, a found row of class 1 `found`, a row of
    class 0 that is left alone `left_alone`. Raises InvalidInput unless erring costs more than being right."""

    missed: float
    false_alarm: float
    unit: str
    reason: str
    found: float = 0.0
    left_alone: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.missed, self.false_alarm, self.found, self.left_alone))):
            raise InvalidInput("Costs must be finite numbers.")
        if self.missed <= self.found or self.false_alarm <= self.left_alone:
            raise InvalidInput(
                "A wrong decision must cost more than the right one: missed more than found "
                f"({self.missed:g}, {self.found:g}), a false alarm more than leaving alone "
                f"({self.false_alarm:g}, {self.left_alone:g})."
            )

    @property
    def threshold(self) -> float:
        """The probability from which on flagging a row is expected to cost less than leaving it alone, if probabilities
        are calibrated: (c10 - c00) / (c10 - c00 + c01 - c11), where c10 is a false alarm and c01 a miss (C. Elkan 2001,
        "The foundations of cost-sensitive learning", IJCAI, equation 2)."""
        alarm = self.false_alarm - self.left_alone
        return alarm / (alarm + self.missed - self.found)
