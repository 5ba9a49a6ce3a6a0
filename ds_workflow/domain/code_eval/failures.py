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
    name that was missing where the exception carries one. In stage `process`, `exception` is timeout, memory, output or
    signal. `unresolved` are names and attributes that exist nowhere, found without running anything."""

    stage: Stage
    exception: str = ""
    missing: str = ""
    unresolved: tuple[str, ...] = ()


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
}
_SYNTAX = ("SyntaxError", "IndentationError", "TabError")


def classify(report: Report) -> Failure:  # noqa: PLR0911 - one return per class
    """The class of one outcome.

    Hallucination: a module, an imported name, a function or an attribute that does not exist, or an entry point that
    was not written. A NameError or AttributeError counts as one only where the name resolves nowhere in the program,
    the builtins or the module; otherwise it is a plain runtime error (a module not imported, an unexpected None).
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
        known = report.missing and report.missing not in report.unresolved
        return Failure("import_error" if known else "hallucination", report.missing or kind)
    if kind in ("NameError", "AttributeError") and report.missing in report.unresolved:
        return Failure("hallucination", report.missing)
    if report.stage == "check":
        return Failure("wrong_answer", "" if kind == "AssertionError" else kind)
    return Failure("runtime_error", kind)
