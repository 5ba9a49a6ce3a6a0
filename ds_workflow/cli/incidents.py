"""Incidents: what went wrong while serving or watching, and what was done about it."""

from __future__ import annotations

from dataclasses import asdict

import click

from ds_workflow.cli.base import command, finish, show, workspace

SECTION = "Every day"


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "incidents", section=SECTION, examples="incidents\nincidents --all --json")
    @click.option("--all", "everything", is_flag=True, help="Closed ones too.")
    def incidents(everything: bool) -> None:
        """The open incidents of a problem. Exit 1 while there are any."""
        from ds_workflow.use_cases import incidents as book

        found = book.listed(workspace(), only_open=not everything)
        still = [one for one in found if one.closed_at is None]
        lines = [
            f"{one.id}  {one.severity:<8}  {one.opened_at[:16]}  {one.cause}: {one.detail}"
            + (f"  (seen {one.times} times)" if one.times > 1 else "")
            + (f"  closed by {one.closed_by}: {one.resolution}" if one.closed_at else "")
            for one in found
        ]
        show([asdict(one) for one in found], "\n".join(lines) or "No incident is open.")
        finish(not still)

    @command(
        main, "incident-close", section=SECTION, examples='incident-close I-00003 --by ana --done "Restored the files"'
    )
    @click.argument("incident")
    @click.option("--by", required=True, help="Who closes it.")
    @click.option("--done", required=True, help="What was done about it.")
    def incident_close(incident: str, by: str, done: str) -> None:
        """Close an incident with what was done; those whose cause is gone close themselves."""
        from ds_workflow.use_cases import incidents as book

        closed = book.close(workspace(), incident, by=by, resolution=done)
        show(asdict(closed), f"{closed.id} was closed by {closed.closed_by}: {closed.resolution}")
