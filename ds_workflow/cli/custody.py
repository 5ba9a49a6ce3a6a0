"""Commands for what went round the arena, or against it: adopt, restore, override; and for a wrong clock."""

from __future__ import annotations

import click

from ds_workflow.cli.base import command, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "arena-adopt",
        section="Arena",
        examples='arena-adopt --by ana --reason "Moved in the MLflow UI during the outage" --approved-by ben',
    )
    @click.option("--by", required=True, help="Who proposes that the moved champion stay.")
    @click.option("--reason", required=True, help="Who moved it and why, in a sentence.")
    @click.option("--approved-by", default="", help="Who decides it at once, when it passes.")
    def arena_adopt(by: str, reason: str, approved_by: str) -> None:
        """Try a champion that was moved round the arena like any challenger, after the fact."""
        from ds_workflow.use_cases.arena import resolve

        view = resolve.adopt(workspace(), by=by, reason=reason, approved_by=approved_by)
        show(view.to_dict(), view.text)

    @command(
        main,
        "arena-restore",
        section="Arena",
        examples='arena-restore --by ben --reason "The alias was moved by mistake in the MLflow UI"',
    )
    @click.option("--by", required=True, help="Who takes the decision.")
    @click.option("--reason", required=True, help="What happened, in a sentence.")
    def arena_restore(by: str, reason: str) -> None:
        """Put the alias of the champion back where the pointer log says."""
        from ds_workflow.use_cases.arena import resolve

        found = resolve.restore(workspace(), by=by, reason=reason)
        show(found.to_dict(), found.text)

    @command(
        main,
        "arena-override",
        section="Arena",
        examples="""arena-override --proposal-id P-20260131T120000123456-1a2b3c4d --by ana --reason "Recall decides"
arena-override --proposal-id P-20260131T120000123456-1a2b3c4d --by ben --reason "As the board said" """,
    )
    @click.option("--proposal-id", required=True, help="A proposal that failed or is inconclusive.")
    @click.option("--by", required=True, help="Who asks for it, or as a second person decides it.")
    @click.option("--reason", required=True, help="Why, in a sentence.")
    def arena_override(proposal_id: str, by: str, reason: str) -> None:
        """Promote against a verdict: one person asks, a second one decides, every document is marked."""
        from ds_workflow.use_cases.arena import resolve

        view = resolve.override(workspace(), proposal_id, by=by, reason=reason)
        show(view.to_dict(), view.brief)

    @command(
        main,
        "arena-clock",
        section="Arena",
        examples='arena-clock --by ben --reason "The build machine was a year ahead on Monday"',
    )
    @click.option("--by", required=True, help="Who takes the decision.")
    @click.option("--reason", required=True, help="Which clock was ahead, in a sentence.")
    def arena_clock(by: str, reason: str) -> None:
        """Let this machine's clock count again after one that was ahead wrote into the ledger."""
        from ds_workflow.use_cases.arena import clock

        found = clock.set_right(workspace(), by=by, reason=reason)
        show(found.to_dict(), found.text)
