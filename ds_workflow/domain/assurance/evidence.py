"""What the trial of a version and the files of its run show."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ds_workflow.domain.assurance.known import Answer, Known
from ds_workflow.domain.checklist import Status


def has(name: str, words: str) -> Callable[[Known], Answer]:
    """Whether the run wrote the file `name`."""

    def ask(k: Known) -> Answer:
        if name in k.files:
            return "pass", words, name.partition(".")[0]
        return "unknown", f"{name} was not written by its run", ""

    return ask


def by_gates(*words: str, what: str, source: str = "bundle") -> Callable[[Known], Answer]:
    """Whether the gates whose name holds one of the words were asked in its trial, and passed."""

    def ask(k: Known) -> Answer:
        found = k.gates(*words)
        if not found:
            return "unknown", f"{what} was not part of its trial", source
        bad = sorted({f"{g.name} is {g.status}" for g in found if g.status != "pass"})
        return (
            ("fail", "; ".join(bad), source)
            if bad
            else ("pass", f"{what}: {len(found)} result{'s pass' if len(found) > 1 else ' passes'}", source)
        )

    return ask


def verdict(k: Known) -> Answer:
    if k.judged is None:
        return "unknown", "no proposal holds its evidence", "proposal"
    status: Status = "pass" if k.judged.verdict == "pass" else "fail"
    return status, f"verdict {k.judged.verdict} over {len(k.judged.gates)} gate results", "proposal"


def evidence(k: Known) -> Answer:
    if k.bundle is None or k.judged is None:
        return "unknown", "the evidence bundle could not be verified", "bundle"
    return "pass", f"bundle {k.judged.evidence.bundle_digest[:12]} is whole, byte for byte", "bundle"


def segments(k: Known) -> Answer:
    card = k.files.get("scorecard.json")
    if not isinstance(card, Mapping):
        return "unknown", "the run has no scorecard", "scorecard"
    lost = [s for s in k.problem.segments if s not in card.get("segments", {})]
    if lost:
        return "fail", f"no figures for {', '.join(lost)}", "scorecard"
    return "pass", f"figures for each of {len(k.problem.segments)} segments", "scorecard"


def intervals(k: Known) -> Answer:
    card = k.files.get("scorecard.json")
    found = card.get("intervals") if isinstance(card, Mapping) else None
    if not found or k.problem.primary_metric not in found.get("overall", {}):
        return "unknown", f"no interval of {k.problem.primary_metric}", "scorecard"
    return "pass", f"{k.problem.primary_metric} with an interval over {found['clusters']:,} clusters", "scorecard"


def fairness(k: Known) -> Answer:
    gates = by_gates("fairness", what="fairness")(k)
    if gates[0] != "unknown":
        return gates
    return has("fairness.json", "figures of each group were written; no gate judged them")(k)
