"""The outcome of a hypothesis: the only part of the document that is written after its lock.

It stands between two marks, in a table with one line per proposal, and the digest of the document leaves it out.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from typing import cast, get_args

from ds_workflow.errors import InvalidInput
from registry.records import Outcome

BEGIN = "<!-- outcome:begin -->"
END = "<!-- outcome:end -->"
_HEAD = ("Proposal", "At", "Dataset", "Outcome", "Observed")


@dataclass(frozen=True)
class OutcomeEntry:
    """What one proposal said about the claim. `at` is a UTC ISO-8601 text, `observed` one sentence with figures."""

    proposal_id: str
    at: str
    dataset_version: str
    outcome: Outcome
    observed: str

    def __post_init__(self) -> None:
        if self.outcome not in get_args(Outcome):
            raise InvalidInput(f"'{self.outcome}' is not an outcome; allowed: {', '.join(get_args(Outcome))}.")
        if not self.proposal_id.strip() or not self.at.strip():
            raise InvalidInput("An outcome names the proposal and the time that it comes from.")


def _bounds(text: str) -> tuple[int, int]:
    """Where the block's content begins and ends."""
    begin, end = text.find(BEGIN), text.find(END)
    if text.count(BEGIN) != 1 or text.count(END) != 1 or end < begin:
        raise InvalidInput(
            f"The document needs the marks {BEGIN} and {END}, once each and in this order; "
            f"it has {text.count(BEGIN)} and {text.count(END)}.",
            hint="Copy the Outcome section from docs/hypotheses/TEMPLATE.md to the end of the document.",
        )
    return begin + len(BEGIN), end


def without_outcome(text: str, *, keep_lines: bool = False) -> str:
    """The document with nothing between the two marks: what the digest and the check read.

    `keep_lines` leaves the line breaks, so that line numbers below the block stay right. Raises InvalidInput when the
    marks are not there exactly once: else they could hide a text from both.
    """
    begin, end = _bounds(text)
    return text[:begin] + "\n" * (text.count("\n", begin, end) if keep_lines else 0) + text[end:]


def _cell(value: str) -> str:
    """One table cell: no line breaks, bars escaped, and nothing that could be taken for a mark."""
    plain = " ".join(value.split()).replace("<!--", "‹!--").replace("-->", "--›")
    return plain.replace("\\", "\\\\").replace("|", "\\|")


def outcomes(text: str) -> tuple[OutcomeEntry, ...]:
    """The entries of the block, in the order written; empty when nothing was tested yet."""
    begin, end = _bounds(text)
    found = []
    for line in text[begin:end].splitlines():
        cells = [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.findall(r"((?:\\.|[^|\\])*)\|", line)[1:]]
        if len(cells) == len(_HEAD) and cells[3] in get_args(Outcome):
            proposal, at, dataset, outcome, observed = cells
            found.append(OutcomeEntry(proposal, at, dataset, cast(Outcome, outcome), observed))
    return tuple(found)


def with_outcome(text: str, entry: OutcomeEntry) -> str:
    """The document with `entry` in its block, beside the earlier ones; the same proposal's line is replaced.

    Nothing outside the block changes, and writing the same entry again gives the same text.
    """
    begin, end = _bounds(text)
    kept = [old for old in outcomes(text) if old.proposal_id != entry.proposal_id]
    rows = sorted([*kept, entry], key=lambda one: (one.at, one.proposal_id))
    latest = rows[-1]
    lines = [
        "",
        f"**{latest.outcome}** by proposal {_cell(latest.proposal_id)}.",
        "",
        "| " + " | ".join(_HEAD) + " |",
        "|" + "---|" * len(_HEAD),
        *("| " + " | ".join(_cell(str(value)) for value in astuple(row)) + " |" for row in rows),
        "",
    ]
    return text[:begin] + ("\r\n" if "\r\n" in text else "\n").join(lines) + text[end:]
