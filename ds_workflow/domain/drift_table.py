"""A new table beside a reference table, column by column: what the `drift` command reports.

A column drifts when its PSI is above the threshold and a test at its number of rows says that chance does not explain
it: Pearson's chi-square on the same bins, adjusted over the columns (Benjamini and Hochberg). PSI alone would
alarm on most small tables, a p-value alone on every large one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd

from ds_workflow.domain import two_samples
from ds_workflow.domain.drift import Bins, Floats, levels, ordered, profile_of, psi
from ds_workflow.domain.free_text import is_free_text
from ds_workflow.domain.multiplicity import benjamini_hochberg
from ds_workflow.errors import InvalidInput

MIN_ROWS = 50
ALPHA = 0.05
OUTSIDE, OUTSIDE_ALPHA = 0.5, 0.001  # share outside the reference, and how seldom chance may do it over all columns
SHOWN = 10  # new or vanished categories named in the report
IDENTIFIER_ROWS = 100  # a table this long in which every value differs holds names of rows, not a feature

Status = Literal["drift", "stable", "unknown"]


@dataclass(frozen=True)
class ColumnDrift:
    """One column. `expected_psi` is what no drift gives on average at these rows, `detectable_psi` what they would show
    with power 0.8. `outside` is the share of the new known values beyond the reference's range or among none of its
    categories. `ks` and its p-value are of numbers only; `bins` are (label, reference share, new share)."""

    kind: Literal["number", "category", "text"]
    status: Status
    psi: float
    expected_psi: float
    detectable_psi: float | None
    p_value: float
    p_adjusted: float
    jensen_shannon: float
    ks: float | None
    ks_p_value: float | None
    n_reference: int
    n_new: int
    missing_reference: float
    missing_new: float
    outside: float
    new_categories: tuple[str, ...]
    vanished_categories: tuple[str, ...]
    bins: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class TableDrift:
    """All columns. `skipped` says why a column was not compared."""

    threshold: float
    alpha: float
    columns: Mapping[str, ColumnDrift]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def drifted(self) -> tuple[str, ...]:
        """The columns that drift, the largest PSI first."""
        found = [(c.psi, name) for name, c in self.columns.items() if c.status == "drift"]
        return tuple(name for _, name in sorted(found, key=lambda f: (-f[0], f[1])))

    @property
    def status(self) -> Status:
        """drift when any column drifts, unknown when one could not be judged (and none drifts)."""
        if self.drifted:
            return "drift"
        return "unknown" if any(c.status == "unknown" for c in self.columns.values()) else "stable"

    def to_dict(self) -> dict[str, Any]:
        """The verdict file: threshold, overall_drift, features (name to PSI), details."""
        return {
            "threshold": self.threshold,
            "overall_drift": bool(self.drifted),
            "status": self.status,
            "alpha": self.alpha,
            "features": {name: c.psi for name, c in self.columns.items()},
            "details": {name: asdict(c) for name, c in self.columns.items()},
            "skipped": dict(self.skipped),
        }


@dataclass(frozen=True)
class Measured:
    """What columns show by themselves, before they are judged together, and why others were not measured."""

    figures: Mapping[str, Mapping[str, Any]]
    skipped: Mapping[str, str]

    def beside(self, other: Measured) -> Measured:
        """The columns of both, in this order: a table may be measured a few columns at a time."""
        return Measured({**self.figures, **other.figures}, {**self.skipped, **other.skipped})


def compare(
    reference: pd.DataFrame,
    new: pd.DataFrame,
    *,
    threshold: float = 0.2,
    alpha: float = ALPHA,
    minimum_rows: int = MIN_ROWS,
) -> TableDrift:
    """Every column of `reference` against the same column of `new`.

    Raises InvalidInput for an empty table, a column that `new` lacks, numbers that became texts, a threshold that is no
    number above 0. Identifiers, dates and columns without a single value are skipped, and said.
    """
    return conclude(measure(reference, new), threshold=threshold, alpha=alpha, minimum_rows=minimum_rows)


def measure(reference: pd.DataFrame, new: pd.DataFrame) -> Measured:
    """What every column shows by itself. Raises InvalidInput as `compare` does."""
    for name, table in (("reference", reference), ("new table", new)):
        if not len(table):
            raise InvalidInput(f"The {name} has no rows, so there is nothing to compare.")
    lost = [str(c) for c in reference.columns if c not in new.columns]
    if lost:
        raise InvalidInput(
            f"The new table has no column {', '.join(lost)}.", hint="Both tables must carry the same columns."
        )
    skipped = {name: why for name in map(str, reference.columns) if (why := _no_feature(reference[name]))}
    skipped |= {str(c): "not in the reference" for c in new.columns if c not in reference.columns}
    kept = [str(c) for c in reference.columns if str(c) not in skipped]
    return Measured({name: _column(name, reference[name], new[name]) for name in kept}, skipped)


def conclude(
    measured: Measured, *, threshold: float = 0.2, alpha: float = ALPHA, minimum_rows: int = MIN_ROWS
) -> TableDrift:
    """Which of the measured columns drift, judged together. Raises InvalidInput when none was measured."""
    if not (threshold > 0 and math.isfinite(threshold)):
        raise InvalidInput(f"The PSI threshold must be a number above 0, not {threshold:g}.", hint="0.2 is usual.")
    kept, skipped = measured.figures, measured.skipped
    if not kept:
        raise InvalidInput("No column holds a feature that can be compared.", hint=f"Skipped: {dict(skipped)}.")
    adjusted = benjamini_hochberg([f["p_value"] for f in kept.values()])
    columns = {}
    for (name, measures), p in zip(kept.items(), adjusted, strict=True):
        figures = dict(measures)
        enough = min(figures["n_reference"], figures["n_new"]) >= minimum_rows
        status: Status = "unknown"
        if enough:
            status = "drift" if figures["psi"] > threshold and p <= alpha else "stable"
        if figures["outside"] >= OUTSIDE and figures.pop("outside_p_value") <= OUTSIDE_ALPHA / len(kept):
            status = "drift"
        figures.pop("outside_p_value", None)
        level = alpha / len(kept)
        occupied = figures.pop("occupied")
        detectable = two_samples.detectable_psi(occupied, figures["n_reference"], figures["n_new"], alpha=level)
        columns[name] = ColumnDrift(
            status=status,
            p_adjusted=float(p),
            detectable_psi=None if np.isnan(detectable) else detectable,
            **figures,
        )
    return TableDrift(threshold, alpha, columns, skipped)


def _no_feature(values: pd.Series) -> str:
    """Why a column of the reference is not compared, or ""."""
    if values.isna().all():
        return "no value in the reference"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "a date: it moves by itself"
    if is_free_text(values):
        return ""
    if len(values) >= IDENTIFIER_ROWS and not pd.api.types.is_float_dtype(values) and values.is_unique:
        return "every value differs: a name of rows, not a feature"
    return ""


def _column(name: str, reference: pd.Series, new: pd.Series) -> dict[str, Any]:
    """The figures of a column; each side is put in order, or counted by category, once."""
    number = pd.api.types.is_numeric_dtype(reference)
    if number and not pd.api.types.is_numeric_dtype(new):
        raise InvalidInput(
            f"Column '{name}' holds numbers in the reference and texts in the new table.",
            hint="Read both files in the same way, or leave the column out of both.",
        )
    ks = None
    outside = (0.0, 1.0)
    beyond: _Beyond | None = None
    fresh: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    if number:
        known, now = ordered(reference), ordered(new)
        bins = profile_of(reference, known=known)
        counts = bins.count_ordered(now, missing=len(new) - len(now))
        if len(known) and len(now):
            ks = two_samples.kolmogorov_smirnov(known, now)
            outside = two_samples.outside_range(known, now)
            below = int(np.searchsorted(now, known[0], side="left"))
            above = len(now) - int(np.searchsorted(now, known[-1], side="right"))
            beyond = _Beyond(float(known[0]), float(known[-1]), below, above)
    elif is_free_text(reference):
        bins = profile_of(reference)
        counts = bins.count(new)
    else:
        named, now_named = levels(reference), levels(new)
        bins = profile_of(reference, named=named)
        counts = bins.count_levels(now_named, missing=len(new) - int(now_named.sum()))
        fresh, vanished = (
            tuple(sorted(a.index.difference(b.index)))[:SHOWN] for a, b in ((now_named, named), (named, now_named))
        )
        outside = two_samples.outside_names(named, now_named)
    old = np.asarray(bins.counts, dtype=np.float64)
    test = two_samples.chi_square(old, counts)
    occupied = int(np.count_nonzero((old > 0) | (counts > 0)))
    return {
        "kind": bins.kind,
        "psi": psi(old, counts),
        "expected_psi": (occupied - 1) * (1 / len(reference) + 1 / len(new)),
        "occupied": occupied,
        "p_value": test.p_value,
        "jensen_shannon": two_samples.jensen_shannon(old, counts),
        "ks": ks.statistic if ks else None,
        "ks_p_value": ks.p_value if ks else None,
        "n_reference": len(reference),
        "n_new": len(new),
        "missing_reference": float(reference.isna().mean()),
        "missing_new": float(new.isna().mean()),
        "outside": outside[0],
        "outside_p_value": outside[1],
        "new_categories": fresh,
        "vanished_categories": vanished,
        "bins": _shares(bins, old, counts, beyond=beyond),
    }


@dataclass(frozen=True)
class _Beyond:
    """The reference's range, and how many new values lie `below` and `above` it."""

    low: float
    high: float
    below: int
    above: int


