"""Several questions asked of the same rows: corrections for having asked them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]


def _checked(p_values: Sequence[float] | Floats) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise InvalidInput(f"p-values must be a flat list of numbers from 0 to 1, not {p_values!r}.")
    return p


def bonferroni(p_values: Sequence[float] | Floats) -> Floats:
    """p-values times their number, at most 1, shape (m,): the same promise as `holm`, never better than it."""
    p = _checked(p_values)
    return np.minimum(p * len(p), 1.0)


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Holm's step-down adjusted p-values, shape (m,), in the order given.

    Rejecting where the result is <= alpha keeps the chance of even one wrong rejection at or below alpha, whatever
    the dependence between the tests. Source: S. Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float] | Floats) -> Floats:
    """Benjamini and Hochberg's adjusted p-values, shape (m,): rejecting where <= q keeps the expected share of wrong
    rejections among the rejections at or below q for independent or positively dependent tests. Source: Y. Benjamini,
    Y. Hochberg (1995), JRSS B 57, 289-300."""
    p = _checked(p_values)
    m = len(p)
    order = np.argsort(p, kind="stable")[::-1]
    stepped = np.minimum.accumulate(p[order] * (m / np.arange(m, 0, -1)))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_yekutieli(p_values: Sequence[float] | Floats) -> Floats:
    """As `benjamini_hochberg`, at whatever dependence: times 1 + 1/2 + ... + 1/m. Source: Y. Benjamini, D. Yekutieli
    (2001), Annals of Statistics 29, 1165-1188."""
    p = _checked(p_values)
    return np.minimum(benjamini_hochberg(p) * float(np.sum(1 / np.arange(1, len(p) + 1))), 1.0)


def hochberg(p_values: Sequence[float] | Floats) -> Floats:
    """Hochberg's step-up adjusted p-values, shape (m,): never above Holm's, for independent or positively dependent
    tests. Source: Y. Hochberg (1988), Biometrika 75, 800-802."""
    p = _checked(p_values)
    m = len(p)
    order = np.argsort(p, kind="stable")[::-1]
    stepped = np.minimum.accumulate(p[order] * np.arange(1, m + 1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


# by the name that people choose them by
ADJUSTMENTS: Mapping[str, Callable[[Sequence[float] | Floats], Floats]] = {
    "holm": holm,
    "bonferroni": bonferroni,
    "benjamini-hochberg": benjamini_hochberg,
    "benjamini-yekutieli": benjamini_yekutieli,
    "hochberg": hochberg,
}
