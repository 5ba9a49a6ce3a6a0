"""The policy: thresholds that people may change under review, parsed strictly and never repaired.

A key that nobody knows, a number without meaning or a threshold that nothing could reach is refused by name: a typing
error must not switch off a gate. No file is read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Literal, cast

from ds_workflow.domain.holdout_spending import LOOKS, SCHEMES, Look, Scheme, Spending, resamples_for
from ds_workflow.domain.metrics import metric
from ds_workflow.domain.stress import KINDS as STRESSES
from ds_workflow.domain.strict_mapping import Part
from ds_workflow.errors import InvalidInput
from registry.records import digest_of

Trial = Literal["promotion", "bootstrap", "champion_trial"]
TRIALS: tuple[Trial, ...] = ("promotion", "bootstrap", "champion_trial")
Over = Literal["overall", "segments", "major_segments"]
OVER = ("overall", "segments", "major_segments")
_WEIGHT_TOLERANCE = 1e-6
_BOUNDED = ("share", "score")  # units of figures that lie between 0 and 1

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


@dataclass(frozen=True)
class Policy:
    """What a model must show. Rows count rows of the holdout; `weights` is the fixed reference population."""

    problem: str
    policy_version: str
    expires_after_days: int
    retrain_after_days: int
    alpha: float
    resamples: int
    minimum_clusters: int
    segment_min_rows: int
    major_min_rows: int
    weights: Mapping[str, float]
    weights_source: str
    gates: tuple[GateSpec, ...]
    spending_scheme: Scheme = "decaying"
    looks: int = LOOKS

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical content: comments and order of keys don't count, every number does."""
        return digest_of(self.to_dict())

    @property
    def segments(self) -> tuple[str, ...]:
        """The segments that a comparison must carry."""
        return tuple(self.weights)

    @property
    def lifetime(self) -> timedelta:
        """How long an open proposal may be decided."""
        return timedelta(days=self.expires_after_days)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON of all fields; gates in their names' order, since their order decides nothing."""
        gates = [asdict(g) for g in sorted(self.gates, key=lambda g: g.name)]
        for gate in gates:  # what a gate does not have is not part of its digest
            if not gate["alternatives"]:
                del gate["alternatives"]
        content = {**asdict(self), "gates": gates}
        if self.spending == Spending(self.alpha):  # nor what a policy leaves as it is by default
            del content["spending_scheme"], content["looks"]
        return content

    @property
    def spending(self) -> Spending:
        """How a holdout's error rate is divided among the looks at it."""
        return Spending(self.alpha, self.spending_scheme, self.looks)

    def for_look(self, look: Look, trial: Trial) -> Policy:
        """The policy with resamples enough to show something at the look's level; a spent one can show nothing."""
        if look.spent:
            return self
        return replace(self, resamples=resamples_for(self.tests(trial), look.level, at_least=self.resamples))

    def tests(self, trial: Trial) -> int:
        """The most bootstrap tests that a trial may ask at once."""
        many = {"overall": 1, "segments": len(self.weights), "major_segments": len(self.weights)}
        tested = ("weighted_improvement", "max_drop", "floor", "ceiling", "beats_naive")
        either = sum(len(g.alternatives) for g in self.applying(trial))
        return either + sum(many[g.over] for g in self.applying(trial) if g.kind in tested)

    def applying(self, trial: Trial) -> tuple[GateSpec, ...]:
        """The gates of one trial, in the policy's order."""
        return tuple(g for g in self.gates if trial in g.applies_to)

    @property
    def drift_gate(self) -> GateSpec | None:
        """The gate on drifting inputs, if there is one."""
        return next((g for g in self.gates if g.kind == "no_new_drift_alerts"), None)

    @property
    def stress_gate(self) -> GateSpec | None:
        """The gate on requests that go wrong, if there is one."""
        return next((g for g in self.gates if g.kind == "stress"), None)

    def gate(self, name: str) -> GateSpec:
        """The gate of that name."""
        for gate in self.gates:
            if gate.name == name:
                return gate
        raise InvalidInput(f"The policy has no gate '{name}'. It has: {', '.join(g.name for g in self.gates)}.")

    @staticmethod
    def parse(mapping: Mapping[str, Any], *, segments: Sequence[str], metrics: Sequence[str]) -> Policy:
        """The policy in a mapping (as YAML gives it) for a problem with these segments and metrics.

        Raises InvalidInput naming the key: unknown, missing, of the wrong kind, out of range, in the wrong unit,
        unattainable or contradicting another.
        """
        top = Part("policy", mapping)
        top.keys(
            "problem",
            "policy_version",
            "expires_after_days",
            "retrain_after_days",
            "statistics",
            "rows",
            "reference_population",
            "gates",
            optional=("holdout",),
        )
        statistics, rows = top.part("statistics"), top.part("rows")
        statistics.keys("alpha", "resamples", "minimum_clusters")
        rows.keys("segment_minimum", "major_segment_minimum")
        population = top.part("reference_population")
        population.keys("source", "weights")
        specs = top.part("gates")
        scheme, looks = _holdout(top)
        policy = Policy(
            problem=top.text("problem"),
            policy_version=top.text("policy_version"),
            expires_after_days=top.integer("expires_after_days", low=1, high=365),
            retrain_after_days=top.integer("retrain_after_days", low=1, high=3650),
            alpha=statistics.number("alpha", low=0.001, high=0.2),
            resamples=statistics.integer("resamples", low=99, high=1_000_000),
            minimum_clusters=statistics.integer("minimum_clusters", low=2, high=1_000_000),
            segment_min_rows=rows.integer("segment_minimum", low=1, high=10**9),
            major_min_rows=rows.integer("major_segment_minimum", low=1, high=10**9),
            weights=_weights(population.part("weights"), segments),
            weights_source=population.text("source"),
            gates=tuple(_gate(specs.part(str(name)), str(name), metrics) for name in specs.content),
            spending_scheme=scheme,
            looks=looks,
        )
        _sound(policy)
        return policy


