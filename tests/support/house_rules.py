"""The rules of the house, read off the code with `ast`: who may import whom, what is pure, what is too big.

Each rule is a function from a tree of sources to its offences, so that the same function runs on this checkout and on
small synthetic trees that break it (tests/test_architecture.py): a rule that nothing can break would prove nothing.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

OURS = ("registry", "ds_workflow", "serving")
LINES = 420  # "about 400"
SHARE = 0.30  # of all lines, for the largest room


@dataclass(frozen=True)
class Floor:
    """What the modules of a room may import: ours by prefix; strangers at module top; strangers inside functions."""

    ours: tuple[str, ...]
    top: frozenset[str] = frozenset()
    inside: frozenset[str] | None = None  # None: whatever setup.cfg declares


ERRORS = ("ds_workflow.errors", "registry.errors")
BELOW_3 = ("ds_workflow.domain", "ds_workflow.errors", "ds_workflow.settings", "ds_workflow.plugins")
NUMBERS = frozenset({"numpy", "pandas", "scipy"})
TOOLS = NUMBERS | {"sklearn", "xgboost", "sqlalchemy", "plotly"}
# a face may name, for its annotations only, the types of the values that the workspace hands it
HANDED = ("ds_workflow.domain", "registry.records", "registry.accounts", "registry.accounts_store")
FACE = ("ds_workflow.use_cases", "ds_workflow.workspace", "ds_workflow.steps", *ERRORS)
ROOMS_3 = ("problems", "strategies", "contests", "adapters", "reports")

# ARCHITECTURE's table, from the roof down; the longest prefix that fits a module is its floor
FLOORS: dict[str, Floor] = {
    "serving": Floor(
        ("serving", *FACE), frozenset({"fastapi", "starlette", "pydantic", "jinja2", "prometheus_client"})
    ),
    "ds_workflow.cli": Floor(("ds_workflow.cli", *FACE), frozenset({"click"})),
    "ds_workflow.__main__": Floor(("ds_workflow.cli",)),
    "ds_workflow.use_cases": Floor(
        (
            "ds_workflow.use_cases",
            "ds_workflow.workspace",
            "ds_workflow.steps",
            "registry",
            *BELOW_3,
            *(f"ds_workflow.{r}" for r in ROOMS_3),
        )
    ),
    "ds_workflow.steps": Floor(("ds_workflow.workspace", *BELOW_3)),
    "ds_workflow.workspace": Floor((*BELOW_3, "registry"), TOOLS),
    "ds_workflow.problems": Floor(("ds_workflow.problems", *BELOW_3), TOOLS),
    "ds_workflow.contests": Floor(("ds_workflow.contests", *BELOW_3), TOOLS),
    "ds_workflow.strategies": Floor(("ds_workflow.strategies", *BELOW_3), TOOLS),
    "ds_workflow.adapters": Floor(("ds_workflow.adapters", *BELOW_3), TOOLS),
    "ds_workflow.reports": Floor(("ds_workflow.reports", "registry.records", *BELOW_3), TOOLS | {"markdown_it"}),
    "ds_workflow.domain": Floor(
        ("ds_workflow.domain", "ds_workflow.errors", "registry.records"), NUMBERS, NUMBERS | {"sklearn"}
    ),
    "ds_workflow.plugins": Floor(("ds_workflow.errors", "registry.records"), NUMBERS, NUMBERS | {"sklearn"}),
    "ds_workflow.errors": Floor((), frozenset(), frozenset()),
    "ds_workflow.settings": Floor(("ds_workflow.errors",)),
    "registry.mlflow_store": Floor(("registry",), frozenset({"mlflow"})),
    "registry.sql_ledger": Floor(("registry",), frozenset({"sqlalchemy"})),
    "registry.sql_store": Floor(("registry",), frozenset({"sqlalchemy"})),  # the database under sql_ledger
    "registry.sql_schema": Floor(("registry",), frozenset({"sqlalchemy"})),  # the tables of sql_ledger
    "registry.sql_upgrade": Floor(("registry",), frozenset({"sqlalchemy"})),  # from one release's tables to the next's
    "registry.migrations": Floor(("registry",), frozenset({"sqlalchemy", "alembic"})),  # alembic's steps
    "registry.accounts_store": Floor(("registry",), frozenset({"sqlalchemy"})),
    "registry.accounts_schema": Floor(("registry",), frozenset({"sqlalchemy"})),
    "registry": Floor(("registry",)),
}


@dataclass(frozen=True)
class Import:
    """One imported module: where it is written, and whether at module top, inside a function or for types only."""

    line: int
    target: str
    scope: str  # top, inside, typing


@dataclass(frozen=True)
class Source:
    """One Python file: its path below the root, its dotted name, its text parsed."""

    path: str
    module: str
    text: str
    tree: ast.Module
    imports: tuple[Import, ...]

    def says(self, line: int, what: str) -> str:
        return f"{self.path}:{line} {what}"


def _imports(tree: ast.Module, module: str, known: set[str], package: bool) -> Iterator[Import]:
    def walk(node: ast.AST, scope: str) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            deeper = scope
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and scope == "top":
                deeper = "inside"
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                deeper = "typing"
            if isinstance(child, ast.Import):
                yield from (Import(child.lineno, name.name, scope) for name in child.names)
            elif isinstance(child, ast.ImportFrom):
                above = module.split(".")[: len(module.split(".")) - child.level + package] if child.level else []
                base = ".".join([*above, *([child.module] if child.module else [])])
                for name in child.names:
                    full = f"{base}.{name.name}"
                    yield Import(child.lineno, full if full in known or base in ("", *OURS) else base, scope)
            elif (
                isinstance(child, ast.Call)
                and ast.unparse(child.func).endswith(("import_module", "__import__"))
                and isinstance(child.args[0] if child.args else None, ast.Constant)
            ):
                yield Import(child.lineno, ast.literal_eval(child.args[0]), scope)
            yield from walk(child, deeper)

    return walk(tree, "top")


def read(root: Path, *, under: tuple[str, ...] = OURS) -> list[Source]:
    """Every Python file of the packages, parsed."""
    files = sorted(f for room in under for f in (root / room).rglob("*.py") if "__pycache__" not in f.parts)
    names = {f: ".".join(f.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for f in files}
    known = set(names.values())
    sources = []
    for file, name in names.items():
        text = file.read_text("utf-8")
        tree = ast.parse(text)
        found = tuple(_imports(tree, name, known, file.name == "__init__.py"))
        sources.append(Source(file.relative_to(root).as_posix(), name, text, tree, found))
    return sources


def within(target: str, prefix: str) -> bool:
    return target == prefix or target.startswith(f"{prefix}.")


def floor_of(module: str) -> Floor | None:
    fits = [prefix for prefix in FLOORS if within(module, prefix)]
    return FLOORS[max(fits, key=len)] if fits else None


def ours(found: Import) -> bool:
    return found.target.split(".")[0] in OURS


# --- the rules -------------------------------------------------------------------------------------------------------


def who_may_import_whom(sources: list[Source]) -> Iterator[str]:
    """No arrow up and none across: the floors' table."""
    for source in sources:
        floor = floor_of(source.module)
        if floor is None:
            if source.module != "ds_workflow" or source.imports:
                yield source.says(1, f"'{source.module}' stands in no room that ARCHITECTURE names")
            continue
        for found in filter(ours, source.imports):
            handed = HANDED if found.scope == "typing" and "ds_workflow.workspace" in floor.ours else ()
            if not any(within(found.target, allowed) for allowed in (*floor.ours, *handed)):
                yield source.says(found.line, f"imports {found.target}; allowed: {', '.join(floor.ours) or 'none'}")


