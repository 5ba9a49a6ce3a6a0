"""One arm of an experiment as sufficient statistics: what SQL, a table and a test hand in alike.

The unit of every arm is the unit that was randomised (developer, session, customer). Events inside a unit are first
added up to it; `Ratio` then compares sums over sums with the right error, which is also the cluster-robust answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]


def _needs(what: str, ok: bool, allowed: str) -> None:
    if not ok:
        raise InvalidInput(f"An arm of an experiment can't be {what}.", hint=f"Allowed: {allowed}.")


@dataclass(frozen=True)
class Proportion:
    """`successes` of `n` randomised units."""

    n: int
    successes: int

    def __post_init__(self) -> None:
        _needs(f"of {self.n} units", self.n >= 1, "at least 1 unit")
        _needs(f"{self.successes} of {self.n}", 0 <= self.successes <= self.n, "0 to n successes")

    @property
    def rate(self) -> float:
        """Share of successes."""
        return self.successes / self.n


@dataclass(frozen=True)
class Mean:
    """A measured value per unit. `variance` is the sample variance (divisor n - 1), in the value's unit squared."""

    n: int
    mean: float
    variance: float

    def __post_init__(self) -> None:
        _needs(f"of {self.n} units", self.n >= 2, "at least 2 units, so that there is a variance")
        fine = math.isfinite(self.mean) and math.isfinite(self.variance) and self.variance >= 0
        _needs(f"of mean {self.mean} and variance {self.variance}", fine, "finite figures, the variance at least 0")

    @classmethod
    def of_sums(cls, n: int, total: float, squares: float) -> Mean:
        """From a count, a sum and a sum of squares, as SQL adds them up."""
        _needs(f"of {n} units", n >= 2, "at least 2 units, so that there is a variance")
        return cls(n, total / n, max(0.0, (squares - total * total / n) / (n - 1)))

    @classmethod
    def of(cls, values: Sequence[float] | Floats) -> Mean:
        """From the values of the units, shape (n,)."""
        x = _finite(values)
        _needs(f"of {len(x)} units", len(x) >= 2, "at least 2 units, so that there is a variance")
        return cls(len(x), float(x.mean()), float(x.var(ddof=1)))


@dataclass(frozen=True)
class Pair:
    """Two values per unit with their joint moments (divisor n - 1): numerator and denominator of a ratio, or an outcome
    `y` with a covariate `x` from before the experiment."""

    n: int
    mean_y: float
    mean_x: float
    variance_y: float
    variance_x: float
    covariance: float

    def __post_init__(self) -> None:
        _needs(f"of {self.n} units", self.n >= 2, "at least 2 units, so that there is a variance")
        figures = (self.mean_y, self.mean_x, self.variance_y, self.variance_x, self.covariance)
        fine = all(map(math.isfinite, figures)) and self.variance_y >= 0 and self.variance_x >= 0
        _needs(f"of moments {figures}", fine, "finite moments, the variances at least 0")

    @classmethod
    def of(cls, y: Sequence[float] | Floats, x: Sequence[float] | Floats) -> Pair:
        """From the two values of the units, both of shape (n,)."""
        a, b = _finite(y), _finite(x)
        _needs(f"of {len(a)} and {len(b)} values", len(a) == len(b) >= 2, "as many of both, at least 2")
        c = np.cov(a, b, ddof=1)
        return cls(len(a), float(a.mean()), float(b.mean()), float(c[0, 0]), float(c[1, 1]), float(c[0, 1]))

    @classmethod
    def of_sums(cls, n: int, *, y: float, x: float, yy: float, xx: float, xy: float) -> Pair:
        """From a count, the sums of both values, of their squares and of their product, as SQL adds them up."""
        _needs(f"of {n} units", n >= 2, "at least 2 units, so that there is a variance")
        moments = ((a - b / n) / (n - 1) for a, b in ((yy, y * y), (xx, x * x), (xy, x * y)))
        vy, vx, c = moments
        return cls(n, y / n, x / n, max(0.0, vy), max(0.0, vx), c)

    @classmethod
    def of_clusters(cls, values: Sequence[float] | Floats, clusters: NDArray[Any]) -> Pair:
        """Events of shape (m,) added up to their cluster: y is the sum of a cluster's values, x its number of events.
        The ratio of the two means is then the mean over events, with the error of independent clusters."""
        v = _finite(values)
        _needs(f"of {len(v)} values in {len(clusters)} clusters", len(v) == len(clusters), "one cluster per value")
        _, code = np.unique(clusters, return_inverse=True)
        sums, events = (np.bincount(code, weights=w).astype(np.float64) for w in (v, np.ones(len(v))))
        return cls.of(sums, events)

    @property
    def ratio(self) -> float:
        """Mean of y over mean of x; InvalidInput where x is 0 on average."""
        if self.mean_x == 0:
            raise InvalidInput("The denominator of a ratio is 0 on average.", hint="Leave such units out, and say so.")
        return self.mean_y / self.mean_x

    @property
    def ratio_variance(self) -> float:
        """Variance of the ratio of means, by the delta method (Deng, Knoblich and Lu 2018)."""
        r = self.ratio
        per_unit = self.variance_y - 2 * r * self.covariance + r * r * self.variance_x
        return max(0.0, per_unit) / (self.n * self.mean_x**2)

    @property
    def y(self) -> Mean:
        """The outcome alone."""
        return Mean(self.n, self.mean_y, self.variance_y)

    @property
    def x(self) -> Mean:
        """The covariate or denominator alone."""
        return Mean(self.n, self.mean_x, self.variance_x)


def _finite(values: Sequence[float] | Floats) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise InvalidInput(
            "An experiment's values must be one finite number per unit.", hint="Drop or mend them first."
        )
    return x
