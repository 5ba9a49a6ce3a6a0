"""A hypothesis is a promise made before training: what will get better, by how much, and what would refute it.

Pure: a document comes in as a `Draft` (front matter as plain values, body as text); reading files and YAML is the
work of `adapters.hypotheses`, and judging a draft that of `domain.hypothesis_check`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ds_workflow.domain.hypothesis_template import TEMPLATE
from ds_workflow.domain.metrics import METRICS, Metric
from ds_workflow.domain.outcome import without_outcome
from ds_workflow.errors import InvalidInput, UnknownName

CHANGE_TYPES = ("feature", "objective", "data", "architecture", "tuning")
DIRECTIONS = ("decrease", "increase")
UNITS = ("relative", "absolute")
SECTIONS = (
    "Observation",
    "Mechanism",
    "Claim",
    "How it could be wrong",
    "Guardrails",
    "Plan",
    "Decision rule",
    "Risks and fairness",
    "Rollout and rollback",
)
OVERALL = "overall"
ANY_DATASET = "any"
COMPOSITE = "weighted_segment_"  # before a metric's name: its mean over segments, weighted by the policy's weights
ID = re.compile(r"H-[A-Z0-9]+-[0-9]{3}")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def valid_id(text: str) -> str:
    """`text` if it is a hypothesis id (`H-SEG-001`); InvalidInput otherwise, so no id can name another folder."""
    if not ID.fullmatch(text):
        raise InvalidInput(
            f"'{text}' is not a hypothesis id; one looks like H-SEG-001 (capitals or digits, then three digits).",
            hint="Run 'hypothesis-list' to see the ids that are taken.",
        )
    return text


def content_digest(text: str) -> str:
    """SHA-256 (64 hex digits) of the document without its outcome.

    Line endings, trailing blanks, a byte order mark and the Unicode form of letters don't count, words do.
    """
    plain = unicodedata.normalize("NFC", without_outcome(text).removeprefix("\ufeff"))
    lines = [line.rstrip() for line in plain.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return hashlib.sha256("\n".join(lines).strip("\n").encode()).hexdigest()


@dataclass(frozen=True)
class Gap:
    """One thing that is not filled or can't be tested; `line` is 1-based, 0 when the document has no such line."""

    field: str
    message: str
    line: int = 0

    def __str__(self) -> str:
        return f"{f'line {self.line}, ' if self.line else ''}{self.field}: {self.message}"


@dataclass(frozen=True)
class Claim:
    """The metric moves in `direction` on `slice` by at least `min_effect` against the champion.

    `min_effect` is a share of the champion's figure (`relative`) or in the metric's own unit (`absolute`), above 0.
    """

    metric: str
    slice: str
    direction: str
    min_effect: float
    unit: str

    @property
    def weighted(self) -> bool:
        """Whether the figure is the weighted mean over segments."""
        return self.metric.startswith(COMPOSITE)

    @property
    def base(self) -> Metric:
        """The metric that is computed, on the slice or on each segment of the weighted mean."""
        return METRICS[self.metric.removeprefix(COMPOSITE)]

    def __str__(self) -> str:
        size = f"{self.min_effect:.2%} of the champion's" if self.unit == "relative" else f"{self.min_effect:g}"
        return f"{self.metric} on {self.slice} will {self.direction} by at least {size}"


@dataclass(frozen=True)
class Guardrail:
    """What must not get worse, by its name in the policy, with the limit that the author accepts."""

    name: str
    limit: float
    unit: str


@dataclass(frozen=True)
class Plan:
    """What will be trained. `dataset_versions` is empty when any snapshot will do, for the reason given."""

    strategy: str
    feature_set_version: str
    dataset_versions: tuple[str, ...]
    dataset_reason: str = ""
    router_mode: str = ""


