"""One written hypothesis for the console: the document, what is missing in it, and what the arena made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ds_workflow.adapters import hypotheses
from ds_workflow.reports import markup

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import HypothesisLock, Proposal

SHOWN = 100  # proposals of one hypothesis, the newest


@dataclass(frozen=True)
class Page:
    """A hypothesis. `body` is HTML made of its Markdown; raw HTML in it is shown as text."""

    id: str
    title: str
    owner: str
    problem: str
    parent: str
    change_type: str
    status: str  # draft, ready, tested, shipped
    outcome: str
    claim: str
    missing: tuple[str, ...]
    body: str
    lock: HypothesisLock | None
    proposals: tuple[Proposal, ...]


def read(work: Workspace, ident: str) -> Page:
    """The hypothesis of that id. InvalidInput for what is no id, IncompleteHypothesis when there is none."""
    store = hypotheses.of(work.settings).holder(ident)  # looking at a shipped one copies nothing
    text = store.text(ident)
    listed = hypotheses.of(work.settings).listed(ident)
    found = store.check(ident)
    return Page(
        id=ident,
        title=listed.title,
        owner=listed.owner,
        problem=listed.problem,
        parent=listed.parent,
        change_type=listed.change_type,
        status=listed.status,
        outcome=listed.outcome,
        claim=str(found.hypothesis.claim) if found.hypothesis else "",
        missing=tuple(map(str, found.missing)),
        body=markup.boxed(_without_front(text)),
        lock=work.registry.hypothesis_lock(listed.problem, ident),
        proposals=tuple(work.registry.proposals(listed.problem, hypothesis=ident, limit=SHOWN)),
    )


def _without_front(text: str) -> str:
    """The document below its front matter, comments left out."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        return text
    end = next((i for i, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), 0)
    return "\n".join(line for line in lines[end + 1 :] if not line.lstrip().startswith("<!--"))