def strangers_by_floor(sources: list[Source]) -> Iterator[str]:
    """Third-party packages stand at module top only where the table lists them."""
    for source in sources:
        floor = floor_of(source.module)
        for found in source.imports:
            name = found.target.split(".")[0]
            if floor is None or found.scope == "typing" or ours(found) or name in sys.stdlib_module_names:
                continue
            allowed = floor.top if found.scope == "top" else floor.inside
            if allowed is not None and name not in allowed:
                where = "at module top" if found.scope == "top" else "inside a function"
                yield source.says(
                    found.line, f"imports {name} {where}; allowed: {', '.join(sorted(allowed)) or 'none'}"
                )


def commands_import_late(sources: list[Source]) -> Iterator[str]:
    """A command imports its use case inside its function, so that `--help` stays quick."""
    for source in sources:
        if within(source.module, "ds_workflow.cli"):
            for found in source.imports:
                if found.scope == "top" and within(found.target, "ds_workflow.use_cases"):
                    yield source.says(found.line, f"imports {found.target} at module top; import it inside the command")


# `daily` asks every check there is, `showcase` leads through everything there is (ADR 0026)
OVERLOOKS = ("ds_workflow.use_cases.daily", "ds_workflow.use_cases.showcase")


def room_mates_stay_apart(sources: list[Source]) -> Iterator[str]:
    """No problem imports another problem; no use case another, but the two that look at several of them."""
    for source in sources:
        for room in ("ds_workflow.problems", "ds_workflow.use_cases"):
            if not within(source.module, room) or source.module in (room, *OVERLOOKS):
                continue
            own = ".".join(source.module.split(".")[:3])
            for found in source.imports:
                if found.target.startswith(f"{room}.") and not within(found.target, own):
                    yield source.says(found.line, f"imports its neighbour {found.target}")


