"""What every command shares: where it works, how it prints, and how an error becomes an exit code.

Exit codes: 0 done or already so; 1 a check ran and is not green; 2 usage or bad input; 3 conflict with the state;
4 a store or service is unavailable. No traceback reaches a user.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, TypeVar

import click

from ds_workflow.errors import InvalidInput, NotGreen, SourceUnavailable, StateConflict, WorkflowError
from ds_workflow.workspace import Workspace
from registry.errors import Conflict, InvalidRecord, NotFound, RegistryError, Unavailable

NOT_GREEN, BAD_INPUT, CONFLICT, UNAVAILABLE = 1, 2, 3, 4
EXIT: tuple[tuple[type[Exception], int], ...] = (
    (NotGreen, NOT_GREEN),
    (InvalidInput, BAD_INPUT),
    (StateConflict, CONFLICT),
    (SourceUnavailable, UNAVAILABLE),
    (NotFound, BAD_INPUT),
    (InvalidRecord, BAD_INPUT),
    (Conflict, CONFLICT),
    (Unavailable, UNAVAILABLE),
    (FileNotFoundError, BAD_INPUT),
    (IsADirectoryError, BAD_INPUT),
    (PermissionError, UNAVAILABLE),
    (OSError, UNAVAILABLE),
)
SECTIONS = (
    "Every day",
    "Data",
    "Hypothesis",
    "Train",
    "Arena",
    "Release",
    "Serve and look",
    "Experiments",
    "Telemetry",
    "People",
)
F = TypeVar("F", bound=Callable[..., Any])


class Stage(click.Group):
    """A group whose help lists commands by stage of the lifecycle, in order."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one definition list per stage."""
        by_section: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                row = (name, command.get_short_help_str(limit=90))
                by_section.setdefault(getattr(command, "section", "Other"), []).append(row)
        for section in (*SECTIONS, *sorted(set(by_section) - set(SECTIONS))):
            if section in by_section:
                with formatter.section(section):
                    formatter.write_dl(by_section[section])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of definition: the order of the work."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, but a mistyped command names the nearest ones."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], list(self.commands), n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else " Run with --help to see all commands."
            raise click.UsageError(f"{error.message.rstrip('.')}.{hint}", ctx) from None

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click does, but usage errors too answer in JSON when --json is given."""
        words = list(kwargs.get("args") or (args[0] if args and args[0] is not None else sys.argv[1:]))
        if "--json" not in words or not kwargs.get("standalone_mode", True):
            return super().main(*args, **kwargs)
        try:
            result = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.exceptions.Abort:
            _stop("Stopped by the user.", "", BAD_INPUT, as_json=True)
        except click.ClickException as error:
            _stop(error.format_message(), "See --help.", BAD_INPUT, as_json=True)
        sys.exit(result if isinstance(result, int) else 0)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Shared options may stand before or after the command; the nearest one wins."""
    shared = ctx.ensure_object(dict)
    if value is not None and value is not False:
        shared[param.name] = value
    return value


SHARED = (
    click.option(
        "--workspace",
        metavar="DIR",
        expose_value=False,
        callback=_remember,
        is_eager=True,
        help="The folder to work in (DS_WORKFLOW_HOME; default: here).",
    ),
    click.option(
        "--problem",
        metavar="NAME",
        expose_value=False,
        callback=_remember,
        is_eager=True,
        help="The problem to work on (DS_WORKFLOW_PROBLEM; default: nyc_sales).",
    ),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        is_eager=True,
        help="Print one JSON document on stdout.",
    ),
)


def shared_options(command: F) -> F:
    """Add --workspace, --problem and --json."""
    for option in reversed(SHARED):
        command = option(command)
    return command


def command(group: click.Group, name: str, *, section: str, examples: str) -> Callable[[F], click.Command]:
    """Register a command with the shared options, its stage, examples in its help, and errors as exit codes."""

    def register(function: F) -> click.Command:
        epilog = "\b\nExamples:\n" + _prompted(examples)
        made = group.command(name, epilog=epilog)(shared_options(_guarded(function)))
        made.section = section  # type: ignore[attr-defined]
        return made

    return register


def _prompted(examples: str) -> str:
    """Each example after the program's name; a line that continues the one before is only indented."""
    lines, continues = [], False
    for line in examples.strip().splitlines():
        lines.append(f"      {line.strip()}" if continues else f"  ds-workflow {line}")
        continues = line.rstrip().endswith("\\")
    return "\n".join(lines)


def _guarded(function: F) -> F:
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            _require_text(kwargs)
            return function(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            fail(error)

    return run  # type: ignore[return-value]


def _require_text(given: dict[str, Any]) -> None:
    """Raise UsageError for words that are no text: nothing that is kept and hashed can hold them."""
    for name, value in given.items():
        for word in value if isinstance(value, tuple) else (value,):
            if isinstance(word, str) and any("\ud800" <= letter <= "\udfff" for letter in word):
                what = f"--{name.replace('_', '-')}"
                raise click.UsageError(f"What stands for {what} holds bytes that are no UTF-8. Type it again.")


def wants_json() -> bool:
    """Whether --json was given."""
    return bool(click.get_current_context().ensure_object(dict).get("as_json"))


def workspace() -> Workspace:
    """The workspace of this call; progress goes to stderr."""
    shared = click.get_current_context().ensure_object(dict)
    return Workspace.at(shared.get("workspace"), shared.get("problem"), say=say)


def say(text: str) -> None:
    """One line of progress, on stderr."""
    click.echo(click.style("· ", fg="cyan") + text, err=True)


def show(document: Any, text: str | Callable[[], str]) -> None:
    """Print the JSON document, or the text for people."""
    if wants_json():
        click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str))
    else:
        click.echo(text if isinstance(text, str) else text())


def finish(green: bool) -> None:
    """Exit 1 when a check ran and is not green."""
    if not green:
        click.get_current_context().exit(NOT_GREEN)


def fail(error: Exception) -> NoReturn:
    """Print the error as one paragraph, or as JSON, and exit with its code."""
    as_json = wants_json()
    for kind, code in EXIT:
        if isinstance(error, kind):
            hint = error.hint if isinstance(error, (WorkflowError, RegistryError)) else ""
            _stop(str(error) or kind.__name__, hint, code, as_json=as_json)
    log = _write_log(error)
    message = f"Something went wrong that this command did not foresee ({type(error).__name__}: {error})."
    _stop(message, f"The details are in {log}; please report them.", UNAVAILABLE, as_json=as_json)


def _write_log(error: Exception) -> str:
    folder = workspace().settings.reports / "errors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"error-{os.getpid()}.txt"
        path.write_text("".join(traceback.format_exception(error)), "utf-8")
    except OSError:
        return "no file, since none could be written"
    return str(path)


def _stop(message: str, hint: str, code: int, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"error": {"code": code, "message": message, "hint": hint}}, ensure_ascii=False))
    paragraph = " ".join(f"{message} {hint}".split())
    click.echo(click.style("Error: ", fg="red", bold=True) + paragraph, err=True)
    sys.exit(code)
