"""What the next team gets beside the code is true: images, composition, workflows, editor, prompts, documents."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCUMENTS = ("docs/PRD.md", "docs/METHODOLOGY.md", "docs/design_gcp.md", "docs/engine.md", "prompts/*.md")


FOREIGN = {"--no-proxy-headers"}  # uvicorn's own option, named by itself


def commands() -> dict[str, Any]:
    from ds_workflow.cli.main import main

    return dict(main.commands)


def targets(house: Path) -> set[str]:
    return set(re.findall(r"^([a-z]+):(?!=)", (house / "Makefile").read_text("utf-8"), re.M))


def documents(house: Path) -> Iterator[tuple[str, str]]:
    for pattern in DOCUMENTS:
        found = sorted(house.glob(pattern))
        assert found, f"{pattern} names no file"
        yield from ((file.relative_to(house).as_posix(), file.read_text("utf-8")) for file in found)


# --- images ----------------------------------------------------------------------------------------------------------


def instructions(house: Path) -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (house / "Dockerfile").read_text("utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_both_images_come_from_one_base_and_run_as_nobody_special(house: Path) -> None:
    stages: dict[str, list[tuple[str, str]]] = {}
    arguments = [rest.partition("=")[0] for word, rest in instructions(house) if word == "ARG"]
    for word, rest in instructions(house):
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
            stages[name] = [("FROM", base)]
        elif stages:
            stages[name].append((word, rest))
    assert list(stages) == ["packages", "train", "serve"]
    assert stages["packages"][0] == stages["train"][0] == ("FROM", "${BASE}")
    assert stages["serve"][0] == ("FROM", "train")
    users = [rest for word, rest in stages["train"] + stages["serve"] if word == "USER"]
    assert users == ["10001:10001"], "nothing after it may become root again"
    whole = (house / "Dockerfile").read_text("utf-8")
    for name in arguments:
        assert re.search(rf"\$\{{?{name}\b", whole), f"ARG {name} is used nowhere"
    served = json.loads(next(rest for word, rest in stages["serve"] if word == "CMD"))
    options = {o for p in commands()[served[0]].params for o in p.opts}
    assert {word for word in served if word.startswith("--")} <= options
    assert any(word == "HEALTHCHECK" for word, _ in stages["serve"])


def test_what_is_copied_is_there_and_is_let_through(house: Path) -> None:
    ignored = [line for line in (house / ".dockerignore").read_text("utf-8").split("\n") if line and line[0] != "#"]
    assert ignored[0] == "*", "an image holds what is named, and nothing that happens to lie here"
    let = [line[1:] for line in ignored if line.startswith("!")]
    copied = [rest.split()[:-1] for word, rest in instructions(house) if word == "COPY" and "--from" not in rest]
    for source in (name for names in copied for name in names):
        assert (house / source).exists(), f"Dockerfile copies {source}, which is not there"
        assert any(source == name or source.startswith(f"{name}/") for name in let), f".dockerignore keeps out {source}"
    for name in let:
        assert any(name == source for names in copied for source in names), f"{name} is let through for nobody"
    assert "config/people.yaml" in ignored


@pytest.mark.parametrize(
    "words",
    [
        ["hadolint", "Dockerfile"],
        ["zizmor", "--offline", "--pedantic", "--quiet", ".github/workflows"],
    ],
    ids=lambda words: words[0],
)
def test_linters_find_nothing(house: Path, words: list[str]) -> None:
    program = shutil.which(words[0]) or shutil.which(words[0], path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{words[0]} is not installed; 'make install' brings it")
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, cwd=house, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_that_builds_images_says_how(house: Path, tmp_path: Path) -> None:
    script = house / "scripts/build_image.sh"
    helped = subprocess.run([script, "--help"], capture_output=True, text=True, timeout=30, check=True, cwd=tmp_path)
    assert "Usage:" in helped.stdout
    wrong = subprocess.run([script, "nothing"], capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path)
    assert wrong.returncode == 2
    whole = script.read_text("utf-8")
    declared = {rest.partition("=")[0] for word, rest in instructions(house) if word == "ARG"}
    assert set(re.findall(r"--build-arg \"([A-Z]+)=", whole)) == declared


# --- composition -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def composition(house: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((house / "compose.yaml").read_text("utf-8")))


def test_services_are_whole_and_confined(house: Path, composition: dict[str, Any]) -> None:
    services = composition["services"]
    assert set(services) == {"service", "mlflow", "flow", "postgres"}
    stages = {rest.partition(" AS ")[2] for word, rest in instructions(house) if word == "FROM"}
    declared = {rest.partition("=")[0] for word, rest in instructions(house) if word == "ARG"}
    for name, service in services.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} would be open to the network"
        for volume in service["volumes"]:
            assert volume.partition(":")[0] in composition["volumes"]
        assert set(service.get("depends_on", {})) <= set(services)
        if "build" in service:
            assert service["build"]["target"] in stages
            assert set(service["build"]["args"]) <= declared
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
        if command := [word for word in service.get("command", ()) if not word.startswith("-")]:
            assert command[0] in commands()
    extra = services["service"]["build"]["args"]["EXTRAS"]
    assert re.search(rf"^{extra} =$", (house / "setup.cfg").read_text("utf-8"), re.M), f"there is no extra {extra}"


def test_secrets_come_from_the_environment_and_must_be_there(composition: dict[str, Any]) -> None:
    for name, service in composition["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY", key):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", str(value)), f"{name}: {key} is written down"
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), f"{name}: a password stands in {key}"


def test_variables_are_ones_that_somebody_reads(house: Path, composition: dict[str, Any]) -> None:
    set_here = {key for service in composition["services"].values() for key in service.get("environment", {})}
    set_here |= set(re.findall(r"\b(DS_WORKFLOW_[A-Z_]+)=", (house / "Dockerfile").read_text("utf-8")))
    mentioned = {word for _, text in documents(house) for word in re.findall(r"\bDS_WORKFLOW_[A-Z_]+\b", text)}
    folders = ("ds_workflow", "registry", "serving", "scripts")
    files = [f for folder in folders for f in (house / folder).rglob("*") if f.suffix in (".py", ".sh")]
    code = "\n".join(file.read_text("utf-8") for file in files)
    ours = {name for name in set_here | mentioned if name.startswith("DS_WORKFLOW_")}
    assert len(ours) >= 4
    assert not (unread := {name for name in ours if name not in code}), f"nobody reads {sorted(unread)}"


# --- editor ----------------------------------------------------------------------------------------------------------


def test_the_editors_tasks_and_launches_call_what_there_is(house: Path) -> None:
    known, made = commands(), targets(house)
    tasks = json.loads((house / ".vscode/tasks.json").read_text("utf-8"))
    launches = json.loads((house / ".vscode/launch.json").read_text("utf-8"))
    for content, items in ((tasks, "tasks"), (launches, "configurations")):
        asked = set(re.findall(r"\$\{input:(\w+)\}", json.dumps(content[items])))
        assert asked == {one["id"] for one in content["inputs"]}
    for task in tasks["tasks"]:
        words = task["command"].split()
        if words[0] == "make":
            assert words[1] in made, task
        elif words[0].endswith("ds_workflow.sh"):
            assert (house / words[0]).exists()
            called = [word for word in words if word in known]
            assert len(called) == 1, task
            options = {o for p in known[called[0]].params for o in p.opts}
            assert {w for w in words if w.startswith("--")} <= options, task
        else:
            files = [word for word in words if word.endswith(".py")]
            assert files and all((house / file).exists() for file in files), task
    for one in launches["configurations"]:
        import_module(one["module"])
        called = [word for word in one["args"] if word in known]
        if one["module"] == "ds_workflow":
            options = {o for p in known[called[0]].params for o in p.opts}
            required = {p.opts[0] for p in known[called[0]].params if p.required}
            assert {w for w in one["args"] if w.startswith("--")} <= options, one["name"]
            assert required <= set(one["args"]), one["name"]
    wanted = json.loads((house / ".vscode/extensions.json").read_text("utf-8"))["recommendations"]
    assert all(re.fullmatch(r"[\w-]+\.[\w-]+", name) for name in wanted)
    assert json.loads((house / ".vscode/settings.json").read_text("utf-8"))["python.testing.pytestEnabled"] is True


# --- documents and prompts -------------------------------------------------------------------------------------------


def named(text: str) -> set[str]:
    """What stands in backticks, without options and their values."""
    return set(re.findall(r"`([^`\n]+)`", text))


def test_every_command_that_documents_name_exists(house: Path) -> None:
    known, seen = commands(), 0
    starts = {name.partition("-")[0] for name in known if "-" in name} | set(known)
    made = targets(house)
    for page, text in documents(house):
        for words in (span.split() for span in named(text)):
            if words[:1] == ["make"]:
                assert words[1] in made, f"{page}: there is no 'make {words[1]}'"
            elif re.fullmatch(r"[a-z]+(-[a-z]+)*", words[0]) and words[0].partition("-")[0] in starts:
                first = words[0]
                if first in known:
                    seen += 1
                    options = {o for p in known[first].params for o in p.opts}
                    asked = {word for word in words if word.startswith("--")}
                    assert asked <= options, f"{page}: {first} has no {sorted(asked - options)}"
                else:
                    assert "-" not in first, f"{page}: there is no command '{first}'"
    assert seen > 40


def test_every_option_that_a_document_names_exists(house: Path) -> None:
    """In every span of code: options after a command are that command's; options alone are those of one command."""
    from ds_workflow.cli.main import main

    own = {name: {o for p in found.params for o in p.opts} | {"--help"} for name, found in commands().items()}
    group, seen = {o for p in main.params for o in p.opts}, 0
    others = ("README.md", "CONTRIBUTING.md", "docs/*.md", "docs/validation/*.md", "docs/monitoring/*.md")
    pages = {file for pattern in (*DOCUMENTS, *others) for file in house.glob(pattern)}
    for page in sorted(pages):
        for words in (span.split() for span in named(page.read_text("utf-8"))):
            asked = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
            called = next((word for word in words if word in own), "")
            foreign = not called and not words[0].startswith("-")
            if not asked or foreign or asked <= FOREIGN:
                continue
            seen += 1
            may = [own[called] | group] if called else [*(options | group for options in own.values())]
            assert any(asked <= options for options in may), f"{page.name}: no command has `{' '.join(words)}`"
    assert seen > 30


