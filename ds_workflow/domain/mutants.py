"""Gates on trial: comparisons broken on purpose, each of which a gate must catch.

A gate that no mutant can fail is decoration. `escapes` runs the mutants of every gate of a trial against a healthy
comparison (see `healthy`) and names those that were not caught; `proving` runs them on a proposal's own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.classification import GROUP
from ds_workflow.domain.comparison import Comparison, Servability
from ds_workflow.domain.drift import DriftReport, FeatureDrift
from ds_workflow.domain.gates import build, evaluate
from ds_workflow.domain.healthy import healthy
from ds_workflow.domain.holdout_spending import Look
from ds_workflow.domain.leakage import Finding, LeakageReport
from ds_workflow.domain.metrics import Scored
from ds_workflow.domain.policy import Trial
from ds_workflow.errors import InvalidInput
from registry.records import GateStatus

__all__ = ["GATE_MUTANTS", "REORDERED", "ROW_MUTANTS", "Mutant", "escapes", "healthy", "kinds_of", "ruined"]

Change = Callable[[Comparison], Comparison]
_SHUFFLE_SEED = 20_011
_NEVER = 1e-6  # times a probability: below every threshold


@dataclass(frozen=True)
class Mutant:
    """A change that breaks a comparison, and the statuses by which a gate shows that it noticed."""

    name: str
    change: Change
    expects: tuple[GateStatus, ...] = ("fail",)

    def made(self, comparison: Comparison) -> Comparison | None:
        """The broken comparison, or None where these rows can't be broken so (the only segment can't be missing)."""
        try:
            return self.change(comparison)
        except (InvalidInput, IndexError):
            return None


def ruined(scored: Scored, rows: NDArray[np.int64]) -> Scored:
    """The same table with useless answers in `rows`: shuffled among them and doubled (probabilities: turned round;
    shares of tests passed, where all are to be: none)."""
    prediction = scored.prediction.copy()
    if len(scored) and (scored.truth == 1.0).all():
        prediction[rows] = 0.0
        return replace(scored, prediction=prediction)
    if np.isin(scored.truth, (0.0, 1.0)).all():
        prediction[rows] = 1.0 - prediction[rows]
        return replace(scored, prediction=prediction)
    other = np.random.default_rng(_SHUFFLE_SEED).permutation(rows)
    prediction[rows] = 2.0 * scored.prediction[other]
    bands = {}
    for name, factor in (("lower", 4.0), ("upper", 8.0), ("lower95", 3.0), ("upper95", 10.0)):
        band = getattr(scored, name)
        if band is not None:
            band = band.copy()
            band[rows] = factor * scored.prediction[other]
            bands[name] = band
    return replace(scored, prediction=prediction, **bands)


def _challenger(change: Callable[[Scored], Scored]) -> Change:
    return lambda c: c.changed(challenger=change(c.challenger))


def _everywhere(change: Callable[[Scored], Scored]) -> Change:
    """Change the rows of every role, as one does who prepares the data wrongly."""

    def changed(c: Comparison) -> Comparison:
        return c.changed(frozen=None, **{role: change(c.scored(role)) for role in c.roles})

    return changed


def _keep(scored: Scored, keep: NDArray[np.bool_]) -> Scored:
    return scored.take(np.flatnonzero(keep))


def _segment(c: Comparison) -> str:
    """The largest segment: the one that can least be missed."""
    return max(c.segments, key=lambda s: c.rows(("segment", s)))


def _without_segment(c: Comparison) -> Comparison:
    name = _segment(c)
    if len(c.segments) == 1:
        raise InvalidInput(f"{name} is the only segment; without it there are no rows.")
    return _everywhere(lambda s: _keep(s, s.groups["segment"] != name))(c)


def _small_segment(c: Comparison) -> Comparison:
    lost = c.members(("segment", _segment(c)))[c.policy.segment_min_rows - 1 :]
    return _everywhere(lambda s: _keep(s, ~np.isin(np.arange(len(s)), lost)))(c)


def _renamed_segment(c: Comparison) -> Comparison:
    name = _segment(c)

    def rename(s: Scored) -> Scored:
        old = s.groups["segment"].astype(object)
        return replace(s, groups={**s.groups, "segment": np.where(old == name, f"{name}_2", old)})

    return _everywhere(rename)(c)


def _point(value: float) -> Callable[[Scored], Scored]:
    def change(s: Scored) -> Scored:
        prediction = s.prediction.copy()
        prediction[len(s) // 2] = value
        return replace(s, prediction=prediction)

    return change


def _twice(s: Scored) -> Scored:
    return s.take(np.append(np.arange(len(s)), 0))


def _relabelled(s: Scored) -> Scored:
    truth = s.truth.copy()
    truth[0] = 1.0 - truth[0] if truth[0] in (0.0, 1.0) else truth[0] * 1.01
    return replace(s, truth=truth)


def _reordered(c: Comparison) -> Comparison:
    order = np.random.default_rng(_SHUFFLE_SEED).permutation(len(c.challenger))
    return c.changed(**{role: c.scored(role).take(np.roll(order, i)) for i, role in enumerate(c.roles)})


# What no gate may let through, whatever the policy: the rows themselves are wrong.
ROW_MUTANTS: tuple[Mutant, ...] = (
    Mutant("NaN among the predictions", _challenger(_point(float("nan"))), ("invalid",)),
    Mutant("inf among the predictions", _challenger(_point(float("inf"))), ("invalid",)),
    Mutant("fewer rows", _challenger(lambda s: s.take(np.arange(len(s) // 10, len(s)))), ("invalid",)),
    Mutant("no rows", _challenger(lambda s: s.take(np.arange(0))), ("invalid",)),
    Mutant("a row twice", _challenger(_twice), ("invalid",)),
    Mutant("another label version", _challenger(_relabelled), ("invalid",)),
)
# What must not matter: same results, bit for bit.
REORDERED = Mutant("rows in another order", _reordered, ("pass",))


def _checks(**fields: object) -> Change:
    return lambda c: replace(c, challenger_checks=replace(c.challenger_checks, **fields))  # type: ignore[arg-type]


def _all_ruined(c: Comparison) -> Comparison:
    return c.changed(challenger=ruined(c.challenger, np.arange(len(c.challenger))))


def _segment_ruined(c: Comparison) -> Comparison:
    return c.changed(challenger=ruined(c.challenger, c.members(("segment", _segment(c)))))


def _group_ruined(c: Comparison) -> Comparison:
    """One group of the first fairness column, large enough to be judged, is treated differently from all others.

    Two classes: the group that is found least is ranked the wrong way round and never found. So both its own figures
    and the gap to the others get worse, whatever they were; merely turning it round may close a gap.
    """
    column = (c.problem.fairness_columns or c.problem.sensitive)[0]
    labels = c.challenger.groups[column].astype(str)
    names, counts = np.unique(labels, return_counts=True)
    least = min((g.minimum_rows for g in c.policy.gates if g.kind == "no_new_fairness_alerts"), default=1)
    names, counts = names[counts >= least], counts[counts >= least]
    if len(names) < 2:
        raise InvalidInput(f"Fewer than two groups of {column} are large enough to be judged.")
    if c.problem.task != "binary":
        group = names[np.argsort(counts, kind="stable")[len(names) // 2]]
        return c.changed(challenger=ruined(c.challenger, np.flatnonzero(labels == group)))
    scored = c.challenger
    rows = labels == _found_least(scored, labels, names)
    prediction = np.where(rows, _NEVER * (1.0 - scored.prediction), scored.prediction)
    return c.changed(challenger=replace(scored, prediction=prediction))


def _worse_in_every_way(c: Comparison) -> Comparison:
    """Ranked the wrong way round; and where groups are compared, the one found least is never found and all others
    always are, which is the widest gap there is. Merely turning round could close one, which one may call fair."""
    if not c.problem.groups or c.problem.task != "binary":
        return _all_ruined(c)
    scored, found = c.challenger, c.challenger.truth == 1
    labels = scored.groups[GROUP if GROUP in scored.groups else c.problem.groups[0]].astype(str)
    rows = labels == _found_least(scored, labels, np.unique(labels[found]))
    turned = 1.0 - scored.prediction
    prediction = np.where(rows, _NEVER * turned, 1.0 - _NEVER * (1.0 - turned))
    return c.changed(challenger=replace(scored, prediction=prediction))


def _found_least(scored: Scored, labels: NDArray[np.str_], names: NDArray[np.str_]) -> str:
    """Of groups that hold a row of class 1, the one whose rows of class 1 have the lowest probabilities."""
    found = scored.truth == 1
    held = [str(name) for name in names if (found & (labels == name)).any()]
    if len(held) < 2:
        raise InvalidInput("Fewer than two groups hold a row of class 1.")
    return min(held, key=lambda name: float(scored.prediction[found & (labels == name)].mean()))


def _without_fairness_column(c: Comparison) -> Comparison:
    columns = set(c.problem.fairness_columns or c.problem.sensitive)
    groups = {name: values for name, values in c.challenger.groups.items() if name not in columns}
    return c.changed(challenger=replace(c.challenger, groups=groups))


def _drifting(c: Comparison) -> Comparison:
    rows = 1_000_000
    moved = FeatureDrift(psi=12.0, expected=0.0, p_value=0.0, p_adjusted=0.0, reference_rows=rows, rows=rows)
    old = c.challenger_checks.drift
    features = {**(old.features if old is not None else {}), "a feature that moved": moved}
    return _checks(drift=DriftReport(features))(c)


def _few_drift_rows(c: Comparison) -> Comparison:
    few = FeatureDrift(psi=0.0, expected=0.0, p_value=1.0, p_adjusted=1.0, reference_rows=1, rows=1)
    return _checks(drift=DriftReport({"a feature of one row": few}))(c)


def _leaked(c: Comparison) -> Comparison:
    found = Finding("ordinal", "leaked", "'leaked' orders the target all but perfectly.", 1.0)
    return _checks(leakage=LeakageReport((found,), ("contract", "dependence")))(c)


def _served(**fields: object) -> Change:
    def change(c: Comparison) -> Comparison:
        good = Servability(loaded=True, equal=True, finite=True, p95_ms=1.0, rows=1)
        return _checks(servability=replace(good, **fields))(c)  # type: ignore[arg-type]

    return change


def _strained(place: int, **fields: object) -> Change:
    """The first (0) or the last (-1) stress that has a limit came out otherwise."""

    def change(c: Comparison) -> Comparison:
        report = c.challenger_checks.stress
        strains = () if report is None else report.strains
        limited = [s for s in strains if s.limited]
        if not limited:
            raise InvalidInput("No stress was tried that a tolerance limits.")
        one = limited[place]
        changed = tuple(replace(s, **fields) if s is one else s for s in strains)  # type: ignore[arg-type]
        return _checks(stress=None if report is None else replace(report, strains=changed))(c)

    return change


def _untried(c: Comparison) -> Comparison:
    report = c.challenger_checks.stress
    if report is not None and not report.strains:
        raise InvalidInput("No stress has a meaning here, so none can be left out.")
    return _checks(stress=None if report is None else replace(report, strains=()))(c)


def _tie(c: Comparison) -> Comparison:
    return c.changed(challenger=c.champion)


def _naive_as_good(c: Comparison) -> Comparison:
    return c.changed(naive=c.challenger)


def _spent(c: Comparison) -> Comparison:
    look = c.look or Look(1, c.policy.alpha, c.policy.alpha, c.policy.looks)
    return replace(c, look=replace(look, number=look.looks + 1, spent=True))


# by the kind of the policy; each gate must be failed by all of its mutants
GATE_MUTANTS: Mapping[str, tuple[Mutant, ...]] = {
    "holdout_unspent": (Mutant("every look was taken", _spent, ("inconclusive",)),),
    "segments_complete": (
        Mutant("segment missing", _without_segment),
        Mutant("segment renamed", _renamed_segment),
        Mutant("segment too small", _small_segment, ("inconclusive",)),
    ),
    "weighted_improvement": (
        Mutant("challenger ruined", _all_ruined),
        Mutant("challenger equals champion", _tie),
        Mutant("no champion", lambda c: c.changed(champion=None)),
        Mutant("segment missing", _without_segment),
    ),
    "one_of": (
        Mutant("challenger worse in every way", _worse_in_every_way),
        Mutant("challenger equals champion", _tie),
        Mutant("no champion", lambda c: c.changed(champion=None)),
    ),
    "max_drop": (
        Mutant("largest segment ruined", _segment_ruined),
        Mutant("no champion", lambda c: c.changed(champion=None)),
    ),
    "floor": (Mutant("challenger ruined", _all_ruined),),
    "ceiling": (Mutant("challenger ruined", _all_ruined),),
    "beats_naive": (
        Mutant("naive as good as the challenger", _naive_as_good),
        Mutant("no naive baseline", lambda c: c.changed(naive=None)),
    ),
    "no_new_drift_alerts": (
        Mutant("a feature drifts", _drifting),
        Mutant("no drift report", _checks(drift=None)),
        Mutant("too few rows for drift", _few_drift_rows, ("inconclusive",)),
    ),
    "no_new_fairness_alerts": (
        Mutant("one group ruined", _group_ruined),
        Mutant("no fairness column", _without_fairness_column),
    ),
    "leakage": (
        Mutant("a leaked column", _leaked),
        Mutant("no leakage report", _checks(leakage=None)),
        Mutant(
            "scan not possible", _checks(leakage=LeakageReport((), (), {"dependence": "no rows"})), ("inconclusive",)
        ),
    ),
    "servability": (
        Mutant("does not load", _served(loaded=False)),
        Mutant("other answers than in training", _served(equal=False)),
        Mutant("answers not finite", _served(finite=False)),
        Mutant("nothing tried", _served(rows=0)),
        Mutant("too slow", _served(p95_ms=1e9)),
        Mutant("speed not a number", _served(p95_ms=float("nan"))),
        Mutant("serving not tried", _checks(servability=None)),
    ),
    "stress": (
        Mutant("the first stress costs too much", _strained(0, loss=1e6)),
        Mutant("the last stress costs too much", _strained(-1, loss=1e6)),
        Mutant("answers not finite under stress", _strained(0, wrong="1 of 1000 answers are NaN or infinite")),
        Mutant("a loss that was not measured", _strained(-1, loss=None, error=None)),
        Mutant("a loss that can't be told from its tolerance", _strained(0, error=1e6), ("inconclusive",)),
        Mutant("a stress that the policy gives no tolerance for", _strained(0, kind="something new")),
        Mutant("no stress tried", _untried),
        Mutant("no stress report", _checks(stress=None)),
    ),
}


def kinds_of(comparison: Comparison) -> dict[str, str]:
    """The kind of every gate that a comparison may be asked, by the gate's name."""
    always = {name: name for name in ("holdout_unspent", "segments_complete")}
    return {spec.name: spec.kind for spec in comparison.policy.gates} | always


