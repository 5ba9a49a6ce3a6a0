"""Arena commands: propose, read, decide, roll back, replay."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, finish, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "arena-propose", section="Arena", examples="arena-propose\narena-propose --version 4 --version 5")
    @click.option("--version", "versions", multiple=True, type=int, help="Candidate version (default: the newest).")
    def arena_propose(versions: tuple[int, ...]) -> None:
        """Compare a candidate with the champion on the same frozen rows and write a proposal."""
        from ds_workflow.use_cases.arena import propose

        found = propose.propose(workspace(), versions)
        show(found.to_dict(), found.text)

    @command(main, "arena-status", section="Arena", examples="arena-status\narena-status --json")
    def arena_status() -> None:
        """Show champion, custody, aliases and proposals."""
        from ds_workflow.use_cases.arena import status

        found = status.read(workspace())
        show(found.to_dict(), found.text)

    @command(
        main,
        "arena-show",
        section="Arena",
        examples="arena-show P-20260131T120000123456-1a2b3c4d --html proposal.html",
    )
    @click.argument("proposal_id", metavar="ID")
    @click.option("--html", "html_path", type=click.Path(path_type=Path), help="Also write the page with pictures.")
    @click.option("--markdown", "markdown_path", type=click.Path(path_type=Path), help="Also write it as Markdown.")
    def arena_show(proposal_id: str, html_path: Path | None, markdown_path: Path | None) -> None:
        """Show one proposal: gates, intervals, segments, hypothesis, decision."""
        from ds_workflow.use_cases.arena import status

        view = status.show(workspace(), proposal_id, html=html_path, markdown=markdown_path)
        show(view.to_dict(), view.text)

    @command(
        main,
        "arena-approve",
        section="Arena",
        examples="arena-approve --proposal-id P-20260131T120000123456-1a2b3c4d --approved-by ben",
    )
    @click.option("--proposal-id", required=True)
    @click.option("--approved-by", required=True, help="Who takes the decision.")
    @click.option("--reason", default="", help="Why, in a sentence; required where the claim was refuted.")
    def arena_approve(proposal_id: str, approved_by: str, reason: str) -> None:
        """Approve a proposal and promote its challenger."""
        from ds_workflow.use_cases.arena import apply

        view = apply.approve(workspace(), proposal_id, by=approved_by, reason=reason)
        show(view.to_dict(), view.brief)

    @command(
        main,
        "arena-reject",
        section="Arena",
        examples="""arena-reject --proposal-id P-20260131T120000123456-1a2b3c4d --rejected-by ben \\
      --reason "The gain is smaller than what it costs to run" """,
    )
    @click.option("--proposal-id", required=True)
    @click.option("--reason", required=True, help="Why, in a sentence.")
    @click.option("--rejected-by", required=True, help="Who takes the decision.")
    def arena_reject(proposal_id: str, reason: str, rejected_by: str) -> None:
        """Reject a proposal, with a reason; the champion stays."""
        from ds_workflow.use_cases.arena import apply

        view = apply.reject(workspace(), proposal_id, by=rejected_by, reason=reason)
        show(view.to_dict(), view.brief)

    @command(
        main,
        "arena-rollback",
        section="Arena",
        examples="""arena-rollback --reason "Valuations of co-ops jumped" --by ben
arena-rollback --to 1 --reason "Valuations of co-ops jumped" --by ben""",
    )
    @click.option("--to", type=int, help="A version that was champion before (default: the one before this).")
    @click.option("--reason", required=True, help="Why, in a sentence.")
    @click.option("--by", required=True, help="Who takes the decision.")
    def arena_rollback(to: int | None, reason: str, by: str) -> None:
        """Put a former champion back; recorded as a decision of its own."""
        from ds_workflow.use_cases.arena import apply

        view = apply.roll_back(workspace(), to=to, reason=reason, by=by)
        show(view.to_dict(), view.brief)

    @command(
        main,
        "arena-replay",
        section="Arena",
        examples="arena-replay P-20260131T120000123456-1a2b3c4d\n"
        "arena-replay P-20260131T120000123456-1a2b3c4d --at-commit",
    )
    @click.argument("proposal_id", metavar="ID")
    @click.option("--at-commit", is_flag=True, help="Also by the code of the commit that wrote it, checked out for it.")
    def arena_replay(proposal_id: str, at_commit: bool) -> None:
        """Compute a verdict again from stored rows, seed and policy, and compare.

        With --at-commit it is green when the code that wrote the verdict comes to it again.
        """
        from ds_workflow.use_cases.arena import replay

        work = workspace()
        result = replay.at_commit(work, proposal_id) if at_commit else replay.replay(work, proposal_id)
        show(result.to_dict(), result.text)
        finish(result.ok)
