"""What can be worked on: the problems, and what their columns mean."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(main, "problems", section="Every day", examples="problems\nproblems adult_income")
    @click.argument("name", required=False)
    def list_problems(name: str | None) -> None:
        """List the problems: task, target, metrics, gates, data source, licence; with NAME, one of them in detail."""
        from ds_workflow.use_cases import problems

        if name is not None:
            found = problems.one(workspace(), name)
            show(found.detail(), found.text)
            return
        every = problems.listed(workspace())
        show([entry.to_dict() for entry in every], lambda: problems.table(every))

    @command(
        main,
        "data-dictionary",
        section="Data",
        examples="""data-dictionary --problem adult_income
data-dictionary --html dictionary.html
data-dictionary --all --out docs/data_dictionary""",
    )
    @click.option("--out", type=click.Path(path_type=Path), help="Write the Markdown to this file (--all: a folder).")
    @click.option("--html", type=click.Path(path_type=Path), help="Write a self-contained page to this file.")
    @click.option("--all", "every", is_flag=True, help="Write a page for every problem and an index into --out.")
    def data_dictionary(out: Path | None, html: Path | None, every: bool) -> None:
        """Tell what the columns and features of a problem are: type, unit, range, meaning, when it is known."""
        from ds_workflow.use_cases import problems

        if every and (out is None or html is not None):
            raise click.UsageError("--all writes Markdown pages into a folder: give --out FOLDER and no --html.")
        work = workspace()
        if every and out is not None:
            written = problems.write_dictionaries(out)
        else:
            written = problems.write_dictionary(work, out=out, html=html)
        if written:
            show({"written": [str(path) for path in written]}, "\n".join(f"{path} is written." for path in written))
        else:
            entry = problems.one(work, work.problem.name)
            show(entry.detail(), lambda: problems.dictionary_text(work).rstrip())
