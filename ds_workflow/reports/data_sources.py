"""Where the rows come from: address, licence, cadence, retention; of one version, and of all problems of a checkout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ds_workflow.domain.problem import Problem
from ds_workflow.reports.cited import MISSING
from ds_workflow.reports.pack_view import View, day, facts_table, head, picture
from ds_workflow.reports.tables import code, md, md_table

FIELDS = ("address", "cadence", "retention", "personal")


def markdown(view: View) -> str:
    """The document of one version."""
    shelf, known = view.shelf, view.known
    out = [*head(view, "Data sources and lineage"), "## Source", ""]
    names = {"address": "Real rows at", "cadence": "Published", "retention": "Kept", "personal": "Said of persons"}
    rows = [("Source", shelf.text("snapshot", "source")), ("Licence", shelf.text("snapshot", "licence"))]
    out += facts_table([*rows, *((names[f], shelf.text("data_sources", f)) for f in FIELDS)])
    out += ["", shelf.below("snapshot", "data_sources"), "", "## The snapshot", ""]
    out += facts_table(
        [
            ("Name", shelf.word("snapshot", "dataset_version")),
            ("Digest", shelf.word("snapshot", "digest")),
            ("Rows", shelf.figure("snapshot", "rows")),
            ("Rows held out", shelf.figure("snapshot", "holdout_rows")),
            ("From", day(view, "first")),
            ("To", day(view, "last")),
            ("Frozen", shelf.word("snapshot", "created_at")),
        ]
    )
    dropped = known.snapshot.dropped if known.snapshot else {}
    out += ["", "Rows dropped in cleaning:", ""]
    rows_of = [[code(reason), shelf.figure("snapshot", "dropped", reason)] for reason in dropped]
    out += (
        md_table(["Reason", "Rows"], rows_of, align="lr")
        if rows_of
        else ["None."]
        if known.snapshot
        else [f"{MISSING}."]
    )
    out += ["", shelf.below("snapshot"), "", "## Lineage", "", *picture(view, "lineage", "From source to service")]
    return "\n".join(out) + "\n"


def of_problems(problems: Sequence[Problem], sourcing: Mapping[str, Mapping[str, str]]) -> str:
    """DATA_SOURCES of a checkout: each problem's source as it is declared and recorded."""
    out = ["# Data sources", ""]
    out += ["Written by `ds-workflow docs-sources` from the declarations and config/documents/data\\_sources.yaml; "]
    out[-1] += "change those, not this page."
    for problem in problems:
        told = sourcing.get(problem.name, {})
        rows = [
            ["Source", md(problem.source) or MISSING],
            ["Address", f"<{told['address']}>" if told.get("address") else MISSING],
            ["Licence", md(problem.licence) or MISSING],
            ["Published", md(told.get("cadence", "")) or MISSING],
            ["Kept", md(told.get("retention", "")) or MISSING],
            ["Said of persons", md(told.get("personal", "")) or MISSING],
        ]
        out += ["", f"## {md(problem.title)} ({code(problem.name)})", "", *md_table(["", ""], rows)]
    return "\n".join(out) + "\n"