def _shares(
    bins: Bins, old: Floats, new: Floats, *, beyond: _Beyond | None = None
) -> tuple[tuple[str, float, float], ...]:
    """Label and shares by bin. New values beyond the reference's range are shown by themselves, not in its end bins
    (which hold them where PSI is computed)."""
    if beyond is not None:
        inner = _ranges(bins.edges)
        if bins.edges:
            inner[0] = f"{beyond.low:.4g} to {bins.edges[0]:.4g}"
            inner[-1] = f"{bins.edges[-1]:.4g} to {beyond.high:.4g}"
        labels = [f"below {beyond.low:.4g}", *inner, f"above {beyond.high:.4g}"]
        new = np.concatenate([[beyond.below], new[:-1], [beyond.above], new[-1:]])
        new[1] -= beyond.below
        new[-3] -= beyond.above
        old = np.concatenate([[0.0], old[:-1], [0.0], old[-1:]])
    elif bins.kind == "number":
        labels = _ranges(bins.edges)
    elif bins.kind == "text":
        strange = _ranges([100 * edge for edge in bins.strange])
        labels = [f"words {words}, unusual {share} %" for words in _ranges(bins.edges) for share in strange]
    else:
        labels = [*bins.names, "other"]
    rows = zip([*labels, "missing"], old / old.sum(), new / new.sum(), strict=True)
    return tuple((label, float(a), float(b)) for label, a, b in rows if a > 0 or b > 0)


def _ranges(edges: Sequence[float]) -> list[str]:
    """The bins between inner edges, in words."""
    inner = [
        f"{low:.4g}" if high == np.nextafter(low, np.inf) else f"{low:.4g} to {high:.4g}"
        for low, high in pairwise(edges)
    ]
    return [f"below {edges[0]:.4g}", *inner, f"{edges[-1]:.4g} and more"] if edges else ["any"]
