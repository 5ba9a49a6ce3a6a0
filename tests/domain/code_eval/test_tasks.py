"""Records of both formats, wrong ones, and the program that a completion makes."""

from __future__ import annotations

from typing import Any

import pytest

from ds_workflow.domain.code_eval.answers import code_in, question
from ds_workflow.domain.code_eval.tasks import Completion, completion_of, program, task_of
from ds_workflow.errors import InvalidInput

HUMAN_EVAL: dict[str, Any] = {
    "task_id": "T/1",
    "prompt": "import math\n\ndef half(x):\n    return x / 2\n\ndef area(r):\n    '''The area.'''\n",
    "entry_point": "area",
    "canonical_solution": "    return math.pi * r * r\n",
    "test": "def check(candidate):\n    assert candidate(0) == 0\n",
}
MBPP: dict[str, Any] = {
    "task_id": 7,
    "text": "Write a function to add.",
    "code": "import sys\ndef add(a, b):\n    return a + b",
    "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
    "test_setup_code": "LIMIT = 3",
}


def test_both_formats_are_read() -> None:
    first, second = task_of(HUMAN_EVAL, number=1), task_of(MBPP, number=2)
    assert (first.entry_point, first.reference) == ("area", HUMAN_EVAL["prompt"] + HUMAN_EVAL["canonical_solution"])
    assert (second.task_id, second.names, second.tests.count("assert")) == ("7", ("add",), 2)
    assert second.helpers.splitlines() == ["import sys", "", "LIMIT = 3"] or "LIMIT = 3" in second.helpers
    assert "import sys" in second.helpers


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"task_id": 1}, "no known format"),
        (HUMAN_EVAL | {"prompt": " "}, "no text under 'prompt'"),
        (HUMAN_EVAL | {"test": None}, "no text under 'test'"),
        (HUMAN_EVAL | {"entry_point": "a b"}, "no name of a function"),
        (MBPP | {"test_list": []}, "list of asserts"),
        (MBPP | {"test_list": "assert 1"}, "list of asserts"),
        (MBPP | {"code": "def add(:"}, "no Python"),
        (MBPP | {"test_list": ["assert other(1)"]}, "call no function"),
    ],
)
def test_a_wrong_task_is_named(record: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        task_of(record, number=3)
    assert "Task 3" in str(caught.value)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"completion": "x"}, "no task_id"),
        ({"task_id": "a"}, "no text under 'completion'"),
        ({"task_id": "a", "completion": 3}, "no text under 'completion'"),
        ({"task_id": "a", "completion": "x", "mode": "half"}, "mode 'half'"),
        ({"task_id": "a", "completion": "x", "sample": "one"}, "whole number"),
    ],
)
def test_a_wrong_completion_is_named(record: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        completion_of(record, number=4)
    assert "Completion 4" in str(caught.value)


def ran(code: str, mode: Any = "auto") -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(program(task_of(HUMAN_EVAL, number=1), Completion("T/1", code, mode=mode)), space)  # noqa: S102 - our own text
    return space


def test_a_continuation_goes_on_from_the_prompt() -> None:
    assert ran("    return half(r)\n")["area"](3) == 1.5


def test_a_whole_function_keeps_what_the_prompt_brought() -> None:
    assert ran("def area(r):\n    return math.floor(half(r))\n")["area"](3) == 1
    future = "from __future__ import annotations\ndef area(r: Unknown) -> Nowhere:\n    return half(r)\n"
    assert ran(future)["area"](3) == 1.5


def test_a_whole_text_without_the_function_does_not_get_the_prompts_stub() -> None:
    assert "area" not in ran("def other(r):\n    return r\n", "full")


def test_a_longer_name_is_not_the_function_asked_for() -> None:
    """`def area_of` is no whole answer: it is what follows the prompt's docstring."""
    with pytest.raises(AssertionError):
        assert ran("    return area_of(r)\n\ndef area_of(r):\n    return 5\n")["area"](1) != 5


def test_prose_is_answered_by_a_whole_program() -> None:
    assert program(task_of(MBPP, number=1), Completion("7", "def add(a, b): ...")) == "def add(a, b): ..."


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("def f(): pass", "def f(): pass"),
        ("Here:\n```python\ndef f():\n    pass\n```\nDone.", "def f():\n    pass"),
        ("```\nx = 1\n```", "x = 1"),
        ("```bash\npip\n```\n```py\nx = 1\n```\n```python\ny = 2\n```", "x = 1\n\ny = 2"),
        ("```python\ncut off", "cut off"),
        ("", ""),
    ],
)
def test_code_is_found_in_what_was_said(said: str, code: str) -> None:
    assert code_in(said) == code


def test_the_question_shows_how_prose_is_tested() -> None:
    assert "assert add(1, 2) == 3" in question(task_of(MBPP, number=1))
    assert HUMAN_EVAL["prompt"] in question(task_of(HUMAN_EVAL, number=1))
