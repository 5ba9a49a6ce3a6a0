"""Commands for the people who use the console, and for the tokens of their programs."""

from __future__ import annotations

import os
import sys

import click

from ds_workflow.cli.base import command, show, workspace
from ds_workflow.errors import InvalidInput

ROLES = ("viewer", "data_scientist", "approver", "service", "agent")
PROGRAMS = ("service", "agent")
ROLE_HELP = (
    "What a person may do: viewer reads, data_scientist also rejects, approver also approves. Or, alone, what a "
    "program is: service or agent, which never decides and logs in nowhere."
)
BY = "Who stands for it, once people are declared: an approver other than the person."
PASSWORD = "DS_WORKFLOW_PASSWORD"  # noqa: S105 - the name of a variable


def _password(from_stdin: bool) -> str:
    """From stdin, the environment or a prompt; never from an option, which other users of the machine could read."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if PASSWORD in os.environ:
        return os.environ[PASSWORD]
    if not sys.stdin.isatty():
        raise InvalidInput(
            "No password was given, and there is no terminal to ask on.",
            hint=f"Pipe it in with --password-stdin, or set {PASSWORD}.",
        )
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "user-add",
        section="People",
        examples="user-add ana --role approver\n"
        "user-add ben --role data_scientist --name 'Ben Stone' --email ben@example.org --by ana\n"
        "user-add nightly --role service --by ana\ntoken-add nightly --label 'nightly scoring'",
    )
    @click.argument("name")
    @click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help=ROLE_HELP)
    @click.option("--password-stdin", is_flag=True, help=f"Read the password from stdin (or set {PASSWORD}).")
    @click.option("--update", is_flag=True, help="Change the roles and the password of one who is there.")
    @click.option("--name", "full_name", default="", help="What documents and git call the person.")
    @click.option("--email", default="", help="The address that the person commits with.")
    @click.option("--by", default="", help=BY)
    def user_add(
        name: str, roles: tuple[str, ...], password_stdin: bool, update: bool, full_name: str, email: str, by: str
    ) -> None:
        """Add a user of the console; from the first one on, only declared people decide.

        A program's account (role service or agent) takes no password: make it a token with token-add.
        """
        from ds_workflow.use_cases import accounts

        work = workspace()
        program = set(roles) & set(PROGRAMS)
        password = "" if program and not password_stdin else _password(password_stdin)
        account = accounts.add(
            work, name, roles=roles, password=password, update=update, full_name=full_name, email=email, by=by
        )
        show(account.to_dict(), lambda: accounts.said(work, account))

    @command(main, "user-list", section="People", examples="user-list\nuser-list --json")
    def user_list() -> None:
        """List the users, their roles and the tokens of their programs."""
        from ds_workflow.use_cases import accounts

        found = accounts.listed(workspace())
        show(found.to_dict(), found.text)

    @command(main, "user-disable", section="People", examples="user-disable ben --by ana")
    @click.argument("name")
    @click.option("--by", default="", help=BY)
    def user_disable(name: str, by: str) -> None:
        """Let a user in no more; sessions end, tokens are revoked, past decisions stay."""
        from ds_workflow.use_cases import accounts

        work = workspace()
        account = accounts.disable(work, name, by=by)
        show(account.to_dict(), lambda: accounts.said(work, account))

    @command(main, "token-add", section="People", examples='token-add ana --label "nightly scoring" --days 90')
    @click.argument("name")
    @click.option("--label", required=True, help="Which program carries it.")
    @click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="How long it lives.")
    def token_add(name: str, label: str, days: int) -> None:
        """Make an API token for a program, in its own name or a user's, and show it once."""
        from ds_workflow.use_cases import accounts

        issued = accounts.issue(workspace(), name, label=label, days=days)
        show(issued.to_dict(), issued.text)

    @command(main, "token-revoke", section="People", examples="token-revoke 1f2e3d4c5b6a")
    @click.argument("token_id", metavar="ID")
    def token_revoke(token_id: str) -> None:
        """Let a token in no more."""
        from ds_workflow.use_cases import accounts

        token = accounts.revoke(workspace(), token_id)
        show(token.to_dict(), f"{token.id} of {token.account} is revoked.")
