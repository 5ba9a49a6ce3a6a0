"""Documents: the pack of a version, the sources of all data, retirement."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ds_workflow.cli.base import command, finish, show, workspace

SECTION = "Release"


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "docs-build", section=SECTION, examples="docs-build\ndocs-build --version 2 --no-pdf")
    @click.option("--version", type=int, help="Version (default: the champion).")
    @click.option(
        "--pdf/--no-pdf", default=True, show_default=True, help="Print it too, where a Chromium is installed."
    )
    def docs_build(version: int | None, pdf: bool) -> None:
        """Write the documents of a version, each figure linked to its evidence, to docs/packs."""
        from ds_workflow.use_cases import documents

        made = documents.build(workspace(), version=version, pdf=pdf)
        show(made.to_dict(), made.text)

    @command(main, "docs-check", section=SECTION, examples="docs-check\ndocs-check --version 2 --json")
    @click.option("--version", type=int, help="Version (default: the champion).")
    def docs_check(version: int | None) -> None:
        """Whether a pack is whole and every figure in it is in its evidence. Exit 1 when not."""
        from ds_workflow.use_cases import documents

        wrong = documents.check(workspace(), version=version)
        show(
            {"ok": not wrong, "problems": wrong},
            "\n".join(wrong) or "The pack is whole; every figure is in its evidence.",
        )
        finish(not wrong)

    @command(main, "docs-sources", section=SECTION, examples="docs-sources\ndocs-sources --out docs/DATA_SOURCES.md")
    @click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there.")
    def docs_sources(out: Path | None) -> None:
        """Where the rows of every problem come from: address, licence, cadence, retention."""
        from ds_workflow.use_cases import documents

        text = documents.build_sources(workspace())
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text, "utf-8")
        show({"text": text, "path": str(out or "")}, f"Written to {out}." if out else text)

    @command(
        main,
        "model-retire",
        section=SECTION,
        examples="""model-retire --version 1 --criterion superseded --by ana \\
      --reason "Version 2 has been in office for a quarter" """,
    )
    @click.option("--version", type=int, required=True)
    @click.option(
        "--criterion", required=True, type=click.Choice(["superseded", "unfit", "data", "purpose", "age"]), help="Why."
    )
    @click.option("--reason", required=True, help="In a sentence.")
    @click.option("--by", required=True, help="Who retires it.")
    def model_retire(version: int, criterion: str, reason: str, by: str) -> None:
        """Take a version out of service for good; the champion can't be, another takes office first."""
        from ds_workflow.use_cases import documents

        made = documents.retire(workspace(), version, criterion=criterion, reason=reason, by=by)
        show(asdict(made), f"Version {made.version} of {made.problem} was retired by {made.by}: {made.reason}")
