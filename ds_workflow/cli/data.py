"""Data commands: freeze a snapshot, list snapshots, check one, fetch the real source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ds_workflow.cli.base import command, finish, show, workspace
from ds_workflow.cli.source import INPUT, REFERENCES, ROWS, SEED, SIMULATE


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "data-snapshot",
        section="Data",
        examples="""data-snapshot --dataset-version sim-v1 --simulate
data-snapshot --dataset-version dof-2024 --input sales.parquet --reference block_centroids.parquet""",
    )
    @click.option("--dataset-version", required=True, help="The name of the snapshot; it never changes its meaning.")
    @INPUT
    @REFERENCES
    @SIMULATE
    @SEED
    @ROWS
    @click.option(
        "--split",
        default="",
        help="Cut the holdout by this method (chronological, ordered, stratified, hash) instead of the problem's own.",
    )
    def data_snapshot(
        dataset_version: str,
        source: Path | None,
        references: tuple[Path, ...],
        simulate: bool,
        seed: int,
        rows: int | None,
        split: str,
    ) -> None:
        """Clean the source and freeze it under a name."""
        from ds_workflow.use_cases import data

        made = data.snapshot(
            workspace(),
            dataset_version,
            source=source,
            references=references,
            simulate=simulate,
            seed=seed,
            rows=rows,
            split=split,
        )
        show(made.to_dict(), made.text)

    @command(main, "data-list", section="Data", examples="data-list\ndata-list --json")
    def data_list() -> None:
        """List the snapshots of this workspace."""
        from ds_workflow.use_cases import data

        found = data.listed(workspace())
        show([s.to_dict() for s in found], lambda: data.table(found))

    @command(
        main,
        "data-check",
        section="Data",
        examples="data-check --dataset-version sim-v1\ndata-check --max-age-days 90",
    )
    @click.option("--dataset-version", help="The snapshot to check (default: the newest).")
    @click.option("--max-age-days", type=click.FloatRange(min=0), help="Freshness: how old the newest row may be.")
    def data_check(dataset_version: str | None, max_age_days: float | None) -> None:
        """Check a snapshot against the data contract: schema, ranges, duplicates, digest, freshness."""
        from ds_workflow.use_cases import data

        result = data.check(workspace(), dataset_version, max_age_days=max_age_days)
        show(result.to_dict(), result.text)
        finish(result.ok)

    @command(
        main,
        "data-fetch",
        section="Data",
        examples="""data-fetch --out sales.csv --from 2024-01-01 --to 2024-12-31
--problem credit_card_fraud data-fetch --out creditcard.csv""",
    )
    @click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write.")
    @click.option(
        "--from",
        "first",
        type=click.DateTime(["%Y-%m-%d"]),
        help="First day, inclusive; where the source has days.",
    )
    @click.option(
        "--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day, inclusive; where the source has days."
    )
    def data_fetch(out: Path, first: Any, last: Any) -> None:
        """Fetch the problem's real source; an interrupted fetch goes on where it stopped."""
        from ds_workflow.use_cases import data

        result = data.fetch(workspace(), out, first=first and first.date(), last=last and last.date())
        show(result, f"{result['rows']:,} rows of {result['source']} are in {result['path']}.")
