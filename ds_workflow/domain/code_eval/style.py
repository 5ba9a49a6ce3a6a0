"""How a program is written: findings that a reviewer would name, counted by rule."""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from ds_workflow.domain.code_eval.syntax import parsed

LONGEST = 100
_SNAKE = re.compile(r"_{0,2}[a-z][a-z0-9_]*|_+")
_BUILTINS = frozenset(name for name in dir(builtins) if name[0].islower())


def style(source: str) -> Mapping[str, int] | None:
    """Findings by rule, only those found at least once; None for what does not parse.

    Rules: long line (over 100 characters), trailing space, tab, no docstring (of a public function or class), name not
    in snake case, builtin shadowed, bare except, mutable default, comparison with None or a bool by ==, unused import,
    star import, unreachable code.
    """
    tree = parsed(source)
    if tree is None:
        return None
    found: Counter[str] = Counter()
    for line in source.splitlines():
        found["long line"] += len(line) > LONGEST
        found["trailing space"] += line != line.rstrip() and bool(line.strip())
        found["tab"] += "\t" in line[: len(line) - len(line.lstrip())]
    for node in ast.walk(tree):
        for rule, broken in _RULES.items():
            found[rule] += broken(node)
    found["unused import"] += len(_unused(tree))
    return {rule: count for rule, count in sorted(found.items()) if count}


def _undocumented(node: ast.AST) -> int:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return 0
    return int(not node.name.startswith("_") and ast.get_docstring(node) is None)


def _oddly_named(node: ast.AST) -> int:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return int(not _SNAKE.fullmatch(node.name))
    if isinstance(node, ast.arg):
        return int(not _SNAKE.fullmatch(node.arg))
    return 0


def _shadowing(node: ast.AST) -> int:
    if isinstance(node, ast.arg):
        return int(node.arg in _BUILTINS)
    return int(isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in _BUILTINS)


def _bare_except(node: ast.AST) -> int:
    return int(isinstance(node, ast.ExceptHandler) and node.type is None)


def _mutable_default(node: ast.AST) -> int:
    if not isinstance(node, ast.arguments):
        return 0
    given = [*node.defaults, *(d for d in node.kw_defaults if d)]
    return sum(isinstance(d, ast.List | ast.Dict | ast.Set | ast.ListComp) for d in given)


def _compared(node: ast.AST) -> int:
    if not isinstance(node, ast.Compare):
        return 0
    pairs = zip(node.ops, node.comparators, strict=True)
    constants = (None, True, False)
    return sum(
        isinstance(op, ast.Eq | ast.NotEq)
        and isinstance(right, ast.Constant)
        and any(right.value is constant for constant in constants)
        for op, right in pairs
    )


def _star(node: ast.AST) -> int:
    return int(isinstance(node, ast.ImportFrom) and node.names[0].name == "*")


def _unreachable(node: ast.AST) -> int:
    bodies = (getattr(node, name, None) for name in ("body", "orelse", "finalbody"))
    ends = (ast.Return, ast.Raise, ast.Break, ast.Continue)
    return sum(isinstance(statement, ends) for body in bodies if isinstance(body, list) for statement in body[:-1])


_RULES: Mapping[str, Callable[[ast.AST], int]] = {
    "no docstring": _undocumented,
    "name not in snake case": _oddly_named,
    "builtin shadowed": _shadowing,
    "bare except": _bare_except,
    "mutable default": _mutable_default,
    "compared with ==": _compared,
    "star import": _star,
    "unreachable code": _unreachable,
}


def _unused(tree: ast.Module) -> set[str]:
    """Names imported and never read; `__all__` counts as reading."""
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    read |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {name for name in _imported(tree) if name not in read}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (n.asname or n.name.split(".")[0] for n in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            yield from (n.asname or n.name for n in node.names if n.name != "*")