def no_problem_by_name(sources: list[Source]) -> Iterator[str]:
    """Nothing outside a problem's own plug-in asks which problem it is: a problem differs by what it declares."""
    room = "ds_workflow.problems"
    names = {s.module.split(".")[2] for s in sources if s.module.startswith(f"{room}.")}
    for source in sources:
        if within(source.module, room):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Compare | ast.MatchValue):
                asked = names & {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
                for name in sorted(asked):
                    yield source.says(node.lineno, f"asks for the problem '{name}' by its name; declare the difference")


def mlflow_in_one_room(sources: list[Source]) -> Iterator[str]:
    """Only registry/mlflow_store imports mlflow, at whatever place in a file."""
    for source in sources:
        for found in source.imports:
            if within(found.target, "mlflow") and not within(source.module, "registry.mlflow_store"):
                yield source.says(found.line, f"imports {found.target}; only registry/mlflow_store may")


def one_small_door(sources: list[Source]) -> Iterator[str]:
    """Registry and MlflowStore are named together in ds_workflow/workspace.py and nowhere else."""
    for source in sources:
        named = {n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name)}
        named |= {a.name for n in ast.walk(source.tree) if isinstance(n, ast.ImportFrom) for a in n.names}
        if {"Registry", "MlflowStore"} <= named and source.module != "ds_workflow.workspace":
            yield source.says(1, "names Registry and MlflowStore together; only ds_workflow/workspace.py may")


def the_face_of_the_registry(sources: list[Source]) -> Iterator[str]:
    """registry/__init__.py names records and errors only, so importing it costs nothing."""
    for source in sources:
        for found in source.imports if source.module == "registry" else ():
            if ours(found) and not found.target.startswith(("registry.records", "registry.errors")):
                yield source.says(found.line, f"the face of registry imports {found.target}")


OUTSIDE = {
    "os",
    "pathlib",
    "io",
    "shutil",
    "tempfile",
    "glob",
    "socket",
    "ssl",
    "http",
    "urllib",
    "subprocess",
    "sqlite3",
}


def domain_is_pure(sources: list[Source]) -> Iterator[str]:
    """No file, process, network or store in ds_workflow/domain."""
    for source in sources:
        if not within(source.module, "ds_workflow.domain"):
            continue
        for found in source.imports:
            if found.target.split(".")[0] in OUTSIDE and found.scope != "typing":
                yield source.says(found.line, f"imports {found.target}; the domain touches no file, process or network")
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and re.search(
                r"(^|\.)(open|read_(csv|parquet|excel|sql))$", ast.unparse(node.func)
            ):
                yield source.says(node.lineno, f"calls {ast.unparse(node.func)}; the domain is given its values")


CLOCKS = re.compile(
    r"(^|\.)((datetime|Timestamp)\.(now|utcnow|today)|date\.today|time\.(time|time_ns|gmtime|localtime))$"
)
SEEDED = "Generator|default_rng|SeedSequence|BitGenerator|PCG64|PCG64DXSM|Philox|SFC64|RandomState"
CHANCE = re.compile(rf"^((np|numpy)\.random\.(?!({SEEDED})(\.|$))\w+|random\.(?!Random(\.|$))[a-z]\w*)$")


