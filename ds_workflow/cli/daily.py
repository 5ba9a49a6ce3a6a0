"""The daily check, the weekly summary, and who is told of them."""

from __future__ import annotations

from datetime import datetime

import click

from ds_workflow.cli.base import command, finish, say, show, workspace
from ds_workflow.cli.moments import Moment


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "daily",
        section="Every day",
        examples="daily\ndaily --json\ndaily --all --notify",
    )
    @click.option("--all", "everything", is_flag=True, help="Every problem of the workspace, one line each.")
    @click.option("--notify", is_flag=True, help="Tell those whom config/alerts.yaml names, once per change.")
    def daily_check(*, everything: bool, notify: bool) -> None:
        """Health on one screen: custody, monitors, incidents, retrain policy, proposals, what to do next."""
        from ds_workflow.use_cases import daily

        work = workspace()
        result = daily.of_all(work) if everything else daily.check(work)
        show(result.to_dict(), result.text)
        if notify:
            from ds_workflow.use_cases.monitor import alerting

            found = result.screens if isinstance(result, daily.Everything) else (result,)
            told = [line for screen in found for line in alerting.tell_daily(work, screen.to_dict())]
            for line in told:
                say(line)
        finish(result.status == "healthy")

    @command(
        main,
        "weekly",
        section="Every day",
        examples="weekly\nweekly --as-of 2026-03-08 --notify",
    )
    @click.option("--as-of", type=Moment(), help="The end of the seven days (default: now); a date means its end.")
    @click.option("--notify", is_flag=True, help="Send it to those whom config/alerts.yaml names.")
    def weekly(as_of: datetime | None, *, notify: bool) -> None:
        """The week in one report over all problems: looks, incidents, decisions, proposed work, requests."""
        from ds_workflow.use_cases.monitor import weekly as week

        work = workspace()
        made = week.write(work, as_of=as_of)
        show(made.to_dict(), made.text)
        if notify:
            from ds_workflow.use_cases.monitor import alerting

            for line in alerting.tell(work, made.title, made.markdown, {"kind": "weekly"}):
                say(line)

    @command(main, "alerts-test", section="Every day", examples="alerts-test")
    def alerts_test() -> None:
        """Send a test message through every channel of config/alerts.yaml; exit 4 when one does not take it."""
        from ds_workflow.use_cases.monitor import alerting

        told = alerting.test(workspace())
        show({"sent": told}, "\n".join(told))
