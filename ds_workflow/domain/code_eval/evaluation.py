"""One model's completions, each with its outcome and its figures, and what they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ds_workflow.domain.code_eval.failures import Failure
from ds_workflow.domain.code_eval.names import Shape
from ds_workflow.domain.code_eval.scores import Score, Tally, score, tallies
from ds_workflow.domain.code_eval.tasks import Completion, Task
from ds_workflow.domain.code_eval.text import PromptComplexity
from ds_workflow.errors import InvalidInput

NONE_SAID = "not said"


@dataclass(frozen=True)
class Outcome:
    """One completion: how it ended and what can be measured of it.

    `distance` is Levenshtein's to the reference in characters, `likeness` 1 - distance over the longer length, both
    None where the task has no reference. `similarity` (code to reference) and `aptness` (prompt to code) are TF-IDF
    cosines. `complexity` and `requirements` are the prompt's. `shape` and `style` are None for what does not parse.
    """

    task: Task
    completion: Completion
    failure: Failure
    message: str
    error_family: str
    unresolved: tuple[str, ...]
    seconds: float
    source: str
    distance: int | None
    likeness: float | None
    similarity: float
    aptness: float
    shape: Shape | None
    style: Mapping[str, int] | None
    complexity: PromptComplexity
    requirements: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every test held."""
        return self.failure.kind == "passed"

    def whole(self) -> dict[str, Any]:
        """`to_dict` with the prompt, the program that ran and the reference: what a page shows side by side."""
        texts = {"prompt_text": self.task.prompt, "program": self.source, "reference": self.task.reference}
        return self.to_dict() | texts

    def to_dict(self) -> dict[str, Any]:
        """One line of the results file."""
        return {
            "task_id": self.task.task_id,
            "model": self.completion.model,
            "sample": self.completion.sample,
            "passed": self.passed,
            "kind": self.failure.kind,
            "detail": self.failure.detail,
            "message": self.message,
            "error_family": self.error_family,
            "unresolved": list(self.unresolved),
            "seconds": self.seconds,
            "category": self.task.category,
            "difficulty": self.task.difficulty,
            "levenshtein": self.distance,
            "likeness": None if self.likeness is None else round(self.likeness, 6),
            "tfidf_code_reference": round(self.similarity, 6),
            "tfidf_prompt_code": round(self.aptness, 6),
            "shape": asdict(self.shape) if self.shape else None,
            "style": dict(self.style) if self.style is not None else None,
            "prompt": asdict(self.complexity) | {"demands": list(self.requirements)},
        }


@dataclass(frozen=True)
class Group:
    """The tasks of one category or difficulty: their pass@1 and how their completions ended."""

    score: Score
    completions: int
    failures: Mapping[str, int]


@dataclass(frozen=True)
class Evaluation:
    """Everything of one model on one task set. `unanswered` are tasks of the set without a completion."""

    model: str
    tasks: str
    tasks_digest: str
    digest: str
    outcomes: tuple[Outcome, ...]
    unanswered: tuple[str, ...]
    scores: tuple[Score, ...]

    @property
    def tallies(self) -> dict[str, Tally]:
        """Samples and passes by task."""
        return tallies([(o.task.task_id, o.passed) for o in self.outcomes])

    @property
    def failures(self) -> dict[str, int]:
        """How completions ended, the commonest first."""
        return dict(Counter(str(o.failure.kind) for o in self.outcomes).most_common())

    def grouped(self, by: str) -> dict[str, Group]:
        """Groups of tasks by `category` or `difficulty`; empty where no task says one."""
        names = sorted({getattr(o.task, by) or NONE_SAID for o in self.outcomes})
        if names == [NONE_SAID]:
            return {}
        found = {}
        for name in names:
            inside = [o for o in self.outcomes if (getattr(o.task, by) or NONE_SAID) == name]
            ended: dict[str, int] = dict(Counter(str(o.failure.kind) for o in inside).most_common())
            passed = tallies([(o.task.task_id, o.passed) for o in inside])
            found[name] = Group(score(passed, 1), len(inside), ended)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The document of `codeeval-run --json`."""
        return {
            "model": self.model,
            "task_set": {"name": self.tasks, "digest": self.tasks_digest},
            "completions_digest": self.digest,
            "tasks": len(self.tallies),
            "completions": len(self.outcomes),
            "unanswered": list(self.unanswered),
            "pass_at": {str(s.k): s.value for s in self.scores},
            "intervals": {str(s.k): list(s.interval) for s in self.scores},
            "failures": self.failures,
            "failure_details": _details(self.outcomes),
            "error_families": dict(Counter(o.error_family for o in self.outcomes if o.error_family).most_common()),
            "by_category": {name: _group(g) for name, g in self.grouped("category").items()},
            "by_difficulty": {name: _group(g) for name, g in self.grouped("difficulty").items()},
            "means": self.means,
            "style": self.style,
        }

    @property
    def means(self) -> dict[str, float | None]:
        """Means over completions; None where there is nothing to measure."""
        parsed = [o.shape for o in self.outcomes if o.shape]
        return {
            "levenshtein": _mean([float(o.distance) for o in self.outcomes if o.distance is not None]),
            "likeness": _mean([o.likeness for o in self.outcomes if o.likeness is not None]),
            "tfidf_code_reference": _mean([o.similarity for o in self.outcomes if o.distance is not None]),
            "tfidf_prompt_code": _mean([o.aptness for o in self.outcomes]),
            "complexity": _mean([float(s.complexity) for s in parsed]),
            "nesting": _mean([float(s.nesting) for s in parsed]),
            "lines": _mean([float(s.lines) for s in parsed]),
        }

    @property
    def style(self) -> dict[str, int]:
        """Findings of style by rule, the commonest first."""
        found: Counter[str] = Counter()
        for outcome in self.outcomes:
            found.update(outcome.style or {})
        return dict(found.most_common())


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _group(group: Group) -> dict[str, Any]:
    return {
        "tasks": group.score.tasks,
        "completions": group.completions,
        "pass_at_1": group.score.value,
        "interval": list(group.score.interval),
        "failures": dict(group.failures),
    }


def _details(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for o in outcomes:
        if not o.passed and o.failure.detail:
            found.setdefault(o.failure.kind, Counter())[o.failure.detail] += 1
    return {kind: dict(counts.most_common()) for kind, counts in found.items()}


def scores_at(found: Mapping[str, Tally], ks: Sequence[int]) -> tuple[Score, ...]:
    """pass@k for every k; without any, for 1 and those of 5, 10 and 100 that every task has samples for.

    InvalidInput names the task that has too few samples for a k.
    """
    fewest = min(found, key=lambda name: (found[name][0], name))
    most = found[fewest][0]
    for k in ks:
        if not 1 <= k <= most:
            raise InvalidInput(
                f"pass@{k} can't be told: {fewest} has {most} sample{'s' * (most != 1)}.",
                hint=f"Give a --k from 1 to {most}, or more samples of every task.",
            )
    wanted = sorted(set(ks)) or [k for k in (1, 5, 10, 100) if k <= most]
    return tuple(score(found, k) for k in wanted)
