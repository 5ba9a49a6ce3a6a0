"""Holdouts: what was spent of them, and a fresh window."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, show, workspace
from ds_workflow.cli.source import INPUT, REFERENCES, ROWS, SEED, SIMULATE


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "holdout-status", section="Arena", examples="holdout-status\nholdout-status --json")
    def holdout_status() -> None:
        """Show what every holdout was spent on, and what it has left."""
        from ds_workflow.use_cases import holdout

        found = holdout.status(workspace())
        show(found.to_dict(), found.text)

    @command(
        main,
        "holdout-freeze",
        section="Arena",
        examples="""holdout-freeze --dataset-version dof-2025 --input sales.parquet --share 0.08
holdout-freeze --dataset-version sim-v2 --simulate --seed 7""",
    )
    @click.option("--dataset-version", required=True, help="The name of the new snapshot.")
    @INPUT
    @REFERENCES
    @SIMULATE
    @SEED
    @ROWS
    @click.option("--share", type=float, help="Share of the rows to hold out (default: what the problem declares).")
    def holdout_freeze(
        dataset_version: str,
        source: Path | None,
        references: tuple[Path, ...],
        simulate: bool,
        seed: int,
        rows: int | None,
        share: float | None,
    ) -> None:
        """Freeze a window of rows that nobody has asked yet, when a holdout is spent."""
        from ds_workflow.use_cases import holdout

        made = holdout.freeze(
            workspace(),
            dataset_version,
            source=source,
            references=references,
            simulate=simulate,
            seed=seed,
            rows=rows,
            share=share,
        )
        show(made.to_dict(), made.text)