@dataclass(frozen=True)
class Hypothesis:
    """A complete, testable hypothesis; `digest` covers all of the document but its outcome."""

    id: str
    title: str
    owner: str
    problem: str
    parent: str
    change_type: str
    claim: Claim
    guardrails: tuple[Guardrail, ...]
    plan: Plan
    digest: str
    sections: Mapping[str, str] = field(default_factory=dict)

    def agrees_with(
        self,
        *,
        id: str,
        change_type: str,
        problem: str,
        strategy: str | None = None,
        feature_set_version: str | None = None,
        dataset_version: str | None = None,
        router_mode: str | None = None,
    ) -> tuple[str, ...]:
        """One sentence for each option of a training run that this document does not say; empty when all agree.

        An option that is None is not asked. A plan that names no router mode leaves it free.
        """
        asked: list[tuple[str, str | None, tuple[str, ...]]] = [
            ("hypothesis id", id, (self.id,)),
            ("change type", change_type, (self.change_type,)),
            ("problem", problem, (self.problem,)),
            ("strategy", strategy, (self.plan.strategy,)),
            ("feature-set version", feature_set_version, (self.plan.feature_set_version,)),
            ("dataset version", dataset_version, self.plan.dataset_versions),
            ("router mode", router_mode, (self.plan.router_mode,) if self.plan.router_mode else ()),
        ]
        return tuple(
            f"the {what} of the run is '{given}', and {self.id} says {' or '.join(repr(a) for a in allowed)}"
            for what, given, allowed in asked
            if given is not None and allowed and given not in allowed
        )


@dataclass(frozen=True)
class Draft:
    """A document taken apart, not yet judged. `front` holds text, numbers, lists and mappings; `lines` maps a field
    (`claim.metric`, `guardrails[0].limit`, `Mechanism`) to its 1-based line."""

    front: Mapping[str, Any]
    body: str
    digest: str
    lines: Mapping[str, int] = field(default_factory=dict)


def sections_of(body: str) -> list[tuple[str, str, int]]:
    """(title, text, 1-based line of the heading within `body`) of every `## ` section, in order.

    A heading inside a fenced block or a comment is text.
    """
    found: list[tuple[str, list[str], int]] = []
    fence = ""
    visible = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), body).split("\n")
    for number, (line, seen) in enumerate(zip(body.split("\n"), visible, strict=True), start=1):
        mark = re.match(r" {0,3}(```+|~~~+)", seen)
        if mark and (not fence or mark.group(1).startswith(fence)):
            fence = "" if fence else mark.group(1)
        heading = None if fence else re.match(r"##\s+(.+?)\s*#*\s*$", seen)
        if heading:
            found.append((heading.group(1), [], number))
        elif found:
            found[-1][1].append(line)
    return [(title, "\n".join(lines).strip(), number) for title, lines, number in found]


def lineage(parents: Mapping[str, str], ident: str) -> tuple[str, ...]:
    """`ident`, its parent, its parent's parent, up to the root. `parents` maps an id to its parent ('' for none).

    Raises UnknownName for an id that is not there and InvalidInput for a circle.
    """
    chain: list[str] = []
    while ident:
        if ident in chain:
            raise InvalidInput(
                f"The hypotheses {' -> '.join([*chain, ident])} are each other's parents.",
                hint='Make one of them a root: write parent: "" in its front matter.',
            )
        if ident not in parents:
            raise UnknownName("hypothesis", ident, parents, hint=f"Run 'hypothesis-new {ident}' to write it.")
        chain.append(ident)
        ident = parents[ident]
    return tuple(chain)


def filled_template(ident: str, *, title: str = "", owner: str = "", problem: str = "", parent: str = "") -> str:
    """The template with what is known already filled in; the rest stays a placeholder and so counts as not filled."""
    text = TEMPLATE.replace("<H-AREA-001>", valid_id(ident))
    for name, value in (("title", title), ("owner", owner), ("problem", problem), ("parent", parent)):
        if not value:
            continue
        if any(unicodedata.category(c) == "Cc" for c in value):
            raise InvalidInput(f"The {name} of a hypothesis is one line of text, not {value!r}.")
        quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        line = f"{name}: {quoted}".replace("\\", "\\\\")
        text = re.sub(rf"(?m)^{name}: .*$", line, text, count=1)
    return text
