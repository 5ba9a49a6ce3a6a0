"""What the program is made of."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, finish, show, workspace


def register(main: click.Group) -> None:
    """Add the command of this room."""

    @command(
        main,
        "sbom",
        section="Release",
        examples="sbom --out dist/sbom.cdx.json\nsbom --check --json",
    )
    @click.option(
        "--out",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("reports/sbom.cdx.json"),
        show_default=True,
        help="Where the list goes (CycloneDX 1.6, JSON).",
    )
    @click.option("--check", is_flag=True, help="Also hold versions, licences and files against what they should be.")
    def sbom(out: Path, check: bool) -> None:
        """List every component with version and licence; exit 1 when --check finds one that should not be so."""
        from ds_workflow.use_cases import supply

        made = supply.bill(workspace(), out, check=check)
        show(made.to_dict(), made.text)
        finish(not made.findings)
