"""One gate as a policy declares it, and how it is read: every key, number and unit by the gate's kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from ds_workflow.domain.metrics import metric
from ds_workflow.domain.stress import KINDS as STRESSES
from ds_workflow.domain.strict_mapping import Part, near
from ds_workflow.errors import InvalidInput

Trial = Literal["promotion", "bootstrap", "champion_trial"]
TRIALS: tuple[Trial, ...] = ("promotion", "bootstrap", "champion_trial")
Over = Literal["overall", "segments", "major_segments"]
OVER = ("overall", "segments", "major_segments")
BOUNDED = ("share", "score")  # units of figures that lie between 0 and 1
# what the arena itself calls its lines among the gates
RESERVED = ("holdout_unspent", "segments_complete", "gates_proven", "alignment", "claim")

# kind -> the keys it needs; every gate also needs `kind` and `applies_to`
KINDS: Mapping[str, tuple[str, ...]] = {
    "weighted_improvement": ("metric", "minimum", "unit"),
    "one_of": ("alternatives",),
    "max_drop": ("metric", "maximum", "unit", "over"),
    "floor": ("metric", "minimum", "unit", "over"),
    "ceiling": ("metric", "maximum", "unit", "over"),
    "beats_naive": ("metric", "minimum", "unit"),
    "no_new_drift_alerts": ("maximum_psi", "minimum_rows"),
    "no_new_fairness_alerts": ("tolerances", "minimum_rows"),
    "leakage": (),
    "servability": ("maximum_p95_ms",),
    "stress": ("metric", "unit", "tolerances"),
}
# what compares with a champion has no meaning where there is none
_NEEDS_CHAMPION = ("weighted_improvement", "one_of", "max_drop")


@dataclass(frozen=True)
class Alternative:
    """One of the improvements of which a `one_of` gate wants at least one: by more than `minimum`, in `unit`, over all
    rows or (`weighted`) in the mean over segments with the reference population's weights."""

    metric: str
    minimum: float
    unit: str
    weighted: bool


@dataclass(frozen=True)
class GateSpec:
    """One gate as the policy declares it. `thresholds` holds a number per trial it applies to, in `unit`;
    `tolerances` the same by metric (fairness) or by kind of stress."""

    name: str
    kind: str
    applies_to: tuple[Trial, ...]
    metric: str = ""
    unit: str = ""
    over: Over = "overall"
    thresholds: Mapping[str, float] | None = None
    tolerances: Mapping[str, Mapping[str, float]] | None = None
    minimum_rows: int = 0
    alternatives: tuple[Alternative, ...] = ()

    def threshold(self, trial: Trial) -> float:
        """The number for a trial it applies to."""
        if not self.thresholds or trial not in self.thresholds:
            raise InvalidInput(f"The gate '{self.name}' has no threshold for {trial}.")
        return self.thresholds[trial]


def read(part: Part, name: str, metrics: Sequence[str]) -> GateSpec | None:
    """The gate in a part of a policy; None where its kind or its trials can't be read. Faults go into the part's."""
    if name in RESERVED:
        part.fault("", "the arena itself has a line of that name.", "Give the gate another name.")
    if not part.whole:
        return None
    if "kind" not in part.content:
        part.fault("", f"the key 'kind' is missing. Allowed kinds: {', '.join(KINDS)}.", "Write 'kind'.")
        return None
    kind = part.choice("kind", tuple(KINDS))
    if not kind:
        return None
    part.keys("kind", "applies_to", *KINDS[kind])
    trials = _trials(part)
    for trial in trials:
        if kind in _NEEDS_CHAMPION and trial != "promotion":
            said = f"'{kind}' compares with a champion; {trial} has none beside it."
            part.fault("applies_to", said, "Write applies_to: [promotion].")
    if "metric" in KINDS[kind]:
        made = _of_metric(part, name, kind=kind, trials=trials, metrics=metrics)
    else:
        made = _of_report(part, name, kind=kind, trials=trials, metrics=metrics)
    return made if trials else None