def time_and_chance_come_by_the_door(sources: list[Source]) -> Iterator[str]:
    """Nobody but the workspace asks the machine for the time; nobody uses global random state."""
    for source in sources:
        if source.module == "ds_workflow.workspace":
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute):
                name = ast.unparse(node)
                if CLOCKS.search(name):
                    yield source.says(node.lineno, f"asks the machine for the time: {name}; take `at` as an argument")
                elif CHANCE.match(name):
                    yield source.says(node.lineno, f"uses global random state: {name}; take a seed or a Generator")
            elif isinstance(node, ast.ImportFrom) and node.module in ("random", "time", "numpy.random"):
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    if CLOCKS.search(full) or CHANCE.match(full):
                        yield source.says(node.lineno, f"imports {full}; take it as an argument")


def no_circles(sources: list[Source]) -> Iterator[str]:
    """No circular imports, wherever in the files the imports stand."""
    graph = {s.module: sorted({f.target for f in s.imports if f.scope != "typing"} - {s.module}) for s in sources}
    paths = {s.module: s.path for s in sources}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> Iterator[str]:
        if module in trail:
            circle = trail[trail.index(module) :]
            yield f"{paths[module]} imports itself in a circle: {' -> '.join([*circle, module])}"
        elif module in graph and module not in done:
            for target in graph[module]:
                yield from visit(target, (*trail, module))
            done.add(module)

    for module in graph:
        yield from visit(module, ())


def no_file_too_long(sources: list[Source]) -> Iterator[str]:
    """No file over about 400 lines."""
    for source in sources:
        if (lines := source.text.count("\n")) > LINES:
            yield f"{source.path} has {lines} lines; split it below {LINES}"


def no_room_too_big(sources: list[Source]) -> Iterator[str]:
    """No room that holds everything."""
    rooms: Counter[str] = Counter()
    for source in sources:
        parts = Path(source.path).parts
        rooms["/".join(parts[:2] if parts[0] == "ds_workflow" and len(parts) > 2 else parts[:1])] += source.text.count(
            "\n"
        )
    for room, lines in rooms.items():
        if lines > SHARE * rooms.total():
            yield f"{room} holds {lines} of {rooms.total()} lines, more than {SHARE:.0%}"


def no_mocks(sources: list[Source]) -> Iterator[str]:
    """Tests use the seams: stores in memory, real local servers, values handed in."""
    for source in sources:
        for found in source.imports:
            if within(found.target, "unittest.mock") or found.target.split(".")[0] in ("mock", "pytest_mock"):
                yield source.says(found.line, f"imports {found.target}; use the in-memory stores instead")
        for node in ast.walk(source.tree):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module == "unittest"
                and any(a.name == "mock" for a in node.names)
            ):
                yield source.says(node.lineno, "imports unittest.mock; use the in-memory stores instead")
            if isinstance(node, ast.Attribute) and re.search(
                r"(?i)(monkeypatch|patch\w*)\.(setattr|delattr)$", ast.unparse(node)
            ):
                yield source.says(node.lineno, f"calls {ast.unparse(node)}; hand the value in instead")
            if isinstance(node, ast.arg) and node.arg == "mocker":
                yield source.says(node.lineno, "asks for mocker; use the in-memory stores instead")


def no_package_among_tests(sources: list[Source]) -> Iterator[str]:
    """A tests/registry/__init__.py would shadow the product."""
    for source in sources:
        if source.path.startswith("tests/") and source.path.endswith("__init__.py"):
            yield f"{source.path} must go: tests are collected by path (importmode=importlib)"


PRODUCT: tuple[Callable[[list[Source]], Iterator[str]], ...] = (
    who_may_import_whom,
    strangers_by_floor,
    commands_import_late,
    room_mates_stay_apart,
    no_problem_by_name,
    mlflow_in_one_room,
    one_small_door,
    the_face_of_the_registry,
    domain_is_pure,
    time_and_chance_come_by_the_door,
    no_circles,
    no_file_too_long,
    no_room_too_big,
)
TESTS = (no_mocks, no_package_among_tests, no_file_too_long)
