"""The house keeps its rules, each rule can fail, and what must stay light stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from house_rules import (
    LINES,
    OURS,
    PRODUCT,
    ROOMS_3,
    TESTS,
    Source,
    commands_import_late,
    domain_is_pure,
    mlflow_in_one_room,
    no_circles,
    no_file_too_long,
    no_mocks,
    no_package_among_tests,
    no_problem_by_name,
    no_room_too_big,
    one_small_door,
    read,
    room_mates_stay_apart,
    strangers_by_floor,
    the_face_of_the_registry,
    time_and_chance_come_by_the_door,
    who_may_import_whom,
)

from ds_workflow import plugins

Rule = Callable[[list[Source]], Iterator[str]]
HOUSE = Path(__file__).resolve().parent.parent
HEAVY = {
    "pandas",
    "mlflow",
    "sklearn",
    "sqlalchemy",
    "scipy",
    "xgboost",
    "numpy",
    "fastapi",
    "pydantic",
    "optuna",
    "shap",
}


@pytest.fixture(scope="module")
def product() -> list[Source]:
    sources = read(HOUSE)
    assert {s.path.split("/")[0] for s in sources} == set(OURS), "the three packages are not all there"
    return sources


@pytest.mark.parametrize("rule", PRODUCT, ids=lambda rule: rule.__name__)
def test_the_product_keeps(rule: Rule, product: list[Source]) -> None:
    offences = list(dict.fromkeys(rule(product)))
    assert not offences, "\n".join([rule.__doc__ or "", *offences])


@pytest.mark.parametrize("rule", TESTS, ids=lambda rule: rule.__name__)
def test_the_tests_keep(rule: Rule) -> None:
    offences = list(dict.fromkeys(rule(read(HOUSE, under=("tests", "benchmarks")))))
    assert not offences, "\n".join([rule.__doc__ or "", *offences])


# --- each rule is shown to fail --------------------------------------------------------------------------------------

FILLER = "x = 1\n" * 10
ROOMS = ("registry", "serving", *(f"ds_workflow/{room}" for room in ("cli", "use_cases", "domain", *ROOMS_3)))
SOUND = {
    **{f"{room}/filler.py": FILLER for room in ROOMS if room != "ds_workflow/problems"},
    "ds_workflow/__init__.py": "",
    "ds_workflow/cli/arena.py": "import click\n\ndef show():\n    from ds_workflow.use_cases import arena\n",
    "ds_workflow/use_cases/arena.py": "from ds_workflow.domain import gates\n\ndef go():\n    import pandas\n",
    "ds_workflow/use_cases/daily.py": "from ds_workflow.use_cases import arena\n",
    "ds_workflow/domain/gates.py": "import numpy as np\nfrom registry.records import P\nr = np.random.default_rng(1)\n",
    "ds_workflow/problems/sales.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mystery\n",
    "ds_workflow/workspace.py": "from datetime import datetime\nfrom registry.mlflow_store import MlflowStore\n"
    "from registry.service import Registry\n\ndef clock():\n    return datetime.now()\n",
    "registry/records.py": "x = 1\n",
    "registry/mlflow_store.py": "import mlflow\nfrom registry.records import x\n",
    "registry/service.py": "from . import records\n",
    "serving/app.py": "import fastapi\nfrom ds_workflow.use_cases import arena\n",
    "serving/schemas.py": "import typing\nif typing.TYPE_CHECKING:\n    from ds_workflow.domain import gates\n",
}
BROKEN = [
    (who_may_import_whom, "registry/service.py", "from ds_workflow import errors", "ds_workflow.errors"),
    (who_may_import_whom, "registry/service.py", "from ds_workflow.domain.gates import g", "ds_workflow.domain.gates"),
    (who_may_import_whom, "ds_workflow/domain/gates.py", "from ..adapters import datasets", "ds_workflow.adapters"),
    (who_may_import_whom, "ds_workflow/domain/gates.py", "import registry.service", "registry.service"),
    (who_may_import_whom, "ds_workflow/problems/sales.py", "from ds_workflow.adapters import io", "adapters"),
    (who_may_import_whom, "ds_workflow/adapters/filler.py", "from registry.records import x", "registry.records"),
    (who_may_import_whom, "ds_workflow/reports/filler.py", "import registry.service", "registry.service"),
    (who_may_import_whom, "ds_workflow/use_cases/arena.py", "from ds_workflow.cli import arena", "ds_workflow.cli"),
    (who_may_import_whom, "ds_workflow/cli/arena.py", "def f():\n    import serving.app", "serving.app"),
    (
        who_may_import_whom,
        "ds_workflow/cli/arena.py",
        "from importlib import import_module as i\nimport_module('serving.app')",
        "serving.app",
    ),
    (who_may_import_whom, "serving/app.py", "from ds_workflow.cli.arena import show", "ds_workflow.cli.arena"),
    (who_may_import_whom, "serving/app.py", "from ds_workflow.domain import gates", "ds_workflow.domain"),
    (
        who_may_import_whom,
        "registry/service.py",
        "if TYPE_CHECKING:\n    import ds_workflow.errors",
        "ds_workflow.errors",
    ),
    (who_may_import_whom, "ds_workflow/misc/util.py", "", "no room"),
    (strangers_by_floor, "ds_workflow/use_cases/arena.py", "import pandas as pd", "pandas at module top"),
    (
        strangers_by_floor,
        "ds_workflow/domain/gates.py",
        "from sklearn.metrics import r2_score",
        "sklearn at module top",
    ),
    (strangers_by_floor, "ds_workflow/domain/gates.py", "def f():\n    import requests", "requests inside"),
    (strangers_by_floor, "ds_workflow/cli/arena.py", "import rich", "rich at module top"),
    (strangers_by_floor, "registry/service.py", "import sqlalchemy", "sqlalchemy at module top"),
    (strangers_by_floor, "serving/app.py", "import numpy", "numpy at module top"),
    (commands_import_late, "ds_workflow/cli/arena.py", "from ds_workflow.use_cases import arena", "inside the command"),
    (room_mates_stay_apart, "ds_workflow/use_cases/arena.py", "from ds_workflow.use_cases.daily import x", "daily"),
    (room_mates_stay_apart, "ds_workflow/problems/fraud.py", "import ds_workflow.problems.sales", "sales"),
    (no_problem_by_name, "ds_workflow/use_cases/arena.py", "a = 1 if name == 'sales' else 2", "'sales'"),
    (no_problem_by_name, "serving/app.py", "match name:\n    case 'sales': pass", "'sales'"),
    (mlflow_in_one_room, "ds_workflow/use_cases/arena.py", "def f():\n    import mlflow.tracking", "mlflow.tracking"),
    (mlflow_in_one_room, "registry/service.py", "from mlflow import MlflowClient", "mlflow"),
    (one_small_door, "serving/app.py", "from registry.service import Registry\nMlflowStore = 1", "together"),
    (the_face_of_the_registry, "registry/__init__.py", "from registry.service import Registry", "registry.service"),
    (domain_is_pure, "ds_workflow/domain/gates.py", "from pathlib import Path", "pathlib"),
    (domain_is_pure, "ds_workflow/domain/gates.py", "import urllib.request", "urllib"),
    (domain_is_pure, "ds_workflow/domain/gates.py", "def f():\n    return open('x')", "calls open"),
    (domain_is_pure, "ds_workflow/domain/gates.py", "y = pd.read_csv('x')", "read_csv"),
    (time_and_chance_come_by_the_door, "registry/service.py", "t = dt.datetime.now(tz)", "datetime.now"),
    (time_and_chance_come_by_the_door, "ds_workflow/domain/gates.py", "t = pd.Timestamp.now", "Timestamp.now"),
    (time_and_chance_come_by_the_door, "ds_workflow/use_cases/arena.py", "from time import time", "time.time"),
    (time_and_chance_come_by_the_door, "ds_workflow/domain/gates.py", "np.random.seed(1)", "np.random.seed"),
    (time_and_chance_come_by_the_door, "ds_workflow/domain/gates.py", "from random import shuffle", "shuffle"),
    (no_circles, "registry/records.py", "def f():\n    from registry import service", "circle"),
    (no_file_too_long, "registry/service.py", "x = 1\n" * (LINES + 1), str(LINES)),
    (no_room_too_big, "ds_workflow/domain/gates.py", "x = 1\n" * 200, "ds_workflow/domain"),
    (no_mocks, "tests/test_x.py", "from unittest import mock", "mock"),
    (no_mocks, "tests/test_x.py", "from unittest.mock import patch", "mock"),
    (no_mocks, "tests/test_x.py", "def test_x(mocker): ...", "mocker"),
    (no_mocks, "tests/test_x.py", "def test_x(monkeypatch):\n    monkeypatch.setattr(a, 'b', 1)", "setattr"),
    (no_package_among_tests, "tests/registry/__init__.py", "", "must go"),
]


def lay(root: Path, files: dict[str, str]) -> list[Source]:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return read(root, under=(*OURS, "tests"))


@pytest.mark.parametrize("rule", dict.fromkeys((*PRODUCT, *TESTS)), ids=lambda rule: rule.__name__)
def test_a_sound_house_offends_no_rule(rule: Rule, tmp_path: Path) -> None:
    assert list(rule(lay(tmp_path, SOUND))) == []


@pytest.mark.parametrize(("rule", "file", "added", "named"), BROKEN)
def test_each_rule_can_fail(rule: Rule, file: str, added: str, named: str, tmp_path: Path) -> None:
    offences = list(rule(lay(tmp_path, {**SOUND, file: f"{added}\n{SOUND.get(file, '')}"})))
    assert offences, f"{rule.__name__} let through: {added}"
    assert any(named in offence for offence in offences), offences
    assert all(file in offence or Path(file).parent.as_posix() in offence for offence in offences), offences


def test_no_rule_is_without_a_tree_that_breaks_it() -> None:
    assert {rule for rule, *_ in BROKEN} == {*PRODUCT, *TESTS}


# --- light, and listed -----------------------------------------------------------------------------------------------


def modules_after(code: str, *, cwd: Path) -> set[str]:
    """The top-level packages that a fresh Python holds after running `code`."""
    probe = f"import json, sys\n{code}\nprint('\\n' + json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=cwd, timeout=60, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("words", [["--help"], ["arena-approve", "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ds_workflow", *words],
        capture_output=True,
        text=True,
        cwd=HOUSE,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Usage:" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "click" in imported, "the import times were not read"
    assert not (heavy := HEAVY & {name.split(".")[0] for name in imported}), f"--help imports {sorted(heavy)}"


def test_importing_the_registry_and_the_faces_costs_nothing() -> None:
    assert not HEAVY & modules_after("import registry, registry.records, registry.errors, ds_workflow", cwd=HOUSE)
    assert "numpy" in modules_after("import numpy", cwd=HOUSE), "the probe sees nothing"


@pytest.mark.parametrize("group", plugins.GROUPS)
def test_every_plug_in_group_lists_its_files_and_imports_none(group: str) -> None:
    folder = HOUSE / "ds_workflow" / group
    own = {p.stem.removesuffix("_model") for p in folder.glob("[a-z]*.py")}
    own |= {p.parent.name for p in folder.glob("[a-z]*/__init__.py")}
    listed = plugins.names(group)
    assert listed == sorted(listed)
    assert own, f"{group} holds no plug-in"
    assert own <= set(listed), f"{group}: not listed: {own - set(listed)}"
    code = f"from ds_workflow import plugins; plugins.names({group!r}); "
    code += f"assert not [m for m in sys.modules if m.startswith('ds_workflow.{group}.')]"
    assert not HEAVY & modules_after(code, cwd=HOUSE)
