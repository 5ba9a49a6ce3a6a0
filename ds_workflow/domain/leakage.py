"""Does a model see what it could not know? Three scans: of names, of dependence, of behaviour.

1. Contract: every input and routing key is declared for the feature set, and none is the target, forbidden or
   sensitive. This can't be wrong, but sees only names.
2. Ordinal dependence: a feature that was cut from the target (a quartile of the price, a rank) orders the target
   all but perfectly. Measured by Somers' D of the target given the feature, over pairs that differ in the feature
   (R. H. Somers 1962, American Sociological Review 27): 1 for any cut, about 0.8 for a predictor that correlates at
   0.95, because a cut knows the order of *every* pair. For names, and numbers with few values, whose order may have
   been scrambled, the order is learnt on one half of the rows and measured on the other. Two
   classes are cut from nothing, so for them Somers' D of the feature given the target (2 AUC - 1) counts too.
3. Behaviour: predictions that change when something changes that the model may not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.free_text import is_free_text, strongest_word
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import InvalidInput, LeakageRefused

Floats = NDArray[np.float64]

LIMIT = 0.98
MIN_ROWS = 200
# A level must hold this share of the rows (and 20 rows) to be judged: a rare flag that happens to mark expensive
# rows orders its few pairs perfectly without having been cut from anything.
_LEVEL_SHARE, _LEVEL_ROWS = 0.01, 20
_FEW_VALUES = 50


@dataclass(frozen=True)
class Finding:
    """One leak: where (`kind`), what (`name`), a sentence, and the figure when there is one."""

    kind: Literal["contract", "routing", "ordinal", "behaviour"]
    name: str
    note: str
    value: float | None = None


@dataclass(frozen=True)
class Behaviour:
    """Two predictions of the same rows, shape (n,), before and after a change that must not matter: forbidden columns
    shuffled, history from the row's own day onwards altered. Equal within `tolerance` of their size is the same."""

    name: str
    before: Floats
    after: Floats
    tolerance: float = 1e-9


@dataclass(frozen=True)
class LeakageReport:
    """What the scan found. `unknown` says which scans could not be made and why; `constant` features carry nothing on
    these rows. `strength` holds the measured dependence by feature."""

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    unknown: Mapping[str, str] = field(default_factory=dict)
    constant: tuple[str, ...] = ()
    strength: Mapping[str, float] = field(default_factory=dict)

    @property
    def status(self) -> Literal["pass", "fail", "unknown"]:
        """`unknown` is never green."""
        return "fail" if self.findings else ("unknown" if self.unknown else "pass")

    @property
    def ok(self) -> bool:
        """Everything was looked at and nothing was found."""
        return self.status == "pass"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "status": self.status, "ok": self.ok}


def somers_d(target: Floats, given: Floats) -> float:
    """Somers' D of `target` given `given`, both of shape (n,): (concordant - discordant) / pairs untied in `given`.

    NaN when all values of either are the same. From Kendall's tau-b in O(n log n).
    """
    from scipy.stats import kendalltau

    n = len(target)
    pairs = n * (n - 1) / 2
    untied = [pairs - _tied(values) for values in (target, given)]
    if min(untied) <= 0:
        return float("nan")
    tau = float(kendalltau(given, target, variant="b", method="asymptotic").statistic)
    return tau * float(np.sqrt(untied[0] / untied[1]))


def _tied(values: Floats) -> float:
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float(np.sum(counts * (counts - 1) / 2))


def _levels(values: pd.Series, target: Floats) -> float:
    """Somers' D with the levels' order learnt on every other row (by median target) and measured on the rest."""
    coded = pd.factorize(values)[0]
    count = np.bincount(coded[coded >= 0])
    common = np.flatnonzero(count >= max(_LEVEL_ROWS, _LEVEL_SHARE * len(values)))
    keep = np.isin(coded, common)
    coded, y = coded[keep], target[keep]
    if len(common) < 2:
        return float("nan")
    learn = np.arange(len(coded)) % 2 == 0
    grouped = pd.Series(y[learn]).groupby(coded[learn])
    middle = grouped.mean() if _two_classes(target) else grouped.median()
    order = pd.Series(coded[~learn]).map(middle).to_numpy(dtype=np.float64)
    known = ~np.isnan(order)
    return _ordered(y[~learn][known], order[known])


def _two_classes(target: Floats) -> bool:
    return bool(np.isin(target, (0.0, 1.0)).all())


def _ordered(target: Floats, values: Floats) -> float:
    """How well values order the target, -1..1; of two classes the stronger direction counts."""
    found = somers_d(target, values)
    if not _two_classes(target):
        return found
    other = somers_d(values, target)
    return other if abs(other) > abs(found) else found


