"""From source to service as a picture: each step with its name and the digest that binds it to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ds_workflow.domain.assurance import Known
from ds_workflow.reports.svg import Canvas, fit
from ds_workflow.reports.tables import plain

HEIGHT, GAP = 54.0, 26.0


@dataclass(frozen=True)
class Step:
    """One box: what it is, its name, and the digest or words below."""

    kind: str
    name: str
    below: str = ""


def steps(known: Known) -> tuple[Step, ...]:
    """The way of one version; a step that is not on record says NOT PROVIDED."""
    line, record, judged = known.version.lineage, known.snapshot, known.judged
    missing = "NOT PROVIDED"
    return (
        Step("Source", record.source if record else missing, record.licence if record else ""),
        Step("Snapshot", line.dataset_version, f"digest {line.dataset_digest[:16]}"),
        Step("Holdout, frozen", f"digest {line.holdout_digest[:16]}", "no candidate trains on it"),
        Step("Feature set", line.feature_set_version, f"code at commit {line.git_commit[:12]}"),
        Step("Hypothesis", line.hypothesis_id, f"digest {line.hypothesis_digest[:16]}"),
        Step("Version", f"{known.problem.name} {known.version.version}", f"artifact {known.version.digest[:16]}"),
        Step(
            "Evidence",
            judged.id if judged else missing,
            f"bundle {judged.evidence.bundle_digest[:16]}" if judged else "",
        ),
        Step(
            "Decision",
            judged.label.replace("_", " ") if judged else missing,
            f"by {judged.decided_by}" if judged and judged.decided_by else "",
        ),
        Step("In office", "yes" if known.in_office else "no", known.custody.replace("_", " ")),
    )


def chart(known: Known, *, width: int = 720, styled: bool = True) -> str:
    """The steps from top to bottom, an arrow from each to the next."""
    way: Sequence[Step] = steps(known)
    height = int(len(way) * (HEIGHT + GAP) - GAP + 8)
    said = "; ".join(f"{s.kind}: {s.name} ({s.below})" for s in way)
    canvas = Canvas(
        width, height, plain(f"Lineage of {known.problem.name} version {known.version.version}"), plain(said)
    )
    left, right = 4.0, width - 4.0
    for i, step in enumerate(way):
        top = 4 + i * (HEIGHT + GAP)
        canvas.rect(left, top, right - left, HEIGHT, "rows", radius=8)
        canvas.text(left + 14, top + 23, step.kind, "b")
        canvas.text(left + 150, top + 23, fit(step.name, right - left - 170), full=step.name)
        canvas.text(left + 150, top + 42, fit(step.below, right - left - 170, 11.5), "s", full=step.below)
        if i + 1 < len(way):
            middle, end = (left + right) / 2, top + HEIGHT + GAP
            canvas.line(middle, top + HEIGHT, middle, end - 4, "l-off")
            canvas.path([(middle - 4, end - 7), (middle, end - 1), (middle + 4, end - 7)], "l-off")
    return canvas.render(styled=styled)