def _weights(part: Part, segments: Sequence[str]) -> dict[str, float]:
    part.keys(*segments)
    weights = {name: part.number(name, low=0.0, high=1.0) for name in segments}
    total = sum(weights.values())
    if abs(total - 1.0) > _WEIGHT_TOLERANCE:
        raise InvalidInput(f"{part.path}: the weights sum to {total:.6g}; a reference population sums to 1.")
    return weights


def _holdout(top: Part) -> tuple[Scheme, int]:
    """How a holdout is spent, where the policy says so."""
    if "holdout" not in top.content:
        return "decaying", LOOKS
    part = top.part("holdout")
    part.keys("spending", "looks")
    return cast(Scheme, part.choice("spending", SCHEMES)), part.integer("looks", low=1, high=50)


def _trials(part: Part) -> tuple[Trial, ...]:
    given = part.content["applies_to"]
    if not isinstance(given, list | tuple) or not given or len(set(given)) != len(given):
        raise InvalidInput(f"{part.path}.applies_to: a list of trials is wanted, from: {', '.join(TRIALS)}.")
    for trial in given:
        if trial not in TRIALS:
            raise InvalidInput(f"{part.path}.applies_to: {trial!r} is not known. Allowed: {', '.join(TRIALS)}.")
    return tuple(trial for trial in TRIALS if trial in given)


def _limits(kind: str, unit: str, metric_unit: str) -> tuple[float, float]:
    """The range in which a threshold of that unit has a meaning: 2 for '2 %' is refused, and so is 5 for '5 %'."""
    if unit == "relative":
        return (0.0, 1.0 if kind in ("max_drop", "stress") else 0.99)
    return (0.0, 1.0) if metric_unit in _BOUNDED else (0.0, 1e12)


def _gate(part: Part, name: str, metrics: Sequence[str]) -> GateSpec:
    if "kind" not in part.content:
        raise InvalidInput(f"{part.path}: the key 'kind' is missing. Allowed kinds: {', '.join(KINDS)}.")
    kind = part.choice("kind", tuple(KINDS))
    part.keys("kind", "applies_to", *KINDS[kind])
    trials = _trials(part)
    for trial in trials:
        if kind in _NEEDS_CHAMPION and trial != "promotion":
            raise InvalidInput(
                f"{part.path}.applies_to: '{kind}' compares with a champion; {trial} has none beside it."
            )
    named, unit, over = "", "", "overall"
    thresholds: dict[str, float] | None = None
    tolerances: dict[str, Mapping[str, float]] | None = None
    if "metric" in KINDS[kind]:
        named = part.choice("metric", tuple(metrics))
        wanted = ("relative", "absolute") if kind not in ("floor", "ceiling") else (metric(named).unit,)
        unit = part.choice("unit", wanted)
        over = part.choice("over", OVER) if "over" in KINDS[kind] else "overall"
        if kind == "stress":
            _, high = _limits(kind, unit, metric(named).unit)
            tolerances = _stresses(part.part("tolerances"), trials, high=high)
            return GateSpec(name, kind, trials, named, unit, tolerances=tolerances)
        if kind in ("floor", "ceiling") and metric(named).greater_is_better != (kind == "floor"):
            better = "floor" if metric(named).greater_is_better else "ceiling"
            raise InvalidInput(f"{part.path}: '{named}' wants a {better}, not a {kind}.")
        low, high = _limits(kind, unit, metric(named).unit)
        bound = "minimum" if "minimum" in KINDS[kind] else "maximum"
        thresholds = part.per_name(bound, trials, low=low, high=high)
    if kind == "no_new_drift_alerts":
        thresholds = part.per_name("maximum_psi", trials, low=0.01, high=10.0)
    if kind == "servability":
        thresholds = part.per_name("maximum_p95_ms", trials, low=0.1, high=600_000.0)
    if kind == "no_new_fairness_alerts":
        by_metric = part.part("tolerances")
        for key in by_metric.content:
            _known(by_metric, key, metrics)
        if not by_metric.content:
            raise InvalidInput(f"{by_metric.path}: at least one metric is wanted, from: {', '.join(metrics)}.")
        tolerances = {
            key: by_metric.per_name(key, trials, low=0.0, high=1.0 if metric(key).unit in _BOUNDED else 1e12)
            for key in by_metric.content
        }
    alternatives = _alternatives(part, metrics) if kind == "one_of" else ()
    minimum = part.integer("minimum_rows", low=1, high=10**9) if "minimum_rows" in KINDS[kind] else 0
    return GateSpec(name, kind, trials, named, unit, cast(Over, over), thresholds, tolerances, minimum, alternatives)


