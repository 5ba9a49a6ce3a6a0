"""The policy on trial."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, finish, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "policy-check",
        section="Arena",
        examples="policy-check\npolicy-check --file new_policy.yaml --json",
    )
    @click.option("--file", "path", type=click.Path(path_type=Path), help="Another file (default: the problem's own).")
    def policy_check(path: Path | None) -> None:
        """Try a policy: keys, contradictions, thresholds out of reach, and gates that no mutant fails."""
        from ds_workflow.use_cases import policy_check as use_case

        found = use_case.check(workspace(), file=path)
        show(found.to_dict(), found.text)
        finish(found.ok)
