"""docs/reference/cli.md, written from the commands themselves: `python -m ds_workflow.cli.reference [PATH] [--check]`.

The text depends on the declarations alone, never on the terminal's width, so the same commands give the same bytes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

DEFAULT = Path("docs/reference/cli.md")
EXIT_CODES = """## Exit codes

| code | meaning |
|---|---|
| 0 | done, or already so |
| 1 | a check ran and is not green |
| 2 | usage or bad input |
| 3 | conflict with the state |
| 4 | a store or service is unavailable |
"""


def reference(main: click.Group) -> str:
    """Markdown for a group: contents by section, then each command with its help, options and examples.

    A command's `section` attribute, where it has one, names the stage of the lifecycle that it stands under; sections
    and commands keep the order in which the group lists them. Hidden commands and options are left out; options that
    the group itself has are told once, at its head.
    """
    name = main.name if main.name and main.name != "main" else "ds-workflow"
    root = click.Context(main, info_name=name)
    sections: dict[str, list[tuple[click.Context, click.Command]]] = {}
    for context, command in _walk(main, root):
        sections.setdefault(_section(context, command), []).append((context, command))

    parts = [f"# `{name}`", "Written by `make docs` from the commands themselves; change the commands, not this page."]
    parts.append(_prose(main.help or ""))
    parts.append(_options(main, root))
    if any(_told(main) & _told(command) for members in sections.values() for _, command in members):
        parts.append("These stand before or after every command.")
    for section, members in sections.items():
        parts.append(f"**{section}**: " + ", ".join(f"[`{_words(c)}`](#{_anchor(c)})" for c, _ in members))
    parts.append(EXIT_CODES)
    for section, members in sections.items():
        parts.append(f"## {section}")
        for context, command in members:
            parts.append(f"### {_words(context)}")
            parts.append(
                f"```\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}".rstrip() + "\n```"
            )
            parts.append(_prose(inspect.cleandoc(command.help or "")))
            parts.append(_options(command, context, shared=_told(main)))
            parts.append(_prose(command.epilog or ""))
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _walk(group: click.Group, context: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        child = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _walk(command, child)
        else:
            yield child, command


def _section(context: click.Context, command: click.Command) -> str:
    own = getattr(command, "section", None) or getattr(context.parent and context.parent.command, "section", None)
    return str(own or "Commands")


def _words(context: click.Context) -> str:
    return context.command_path.split(" ", 1)[-1]


def _anchor(context: click.Context) -> str:
    return _words(context).replace(" ", "-").lower()


def _prose(text: str) -> str:
    """A help text as Markdown: paragraphs are joined, blocks kept verbatim (click's \\b) become code."""
    shown = []
    for block in text.replace("\r\n", "\n").split("\f")[0].split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n") if line.strip()]
        if not lines:
            continue
        if lines[0].strip() == "\b":
            shown.append(_verbatim(lines[1:]))
        elif all(line.startswith("    ") for line in lines):
            shown.append(_verbatim(lines))
        else:
            shown.append(" ".join(line.strip() for line in lines))
    return "\n\n".join(part for part in shown if part)


def _verbatim(lines: list[str]) -> str:
    """Code, with a heading such as `Examples:` before it when the first line is one."""
    head = ""
    if lines and lines[0].strip().endswith(":") and not lines[0].startswith("    "):
        head, lines = f"{lines[0].strip()}\n\n", lines[1:]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    body = "\n".join(line[margin:].rstrip() for line in lines)
    return f"{head}```\n{body}\n```" if body else head.strip()


def _told(command: click.Command) -> frozenset[tuple[str, ...]]:
    """What tells options apart: the same spelling with another meaning is another option."""
    return frozenset((*option.opts, option.help or "") for option in command.params if isinstance(option, click.Option))


def _options(
    command: click.Command, context: click.Context, *, shared: frozenset[tuple[str, ...]] = frozenset()
) -> str:
    rows = []
    for option in command.params:
        if getattr(option, "hidden", False) or (*option.opts, getattr(option, "help", None) or "") in shared:
            continue
        if isinstance(option, click.Argument):
            rows.append((f"`{option.make_metavar(context)}`", _help_of(option), _default(option, context)))
        elif isinstance(option, click.Option):
            rows.append((_spelling(option, context), _help_of(option), _default(option, context)))
    if not rows:
        return ""
    cells = ["| option | meaning | default |", "|---|---|---|"]
    return "\n".join(cells + [f"| {' | '.join(_cell(c) for c in row)} |" for row in rows])


def _spelling(option: click.Option, context: click.Context) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        names += f" / {', '.join(option.secondary_opts)}"
    value = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    return f"`{names}{value}`"


def _help_of(option: click.Parameter) -> str:
    text = " ".join(str(getattr(option, "help", None) or "").split())
    marks = ["may be repeated"] if option.multiple and "repeated" not in text else []
    envvar = option.envvar
    if envvar:
        marks.append(f"or `{envvar if isinstance(envvar, str) else envvar[0]}`")
    return f"{text} ({'; '.join(marks)})".strip() if marks else text


def _default(option: click.Parameter, context: click.Context) -> str:
    if option.required:
        return "required"
    shown = getattr(option, "show_default", None)
    if isinstance(shown, str):
        return shown
    value: Any = option.to_info_dict().get("default")
    plain = isinstance(value, str | int | float | Path) and not isinstance(value, bool) and str(value)
    return f"`{value}`" if plain else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the page is not what the commands say.")
def write(path: Path, check: bool) -> None:
    """Write the reference of all commands to PATH."""
    from ds_workflow.cli.main import main

    text = reference(main)
    if check:
        if not path.exists() or path.read_text("utf-8") != text:
            raise click.ClickException(f"{path} is not what the commands say. Run 'make docs'.")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    click.echo(f"{path}: {text.count(chr(10) + '### ')} commands")


if __name__ == "__main__":
    write()
