"""Has a feature's distribution moved? A frozen reference profile and PSI with limits that know the number of rows.

Rule for the bins: at most ten from the reference's quantiles with open ends; a number with few distinct values gets a
bin at each value and one between; texts get a bin per category, the rare and the unseen share one; running text is
counted by its length (thirds of the reference) and by the share of its words that are not common in the reference
(fifths); missing values are a bin of their own. Rule for empty bins: a bin that is empty on one side counts as half a
row there (shares are not normalised again); one that is empty on both sides does not count. So a category that vanished
and one that is new both weigh in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.free_text import common_words, is_free_text, length_and_strangeness
from ds_workflow.domain.multiplicity import benjamini_hochberg
from ds_workflow.errors import InvalidInput

Floats = NDArray[np.float64]
_FEW_VALUES = 20
_MOST_CATEGORIES = 50
_LENGTHS, _STRANGE = 3, 5  # bins of running text


@dataclass(frozen=True)
class Bins:
    """How one feature is counted: inner `edges` of a number (bin i holds edges[i-1] <= x < edges[i]) or the `names` of
    categories; of running text the `edges` of its words, the common words as `names`, and the edges of the share of
    `strange` ones. `counts` are the reference's rows by bin: the bins (of text the strange shares of the shortest texts
    first), then "other" for categories, then missing."""

    kind: Literal["number", "category", "text"]
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    strange: tuple[float, ...] = ()

    def count(self, values: pd.Series) -> Floats:
        """Rows of `values` by bin, shape (bins,)."""
        if self.kind == "category":
            return self.count_levels(levels(values), missing=int(values.isna().sum()))
        if self.kind == "number":
            x = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
            known = x[~np.isnan(x)]
            inside = np.bincount(np.searchsorted(self.edges, known, side="right"), minlength=len(self.edges) + 1)
        else:
            length, strange = length_and_strangeness(values.dropna().astype(str).tolist(), self.names)
            steps = len(self.strange) + 1
            known = np.searchsorted(self.edges, length, side="right") * steps
            known = known + np.searchsorted(self.strange, strange, side="right")
            inside = np.bincount(known, minlength=steps * (len(self.edges) + 1))
        return np.append(inside, len(values) - len(known)).astype(np.float64)

    def count_ordered(self, known: Floats, *, missing: int) -> Floats:
        """The same of a number whose known values come sorted, shape (n,): a search per edge instead of one per row."""
        below = np.searchsorted(known, self.edges, side="left")
        return np.concatenate([np.diff(below, prepend=0, append=len(known)), [missing]]).astype(np.float64)

    def count_levels(self, rows: pd.Series, *, missing: int) -> Floats:
        """The same of a category whose rows by name are counted already, see `levels`."""
        named = rows.reindex(list(self.names), fill_value=0).to_numpy(dtype=np.float64)
        return np.concatenate([named, [float(rows.sum()) - named.sum(), missing]])


def ordered(values: pd.Series) -> Floats:
    """The known numbers of a column, sorted."""
    x = values.to_numpy(dtype=np.float64, na_value=np.nan)
    found = np.sort(x)  # NaN come last
    return found[: len(found) - int(np.isnan(x).sum())]


def levels(values: pd.Series) -> pd.Series:
    """Rows by category, as text, of the known values; most frequent first. A level of pandas' own type of categories
    that no row has is none."""
    counted = values.value_counts()
    counted = counted[counted > 0]
    names = counted.index.astype(str)
    if names.is_unique:
        return counted.set_axis(names).astype(np.int64)
    return counted.groupby(names).sum().sort_values(ascending=False).astype(np.int64)  # 1 and "1" are one


@dataclass(frozen=True)
class Profile:
    """The reference, stored once: rows in all and bins by feature."""

    rows: int
    features: Mapping[str, Bins]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"rows": self.rows, "features": {name: asdict(bins) for name, bins in self.features.items()}}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Profile:
        """The profile that `to_dict` wrote."""
        bins = {
            name: Bins(b["kind"], tuple(b["counts"]), tuple(b["edges"]), tuple(b["names"]), tuple(b.get("strange", ())))
            for name, b in content["features"].items()
        }
        return Profile(int(content["rows"]), bins)


def quantiles(known: Floats, shares: Floats) -> Floats:
    """Quantiles of sorted values by linear interpolation, as `numpy.quantile` finds them without the order."""
    at = shares * (len(known) - 1)
    low = np.floor(at).astype(np.int64)
    part = at - low
    a, b = known[low], known[np.minimum(low + 1, len(known) - 1)]
    return np.where(part >= 0.5, b - (b - a) * (1 - part), a + (b - a) * part)


def _edges(known: Floats, bins: int) -> tuple[float, ...]:
    """Inner edges for sorted values."""
    starts = np.append(True, known[1:] != known[:-1]) if len(known) else np.empty(0, bool)
    if np.count_nonzero(starts) <= _FEW_VALUES:
        return tuple(float(e) for v in known[starts] for e in (v, np.nextafter(v, np.inf)))
    return tuple(float(e) for e in np.unique(quantiles(known, np.arange(1, bins) / bins)))


def profile(frame: pd.DataFrame, *, bins: int = 10) -> Profile:
    """Freeze the distribution of every column of the reference rows."""
    if not len(frame):
        raise InvalidInput("A drift reference needs rows; an empty table was given.")
    return Profile(len(frame), {str(name): profile_of(frame[name], bins=bins) for name in frame.columns})


def profile_of(
    values: pd.Series, *, bins: int = 10, known: Floats | None = None, named: pd.Series | None = None
) -> Bins:
    """Freeze one column. What was already made of it is used again: `known` by `ordered`, `named` by `levels`."""
    if pd.api.types.is_numeric_dtype(values):
        known = ordered(values) if known is None else known
        empty = Bins("number", (), edges=_edges(known, bins))
        counts = empty.count_ordered(known, missing=len(values) - len(known))
    elif is_free_text(values):
        empty = _of_text(values.dropna().astype(str).tolist())
        counts = empty.count(values)
    else:
        named = levels(values) if named is None else named
        empty = Bins("category", (), names=tuple(sorted(named.index[:_MOST_CATEGORIES])))
        counts = empty.count_levels(named, missing=len(values) - int(named.sum()))
    return replace(empty, counts=tuple(int(c) for c in counts))


def _of_text(texts: Sequence[str]) -> Bins:
    common = common_words(texts)
    length, strange = length_and_strangeness(texts, common)
    edges, steps = _edges(np.sort(length), _LENGTHS), _edges(np.sort(strange), _STRANGE)
    return Bins("text", (), edges=edges, names=common, strange=steps)


def psi(reference: Sequence[float] | Floats, new: Sequence[float] | Floats, *, empty: float = 0.5) -> float:
    """Population stability index of two lists of counts by bin: sum of (q - p) ln(q / p) over shares.

    `empty` is the number of rows that an empty bin counts as when the other side has rows in it.
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(new, dtype=np.float64)
    if p.shape != q.shape or p.sum() <= 0 or q.sum() <= 0:
        raise InvalidInput("PSI needs two lists of counts of the same length, neither of them empty.")
    used = (p > 0) | (q > 0)
    p = np.where(p[used] > 0, p[used], empty) / p.sum()
    q = np.where(q[used] > 0, q[used], empty) / q.sum()
    return float(np.sum((q - p) * np.log(q / p)))


