"""The ML Test Score of a version as a document."""

from __future__ import annotations

from ds_workflow.reports.pack_view import View, head
from ds_workflow.reports.tables import code, md, md_table


def markdown(view: View) -> str:
    """Score, sections, and the points of each test with what shows them."""
    shelf, score = view.shelf, view.score
    out = [*head(view, "ML Test Score")]
    out += [f"Score {shelf.figure('rubric', 'score')}: {md(score.words)}.", ""]
    out += [
        "The score is the smallest of the four sections' sums (Breck et al. 2017). A full point needs a machine that "
    ]
    out[-1] += "checks again and again, half a point a person's signature. What nothing here can show gives no point."
    rows = [[md(name), shelf.figure("rubric", "sections", name)] for name in score.sections]
    out += ["", *md_table(["Section", "Sum"], rows, align="lr"), ""]
    for section in score.sections:
        out += [f"## {md(section)}", ""]
        rows = [
            [
                code(one.item.id),
                shelf.figure("rubric", "tests", one.item.id, "points"),
                md(one.item.title),
                shelf.text("rubric", "tests", one.item.id, "why") if one.why else "nothing here can show it",
            ]
            for one in score.tests
            if one.item.section == section
        ]
        out += [*md_table(["Test", "Points", "What", "Shown by"], rows, align="lrll"), ""]
    return "\n".join([*out, shelf.below("rubric")]) + "\n"
