"""Verdicts computed again, and promises set beside what came of them."""

from __future__ import annotations

import click

from ds_workflow.cli.base import command, finish, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "arena-audit",
        section="Arena",
        examples="arena-audit --since 2026-01-01\narena-audit --all --json\narena-audit --since 2026-01-01 --at-commit",
    )
    @click.option("--since", default="", help="A day or a UTC time: only proposals written since (default: all).")
    @click.option("--all", "every", is_flag=True, help="The proposals of every problem, not of one.")
    @click.option("--at-commit", is_flag=True, help="Also by the code of the commits that wrote them, checked out.")
    def arena_audit(since: str, every: bool, at_commit: bool) -> None:
        """Compute every verdict again from stored rows, seeds, policies and levels, and count what comes of it.

        With --at-commit a verdict that the code at hand would not give any more is green when the code that wrote it
        does; one that this code differs on is red, whatever the code at hand says.
        """
        from ds_workflow.use_cases.arena import audit

        found = audit.audit(workspace(), since=since, every=every, at_commit=at_commit)
        show(found.to_dict(), found.text)
        finish(found.ok)

    @command(
        main,
        "arena-delivery",
        section="Arena",
        examples="arena-delivery\narena-delivery P-20260131T120000123456-1a2b3c4d --json",
    )
    @click.argument("proposal_id", metavar="[ID]", default="")
    def arena_delivery(proposal_id: str) -> None:
        """Set the live difference beside the registered claim (default: of the present champion)."""
        from ds_workflow.use_cases.arena import delivery

        found = delivery.deliver(workspace(), proposal_id)
        show(found.to_dict(), found.text)
