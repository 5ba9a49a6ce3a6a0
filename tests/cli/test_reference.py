"""The written reference says what the commands say: every command, option, default and example, in the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from ds_workflow.cli.main import main
from ds_workflow.cli.reference import reference


def toy() -> click.Group:
    group = click.Group("tool", help="A tool.\n\nIn two\nparagraphs.")
    group.params.append(click.Option(["--where"], help="Where."))
    group.params.append(click.Option(["--depth"], help="One meaning."))

    @group.command("measure", epilog="\b\nExamples:\n  tool measure x\n  tool measure y \\\n      --times 2")
    @click.argument("name")
    @click.option("--where", help="Where.")
    @click.option("--times", default=0, show_default=True, help="How often | at most.")
    @click.option("--kind", type=click.Choice(["a", "b"]), required=True)
    @click.option("--loud/--quiet", default=True, help="Voice.")
    @click.option("--tag", multiple=True, help="A tag.")
    @click.option("--depth", type=int, help="Another meaning.")
    @click.option("--secret", hidden=True)
    def measure(**_: object) -> None:
        """Measure NAME."""

    @group.command("buried", hidden=True)
    def buried() -> None:
        """Not told."""

    measure.section = "Look"  # type: ignore[attr-defined]
    return group


def test_a_small_group_is_told_whole() -> None:
    text = reference(toy())
    assert text.startswith("# `tool`\n")
    assert "In two paragraphs." in text
    assert "**Look**: [`measure`](#measure)" in text
    assert "## Look\n\n### measure\n\n```\ntool measure [OPTIONS] NAME\n```\n\nMeasure NAME." in text
    assert "| `--times INTEGER` | How often \\| at most. | `0` |" in text
    assert "| `--kind [a\\|b]` |  | required |" in text
    assert "| `--loud / --quiet` | Voice. |  |" in text
    assert "| `--tag TEXT` | A tag. (may be repeated) |  |" in text
    assert "Examples:\n\n```\ntool measure x\ntool measure y \\\n    --times 2\n```" in text
    assert "secret" not in text and "buried" not in text
    assert "| `--depth TEXT` | One meaning. |" in text and "| `--depth INTEGER` | Another meaning. |" in text
    assert text.count("`--where TEXT`") == 1, "an option of the group is told once, at its head"


def test_the_text_depends_on_the_declarations_alone(house: Path) -> None:
    code = (
        "from ds_workflow.cli.main import main; from ds_workflow.cli.reference import reference; print(reference(main))"
    )
    narrow, wide = (
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=house,
            env={"COLUMNS": columns},
        ).stdout
        for columns in ("40", "200")
    )
    assert narrow == wide == reference(main) + "\n"


@pytest.mark.parametrize("name", sorted(main.commands))
def test_each_command_has_help_a_section_and_an_example_in_the_reference(name: str) -> None:
    command = main.commands[name]
    section = reference(main).split(f"\n### {name}\n", 1)[1].split("\n### ", 1)[0]
    assert command.help and " ".join(command.help.split()) in " ".join(section.split())
    assert getattr(command, "section", ""), f"{name} stands under no stage of the lifecycle"
    assert f"ds-workflow {name}" in section.split("Examples:", 1)[1], f"{name} has no example"
    for option in command.params:
        if isinstance(option, click.Option) and not {"--workspace", "--problem", "--json"} & set(option.opts):
            assert f"| `{option.opts[0]}" in section


def test_the_page_in_docs_is_the_one_the_commands_write(house: Path, tmp_path: Path) -> None:
    def write(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ds_workflow.cli.reference", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=house, check=False)

    page = tmp_path / "cli.md"
    assert write(str(page), "--check").returncode == 1
    assert write(str(page)).returncode == 0
    assert write(str(page), "--check").returncode == 0
    page.write_text(page.read_text("utf-8") + "\n", "utf-8")
    stale = write(str(page), "--check")
    assert stale.returncode == 1 and "make docs" in stale.stderr
    assert write("docs/reference/cli.md", "--check").returncode == 0, "docs/reference/cli.md is old; run 'make docs'"
