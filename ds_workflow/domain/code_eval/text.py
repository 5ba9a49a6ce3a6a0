"""Text features: how hard a prompt reads, what it asks for, how like one another prompt, code and reference are, and
which family an error message belongs to."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ds_workflow.domain.code_eval.syntax import parsed
from ds_workflow.domain.code_eval.tasks import Task

Floats = NDArray[np.float64]
_DEMANDS = re.compile(
    r"\b(must|should|shall|needs? to|has to|have to|can assume|may assume|do not|don't|never|always|at most|at least|"
    r"only|unless|otherwise|except|raise[sd]?|returns?|ignore[sd]?|in[- ]place|if|when|write|implement|find|given|"
    r"compute|create|check|count|remove|sort)\b",
    re.IGNORECASE,
)
# a sentence that opens with none of these opens with a verb: it orders
_OPENERS = frozenset(
    re.findall(
        r"\w+",
        "a all an and any are as at both but by e each every for from g given he here i in it its let n no note "
        "number on one or other she some task that the their then there these they this those to two we with you your",
    )
)
_BOUNDS = re.compile(r"\b(must|at most|at least|only|never|always|unless|otherwise|except|not)\b", re.IGNORECASE)
_EXAMPLE = re.compile(r"^\s*(>>>|Examples?:?\s*$|assert\b)|(->|=>|==)", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[A-Z0-9`'\"-])|\n\s*(?:[-*]|\d+[.)])\s+|\n\s*\n")


@dataclass(frozen=True)
class PromptComplexity:
    """How much a prompt asks for. `bounds` are words that narrow what is allowed; `examples` are worked examples;
    `parameters` those of the function asked for; `distinct` is the share of words that differ from one another."""

    words: int
    sentences: int
    words_per_sentence: float
    distinct: float
    requirements: int
    bounds: int
    examples: int
    parameters: int


def prose(task: Task) -> str:
    """What a prompt says in words: the docstring of the function asked for, or all of a prompt that is no code."""
    tree = parsed(task.prompt + "    pass\n")
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.FunctionDef) and node.name == task.entry_point:
            return ast.get_docstring(node) or ""
    return task.prompt


def requirements(task: Task) -> tuple[str, ...]:
    """The sentences of a prompt that demand something, in order; worked examples are none."""
    told = "\n".join("" if _EXAMPLE.search(line) else line for line in _without_answers(prose(task)))
    sentences = (" ".join(part.split()).strip("-* ") for part in _SENTENCE.split(told))
    return tuple(s for s in sentences if len(s.split()) > 2 and (_DEMANDS.search(s) or _orders(s)))


def _orders(sentence: str) -> bool:
    first = re.match(r"[A-Za-z]+", sentence)
    return first is not None and first.group().lower() not in _OPENERS


def _without_answers(text: str) -> list[str]:
    """The lines of a text without what follows a line of `>>>`, up to the next empty line."""
    kept, inside = [], False
    for line in text.splitlines():
        inside = line.lstrip().startswith(">>>") or (inside and bool(line.strip()))
        kept.append("" if inside else line)
    return kept


def prompt_complexity(task: Task) -> PromptComplexity:
    """The figures of a task's prompt; its examples are counted and left out of the words."""
    whole = prose(task)
    told = "\n".join("" if _EXAMPLE.search(line) else line for line in _without_answers(whole))
    words = re.findall(r"[A-Za-z][A-Za-z'_]*", told)
    sentences = [part for part in _SENTENCE.split(told.strip()) if part.strip()]
    return PromptComplexity(
        words=len(words),
        sentences=len(sentences),
        words_per_sentence=round(len(words) / max(1, len(sentences)), 2),
        distinct=round(len({w.lower() for w in words}) / max(1, len(words)), 4),
        requirements=len(requirements(task)),
        bounds=len(_BOUNDS.findall(told)),
        examples=sum(1 for line in whole.splitlines() if _EXAMPLE.search(line)),
        parameters=_parameters(task),
    )


def _parameters(task: Task) -> int:
    for source in (task.prompt + "    pass\n", task.reference):
        tree = parsed(source)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.FunctionDef) and node.name == task.entry_point:
                a = node.args
                return len(a.posonlyargs) + len(a.args) + len(a.kwonlyargs) + bool(a.vararg) + bool(a.kwarg)
    return 0


@dataclass(frozen=True)
class Similarities:
    """Cosines of TF-IDF vectors row by row, each of shape (n,), between 0 and 1."""

    prompt_code: Floats
    code_reference: Floats
    prompt_reference: Floats


def similarities(prompts: Sequence[str], codes: Sequence[str], references: Sequence[str]) -> Similarities:
    """How alike prompt, code and reference of each row are, by character n-grams of 3 to 5 inside words (`char_wb`),
    weighted by their rarity in all texts given here; a text without a single n-gram is like nothing."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not len(prompts) == len(codes) == len(references):
        raise ValueError("prompts, codes and references are of unequal lengths")
    corpus = sorted({*prompts, *codes, *references})
    if not any(len(text.strip()) >= 2 for text in corpus):
        nothing = np.zeros(len(prompts))
        return Similarities(nothing, nothing, nothing)
    # each text once: samples of one task must not make its words look common
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, dtype=np.float64)
    table = vectorizer.fit_transform(corpus)
    row = {text: at for at, text in enumerate(corpus)}
    p, c, r = (table[[row[text] for text in texts]] for texts in (prompts, codes, references))

    def cosine(a: object, b: object) -> Floats:
        product = a.multiply(b).sum(axis=1)  # type: ignore[attr-defined]
        return np.clip(np.asarray(product, dtype=np.float64).ravel(), 0.0, 1.0)

    return Similarities(cosine(p, c), cosine(c, r), cosine(p, r))


# the first ancestor on this list names the family; the order is from the narrow to the wide
_FAMILIES: tuple[tuple[type[BaseException], str], ...] = (
    (SyntaxError, "syntax"),
    (RecursionError, "recursion"),
    (ImportError, "import"),
    (NameError, "name"),
    (AttributeError, "attribute"),
    (LookupError, "lookup"),
    (ArithmeticError, "arithmetic"),
    (TypeError, "type"),
    (ValueError, "value"),
    (AssertionError, "assertion"),
    (MemoryError, "memory"),
    (TimeoutError, "timeout"),
    (OSError, "system"),
    (StopIteration, "iteration"),
    (NotImplementedError, "not implemented"),
    (SystemExit, "exit"),
    (KeyboardInterrupt, "exit"),
    (RuntimeError, "runtime"),
)
_TYPE = re.compile(r"^\s*(?:[\w.]+\.)?([A-Z]\w*(?:Error|Exception|Exit|Interrupt|Iteration|Warning))\b", re.MULTILINE)


def error_family(message: str) -> str:
    """The family of an error message: of its exception's type and that type's ancestors, never of its wording.

    A traceback counts by its last line that names a type. "" for an empty message, "other" for a type that Python does
    not know, "unknown" where no type is named.
    """
    if not message.strip():
        return ""
    found = _TYPE.findall(message)
    if not found:
        return "unknown"
    kind = getattr(builtins, found[-1], None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return "other"
    return next((family for ancestor, family in _FAMILIES if issubclass(kind, ancestor)), "other")
