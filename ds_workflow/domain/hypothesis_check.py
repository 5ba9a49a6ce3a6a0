"""Judging a draft: everything that is not filled, not known or not testable is listed at once.

A claim must be able to fail: a direction that is an improvement, an effect above 0 and below all there is, on a
metric for which one direction is better. What the template says is never an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ds_workflow.domain.gate_spec import GateSpec
from ds_workflow.domain.guardrails import why_not
from ds_workflow.domain.hypothesis import (
    ANY_DATASET,
    CHANGE_TYPES,
    COMMENT,
    COMPOSITE,
    DIRECTIONS,
    ID,
    OVERALL,
    SECTIONS,
    UNITS,
    Claim,
    Draft,
    Gap,
    Guardrail,
    Hypothesis,
    Plan,
    sections_of,
)
from ds_workflow.domain.hypothesis_template import TEMPLATE
from ds_workflow.domain.metrics import METRICS, Metric
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import IncompleteHypothesis, UnknownName

GOOD_AT_A_POINT = {
    "bias": "it is best at 0, so it can get worse in both directions",
    **dict.fromkeys(
        ("interval_coverage", "coverage_80", "coverage_95"),
        "it is best at its nominal level, so it can get worse in both directions",
    ),
    "volume_bias": "it is best at 0, so it can get worse in both directions",
    "expected_over_observed": "it is best at 1, so it can get worse in both directions",
}

_FIELDS = ("id", "title", "owner", "problem", "parent", "change_type", "claim", "guardrails", "plan")
_CLAIM = ("metric", "slice", "direction", "min_effect", "unit")
_GUARDRAIL = ("name", "limit", "unit")
_PLAN = ("strategy", "feature_set_version", "dataset_version", "dataset_reason", "router_mode")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_PLACEHOLDERS = tuple(re.findall(r"<[^!<>\n][^<>\n]*>", TEMPLATE))
_EMPTY_WORDS = {"todo", "tbd", "tba", "fixme", "xxx", "wip", "...", "…", "?", "-", "n/a", "lorem ipsum"}


def _unfilled(text: str) -> str:
    """Why `text` does not count as filled, or ''."""
    left = [place for place in _PLACEHOLDERS if place in text]
    if left:
        return f"still holds the template's {left[0]}"
    lines = [line.strip(" \t*_`>#-.:") for line in COMMENT.sub("", text).splitlines()]
    words = " ".join(line for line in lines if line.lower() not in _EMPTY_WORDS and not re.match(r"(?i)todo\b", line))
    if not re.search(r"\w", words):
        return "is empty"
    return "" if len(words.split()) >= 3 else f"says only '{words.strip()}'; write a sentence"


class _Reader:
    """Reads a draft and collects what is wrong, so that one check shows everything at once."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.gaps: list[Gap] = []

    def gap(self, name: str, message: str) -> None:
        self.gaps.append(Gap(name, message, self.draft.lines.get(name, 0)))

    def keys(self, name: str, value: Any, known: Sequence[str]) -> Mapping[str, Any]:
        """`value` as a mapping with no unknown key, or an empty one."""
        if not isinstance(value, Mapping):
            self.gap(name, f"is missing or not a mapping; write {', '.join(known)} below it.")
            return {}
        for key in value:
            if key not in known:
                path = f"{name}.{key}" if name else str(key)
                self.gap(path, f"is not a field of a hypothesis. Known here: {', '.join(known)}.")
        return value

    def text(self, name: str, value: Any, what: str) -> str:
        """A filled single line, or '' and a gap."""
        if value is None or isinstance(value, (Mapping, list)):
            self.gap(name, f"is missing; write {what}.")
            return ""
        text = str(value).strip()
        if not text or text.lower() in _EMPTY_WORDS or re.fullmatch(r"<.*>", text) or "\n" in text:
            self.gap(name, f"is not filled ('{text}'); write {what}.")
            return ""
        return text

    def choice(self, name: str, value: Any, allowed: Sequence[str]) -> str:
        """One of `allowed`, or '' and a gap."""
        text = self.text(name, value, f"one of {', '.join(allowed)}")
        if text and text not in allowed:
            self.gap(name, f"is '{text}'; allowed: {', '.join(allowed)}.")
            return ""
        return text

    def number(self, name: str, value: Any) -> float | None:
        """A finite number, or None and a gap."""
        text = self.text(name, value, "a number, for example 0.05")
        if not text:
            return None
        if isinstance(value, bool) or not _NUMBER.fullmatch(text) or abs(float(text)) == float("inf"):
            self.gap(name, f"is '{text}', which is not a number; write 5 % as 0.05.")
            return None
        return float(text)

    def claim(self, value: Any) -> Claim | None:
        """The claim, if the outcome could go against it."""
        before = len(self.gaps)
        given = self.keys("claim", value, _CLAIM)
        if not given:
            return None
        name = self.text("claim.metric", given.get("metric"), "the name of a metric")
        base = METRICS.get(name.removeprefix(COMPOSITE))
        if name and base is None:
            known = ", ".join(sorted(METRICS))
            self.gap("claim.metric", f"'{name}' is not a metric. Known: {known}, and {COMPOSITE}<metric>.")
        where = self.text("claim.slice", given.get("slice"), "'overall' or a segment")
        if name.startswith(COMPOSITE) and where not in ("", OVERALL):
            self.gap("claim.slice", f"is '{where}', but '{name}' is over all segments; write '{OVERALL}'.")
        direction = self.choice("claim.direction", given.get("direction"), DIRECTIONS)
        unit = self.choice("claim.unit", given.get("unit"), UNITS)
        effect = self.number("claim.min_effect", given.get("min_effect"))
        if base is not None:
            self._worth_claiming(name, base, direction)
        if effect is not None:
            self._falsifiable(effect, unit, base)
        return None if len(self.gaps) > before or effect is None else Claim(name, where, direction, effect, unit)

    def _worth_claiming(self, name: str, base: Metric, direction: str) -> None:
        if base.name in GOOD_AT_A_POINT:
            self.gap(
                "claim.metric", f"'{name}' can't carry a claim: {GOOD_AT_A_POINT[base.name]}. Make it a guardrail."
            )
        elif direction and (direction == "increase") != base.greater_is_better:
            better = "increase" if base.greater_is_better else "decrease"
            self.gap("claim.direction", f"'{direction}' would make {name} worse; an improvement is '{better}'.")

    def _falsifiable(self, effect: float, unit: str, base: Metric | None) -> None:
        if effect <= 0:
            self.gap(
                "claim.min_effect",
                f"is {effect:g}: nothing could refute that; write the smallest effect that matters, above 0.",
            )
        elif effect >= 1 and (unit == "relative" or (unit == "absolute" and base is not None and base.unit == "share")):
            self.gap("claim.min_effect", f"is {effect:g}, 100 % or more, which can't come true; write 5 % as 0.05.")

    def guardrails(self, value: Any) -> tuple[Guardrail, ...]:
        """At least one guardrail, no name twice."""
        if not isinstance(value, list) or not value:
            self.gap("guardrails", "is empty; name at least one thing that must not get worse (name, limit, unit).")
            return ()
        read: list[Guardrail] = []
        for i, item in enumerate(value):
            path = f"guardrails[{i}]"
            given = self.keys(path, item, _GUARDRAIL)
            if not given:
                continue
            name = self.text(f"{path}.name", given.get("name"), "the policy's name for it")
            limit = self.number(f"{path}.limit", given.get("limit"))
            unit = self.choice(f"{path}.unit", given.get("unit"), UNITS)
            if limit is not None and limit < 0:
                self.gap(f"{path}.limit", f"is {limit:g}; a limit is 0 or above.")
            if name and name in {g.name for g in read}:
                self.gap(f"{path}.name", f"'{name}' stands there twice, so one of the limits would be ignored.")
            read.append(Guardrail(name, limit or 0.0, unit))
        return tuple(read)

    def plan(self, value: Any) -> Plan:
        """What will be trained, and on which snapshots."""
        given = self.keys("plan", value, _PLAN)
        if not given:
            return Plan("", "", ())
        strategy = self.text("plan.strategy", given.get("strategy"), "the strategy's name")
        features = self.text("plan.feature_set_version", given.get("feature_set_version"), "for example v2.0")
        asked = given.get("dataset_version")
        listed = asked if isinstance(asked, list) and asked else [asked]
        what = "a snapshot's name, a list of names, or 'any' with a dataset_reason"
        names = tuple(filter(None, (self.text("plan.dataset_version", one, what) for one in listed)))
        reason = str(given.get("dataset_reason") or "").strip()
        if ANY_DATASET in names:
            if len(names) > 1:
                self.gap("plan.dataset_version", "lists 'any' beside names; write one or the other.")
            if _unfilled(reason):
                self.gap(
                    "plan.dataset_reason",
                    "is missing; 'any' needs a sentence on why any snapshot will do.",
                )
            names = ()
        return Plan(strategy, features, names, reason, str(given.get("router_mode") or "").strip())

    def sections(self) -> dict[str, str]:
        """The text of the standard sections, each there once and filled."""
        found: dict[str, tuple[str, str]] = {}
        for title, text, _ in sections_of(self.draft.body):
            if title.lower() in found and title in SECTIONS:
                self.gap(title, "stands there twice; keep one.")
            found.setdefault(title.lower(), (title, text))
        read = {}
        for title in SECTIONS:
            if title.lower() not in found:
                self.gap(title, f"this section is missing; add '## {title}' and fill it.")
                continue
            read[title] = found[title.lower()][1]
            why = _unfilled(read[title])
            if why:
                self.gap(title, f"this section {why}.")
        return read