def test_every_engine_that_a_document_names_is_one(house: Path) -> None:
    pytest.importorskip("distributed", reason="dask is not installed")
    from ds_workflow.adapters.engine.base import require

    text = "".join(page.read_text("utf-8") for page in house.glob("docs/*.md"))
    found = re.findall(r"--engine ([\w:/.]+)", text)
    assert len(found) > 2
    for words in found:
        require(words.replace("HOST:PORT", "host:8786"))


def test_every_file_that_documents_name_exists(house: Path) -> None:
    roots = {path.name for path in house.iterdir()} - {"data", "reports"}
    made_by_people = ("mlruns", "reports", "dist")
    for page, text in documents(house):
        for span in named(text):
            for word in span.split():
                path = word.strip(".,;()").partition(":")[0]
                first = path.partition("/")[0]
                if "/" in path and first in roots and first not in made_by_people and "<" not in path:
                    assert (house / path).exists(), f"{page} names {path}, which is not there"
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (house / page).parent.joinpath(link).exists(), f"{page} links to {link}, which is not there"


def test_every_prompt_holds_the_gates(house: Path) -> None:
    known = commands()
    common = (house / "prompts/README.md").read_text("utf-8")
    forbidden = re.search(r"You never run (.*?), you never give", common, re.S)
    assert forbidden is not None
    never = set(re.findall(r"`([a-z-]+)`", forbidden[1]))
    assert {"arena-approve", "arena-reject", "arena-rollback", "bootstrap-champion"} <= never <= set(known)
    prompts = sorted((house / "prompts").glob("[a-z]*.md"))
    assert {p.stem for p in prompts} == {"plan", "scaffold", "build", "document"}
    for prompt in prompts:
        text = prompt.read_text("utf-8")
        assert "The common rules of `prompts/README.md` hold" in text, prompt.name
        assert "**Human gate.**" in text, prompt.name
        steps = re.findall(r"^(?:\d+\.|>).*(?:\n   .*)*", text, re.M)
        for step in steps:
            assert not (used := never & {span.split()[0] for span in named(step)}), f"{prompt.name} asks for {used}"
        assert prompt.name in common


