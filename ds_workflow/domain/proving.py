"""Gates on trial on the proposal's own rows: before a verdict is believed, every gate must notice what is broken.

A gate can be sound on made numbers and blind on these rows (too few of them, a threshold out of reach, a group that is
not there). So each gate that passes is shown its mutants, made of the very rows that it judged; one that lets a mutant
pass is blind here, and its `pass` is worth nothing. A gate that does not pass anyway can't be tried: it says nothing.

The question is only whether a gate notices, not how sure it is, so a mutant is judged at the policy's alpha with few
resamples; the unbroken comparison is judged likewise beside it, and a gate that does not pass that is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ds_workflow.domain import few_clusters
from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates import Evaluation, Gate, HoldoutUnspent, StatisticalGate, build, evaluate, verdict_of
from ds_workflow.domain.mutants import GATE_MUTANTS, ROW_MUTANTS, Mutant, kinds_of
from ds_workflow.domain.policy import Trial
from ds_workflow.domain.scorecard import group_values
from registry.records import GateResult, GateStatus

NAME = "gates_proven"
REQUIRED = "every gate that passes notices its mutants, made of these rows"
FAIR = "no_new_fairness_alerts"
_RESAMPLES = 199
_SPARE = 1.1  # resamples for each one that the largest family of one gate needs
_SAID = 4  # blind gates named in the note


@dataclass(frozen=True)
class Proof:
    """What the mutants showed, by gate: `caught` by those that pass unbroken, `blind` names the mutants that a gate let
    pass, `untried` gates did not pass anyway, `unbreakable` ones pass and these rows hold nothing to break."""

    caught: tuple[tuple[str, int], ...]
    blind: tuple[tuple[str, tuple[str, ...]], ...]
    untried: tuple[str, ...]
    unbreakable: tuple[str, ...] = ()

    @property
    def mutants(self) -> int:
        """All mutants that were caught."""
        return sum(count for _, count in self.caught)

    def result(self, rows: int) -> GateResult:
        """The proof as a line among the gates: invalid while a gate is blind on these rows."""
        each = [(gate, count) for gate, count in self.caught if count]
        note = f"Proven on {self.mutants} mutants of {len(each)} gates"
        note += f" ({', '.join(f'{gate} {count}' for gate, count in each)})." if each else "."
        if self.untried:
            note += f" Not tried, since what does not pass anyway can't be broken: {', '.join(self.untried)}."
        if self.unbreakable:
            note += f" Not tried, since these rows hold nothing to break: {', '.join(self.unbreakable)}."
        if self.blind:
            said = "; ".join(f"{gate}: {', '.join(names)}" for gate, names in self.blind[:_SAID])
            more = f"; and {len(self.blind) - _SAID} gates more" if len(self.blind) > _SAID else ""
            note = f"Let pass on these rows: {said}{more}. What such a gate says of them is worth nothing. {note}"
        status: GateStatus = "invalid" if self.blind else "pass"
        return GateResult(NAME, status, float(self.mutants), required=REQUIRED, rows=rows, note=note)


def proven(comparison: Comparison, evaluation: Evaluation) -> Evaluation:
    """The evaluation with its proof as one more result. Rows that can't be compared were shown to no gate, so that the
    proof of them says 0 mutants and why."""
    line = _line(comparison, evaluation)
    gates = (*evaluation.gates, line)
    return replace(evaluation, gates=gates, verdict=verdict_of(gates))


def witnessed(comparison: Comparison, evaluation: Evaluation) -> Evaluation:
    """The evaluation with its proof beside the results and its verdict as it was: for a trial that disqualifies, where
    a blind gate must be told and may end nobody's office."""
    return replace(evaluation, gates=(*evaluation.gates, _line(comparison, evaluation)))


def _line(comparison: Comparison, evaluation: Evaluation) -> GateResult:
    if comparison.faults:
        note = "Proven on 0 mutants: these rows can't be compared, so no gate was asked and none could be tried."
        return GateResult(NAME, "invalid", 0.0, required=REQUIRED, note=note)
    return prove(comparison, evaluation).result(comparison.rows())