def _declared(reader: _Reader, claim: Claim | None, plan: Plan, problem: Problem) -> None:
    """What the document names must be declared by its problem."""

    def known(name: str, given: str, allowed: Iterable[str]) -> None:
        options = list(allowed)
        if given and given not in options:
            reader.gap(name, f"'{given}' is not declared by {problem.name}. Known: {', '.join(options) or 'none'}.")

    if claim is not None:
        known("claim.metric", claim.metric.removeprefix(COMPOSITE), problem.metrics)
        known("claim.slice", claim.slice, (OVERALL, *problem.segments))
    known("plan.strategy", plan.strategy, problem.strategies)
    known("plan.feature_set_version", plan.feature_set_version, (fs.version for fs in problem.feature_sets))
    known("plan.router_mode", plan.router_mode, problem.router_modes)


def _known_rails(reader: _Reader, rails: Sequence[Guardrail], known: Iterable[str | GateSpec]) -> None:
    """Each guardrail is a gate of the policy, and no looser than that."""
    policy = {gate if isinstance(gate, str) else gate.name: gate for gate in known}
    for i, rail in enumerate(rails):
        gate = policy.get(rail.name)
        if policy and rail.name and gate is None:
            listed = ", ".join(sorted(policy))
            reader.gap(f"guardrails[{i}].name", f"'{rail.name}' is not in the policy. Known: {listed}.")
        elif gate is not None and not isinstance(gate, str) and rail.unit:
            name, why = why_not(rail, gate)
            if why and not any(gap.field == f"guardrails[{i}].{name}" for gap in reader.gaps):
                reader.gap(f"guardrails[{i}].{name}", why)