def escapes(
    comparison: Comparison, *, kind: Trial = "promotion", without: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Mutants that were not caught, by gate; empty when every gate (but those of `without`) does its work.

    The comparison must be healthy (verdict pass): InvalidInput names the gates that are not green, since a gate that
    fails anyway proves nothing.
    """
    gates = [gate for gate in build(comparison.policy, kind) if gate.name not in without]
    before = evaluate(comparison, kind=kind, gates=gates)
    if before.verdict != "pass":
        lost = sorted({f"{g.name} ({g.status})" for g in before.gates if g.status != "pass"})
        raise InvalidInput(f"Mutants need a healthy comparison to break; not green are: {', '.join(lost)}.")
    trial: Trial = kind
    if kind == "champion_trial":  # the champion is the one to be broken
        comparison, trial = comparison.champions_trial(), "bootstrap"
    found: dict[str, tuple[str, ...]] = {}
    kinds = kinds_of(comparison)
    for gate in gates:
        missed = []
        tried = [(m, broken) for m in GATE_MUTANTS[kinds[gate.name]] if (broken := m.made(comparison)) is not None]
        for mutant, broken in tried:
            results = evaluate(broken, kind=trial, gates=[gate]).gates
            if not any(r.name == gate.name and r.status in mutant.expects for r in results):
                missed.append(mutant.name)
        if not tried:
            missed.append("no mutant can be made of these rows")
        if missed:
            found[gate.name] = tuple(missed)
    for mutant in ROW_MUTANTS:
        if evaluate(mutant.change(comparison), kind=trial, gates=gates).verdict not in mutant.expects:
            found["alignment"] = (*found.get("alignment", ()), mutant.name)
    return found
