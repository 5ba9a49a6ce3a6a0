"""Hypothesis commands: write, check, list."""

from __future__ import annotations

import click

from ds_workflow.cli.base import command, finish, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "hypothesis-new",
        section="Hypothesis",
        examples='hypothesis-new H-SEG-009 --owner ana --title "Route co-ops to a model of their own"',
    )
    @click.argument("hypothesis_id", metavar="ID")
    @click.option("--owner", default="", help="Who stands for it.")
    @click.option("--title", default="", help="One line.")
    @click.option("--parent", default="", help="The hypothesis it grew from.")
    def hypothesis_new(hypothesis_id: str, owner: str, title: str, parent: str) -> None:
        """Write a new hypothesis document from the template."""
        from ds_workflow.use_cases import hypotheses

        path = hypotheses.new(workspace(), hypothesis_id, owner=owner, title=title, parent=parent)
        show(
            {"id": hypothesis_id, "path": str(path)},
            f"{path} is written. Fill every section, then run: ds-workflow hypothesis-check {hypothesis_id}",
        )

    @command(main, "hypothesis-check", section="Hypothesis", examples="hypothesis-check H-SEG-001")
    @click.argument("hypothesis_id", metavar="ID")
    @click.option(
        "--dataset-version",
        help="Whose rows to compute the power on (default: the snapshot it plans, else the newest).",
    )
    def hypothesis_check(hypothesis_id: str, dataset_version: str | None) -> None:
        """Say what is missing in a hypothesis, and whether the data could decide it."""
        from ds_workflow.use_cases import hypotheses

        result = hypotheses.check(workspace(), hypothesis_id, dataset_version=dataset_version)
        show(result.to_dict(), result.text)
        finish(result.complete)

    @command(main, "hypothesis-list", section="Hypothesis", examples="hypothesis-list\nhypothesis-list --write")
    @click.option("--write", is_flag=True, help="Also write the backlog page beside the documents.")
    def hypothesis_list(write: bool) -> None:
        """List the hypotheses with their status and outcome; a shipped one is copied here once it is asked for."""
        from ds_workflow.use_cases import hypotheses

        found = hypotheses.listed(workspace(), write=write)
        show([row.to_dict() for row in found], lambda: hypotheses.table(found))