@dataclass(frozen=True)
class FeatureDrift:
    """One feature: its PSI, what no drift at all would give on average at these rows, and the test's p-value."""

    psi: float
    expected: float
    p_value: float
    p_adjusted: float
    reference_rows: int
    rows: int


@dataclass(frozen=True)
class DriftReport:
    """All features of one model against their reference."""

    features: Mapping[str, FeatureDrift]

    def alerts(self, *, maximum_psi: float, alpha: float, minimum_rows: int) -> tuple[str, ...]:
        """Features whose shift is both large (PSI) and not chance (adjusted p), sorted."""
        return tuple(
            sorted(
                name
                for name, f in self.features.items()
                if min(f.rows, f.reference_rows) >= minimum_rows and f.psi > maximum_psi and f.p_adjusted <= alpha
            )
        )

    def unknown(self, *, minimum_rows: int) -> tuple[str, ...]:
        """Features with too few rows on either side to be judged, sorted."""
        return tuple(sorted(n for n, f in self.features.items() if min(f.rows, f.reference_rows) < minimum_rows))


def compare(reference: Profile, frame: pd.DataFrame) -> DriftReport:
    """Every profiled feature of `frame` against the reference. Raises InvalidInput for a column that is not there.

    Test: without drift PSI / (1/n + 1/m) is about chi-squared with bins - 1 degrees of freedom (B. Yurdakul 2018,
    "Statistical properties of the population stability index"), for n and m independent rows; adjusted over the
    features by Benjamini and Hochberg.
    """
    from scipy.special import chdtrc

    lost = [name for name in reference.features if name not in frame.columns]
    if lost or not len(frame):
        what = f"no column {', '.join(lost)}" if lost else "no rows"
        raise InvalidInput(f"The rows to compare with the drift reference have {what}.")
    n, m = reference.rows, len(frame)
    scale = 1 / n + 1 / m
    names = list(reference.features)
    figures, p_values, means = [], [], []
    for name in names:
        bins = reference.features[name]
        counts = bins.count(frame[name])
        used = int(np.count_nonzero((counts > 0) | (np.asarray(bins.counts) > 0)))
        value = psi(bins.counts, counts)
        figures.append(value)
        means.append((used - 1) * scale)
        p_values.append(float(chdtrc(used - 1, value / scale)) if used > 1 else 1.0)
    adjusted = benjamini_hochberg(p_values) if names else np.empty(0)
    rows = zip(names, figures, means, p_values, adjusted, strict=True)
    return DriftReport({k: FeatureDrift(f, e, p, float(a), n, m) for k, f, e, p, a in rows})
