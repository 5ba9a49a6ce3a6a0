"""Answers of the champion for a file of rows."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, finish, show, workspace
from ds_workflow.cli.engine import ENGINE

FILE = click.Path(dir_okay=False, path_type=Path)


def register(main: click.Group) -> None:
    """Add the command of this room."""

    @command(
        main,
        "predict",
        section="Serve and look",
        examples="predict --input homes.csv --output priced.csv\npredict --input homes.parquet --output priced.parquet",
    )
    @click.option(
        "--input",
        "source",
        required=True,
        type=FILE,
        help="csv or parquet, of any size. Empty cells, and the source's own word for a gap ('?'), are missing values; "
        "columns that are no inputs, such as the target, are ignored (over HTTP they are refused).",
    )
    @click.option("--output", "target", required=True, type=FILE, help="csv or parquet; appears when it is whole.")
    @click.option(
        "--rejects", type=FILE, help="Where bad rows are listed, the first row as 1 (default: OUTPUT.rejects.csv)."
    )
    @ENGINE
    def predict(source: Path, target: Path, rejects: Path | None, engine: str) -> None:
        """Answer a file of rows with the champion. Exit 1 when rows had to be left out."""
        from ds_workflow.use_cases.predict import predict_file

        done = predict_file(workspace(), source, target, rejects=rejects, engine=engine)
        show(done.to_dict(), done.text)
        finish(not done.rejected)
