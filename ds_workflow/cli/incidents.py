"""Incidents: what went wrong while serving or watching, and what was done about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

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

    @command(main, "incident-show", section=SECTION, examples="incident-show I-00003\nincident-show I-00003 --json")
    @click.argument("incident")
    def incident_show(incident: str) -> None:
        """One incident: what happened, who is on it, and the steps of its playbook."""
        from ds_workflow.use_cases import incidents as book

        found = book.show(workspace(), incident)
        show(found.to_dict(), found.text)

    @command(
        main,
        "incident-ack",
        section=SECTION,
        examples="""incident-ack I-00003 --by ana
incident-ack I-00003 --by ana --step 2 --said "Only Brooklyn, since Monday\"""",
    )
    @click.argument("incident")
    @click.option("--by", required=True, help="Who is on it.")
    @click.option("--step", type=int, help="A step of its playbook that was done.")
    @click.option("--said", default="", help="What came of the step.")
    def incident_ack(incident: str, by: str, step: int | None, said: str) -> None:
        """Acknowledge an incident, or note that a step of its playbook was done."""
        from ds_workflow.use_cases import incidents as book

        work = workspace()
        found = book.acknowledge(work, incident, by=by)
        if step is not None:
            found = book.done(work, incident, step, by=by, said=said)
        show(found.to_dict(), found.text)

    @command(
        main,
        "incident-open",
        section=SECTION,
        examples='incident-open --cause service --by ana --detail "Answers take minutes"',
    )
    @click.option("--cause", required=True, help="What it is about; one incident is open per cause.")
    @click.option("--detail", required=True, help="What was seen.")
    @click.option("--by", required=True, help="Who saw it.")
    @click.option(
        "--severity", type=click.Choice(["warn", "critical"]), default="critical", show_default=True, help="How bad."
    )
    def incident_open(cause: str, detail: str, by: str, severity: Any) -> None:
        """Open an incident by hand; the open one of the same cause counts one more sight instead."""
        from ds_workflow.use_cases import incidents as book

        work = workspace()
        found = book.note(work, cause, detail, by=by, severity=severity)
        worked = book.show(work, found.id)
        show(worked.to_dict(), worked.text)

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
