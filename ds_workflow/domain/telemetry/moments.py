"""A product metric by arm of an experiment, as sums over the units that were randomised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ds_workflow.domain.ab_test.samples import Pair
from ds_workflow.domain.product_metrics import ProductMetric


@dataclass(frozen=True)
class ArmMoments:
    """One arm: `n` units, sums of the metric's numerator y and denominator x over them, of their squares and of their
    product."""

    n: int
    sum_y: float
    sum_x: float
    sum_yy: float
    sum_xx: float
    sum_xy: float

    @property
    def pair(self) -> Pair:
        """Means, variances and covariance (divisor n - 1). InvalidInput below two units."""
        if self.n < 2:
            return Pair(self.n, self.sum_y, self.sum_x, 0.0, 0.0, 0.0)  # says what is wrong with it
        y, x, d = self.sum_y / self.n, self.sum_x / self.n, self.n - 1
        return Pair(
            self.n,
            y,
            x,
            max(0.0, (self.sum_yy - self.n * y * y) / d),
            max(0.0, (self.sum_xx - self.n * x * x) / d),
            (self.sum_xy - self.n * x * y) / d,
        )


@dataclass(frozen=True)
class ArmsOf:
    """The arms of one metric by name; `mixed` units were seen in more than one and are in none."""

    metric: ProductMetric
    arms: Mapping[str, ArmMoments]
    mixed: int
