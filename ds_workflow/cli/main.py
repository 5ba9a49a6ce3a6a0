"""The command line. Importing it imports no data library: --help answers at once."""

from __future__ import annotations

import click

from ds_workflow.cli import (
    arena,
    audit,
    checklist,
    code_eval,
    custody,
    daily,
    data,
    documents,
    experiment,
    fit,
    holdout,
    hypothesis,
    incidents,
    ledger,
    look,
    monitor,
    policy,
    predict,
    problems,
    release,
    showcase,
    supply,
    telemetry,
    traffic,
    train,
    users,
)
from ds_workflow.cli.base import Stage, shared_options


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the installed version and stop; a checkout that is not installed says so."""
    if asked and not ctx.resilient_parsing:
        from importlib import metadata

        try:
            click.echo(f"ds-workflow {metadata.version('champion-challenger-workflow')}")
        except metadata.PackageNotFoundError:
            click.echo("ds-workflow, a checkout that is not installed")
        ctx.exit()


@click.group(
    cls=Stage,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=(
        "\b\nExamples:\n"
        "  ds-workflow data-snapshot --dataset-version sim-v1 --simulate\n"
        "  ds-workflow bootstrap-champion --dataset-version sim-v1 --feature-set-version v1.0 \\\n"
        "      --owner ana --approved-by ana\n"
        "  ds-workflow hypothesis-new H-SEG-009 --owner ana\n"
        "  ds-workflow arena-status --json\n"
        "\n\b\n"
        'Shell completion:  eval "$(_DS_WORKFLOW_COMPLETE=bash_source ds-workflow)"   (zsh_source, fish_source)\n'
        "Exit codes: 0 done; 1 not green; 2 bad input; 3 conflict with the state; 4 a store is unavailable."
    ),
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@shared_options
def main() -> None:
    """One champion per problem; written hypotheses challenge it; the arena compares; a person decides."""


for room in (
    daily,
    incidents,
    monitor,
    problems,
    data,
    hypothesis,
    fit,
    train,
    arena,
    audit,
    policy,
    holdout,
    custody,
    ledger,
    checklist,
    documents,
    release,
    supply,
    look,
    predict,
    traffic,
    experiment,
    telemetry,
    showcase,
    code_eval,
    users,
):
    room.register(main)
