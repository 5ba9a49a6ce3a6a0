"""The daily check."""

from __future__ import annotations

import click

from ds_workflow.cli.base import command, finish, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "daily", section="Every day", examples="daily\ndaily --json")
    def daily_check() -> None:
        """Health on one screen: custody, monitors, incidents, retrain policy, proposals, what to do next."""
        from ds_workflow.use_cases import daily

        result = daily.check(workspace())
        show(result.to_dict(), result.text)
        finish(result.status == "healthy")
