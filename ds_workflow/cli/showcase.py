"""The tour: everything once, on a log whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ds_workflow.cli.base import command, finish, show, workspace


def register(main: click.Group) -> None:
    """Add the command of this room."""

    @command(
        main,
        "showcase",
        section="Telemetry",
        examples="""showcase
showcase --out tour --events 2000000 --seed 7""",
    )
    @click.option("--out", type=click.Path(path_type=Path), help="Folder of the tour (default: showcase).")
    @click.option("--events", "count", default=600_000, show_default=True, help="Events of the simulated log.")
    @click.option("--seed", default=42, show_default=True)
    def run(out: Path | None, **given: Any) -> None:
        """Simulate, ask in SQL, experiment, estimate, evaluate code; and leave a report with the truth beside it."""
        from ds_workflow.use_cases import showcase

        made = showcase.showcase(workspace(), out=out, **given)
        show(made.to_dict(), made.text)
        finish(made.green)
