"""The effective-challenge checklist and findings."""

from __future__ import annotations

from dataclasses import asdict

import click

from ds_workflow.cli.base import command, finish, show, workspace

SECTION = "Release"


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "checklist", section=SECTION, examples="checklist\nchecklist --version 2 --json")
    @click.option("--version", type=int, help="Version (default: the champion).")
    def checklist(version: int | None) -> None:
        """The effective-challenge checklist A to L. Exit 1 while a required gate is not green."""
        from ds_workflow.use_cases import documents

        found = documents.challenge(workspace(), version=version)
        show(found.to_dict(), lambda: documents.challenge_text(found))
        finish(found.ready)

    @command(main, "checklist-sign", section=SECTION, examples='checklist-sign L1 --by vera --note "Read on 3 March"')
    @click.argument("gate")
    @click.option("--by", required=True, help="Who signs.")
    @click.option("--note", default="", help="What was looked at.")
    @click.option("--version", type=int, help="Version (default: the champion).")
    @click.option("--withdraw", is_flag=True, help="Take the signature back.")
    def checklist_sign(gate: str, by: str, note: str, version: int | None, withdraw: bool) -> None:
        """Sign a gate for the exact bytes of a version; another version needs signatures of its own."""
        from ds_workflow.use_cases import documents

        work = workspace()
        found = documents.sign(work, gate, by=by, note=note, version=version, withdraw=withdraw)
        line = next(one for one in found.lines if one.gate.id == gate.upper())
        document = {"gate": line.gate.id, "status": line.status, "detail": line.detail, "ready": found.ready}
        show(document, f"{line.gate.id} is {line.status}: {line.detail}")

    @command(
        main,
        "finding-open",
        section=SECTION,
        examples="""finding-open --title "Elevator flats are undervalued" --severity high \\
      --owner ana --due 2026-12-31 --by vera""",
    )
    @click.option("--title", required=True, help="What is wrong, in a sentence.")
    @click.option("--severity", required=True, type=click.Choice(["critical", "high", "medium", "low"]))
    @click.option("--owner", required=True, help="Who mends it.")
    @click.option("--due", required=True, help="Until when, YYYY-MM-DD.")
    @click.option("--by", required=True, help="Who found it.")
    @click.option("--version", type=int, help="The version it is about (default: whichever is in office).")
    def finding_open(title: str, severity: str, owner: str, due: str, by: str, version: int | None) -> None:
        """Put down what is wrong with a model; it blocks the release by its severity, or once it is overdue."""
        from ds_workflow.use_cases import documents

        work = workspace()
        made = documents.open_finding(
            work, title=title, severity=severity, owner=owner, due=due, by=by, version=version
        )
        show(asdict(made), f"Opened {made.id} ({made.severity}, {made.owner}, due {made.due}): {made.title}")

    @command(
        main,
        "finding-close",
        section=SECTION,
        examples='finding-close F-20260131T120000123456 --by vera --done "Version 3 values them within 5 points"',
    )
    @click.argument("finding")
    @click.option("--by", required=True, help="Who closes it.")
    @click.option("--done", required=True, help="What was done about it.")
    def finding_close(finding: str, by: str, done: str) -> None:
        """Close a finding with what was done."""
        from ds_workflow.use_cases import documents

        made = documents.close_finding(workspace(), finding, by=by, resolution=done)
        show(asdict(made), f"{made.id} was closed by {made.closed_by}: {made.resolution}")

    @command(main, "finding-list", section=SECTION, examples="finding-list\nfinding-list --all --json")
    @click.option("--all", "everything", is_flag=True, help="Closed ones too.")
    def finding_list(everything: bool) -> None:
        """The open findings of a problem."""
        from ds_workflow.use_cases import documents

        work = workspace()
        found = documents.list_findings(work, only_open=not everything)
        show([asdict(one) for one in found], lambda: documents.findings_text(work, found))
