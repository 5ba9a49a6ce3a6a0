"""Tasks and completions, as the formats of HumanEval (Chen et al. 2021) and MBPP (Austin et al. 2021) hold them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ds_workflow.domain.code_eval.syntax import parsed
from ds_workflow.errors import InvalidInput

Mode = Literal["auto", "full", "continuation"]
FUTURE = re.compile(r"^from __future__ import .*$", re.MULTILINE)


@dataclass(frozen=True)
class Task:
    """One programming task. `names` are the functions that the tests call, the first of which is the entry point.

    `tests` is Python that the checker runs: it defines `check(candidate)` (HumanEval), or is a list of asserts (MBPP).
    `helpers` is what the tests need defined on their own side: the prompt of HumanEval, the set-up code of MBPP.
    """

    task_id: str
    prompt: str
    names: tuple[str, ...]
    tests: str
    reference: str = ""
    helpers: str = ""
    category: str = ""
    difficulty: str = ""

    @property
    def entry_point(self) -> str:
        """The function asked for."""
        return self.names[0]


@dataclass(frozen=True)
class Completion:
    """What a model wrote for a task; `sample` numbers several tries of one model."""

    task_id: str
    code: str
    model: str = "model"
    sample: int = 0
    mode: Mode = "auto"


def task_of(record: Mapping[str, Any], *, number: int) -> Task:
    """A task from a record of either format. InvalidInput names the record and what it lacks."""
    where = f"Task {number} ({record.get('task_id', 'no task_id')})"
    if "entry_point" in record:
        prompt = _text(record, "prompt", where)
        entry = _text(record, "entry_point", where)
        _tree(_text(record, "test", where), where)
        if not entry.isidentifier():
            raise InvalidInput(f"{where}: entry_point '{entry}' is no name of a function.")
        return Task(
            str(record.get("task_id", number)),
            prompt,
            (entry,),
            _text(record, "test", where),
            prompt + str(record.get("canonical_solution", "")),
            prompt,
            str(record.get("category", "")),
            str(record.get("difficulty", "")),
        )
    if "test_list" in record:
        listed = record["test_list"]
        if not isinstance(listed, list) or not listed or not all(isinstance(t, str) for t in listed):
            raise InvalidInput(f"{where}: test_list must be a list of asserts.")
        code = _text(record, "code", where)
        tests = "\n".join(listed)
        prompt = str(record.get("text") or record.get("prompt") or "")
        imports = record.get("test_imports") or []
        # the tests lean on what the reference imports: MBPP/596 asks sys.getsizeof
        helpers = "\n".join([_imports(code, where), *map(str, imports), str(record.get("test_setup_code") or "")])
        return Task(
            str(record.get("task_id", number)),
            prompt,
            _called(code, tests, where),
            tests,
            code,
            helpers.strip(),
            str(record.get("category", "")),
            str(record.get("difficulty", "")),
        )
    raise InvalidInput(
        f"{where} is of no known format.",
        hint="HumanEval: task_id, prompt, entry_point, test. MBPP: task_id, text, code, test_list.",
    )


def completion_of(record: Mapping[str, Any], *, number: int) -> Completion:
    """A completion from a record {task_id, completion, model?, sample?, mode?}; a record without a sample has -1, to be
    numbered by its place."""
    where = f"Completion {number}"
    mode = record.get("mode", "auto")
    if mode not in ("auto", "full", "continuation"):
        raise InvalidInput(f"{where}: mode '{mode}' is unknown.", hint="auto, full or continuation.")
    task = record.get("task_id")
    if task is None:
        raise InvalidInput(f"{where} has no task_id.", hint="{task_id, completion, model, sample}")
    code = record.get("completion", record.get("code"))
    if not isinstance(code, str):
        raise InvalidInput(f"{where} ({task}) has no text under 'completion'.", hint="{task_id, completion}")
    try:
        sample = int(record.get("sample", record.get("sample_id", -1)))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{where} ({task}): sample must be a whole number.") from error
    return Completion(str(task), code, str(record.get("model", "model")), sample, mode)


def program(task: Task, completion: Completion) -> str:
    """The source to run: the completion after the prompt, or alone when it holds the whole function.

    `auto`: alone when it defines the entry point at its top level, or when the prompt is prose. Nothing of the tests'
    side reaches it: a program that leans on what somebody else's harness had imported fails here (HumanEval/133 among
    GPT-4's recorded answers, which its authors counted as passed).
    """
    mode = completion.mode
    if mode == "auto":
        whole = re.search(rf"^(async )?def {re.escape(task.entry_point)}\s*\(", completion.code, re.MULTILINE)
        mode = "full" if whole or not _is_code(task.prompt) else "continuation"
    if mode == "continuation":
        return task.prompt + completion.code
    if not _is_code(task.prompt):
        return completion.code
    # a whole function may lean on the imports and helpers that the prompt brought; __future__ must stay in front
    future = "".join(f"{line}\n" for line in FUTURE.findall(completion.code))
    return f"{future}{_beside(task)}\n\n{FUTURE.sub('', completion.code) if future else completion.code}"


def _beside(task: Task) -> str:
    """What a prompt defines beside the function asked for."""
    tree = parsed(task.prompt + "    pass\n")
    if tree is None:
        return ""
    return "\n".join(ast.unparse(n) for n in tree.body if getattr(n, "name", "") != task.entry_point)


def _is_code(prompt: str) -> bool:
    return "def " in prompt


def _tree(source: str, where: str) -> ast.Module:
    tree = parsed(source)
    if tree is None:
        raise InvalidInput(f"{where}: its reference or its tests are no Python.")
    return tree


def _imports(source: str, where: str) -> str:
    """The import statements at the top level of a source."""
    return "\n".join(ast.unparse(n) for n in _tree(source, where).body if isinstance(n, ast.Import | ast.ImportFrom))


def _text(record: Mapping[str, Any], name: str, where: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{where} has no text under '{name}'.")
    return value


def _called(code: str, tests: str, where: str) -> tuple[str, ...]:
    """The functions that the reference defines and the tests call, in the order of the tests."""
    defined = {n.name for n in ast.walk(_tree(code, where)) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    found = (n for n in ast.walk(_tree(tests, where)) if isinstance(n, ast.Call))
    calls = [n.func.id for n in found if isinstance(n.func, ast.Name)]
    names = tuple(dict.fromkeys(name for name in calls if name in defined))
    if not names:
        raise InvalidInput(f"{where}: the tests call no function that the reference defines.")
    return names