def test_the_constants_of_the_methodology_are_those_of_the_code(house: Path) -> None:
    text = (house / "docs/METHODOLOGY.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w.]+):(\w+)` \| ([\d.]+) \|", text, re.M)
    assert len(rows) > 15
    for module, name, value in rows:
        assert getattr(import_module(module), name) == float(value), f"{module}.{name} is not {value}"


def test_the_sums_of_the_design_add_up(house: Path) -> None:
    text = (house / "docs/design_gcp.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|*]+ \| ([\d(][^|]*) \| ([\d.]+) \|$", text, re.M)
    assert len(rows) > 8
    total = 0.0
    for asked, answer in rows:
        assert re.fullmatch(r"[\d.()+x/ ]+", asked), asked
        value = eval(asked.replace("x", "*"), {"__builtins__": {}})  # noqa: S307 - digits and signs only, seen above
        assert abs(value - float(answer)) < 0.0051, f"{asked} is {value:.3f}, not {answer}"
        total += float(answer)
    said = re.search(r"\*\*together\*\* \| \| \*\*([\d.]+)\*\*", text)
    assert said is not None
    assert abs(total - float(said[1])) < 0.005
    for left, right in re.findall(r"([\d.,]+(?: [x/] [\d.,]+)+) = ([\d.,]+\d)", text):
        value = eval(left.replace(",", "").replace("x", "*"), {"__builtins__": {}})  # noqa: S307
        assert abs(value - float(right.replace(",", ""))) <= 0.005 * max(1.0, abs(value) * 0.01), f"{left} = {right}"


def test_one_page_is_one_page(house: Path) -> None:
    words = (house / "docs/design_gcp.md").read_text("utf-8").split()
    assert len(words) < 850
    ignored = (house / ".gitignore").read_text("utf-8").split()
    assert any(fnmatch(".env", pattern) for pattern in ignored), "compose.yaml says that git ignores .env"