def prove(comparison: Comparison, evaluation: Evaluation) -> Proof:
    """Run the mutants of every gate of the evaluation's trial on the rows that it judged."""
    base, trial = _quick(comparison, evaluation.kind)
    changed: dict[str, Comparison | None] = {}
    kinds = kinds_of(base)
    counted: tuple[Gate, ...] = () if comparison.look is None else (HoldoutUnspent(),)
    caught: list[tuple[str, int]] = []
    blind: list[tuple[str, tuple[str, ...]]] = []
    untried: list[str] = []
    unbreakable: list[str] = []
    gates = (*counted, *build(base.policy, evaluation.kind))
    for gate in gates:
        green = all(g.status == "pass" for g in evaluation.of(gate.name))
        # fewer resamples make it harder to show something, and no alarm more likely
        if not green or (isinstance(gate, StatisticalGate) and _lost(gate, base, trial)):
            untried.append(gate.name)
            continue
        found = [(m.name, _made(m, base, changed)) for m in GATE_MUTANTS[kinds[gate.name]]]
        tried = [(name, _lost(gate, broken, trial)) for name, broken in found if broken is not None]
        if not tried:
            unbreakable.append(gate.name)
            continue
        caught.append((gate.name, sum(lost for _, lost in tried)))
        if escaped := tuple(name for name, lost in tried if not lost):
            blind.append((gate.name, escaped))
    rows = [(m.name, m.change(base)) for m in ROW_MUTANTS]
    lost_rows = tuple(name for name, broken in rows if not broken.faults)
    caught.append(("alignment", len(rows) - len(lost_rows)))
    if lost_rows:
        blind.append(("alignment", lost_rows))
    return Proof(tuple(caught), tuple(blind), tuple(untried), tuple(unbreakable))


def _quick(comparison: Comparison, kind: Trial) -> tuple[Comparison, Trial]:
    """The same rows judged with few resamples, enough for the largest family of one gate, and the trial to ask."""
    if kind == "champion_trial":
        comparison, kind = comparison.champions_trial(), "bootstrap"
    policy = comparison.policy
    largest = max((len(g.alternatives) for g in policy.gates), default=0)
    tests = max(1, largest, len(comparison.segments), _fairness_tests(comparison))
    fewest = few_clusters.fewest(comparison.challenger, minimum_rows=policy.segment_min_rows)
    worth = max(float(policy.minimum_clusters), fewest)
    needed = few_clusters.resamples_for(policy.alpha, tests=tests, clusters=worth, spare=_SPARE)
    resamples = min(policy.resamples, max(_RESAMPLES, needed))
    look = None if comparison.look is None else replace(comparison.look, level=policy.alpha)
    return replace(comparison, policy=replace(policy, resamples=resamples), look=look), kind


def _fairness_tests(comparison: Comparison) -> int:
    """The tests that a fairness gate corrects over: groups and metrics of a column, two sides, and its columns."""
    columns = comparison.problem.fairness_columns or comparison.problem.sensitive
    there = [c for c in columns if c in comparison.challenger.groups]
    groups = max((len(group_values(comparison.challenger, c)) for c in there), default=0)
    metrics = max((len(g.tolerances or {}) for g in comparison.policy.gates if g.kind == FAIR), default=0)
    return 2 * groups * metrics * len(columns)


def _made(mutant: Mutant, base: Comparison, made: dict[str, Comparison | None]) -> Comparison | None:
    """The broken comparison, made once for all gates that are shown it."""
    if mutant.name not in made:
        made[mutant.name] = mutant.made(base)
    return made[mutant.name]


def _lost(gate: Gate, comparison: Comparison, trial: Trial) -> bool:
    """Whether the gate, asked alone, does not let this comparison pass."""
    results: Sequence[GateResult] = evaluate(comparison, kind=trial, gates=[gate]).gates
    return any(g.status != "pass" for g in results)