def judge(
    draft: Draft, *, problem: Callable[[str], Problem] | None = None, guardrails: Iterable[str | GateSpec] = ()
) -> tuple[Hypothesis | None, tuple[Gap, ...]]:
    """The hypothesis, or None, and everything that keeps the draft from being one.

    `problem` finds a declaration by name (UnknownName is a gap); without it, names that a problem declares are not
    checked. `guardrails` are the gates that the policy knows, or only their names; empty: not checked.
    """
    reader = _Reader(draft)
    front = reader.keys("", draft.front, _FIELDS)
    ident = reader.text("id", front.get("id"), "an id like H-SEG-001")
    if ident and not ID.fullmatch(ident):
        reader.gap("id", f"'{ident}' is not an id; one looks like H-SEG-001.")
    title = reader.text("title", front.get("title"), "one sentence")
    owner = reader.text("owner", front.get("owner"), "the person who answers for it")
    name = reader.text("problem", front.get("problem"), "the problem's name")
    parent = str(front.get("parent") or "").strip()
    if parent and (not ID.fullmatch(parent) or parent == ident):
        reader.gap("parent", f"'{parent}' can't be the parent; write the id of another hypothesis, or \"\" for none.")
    change = reader.choice("change_type", front.get("change_type"), CHANGE_TYPES)
    claim = reader.claim(front.get("claim"))
    rails = reader.guardrails(front.get("guardrails"))
    plan = reader.plan(front.get("plan"))
    sections = reader.sections()
    _known_rails(reader, rails, guardrails)
    if problem is not None and name:
        try:
            _declared(reader, claim, plan, problem(name))
        except UnknownName as error:
            reader.gap("problem", str(error))
    if reader.gaps or claim is None:
        return None, tuple(reader.gaps)
    made = Hypothesis(ident, title, owner, name, parent, change, claim, rails, plan, draft.digest, sections)
    return made, ()


def incomplete(ident: str, gaps: Sequence[Gap]) -> IncompleteHypothesis:
    """The error that lists all gaps of a document."""
    listed = "".join(f"\n  - {gap}" for gap in gaps)
    return IncompleteHypothesis(
        f"Hypothesis '{ident}' is not complete, and nothing is trained on an incomplete one:{listed}",
        hint=f"Fill these places, then run 'hypothesis-check {ident}'.",
    )
