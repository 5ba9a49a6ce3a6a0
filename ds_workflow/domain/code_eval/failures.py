"""What went wrong with a completion, from the stage and the exception's type; never from a message's wording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["compile", "load", "call", "check", "process"]
Kind = Literal[
    "passed",
    "syntax_error",
    "hallucination",
    "import_error",
    "wrong_answer",
    "runtime_error",
    "recursion",
    "exit",
    "memory",
    "timeout",
    "output_limit",
    "forbidden",
    "crash",
]


@dataclass(frozen=True)
class Report:
    """What the sandbox saw: the stage at which it ended, the exception's type by name ("" when there was none), and the
    name that was missing where the exception carries one, with the type (`owner`) that lacks it. In stage `process`,
    `exception` is timeout, memory, output or signal. `unresolved` are names and attributes that exist nowhere, found
    without running anything. `message` is for people alone: the exception's text, or the test that failed."""

    stage: Stage
    exception: str = ""
    missing: str = ""
    unresolved: tuple[str, ...] = ()
    owner: str = ""
    message: str = ""


@dataclass(frozen=True)
class Failure:
    """The class of an outcome and what it concerns (a module, a name, an exception's type)."""

    kind: Kind
    detail: str = ""


_PROCESS: dict[str, Kind] = {"timeout": "timeout", "memory": "memory", "output": "output_limit", "signal": "crash"}
_TYPES: dict[str, Kind] = {
    "RecursionError": "recursion",
    "SystemExit": "exit",
    "KeyboardInterrupt": "exit",
    "MemoryError": "memory",
    "PermissionError": "forbidden",
    "gaierror": "forbidden",  # a host's name looked up, which no sandbox answers
}
_PLAIN = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
_SYNTAX = ("SyntaxError", "IndentationError", "TabError")


def classify(report: Report) -> Failure:  # noqa: PLR0911 - one return per class
    """The class of one outcome.

    Hallucination: a module, an imported name, a function or an attribute that does not exist, or an entry point that
    was not written; `detail` says which. A NameError or AttributeError counts as one only where the name resolves
    nowhere in the program, the builtins or the module, or is a method that no plain type has (list.push); otherwise it
    is a plain runtime error (a module not imported, an unexpected None, a tuple taken for a list).
    """
    kind = report.exception
    if report.stage == "process":
        return Failure(_PROCESS.get(kind, "crash"), kind)
    if not kind:
        return Failure("passed")
    if report.stage == "compile" or kind in _SYNTAX:
        return Failure("syntax_error", kind)
    if kind in _TYPES:
        return Failure(_TYPES[kind], kind)
    if kind == "MissingEntryPoint":
        return Failure("hallucination", f"entry point {report.missing}")
    if kind in ("ModuleNotFoundError", "ImportError"):
        if absent := _absent(report):
            return Failure("hallucination", f"module {absent}")
        return Failure("import_error", f"module {report.missing}".rstrip())
    if kind == "NameError" and report.missing in report.unresolved:
        return Failure("hallucination", f"name {report.missing}")
    if kind == "AttributeError" and (invented := _invented(report)):
        return Failure("hallucination", invented)
    if report.stage == "check":
        return Failure("wrong_answer", "" if kind == "AssertionError" else kind)
    return Failure("runtime_error", kind)


def _absent(report: Report) -> str:
    """The module, or module.name, that was imported and exists nowhere; or ""."""
    inside = f"{report.missing}."
    found = (n for n in report.unresolved if n == report.missing or n.startswith(inside) or inside.startswith(f"{n}."))
    return next(found, "") if report.missing else ""


def _invented(report: Report) -> str:
    """The attribute that exists nowhere, or ""."""
    for name in report.unresolved:
        if report.owner == "module" and name.endswith(f".{report.missing}"):
            return f"attribute {name}"
    plain = {kind.__name__ for kind in _PLAIN}
    if report.owner in plain and not any(hasattr(kind, report.missing) for kind in _PLAIN):
        return f"attribute {report.owner}.{report.missing}"
    return ""
