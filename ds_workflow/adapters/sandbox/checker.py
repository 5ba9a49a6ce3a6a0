"""Running a task's tests against a completion: the tests here, on the trusted side, the completion in its cell.

The functions that the tests call are stand-ins that send plain values to the cell and receive plain values. So what a
completion does to its own process (patched builtins, forged equality, printed verdicts) reaches no test.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ds_workflow.adapters.sandbox.cells import Cell, Ended, Limits, Nursery
from ds_workflow.adapters.sandbox.nursery_names import WARM
from ds_workflow.domain.code_eval.failures import Failure, Report, classify
from ds_workflow.domain.code_eval.names import unresolved
from ds_workflow.domain.code_eval.tasks import Completion, Task, program


@dataclass(frozen=True)
class Checked:
    """One completion's outcome."""

    task_id: str
    model: str
    sample: int
    failure: Failure
    unresolved: tuple[str, ...]
    seconds: float
    message: str = ""
    exception: str = ""  # the type that ended it, "" where none did

    @property
    def passed(self) -> bool:
        """Whether every test held."""
        return self.failure.kind == "passed"


class _TooLong(Exception):
    """The tests themselves took longer than the wall limit."""


def check(nursery: Nursery, task: Task, completion: Completion, limits: Limits) -> Checked:
    """Run the tests of a task against one completion."""
    started = time.perf_counter()
    source = program(task, completion)
    invented = unresolved(source, known=known)
    report = replace(_run(nursery, task, source, limits), unresolved=invented)
    seconds = time.perf_counter() - started
    return Checked(
        task.task_id,
        completion.model,
        completion.sample,
        classify(report),
        invented,
        round(seconds, 4),
        report.message,
        "" if report.stage == "process" else report.exception,
    )


def _run(nursery: Nursery, task: Task, source: str, limits: Limits) -> Report:
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, limits.wall + 5)
    try:
        with Cell(nursery, source, task.names, limits) as cell:
            space: dict[str, Any] = {"__name__": "tests"}
            exec(compile(task.helpers, "<helpers>", "exec"), space)  # noqa: S102 - the task's own code, trusted
            calls = {name: _stand_in(cell, name) for name in task.names}
            space |= calls
            exec(compile(task.tests, "<tests>", "exec"), space)  # noqa: S102 - the task's own code, trusted
            # a list of asserts may ask for a function that is itself called check
            if callable(asked := space.get("check")) and asked is not calls.get("check"):
                asked(calls[task.entry_point])
            # tests that swallow what a call raised don't make a killed program right
            return cell.broken or Report("check")
    except Ended as error:
        return error.report
    except _TooLong:
        return Report("process", "timeout")
    except Exception as error:
        return Report("check", type(error).__name__, message=_failed_line(task, error))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _failed_line(task: Task, error: Exception) -> str:
    """The line of the tests at which they failed."""
    lines = task.tests.splitlines()
    found = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<tests>" and f.lineno]
    return lines[found[-1] - 1].strip()[:300] if found and found[-1] <= len(lines) else ""


def _stand_in(cell: Cell, name: str) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        return cell.call(name, given, named)

    call.__name__ = name
    return call


def _too_long(*_: object) -> None:
    raise _TooLong


@functools.cache
def known(module: str, attribute: str) -> bool | None:
    """Whether a module (and an attribute of it) exists: of the standard library, or installed here. None: no module."""
    top = module.split(".", maxsplit=1)[0]
    if top not in sys.stdlib_module_names and not _found(top):
        return None
    if module not in WARM:
        return True  # it exists, and is not imported only to look inside
    try:
        loaded = importlib.import_module(module)
    except ImportError:
        return None
    return not attribute or hasattr(loaded, attribute) or _found(f"{module}.{attribute}")


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
