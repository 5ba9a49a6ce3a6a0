"""The options of every command that takes rows from a file or from the simulator."""

from __future__ import annotations

from pathlib import Path

import click

INPUT = click.option("--input", "source", type=click.Path(path_type=Path), help="File or folder of the real source.")
REFERENCES = click.option(
    "--reference",
    "references",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Auxiliary table (coordinates, for example), recognised by its columns; may be repeated.",
)
SIMULATE = click.option("--simulate", is_flag=True, help="Use the problem's seeded simulator instead of a file.")
SEED = click.option("--seed", default=42, show_default=True, help="Seed of the simulator.")
ROWS = click.option("--rows", type=int, help="Rows to simulate (default: what the problem needs, mostly 40,000).")