def dependence(values: pd.Series, target: Floats) -> float:
    """How well one feature orders the target, 0..1 (NaN: nothing to measure). Missing values are left out; texts and
    numbers of few values are measured as levels, other numbers as they are, in either direction, running text by the
    word that tells most."""
    known = values.notna().to_numpy()
    values, target = values[known], target[known]
    if len(target) < MIN_ROWS:
        return float("nan")
    numeric = pd.api.types.is_numeric_dtype(values)
    if not numeric and is_free_text(values):
        least = max(_LEVEL_ROWS, int(_LEVEL_SHARE * len(values)))
        return strongest_word(values, target, least_rows=least, two_classes=_two_classes(target))
    if not numeric or values.nunique() <= _FEW_VALUES:
        return abs(_levels(values, target))
    return abs(_ordered(target, values.to_numpy(dtype=np.float64)))


def _contract(problem: Problem, names: Iterable[str], version: str | None, role: str) -> list[Finding]:
    found = []
    kind: Literal["contract", "routing"] = "routing" if role == "a routing key" else "contract"
    declared = set(problem.feature_set(version).features) if version is not None else {f.name for f in problem.features}
    where = f"feature set {version}" if version is not None else "the problem"
    for name in names:
        try:
            problem.refuse_leak(name, role=role)
        except LeakageRefused as refusal:
            found.append(Finding(kind, name, str(refusal)))
            continue
        known = {f.name: f for f in problem.features}
        if name in known and known[name].availability == "after_outcome":
            found.append(Finding(kind, name, f"'{name}' can't be {role}: it is known after the outcome."))
        elif name not in declared and name != problem.segment_column:
            found.append(Finding(kind, name, f"'{name}' can't be {role}: {where} does not declare it."))
    return found


def _changed(behaviour: Behaviour) -> Finding | None:
    before, after = (np.asarray(a, dtype=np.float64) for a in (behaviour.before, behaviour.after))
    if before.shape != after.shape or not len(before):
        raise InvalidInput(f"Leakage scan '{behaviour.name}': two predictions of the same rows are wanted.")
    same = np.isclose(before, after, rtol=behaviour.tolerance, atol=0.0, equal_nan=False)
    if same.all():
        return None
    share = float(1.0 - same.mean())
    return Finding("behaviour", behaviour.name, f"{behaviour.name}: {share:.1%} of the predictions changed.", share)


def scan(
    problem: Problem,
    *,
    feature_names: Sequence[str],
    features: pd.DataFrame | None,
    target: Floats | None,
    feature_set_version: str | None = None,
    routing_keys: Sequence[str] = (),
    behaviours: Sequence[Behaviour] = (),
    within: Mapping[str, NDArray[Any]] | None = None,
    limit: float = LIMIT,
) -> LeakageReport:
    """Scan one model: the names of its inputs, its features on rows of known target, its behaviour.

    `features` has a column per feature and a row per value of `target`, shape (n,). `within` names groupings, shape
    (n,) each: a feature cut from the target inside a segment or a year is found only there.
    """
    findings = _contract(problem, feature_names, feature_set_version, "a feature")
    findings += _contract(problem, routing_keys, None, "a routing key")
    unknown: dict[str, str] = {}
    strength: dict[str, float] = {}
    constant: list[str] = []
    if features is None or target is None or len(target) < MIN_ROWS:
        rows = 0 if target is None else len(target)
        unknown["dependence"] = f"{rows} rows with features and target; at least {MIN_ROWS} are wanted"
    elif len(features) != len(target):
        raise InvalidInput(f"Leakage scan: {len(features)} rows of features for {len(target)} targets.")
    else:
        y = np.asarray(target, dtype=np.float64)
        for name in feature_names:
            if name not in features.columns:
                unknown[name] = "no values were given"
                continue
            value, where = _strongest(features[name].reset_index(drop=True), y, within or {})
            if np.isnan(value):
                constant.append(name)
                continue
            strength[name] = value
            if value >= limit:
                note = f"'{name}' orders the target all but perfectly{where} (Somers' D {value:.4f}, limit {limit:g})."
                findings.append(Finding("ordinal", name, note, value))
    findings += [f for f in map(_changed, behaviours) if f is not None]
    checked = ("contract", *(() if "dependence" in unknown else ("dependence",)), *(b.name for b in behaviours))
    return LeakageReport(tuple(findings), checked, unknown, tuple(constant), strength)


def _strongest(values: pd.Series, target: Floats, within: Mapping[str, NDArray[Any]]) -> tuple[float, str]:
    """The dependence over all rows, or the weakest within the groups of a grouping when that is stronger: a cut made
    inside every group shows in every group that is large enough."""
    best, place = dependence(values, target), ""
    for grouping, labels in within.items():
        coded, names = pd.factorize(np.asarray(labels))
        parts = [dependence(values[coded == g], target[coded == g]) for g in range(len(names))]
        measured = [p for p in parts if not np.isnan(p)]
        if len(measured) >= 2 and (np.isnan(best) or min(measured) > best):
            best, place = min(measured), f" within every {grouping}"
    return best, place