def _of_metric(
    part: Part, name: str, *, kind: str, trials: tuple[Trial, ...], metrics: Sequence[str]
) -> GateSpec | None:
    """A gate on one figure."""
    over = part.choice("over", OVER) if "over" in KINDS[kind] else "overall"
    named = part.choice("metric", tuple(metrics))
    if not named:
        return None
    if kind in ("floor", "ceiling") and metric(named).greater_is_better != (kind == "floor"):
        better = "floor" if metric(named).greater_is_better else "ceiling"
        part.fault("", f"'{named}' wants a {better}, not a {kind}.", f"Write kind: {better}.")
        return None
    wanted = ("relative", "absolute") if kind not in ("floor", "ceiling") else (metric(named).unit,)
    unit = part.choice("unit", wanted)
    if not unit:
        return None
    low, high = _limits(kind, unit, metric(named).unit)
    if kind == "stress":
        by_kind = part.part("tolerances")
        several = {key: by_kind.per_name(key, trials, low=low, high=high) for key in by_kind.words(STRESSES, "kind")}
        return GateSpec(name, kind, trials, named, unit, tolerances=several)
    bound = "minimum" if "minimum" in KINDS[kind] else "maximum"
    thresholds = part.per_name(bound, trials, low=low, high=high)
    return GateSpec(name, kind, trials, named, unit, cast(Over, over or "overall"), thresholds)


def _of_report(part: Part, name: str, *, kind: str, trials: tuple[Trial, ...], metrics: Sequence[str]) -> GateSpec:
    """A gate on a report: drift, fairness, leakage, serving; or on one of several figures."""
    thresholds: dict[str, float] | None = None
    tolerances: dict[str, Mapping[str, float]] | None = None
    if kind == "no_new_drift_alerts":
        thresholds = part.per_name("maximum_psi", trials, low=0.01, high=10.0)
    if kind == "servability":
        thresholds = part.per_name("maximum_p95_ms", trials, low=0.1, high=600_000.0)
    if kind == "no_new_fairness_alerts":
        by_metric = part.part("tolerances")
        tolerances = {
            key: by_metric.per_name(key, trials, low=0.0, high=1.0 if metric(key).unit in BOUNDED else 1e12)
            for key in by_metric.words(metrics, "metric")
        }
    rows = part.integer("minimum_rows", low=1, high=10**9) if "minimum_rows" in KINDS[kind] else 0
    either = _alternatives(part, metrics) if kind == "one_of" else ()
    return GateSpec(
        name, kind, trials, thresholds=thresholds, tolerances=tolerances, minimum_rows=rows, alternatives=either
    )


def _limits(kind: str, unit: str, metric_unit: str) -> tuple[float, float]:
    """The range in which a threshold of that unit has a meaning: 2 for '2 %' is refused, and so is 5 for '5 %'."""
    if unit == "relative":
        return (0.0, 1.0 if kind in ("max_drop", "stress") else 0.99)
    return (0.0, 1.0) if metric_unit in BOUNDED else (0.0, 1e12)


def _trials(part: Part) -> tuple[Trial, ...]:
    """The trials that a gate applies to, none where that can't be read."""
    if "applies_to" not in part.content:
        return ()
    given: Any = part.content["applies_to"]
    if not isinstance(given, list | tuple) or not given:
        fix = f"Write applies_to: [{given}]." if given in TRIALS else ""
        part.fault("applies_to", f"a list of trials is wanted, from: {', '.join(TRIALS)}.", fix)
        return ()
    for place, trial in enumerate(given):
        if trial not in TRIALS:
            meant = near(trial, TRIALS)
            said = f"{trial!r} is not known. Allowed: {', '.join(TRIALS)}."
            part.fault("applies_to", said, f"Did you mean '{meant}'?" if meant else "")
        elif trial in given[:place]:
            part.fault("applies_to", f"'{trial}' stands there twice.", "Keep one of them.")
    return tuple(trial for trial in TRIALS if trial in given)


def _alternatives(part: Part, metrics: Sequence[str]) -> tuple[Alternative, ...]:
    if "alternatives" not in part.content:
        return ()
    given = part.content["alternatives"]
    if not isinstance(given, list | tuple) or len(given) < 2:
        part.fault("alternatives", "a list of at least two improvements is wanted.")
        return ()
    found = []
    for number, content in enumerate(given, start=1):
        one = Part(f"{part.path}.alternatives.{number}", content, part.faults)
        one.keys("metric", "minimum", "unit", "over")
        named = one.choice("metric", tuple(metrics))
        unit = one.choice("unit", ("relative", "absolute"))
        weighted = one.choice("over", ("overall", "weighted_segments")) == "weighted_segments"
        if named and unit:
            low, high = _limits("weighted_improvement", unit, metric(named).unit)
            found.append(Alternative(named, one.number("minimum", low=low, high=high), unit, weighted))
    return tuple(found)
