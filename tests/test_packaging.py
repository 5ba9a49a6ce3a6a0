"""The set-up is what it says: metadata, pins, scripts, workflow, documents, and no trace of a machine."""

from __future__ import annotations

import ast
import configparser
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

OURS = ("registry", "ds_workflow", "serving")
# import name -> distribution, where they differ
DISTRIBUTION = {
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "xgboost": "xgboost-cpu",
    "markdown_it": "markdown-it-py",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
    "starlette": "fastapi",  # which is made of it
}
# needed though no line imports them: read or started by another library or by name
BEHIND = {"openpyxl", "pyarrow", "uvicorn", "httpx", "psycopg"}
SHELL = ("scripts/*.sh", ".ci/run")


def run(*words: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    outer_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")  # `make test` must not steer the makes we start
    env = {name: value for name, value in os.environ.items() if name not in outer_make} | environ
    return subprocess.run(
        [*map(str, words)], capture_output=True, text=True, cwd=cwd, env=env, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def setup(house: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(house / "setup.cfg", "utf-8")
    return parser


def requirements(setup: configparser.ConfigParser, *, dev: bool) -> dict[str, Requirement]:
    """What is needed always and by the extras that the product can make use of; with `dev` by all extras."""
    extras = [lines for name, lines in setup["options.extras_require"].items() if dev or name not in ("dev", "audit")]
    lines = "\n".join([setup["options"]["install_requires"], *extras])
    return {r.name.lower(): r for r in map(Requirement, filter(None, lines.splitlines()))}


# --- metadata and pins -----------------------------------------------------------------------------------------------


def test_metadata_stands_in_setup_cfg_and_nowhere_else(house: Path, setup: configparser.ConfigParser) -> None:
    project = tomllib.loads((house / "pyproject.toml").read_text("utf-8"))
    assert set(project) == {"build-system", "tool"} and set(project["tool"]) == {"ruff"}
    assert "setuptools>=77" in project["build-system"]["requires"]
    assert setup["metadata"]["name"] == "champion-challenger-workflow"
    assert "Private :: Do Not Upload" in setup["metadata"]["classifiers"]
    assert setup["options.packages.find"]["include"].split() == ["ds_workflow*", "registry*", "serving*"]
    assert re.search(
        rf"^## \[?{re.escape(setup['metadata']['version'])}\b", (house / "CHANGELOG.md").read_text("utf-8"), re.M
    )


def test_every_folder_with_code_is_a_package_that_a_build_finds(house: Path) -> None:
    for package in OURS:
        for file in (house / package).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), f"{file.parent} has no __init__.py and would be left out"
        assert (house / package / "py.typed").exists()


def test_each_file_beside_the_code_is_package_data(house: Path, setup: configparser.ConfigParser) -> None:
    patterns = {key: re.split(r"[,\s]+", value.strip()) for key, value in setup["options.package_data"].items()}
    for package in OURS:
        for file in (house / package).rglob("*"):
            if not file.is_file() or file.suffix in (".py", ".pyc") or ".mypy_cache" in file.parts:
                continue
            beside = file.relative_to(house / package).as_posix()
            fits = [*patterns.get(package, []), *(f"*{pattern}" for pattern in patterns["*"])]
            assert any(fnmatch.fnmatch(beside, pattern) for pattern in fits), f"{package}/{beside} would be left out"


def test_a_wheel_holds_the_three_packages_and_nothing_else(house: Path, tmp_path: Path) -> None:
    if int(metadata.version("setuptools").split(".")[0]) < 77:
        pytest.skip(f"setuptools {metadata.version('setuptools')} is installed; 'make install' brings 77 or newer")
    for name in (*OURS, "tests"):
        shutil.copytree(house / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(house / name, tmp_path)
    code = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    built = run(sys.executable, "-c", code, tmp_path / "out", cwd=tmp_path)
    (wheel,) = (tmp_path / "out").glob("*.whl") if built.returncode == 0 else pytest.fail(built.stderr[-2000:])
    names = set(zipfile.ZipFile(wheel).namelist())
    info = "champion_challenger_workflow-"
    assert {name.split("/")[0] for name in names if not name.startswith(info)} == set(OURS)
    for package in OURS:
        for file in (house / package).rglob("*"):
            if file.is_file() and not {"__pycache__", ".mypy_cache", ".ruff_cache"} & set(file.parts):
                assert file.relative_to(house).as_posix() in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def imported(house: Path) -> Iterator[tuple[str, str]]:
    for file in (f for package in OURS for f in (house / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                found = [str(node.module)]
            for name in {n.split(".")[0] for n in found} - {*sys.stdlib_module_names, *OURS}:
                yield file.relative_to(house).as_posix(), DISTRIBUTION.get(name, name)


def test_what_is_imported_is_declared_and_what_is_declared_is_used(
    house: Path, setup: configparser.ConfigParser
) -> None:
    declared = set(requirements(setup, dev=False))
    used = list(imported(house))
    undeclared = [f"{file} imports {name}" for file, name in used if name not in declared]
    assert not undeclared, undeclared
    assert not (idle := declared - {name for _, name in used} - BEHIND), f"declared and used by nobody: {sorted(idle)}"


def pins(house: Path) -> dict[str, str]:
    found = {}
    for line in (house / "constraints.txt").read_text("utf-8").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            assert pin.operator == "==" and not requirement.url, f"not a pin: {line}"
            if requirement.marker is None or requirement.marker.evaluate():
                found[requirement.name.lower()] = pin.version
    return found


def test_the_pins_cover_and_satisfy_what_is_declared(house: Path, setup: configparser.ConfigParser) -> None:
    pinned = pins(house)
    for name, requirement in requirements(setup, dev=True).items():
        assert requirement.specifier.contains(pinned[name]), f"{name}: {pinned[name]} is not {requirement.specifier}"
        assert len(requirement.specifier), f"{name} has no bound"
    assert Requirement("mlflow>=3.17.2,<4").specifier.contains(pinned["mlflow"])
    assert "xgboost" not in pinned, "the full wheel brings hundreds of megabytes for a graphics card"


# --- what people type ------------------------------------------------------------------------------------------------


def targets(house: Path) -> dict[str, str]:
    rules = re.findall(r"^([a-z]+):(?!=)([^\n]*)", (house / "Makefile").read_text("utf-8"), re.M)
    return {name: rest.partition("## ")[2] for name, rest in rules}


def test_make_alone_lists_every_target(house: Path) -> None:
    listed = run("make", cwd=house)
    assert listed.returncode == 0
    assert {"install", "demo", "test", "train", "serve", "lint", "bench", "docs", "clean", "help"} <= set(
        targets(house)
    )
    for name, told in targets(house).items():
        assert told, f"make {name} has no ## comment"
        assert re.search(rf"^  make {name} +{re.escape(told)}$", listed.stdout, re.M)


def test_make_makes_a_venv_first_and_takes_variables(house: Path, tmp_path: Path) -> None:
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(house / name, tmp_path)
    for target in set(targets(house)) - {"help", "clean", "constraints", "install", "image"}:
        planned = run("make", "-n", target, "PYTHON=python3.99", "PORT=8765", "WORKSPACE=elsewhere", cwd=tmp_path)
        assert planned.returncode == 0, planned.stderr
        assert "python3.99 -m venv .venv" in planned.stdout and "-c constraints.txt" in planned.stdout, target
    assert "8765" in run("make", "-n", "serve", "PORT=8765", cwd=tmp_path).stdout
    assert "'elsewhere'" in run("make", "-n", "train", "WORKSPACE=elsewhere", cwd=tmp_path).stdout
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.installed").touch()
    assert "venv .venv" not in run("make", "-n", "install", cwd=tmp_path).stdout, "what is installed is not redone"


def test_an_old_python_is_refused_in_words(house: Path, tmp_path: Path) -> None:
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(house / name, tmp_path)
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    old.chmod(0o755)
    refused = run("make", "install", f"PYTHON={old}", cwd=tmp_path)
    assert refused.returncode != 0 and "Python 3.11 or newer is needed" in refused.stdout


@pytest.fixture
def checkout(house: Path, tmp_path: Path) -> Path:
    """A checkout whose .venv holds a Python that only says how it was called."""
    root = tmp_path / "a checkout"
    (root / "scripts").mkdir(parents=True)
    (root / ".venv/bin").mkdir(parents=True)
    shutil.copy(house / "scripts/ds_workflow.sh", root / "scripts")
    python = root / ".venv/bin/python"
    python.write_text(
        '#!/bin/sh\npwd; echo "$PYTHONPATH"; for word in "$@"; do echo "<$word>"; done; exit 3\n', "utf-8"
    )
    python.chmod(0o755)
    return root


@pytest.mark.parametrize("by", ["path", "link", "link to link"])
def test_the_door_mat_finds_its_own_checkout_from_anywhere(checkout: Path, tmp_path: Path, by: str) -> None:
    script = checkout / "scripts/ds_workflow.sh"
    if by != "path":
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/first").symlink_to(script)
        (tmp_path / "bin/second").symlink_to("first")
        script = tmp_path / "bin" / ("first" if by == "link" else "second")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    called = run(
        script, "arena-reject", "--reason", "two words", "", cwd=elsewhere, DS_WORKFLOW_PYTHON="", PYTHONPATH=""
    )
    where, path, *words = called.stdout.splitlines()
    assert called.returncode == 3, "the exit code of the command is the script's"
    assert where == str(elsewhere), "the user's folder stays the folder"
    assert path.split(":")[0] == str(checkout)
    assert words == ["<-P>", "<-m>", "<ds_workflow>", "<arena-reject>", "<--reason>", "<two words>", "<>"]


def test_the_door_mat_says_what_to_do_where_nothing_is_installed(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "dirname", "readlink"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    called = run(
        str(shutil.which("bash")),
        checkout / "scripts/ds_workflow.sh",
        cwd=tmp_path,
        DS_WORKFLOW_PYTHON="",
        PATH=str(tools),
    )
    assert called.returncode == 4 and "make install" in called.stderr


def test_the_door_mat_ignores_packages_of_our_names_where_the_user_stands(house: Path, tmp_path: Path) -> None:
    for name in OURS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a stranger was imported')\n", "utf-8")
    called = run(house / "scripts/ds_workflow.sh", "--version", cwd=tmp_path, DS_WORKFLOW_PYTHON=sys.executable)
    assert "a stranger" not in called.stdout + called.stderr
    helped = run(house / "scripts/ds_workflow.sh", "-h", cwd=tmp_path, DS_WORKFLOW_PYTHON=sys.executable)
    assert helped.returncode == 0 and "Usage:" in helped.stdout


def shell_files(house: Path) -> list[Path]:
    return sorted(file for pattern in SHELL for file in house.glob(pattern))


def test_shell_scripts_are_strict_and_parse(house: Path) -> None:
    files = shell_files(house)
    assert {"ds_workflow.sh", "run"} <= {file.name for file in files}
    for file in files:
        text = file.read_text("utf-8")
        assert text.startswith("#!/usr/bin/env bash\n") and "\nset -euo pipefail\n" in text, file
        assert os.access(file, os.X_OK), f"{file} is not executable"
        assert run("bash", "-n", file, cwd=house).returncode == 0


# --- what machines run -----------------------------------------------------------------------------------------------


def test_the_workflow_may_read_only_and_runs_the_same_commands(house: Path) -> None:
    workflow = yaml.safe_load((house / ".github/workflows/ci.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "permissions" not in job and job["timeout-minutes"] <= 30, name
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
            else:
                made = re.fullmatch(r"make ([a-z]+)(?: [A-Z]+=[\w.-]+)*", step["run"])
                assert made is None or made[1] in targets(house), f"there is no {step['run']}"
                assert made or re.fullmatch(r"bash \.ci/run|docker run --rm [a-z:-]+ --help", step["run"]), step["run"]
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    assert "bash .ci/run" in [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert re.search(r"^make test\b", (house / ".ci/run").read_text("utf-8"), re.M)


def test_hooks_are_local(house: Path) -> None:
    config = yaml.safe_load((house / ".pre-commit-config.yaml").read_text("utf-8"))
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    assert "make lint" in [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]


# --- documents -------------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_and_short(house: Path) -> None:
    files = sorted((house / "docs/decisions").glob("[0-9]*.md"))
    assert [int(f.name[:4]) for f in files] == list(range(1, len(files) + 1)) and len(files) >= 4
    for file in files:
        text = file.read_text("utf-8")
        assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Consequences"], file
        prose = re.sub(r"`[^`]*`", "x", re.sub(r"^#.*$", "", text, flags=re.M))
        assert len(re.findall(r"[.!?](?=\s|$)", prose)) <= 7, f"{file.name} says more than a decision needs"


def test_the_words_of_the_readme_exist(house: Path) -> None:
    from ds_workflow.cli.main import main

    text = (house / "README.md").read_text("utf-8")
    made = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"`[^`\n]+`|```.*?```", text, re.S))))
    assert {"demo", "test"} <= made <= set(targets(house))
    called = set(re.findall(r"ds_workflow\.sh ([a-z][a-z-]+)", text)) | set(
        re.findall(r"^\| `([a-z][a-z-]+)`", text, re.M)
    )
    assert called and called <= set(main.commands), f"README names unknown commands: {called - set(main.commands)}"
    assert not (untold := set(main.commands) - called), f"README's table leaves out: {sorted(untold)}"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(house: Path, page: str) -> None:
    text = (house / page).read_text("utf-8")
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert link.startswith("https://") or (house / link).exists(), f"{page} links to {link}, which is not there"
    assert text.count("<!-- figures:begin") == text.count("<!-- figures:end -->")


# --- no trace of a machine -------------------------------------------------------------------------------------------

# Written with a ~ inside, so that this file does not offend its own rule.
TRACES = {
    what: rule.replace("~", "")
    for what, rule in {
        "the path of somebody's machine": r"(?<![\w.])/(?:w~ork|r~oot|opt/(?:wheels|pypi)|t~mp/v\d|home/\w+)(?:/|\b)",
        "the host of a package index": r"py~pi\.org|python~hosted\.org|deb~ian\.org|npm~js\.org|gol~ang\.org",
        "the address of an index": r"(?:extra-)?ind~ex-url\s*[= ]\s*\S|find~-links\s*[= ]\s*\S",
    }.items()
}


def traces(text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        found += [f"{number}: {what}: {hit[0]}" for what, rule in TRACES.items() if (hit := re.search(rule, line))]
    return found


def files_of_the_project(house: Path) -> list[Path]:
    """What git tracks or would track; without git, everything that is not made by a tool."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=house)
    if listed.returncode == 0 and listed.stdout:
        return [house / name for name in listed.stdout.split("\0") if name and (house / name).is_file()]
    made = {".venv", ".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "mlruns", "build", "dist"}
    return [f for f in house.rglob("*") if f.is_file() and not made & set(f.relative_to(house).parts)]


def test_no_file_of_the_project_names_a_machine_or_an_index(house: Path) -> None:
    files = files_of_the_project(house)
    assert len(files) > 20
    found = []
    for file in files:
        content = file.read_bytes()
        if b"\0" not in content[:8192]:
            found += [f"{file.relative_to(house)}:{t}" for t in traces(content.decode("utf-8", "replace"))]
    assert not found, "\n".join(found)


def test_the_scan_finds_each_kind_of_trace_and_leaves_plain_text_alone() -> None:
    for text in ("x = '/w~ork/main'", "see /r~oot/.cache", "/ho~me/ana/x", "/t~mp/v0/bin/python"):
        assert "machine" in traces(text.replace("~", ""))[0]
    assert "host" in traces("https://py~pi.org/simple".replace("~", ""))[0]
    assert "address" in traces("--extra-ind~ex-url http://x".replace("~", ""))[0]
    assert not traces("a/work/x and ./root and https://data.cityofnewyork.us and the network /health")


def test_the_licence_is_whole(house: Path) -> None:
    text = (house / "LICENSE").read_text("utf-8")
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text
