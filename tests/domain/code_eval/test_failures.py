"""Each way to end has one class, told by stage and type; inventions are told from slips."""

from __future__ import annotations

import ast

import pytest

from ds_workflow.adapters.sandbox.checker import known
from ds_workflow.domain.code_eval.failures import Failure, Report, classify
from ds_workflow.domain.code_eval.names import shape, unresolved
from ds_workflow.domain.code_eval.style import style


@pytest.mark.parametrize(
    ("report", "failure"),
    [
        (Report("check"), Failure("passed")),
        (Report("compile", "IndentationError"), Failure("syntax_error", "IndentationError")),
        (Report("check", "AssertionError"), Failure("wrong_answer")),
        (Report("check", "TypeError"), Failure("wrong_answer", "TypeError")),
        (Report("call", "KeyError"), Failure("runtime_error", "KeyError")),
        (Report("call", "RecursionError"), Failure("recursion", "RecursionError")),
        (Report("call", "PermissionError"), Failure("forbidden", "PermissionError")),
        (Report("load", "SystemExit"), Failure("exit", "SystemExit")),
        (Report("process", "timeout"), Failure("timeout", "timeout")),
        (Report("process", "memory"), Failure("memory", "memory")),
        (Report("process", "output"), Failure("output_limit", "output")),
        (Report("process", "signal"), Failure("crash", "signal")),
        (Report("load", "MissingEntryPoint", "add"), Failure("hallucination", "entry point add")),
        (Report("load", "ModuleNotFoundError", "numpy"), Failure("import_error", "module numpy")),
        (Report("load", "ModuleNotFoundError", "nope", ("nope",)), Failure("hallucination", "module nope")),
        (Report("load", "ImportError", "math", ("math.foo",)), Failure("hallucination", "module math.foo")),
        (Report("call", "NameError", "foo", ("foo",)), Failure("hallucination", "name foo")),
        (Report("call", "NameError", "math"), Failure("runtime_error", "NameError")),
        (
            Report("call", "AttributeError", "foo", ("math.foo",), "module"),
            Failure("hallucination", "attribute math.foo"),
        ),
        (Report("call", "AttributeError", "push", (), "list"), Failure("hallucination", "attribute list.push")),
        (Report("call", "AttributeError", "append", (), "tuple"), Failure("runtime_error", "AttributeError")),
        (Report("call", "AttributeError", "val", (), "NoneType"), Failure("runtime_error", "AttributeError")),
    ],
)
def test_each_end_has_its_class(report: Report, failure: Failure) -> None:
    assert classify(report) == failure


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import nowhere_at_all", ("nowhere_at_all",)),
        ("from math import tau, cosine", ("math.cosine",)),
        ("import math\nmath.cosine(1)", ("math.cosine",)),
        ("import math as m\nm.cosine(1); m.cos(1)", ("math.cosine",)),
        ("import collections.abc\ncollections.abc.Sized", ()),
        ("def f():\n    return invented(1)", ("invented",)),
        ("def f():\n    return math.pi", ()),  # not imported: a slip
        ("def f(x):\n    return [y for y in x if (z := y)]", ()),
        ("def f():\n    global g\n    g = 1\ndef h():\n    return g", ()),
        ("class A:\n    b = 1\n    def c(self):\n        return b", ("b",)),
        ("from math import *\nx = anything", ()),
        ("import math\nmath = f = object()\nmath.whatever", ()),
        ("def f(:", ()),
        ("try:\n    pass\nexcept ValueError as e:\n    print(e, __name__)", ()),
    ],
)
def test_what_exists_nowhere_is_found_without_running(source: str, names: tuple[str, ...]) -> None:
    assert unresolved(source, known=known) == names


def test_complexity_is_counted_as_mccabe_did() -> None:
    body = "    if a and b:\n        return 1\n    for x in a:\n        while x:\n            x -= 1\n    return 0\n"
    source = f"def f(a, b):\n{body}"
    found = shape(source)
    assert found is not None
    assert (found.lines, found.functions, found.complexity, found.nesting) == (7, 1, 5, 2)
    assert shape("x = (") is None
    straight = shape("x = 1")
    assert straight is not None
    assert straight.complexity == 1


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("x = 1" + " " * 3, "trailing space"),
        (f"x = '{'a' * 120}'", "long line"),
        ("if x:\n\ty = 1", "tab"),
        ("def f(a):\n    return a", "no docstring"),
        ("def _badName(a):\n    return a", "name not in snake case"),
        ("list = 3", "builtin shadowed"),
        ("try:\n    x = 1\nexcept:\n    pass", "bare except"),
        ("def _f(a=[]):\n    return a", "mutable default"),
        ("x = y == None", "compared with =="),
        ("import os", "unused import"),
        ("from os import *", "star import"),
        ("def _f():\n    return 1\n    x = 2", "unreachable code"),
    ],
)
def test_each_rule_of_style_finds_its_fault(source: str, rule: str) -> None:
    assert style(source) == {rule: 1}


def test_clean_code_has_no_findings_and_what_does_not_parse_none_at_all() -> None:
    clean = (
        'import math\n\n\ndef area(radius):\n    """Of a circle."""\n    return math.pi * radius**2 if radius else 0\n'
    )
    ast.parse(clean)
    assert style(clean) == {}
    assert style("def f(:") is None
