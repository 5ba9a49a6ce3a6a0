"""The release check."""

from __future__ import annotations

import click

from ds_workflow.cli.base import command, finish, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "release-check", section="Release", examples="release-check\nrelease-check --explain")
    @click.option("--explain", is_flag=True, help="Only the smallest set of facts that would turn it green.")
    def release_check(explain: bool) -> None:
        """Walk every gate of a release; red until all are green. Changes nothing but its report."""
        from ds_workflow.use_cases import release

        result = release.check(workspace())
        show(result.to_dict(), result.explanation if explain else result.text)
        finish(result.ready)
