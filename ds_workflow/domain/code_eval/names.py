"""What a program names that exists nowhere, found without running it: modules, names, attributes, functions."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ds_workflow.domain.code_eval.syntax import parsed, scopes

# whether module.attribute exists: None when the module itself is unknown
Known = Callable[[str, str], bool | None]


@dataclass(frozen=True)
class Shape:
    """How a program is built. `complexity` is McCabe's: 1 and one more for every branch."""

    lines: int
    functions: int
    complexity: int
    longest_line: int
    nesting: int


def unresolved(source: str, *, known: Known) -> tuple[str, ...]:
    """Names that resolve nowhere: a module or `module.attribute` that `known` denies, and names that the program reads
    but neither it nor the builtins define. Empty for what does not parse (that is a syntax error, not an invention)."""
    tree, table = parsed(source), scopes(source)
    if tree is None or table is None:
        return ()
    found: list[str] = []
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                top = name.name.split(".")[0]
                modules[name.asname or top] = name.name if name.asname else top
                if known(name.name, "") is None:
                    found.append(name.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if known(node.module, "") is None:
                found.append(node.module)
            else:
                found += [
                    f"{node.module}.{n.name}" for n in node.names if n.name != "*" and not known(node.module, n.name)
                ]
    shadowed = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            module = modules.get(node.value.id)
            if module and node.value.id not in shadowed and known(module, node.attr) is False:
                found.append(f"{module}.{node.attr}")
    if not any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in ast.walk(tree)):
        # a module that was only not imported is a slip, not an invention
        found += sorted(name for name in _undefined(table) if known(name, "") is None)
    return tuple(dict.fromkeys(found))


def _undefined(table: symtable.SymbolTable) -> set[str]:
    """Names read as globals that no scope of the program assigns at the top and no builtin has."""
    top = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    declared = {
        s.get_name() for t in _scopes(table) for s in t.get_symbols() if s.is_declared_global() and s.is_assigned()
    }
    free: set[str] = set()
    for scope in _scopes(table):
        for s in scope.get_symbols():
            if s.is_referenced() and s.is_global() and not (scope is table and s.is_assigned()):
                free.add(s.get_name())
    return {n for n in free if n not in top | declared and not hasattr(builtins, n) and not n.startswith("__")}


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


_BRANCHES = (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.With, ast.Assert, ast.IfExp, ast.comprehension)


def shape(source: str) -> Shape | None:
    """The program's shape; None when it does not parse."""
    tree = parsed(source)
    if tree is None:
        return None
    nodes = list(ast.walk(tree))
    branches = sum(isinstance(n, _BRANCHES) for n in nodes)
    branches += sum(len(n.values) - 1 for n in nodes if isinstance(n, ast.BoolOp))
    lines = [line for line in source.splitlines() if line.strip()]
    return Shape(
        len(lines),
        sum(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) for n in nodes),
        1 + branches,
        max(map(len, lines), default=0),
        _depth(tree),
    )


def _depth(tree: ast.AST) -> int:
    """The deepest nesting of statements; no recursion, since a stranger's tree may be deep."""
    deepest, todo = 0, [(tree, 0)]
    while todo:
        node, deep = todo.pop()
        inner = deep + isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try)
        deepest = max(deepest, inner)
        todo += [(child, inner) for child in ast.iter_child_nodes(node)]
    return deepest