def _stresses(part: Part, trials: Sequence[Trial], *, high: float) -> dict[str, Mapping[str, float]]:
    """Tolerances by kind of stress; a kind that has a meaning and no tolerance fails the gate."""
    for key in part.content:
        _known(part, key, STRESSES)
    if not part.content:
        raise InvalidInput(f"{part.path}: at least one kind is wanted, from: {', '.join(STRESSES)}.")
    return {key: part.per_name(key, trials, low=0.0, high=high) for key in part.content}


def _alternatives(part: Part, metrics: Sequence[str]) -> tuple[Alternative, ...]:
    given = part.content["alternatives"]
    if not isinstance(given, list | tuple) or len(given) < 2:
        raise InvalidInput(f"{part.path}.alternatives: a list of at least two improvements is wanted.")
    found = []
    for number, content in enumerate(given, start=1):
        one = Part(f"{part.path}.alternatives.{number}", content)
        one.keys("metric", "minimum", "unit", "over")
        named = one.choice("metric", tuple(metrics))
        unit = one.choice("unit", ("relative", "absolute"))
        low, high = _limits("weighted_improvement", unit, metric(named).unit)
        weighted = one.choice("over", ("overall", "weighted_segments")) == "weighted_segments"
        found.append(Alternative(named, one.number("minimum", low=low, high=high), unit, weighted))
    return tuple(found)


def _known(part: Part, key: str, names: Sequence[str]) -> None:
    if key not in names:
        raise InvalidInput(f"{part.path}: unknown key '{key}'. Allowed: {', '.join(names)}.")


def _sound(policy: Policy) -> None:
    """Refuse what no model could reach and what contradicts itself."""
    if policy.segment_min_rows > policy.major_min_rows:
        raise InvalidInput(
            f"policy.rows: segment_minimum {policy.segment_min_rows} is above major_segment_minimum "
            f"{policy.major_min_rows}; a major segment would be too small to be judged."
        )
    for trial in TRIALS:
        if not policy.applying(trial):
            raise InvalidInput(f"policy.gates: no gate applies to {trial}, so everything would pass it.")
        tests = policy.tests(trial)
        if tests / (policy.resamples + 1) > policy.alpha:
            wanted = int(tests / policy.alpha)
            raise InvalidInput(
                f"policy.statistics.resamples: with {tests} tests in {trial} and alpha {policy.alpha:g}, "
                f"{policy.resamples} resamples can never show enough; at least {wanted} are wanted."
            )
    for gate in policy.gates:
        limits = gate.thresholds or {}
        if gate.kind in ("floor", "ceiling") and {"promotion", "bootstrap"} <= set(limits):
            tighter = limits["bootstrap"] - limits["promotion"]
            if (tighter if gate.kind == "floor" else -tighter) > 0:
                raise InvalidInput(
                    f"policy.gates.{gate.name}: bootstrap asks for more ({limits['bootstrap']:g}) than promotion "
                    f"({limits['promotion']:g}); a first champion may be weaker than its successors, not the reverse."
                )
    _attainable(policy)


def _attainable(policy: Policy) -> None:
    """A share can't be shown to be 1, nor an error to be 0."""
    for gate in policy.gates:
        if gate.kind == "floor" and gate.unit in _BOUNDED and max((gate.thresholds or {"": 0.0}).values()) >= 1.0:
            raise InvalidInput(f"policy.gates.{gate.name}: no model can be shown to reach a {gate.unit} of 1.")
        if gate.kind == "ceiling" and min((gate.thresholds or {"": 1.0}).values()) <= 0.0:
            raise InvalidInput(f"policy.gates.{gate.name}: no model can be shown to stay at 0.")
