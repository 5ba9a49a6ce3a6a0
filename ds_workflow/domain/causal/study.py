"""What was not randomised, as a table: outcome, treatment, what was known before it, and whose rows hang together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]
Estimand = Literal["ATT", "ATE"]
LEVEL = 0.95


@dataclass(frozen=True)
class Study:
    """n rows. `outcome` and `treated` (0/1) have shape (n,); `covariates` maps a name to (n,), all known before the
    treatment; `cluster` names whose rows hang together (None: every row stands alone). A `graded` treatment is a dose
    (years, euros) instead of 0 and 1, and only regression and instruments know what to do with one."""

    outcome: Floats
    treated: Floats
    covariates: Mapping[str, Floats] = field(default_factory=dict)
    cluster: NDArray[Any] | None = None
    graded: bool = False

    def __post_init__(self) -> None:
        arrays = {"the outcome": self.outcome, "the treatment": self.treated, **self.covariates}
        object.__setattr__(self, "outcome", _column("the outcome", self.outcome))
        object.__setattr__(self, "treated", _column("the treatment", self.treated))
        object.__setattr__(self, "covariates", {k: _column(k, v) for k, v in self.covariates.items()})
        lengths = {len(a) for a in arrays.values()} | ({len(self.cluster)} if self.cluster is not None else set())
        if len(lengths) != 1:
            raise InvalidInput(
                f"A study's columns differ in length: {sorted(lengths)}.", hint="One value per row each."
            )
        if self.graded and np.ptp(self.treated) == 0:
            raise InvalidInput("The treatment does not vary.", hint="Rows with more and with less of it.")
        if self.graded:
            return
        if not np.isin(self.treated, (0.0, 1.0)).all() or self.treated.min() == self.treated.max():
            raise InvalidInput("The treatment must be 0 or 1, and both must occur.", hint="1 is treated, 0 is not.")

    def __len__(self) -> int:
        return len(self.outcome)

    @property
    def sizes(self) -> tuple[int, int]:
        """Treated rows and others; of a graded treatment, rows with any and rows with none."""
        some = int((self.treated > 0).sum())
        return some, len(self) - some

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Who was treated, (n,). InvalidInput for a graded treatment, of which everybody had some."""
        if self.graded:
            raise InvalidInput(
                "A graded treatment has no treated and untreated rows.", hint="Use 'ols' or 'iv', or make it 0 and 1."
            )
        return np.asarray(self.treated == 1.0)

    @cached_property
    def matrix(self) -> Floats:
        """The covariates, (n, p); those that do not vary are refused."""
        still = [name for name, values in self.covariates.items() if np.ptp(values) == 0]
        if still:
            raise InvalidInput(
                f"Covariates that do not vary adjust nothing: {', '.join(still)}.", hint="Leave them out."
            )
        return np.column_stack(list(self.covariates.values())) if self.covariates else np.empty((len(self), 0))

    @cached_property
    def design(self) -> Floats:
        """A constant and the standardised covariates, (n, 1 + p)."""
        x = self.matrix
        return np.column_stack([np.ones(len(self)), (x - x.mean(axis=0)) / x.std(axis=0)])

    def take(self, rows: NDArray[Any]) -> Study:
        """The study of some rows (positions, repeats allowed)."""
        return replace(
            self,
            outcome=self.outcome[rows],
            treated=self.treated[rows],
            covariates={k: v[rows] for k, v in self.covariates.items()},
            cluster=None if self.cluster is None else self.cluster[rows],
        )


@dataclass(frozen=True)
class Estimate:
    """An effect in the outcome's unit, its interval at 95 %, and what it rests on. `standard_error` is None where there
    is no valid one."""

    estimator: str
    estimand: Estimand | Literal["LATE", "descriptive"]
    value: float
    standard_error: float | None
    treated: int
    controls: int
    assumption: str
    warnings: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float, float] | None:
        """Normal interval at 95 %."""
        if self.standard_error is None:
            return None
        half = float(stats.norm.ppf(0.5 + LEVEL / 2)) * self.standard_error
        return (self.value - half, self.value + half)

    @property
    def p_value(self) -> float | None:
        """Two-sided, of no effect."""
        if not self.standard_error:
            return None
        return float(2 * stats.norm.sf(abs(self.value / self.standard_error)))


def of_influence(influence: Floats, cluster: NDArray[Any] | None) -> float:
    """The standard error of an estimate from its influence function, (n,): summed within clusters first."""
    n = len(influence)
    if cluster is not None:
        _, code = np.unique(cluster, return_inverse=True)
        sums = np.bincount(code, weights=influence)
        k = len(sums)
        return math.sqrt(float(np.sum(sums**2)) * k / (k - 1)) / n
    return math.sqrt(float(np.sum(influence**2))) / n


def solve(gram: Floats, right: Floats) -> Floats:
    """Solve normal equations; InvalidInput when covariates repeat one another."""
    if np.linalg.matrix_rank(gram, hermitian=True) < len(gram):
        raise InvalidInput(
            "The covariates are collinear, so their parts can't be told apart.",
            hint="Leave out the ones that follow from others (all levels of a category, for example).",
        )
    return np.asarray(np.linalg.solve(gram, right), dtype=np.float64)


def _column(name: str, values: Any) -> Floats:
    # float64 first: squares of small integer types overflow without a word
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InvalidInput(f"Column '{name}' must hold one finite number per row.", hint="Fill or drop missing values.")
    return array
