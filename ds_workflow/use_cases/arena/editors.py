"""Who changed what a proposal rests on: policy, materiality and hypothesis, by the git that keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import authorship, governance, hypotheses, hypothesis_text
from registry.quorum import ASKS

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Editors:
    """Whom it bars, with what they did; the files whose editors git does not know, and those with a change that was
    never committed."""

    barred: Mapping[str, str]
    unknown: tuple[str, ...] = ()
    uncommitted: tuple[str, ...] = ()

    def refusal(self) -> str:
        """Why nobody can decide now; '' while somebody can."""
        if not self.uncommitted:
            return ""
        return (
            f"Nobody's name stands on the change in {' and '.join(self.uncommitted)}, which was never committed: who "
            "is barred by it can't be known, so nothing is decided."
        )

    def note(self) -> str:
        """What every view says while git does not know all of them; '' when it does."""
        return unknown_words(self.unknown)


def unknown_words(files: tuple[str, ...]) -> str:
    """That the last editor of these files is not known; '' for none."""
    if not files:
        return ""
    return (
        f"The last editor of {' and '.join(files)} is not known: git does not keep all of its history here, so nobody "
        "is barred by having edited it."
    )


def of(work: Workspace, problem: str, hypothesis: str = "") -> Editors:
    """Everybody who changed the policy or the materiality since the decision that made the present champion, and
    everybody who ever changed the hypothesis, when one is named."""
    bound = _bound(work, problem)
    policy, doing = work.settings.policy(problem), "edited the policy of this evidence"
    told = [(policy, doing, authorship.edits(policy, since=str(bound.get("policy", ""))))]
    for path in governance.materiality_files(work.settings, problem):
        found = authorship.edits(
            path, since=str(bound.get("materiality", "")), meaning=governance.materiality_meaning(problem)
        )
        told.append((path, "edited how much hangs on this problem", found))
    if hypothesis:
        path = hypotheses.of(work.settings).path_for(hypothesis)
        found = authorship.edits(path, meaning=hypothesis_text.meaning)
        told.append((path, "edited the hypothesis", found))
    barred: dict[str, str] = {}
    unknown, uncommitted = [], []
    for path, doing, edits in told:
        barred |= {work.known_as(name): doing for name in edits.names}
        own = path.is_relative_to(work.settings.root)
        if edits.uncommitted and own:
            uncommitted.append(str(path.relative_to(work.settings.root)))
        elif not edits.known:
            unknown.append(str(path.relative_to(work.settings.root)) if own else f"the shipped {path.name}")
    return Editors(barred, tuple(unknown), tuple(uncommitted))


def versions(work: Workspace, problem: str) -> dict[str, str]:
    """The policy and the materiality as they are now, for a proposal to bind."""
    policy = _read(work.settings.policy(problem))
    files = governance.materiality_files(work.settings, problem)
    says = governance.materiality_meaning(problem)
    return {"policy": authorship.digest(policy), "materiality": says(_read(files[0])) if files else ""}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _bound(work: Workspace, problem: str) -> Mapping[str, Any]:
    """What the newest decision that made a champion by evidence had bound; nothing before there was one."""
    for move in reversed(work.registry.moves(problem)):
        asks = work.registry.proposal(move.proposal_id).summary.get(ASKS)
        if isinstance(asks, Mapping):
            return asks
    return {}
