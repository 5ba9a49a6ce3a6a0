"""What every store says when it refuses, so that both say the same."""

from __future__ import annotations

from registry.errors import Conflict, InvalidRecord, NameTaken, NotFound, Unavailable
from registry.records import HypothesisLock, Proposal, SnapshotRecord


def no_text() -> InvalidRecord:
    """The error for words that no ledger could keep and hash."""
    return InvalidRecord(
        "What was given holds characters that are no text: bytes that are not UTF-8.",
        hint="Type it again, in UTF-8; nothing was written.",
    )


def no_version(problem: str, number: int, known: list[int]) -> NotFound:
    """The error for a version that is not there."""
    listed = ", ".join(str(n) for n in known) or "none yet"
    return NotFound(f"{problem} has no version {number}. Known: {listed}.")


def no_proposal(proposal_id: str) -> NotFound:
    """The error for a proposal that is not there."""
    return NotFound(f"There is no proposal '{proposal_id}'.", hint="Run 'arena-status' to see the proposals.")


def changed_meanwhile(stored: Proposal) -> Conflict:
    """The error for a write that lost a race."""
    who = f" by {stored.decided_by} at {stored.decided_at}" if stored.decided_by else ""
    return Conflict(
        f"Proposal '{stored.id}' was changed meanwhile: it is {stored.label}{who}.",
        hint="Run 'arena-show' and decide on what it is now.",
    )


def already_applying(problem: str) -> Conflict:
    """The error for a second applying at once."""
    return Conflict(f"Another decision on {problem} is being applied.", hint="Repeat the command after it.")


def lease_taken(problem: str, seconds: float) -> Unavailable:
    """The error for an applying that another process did not let in."""
    return Unavailable(
        f"Another process is applying a decision on {problem}. It did not finish within {seconds:g} s.",
        hint="Nothing was written. Wait for the other process to end, then repeat the command.",
    )


def already_open(proposal: Proposal) -> NameTaken:
    """The error for a second open proposal on one evidence."""
    return NameTaken(f"A proposal on evidence {proposal.digest} is open already.", hint="Run 'arena-status'.")


def no_snapshot(problem: str, dataset_version: str, known: list[str]) -> NotFound:
    """The error for a snapshot that is not there."""
    return NotFound(
        f"{problem} has no dataset version '{dataset_version}'. Known: {', '.join(known) or 'none yet'}.",
        hint="Make one with 'data-snapshot'.",
    )


def same_lock(first: HypothesisLock, lock: HypothesisLock) -> HypothesisLock:
    """The first lock, if both are about the same text; NameTaken otherwise."""
    if first.digest != lock.digest:
        raise NameTaken(
            f"Hypothesis '{lock.hypothesis_id}' was locked by {first.by} at {first.at} with digest {first.digest}; "
            f"the document now has {lock.digest}.",
            hint="Put the document back as it was, or write the change as a new hypothesis with this one as parent.",
        )
    return first


def same_snapshot(first: SnapshotRecord, snapshot: SnapshotRecord) -> SnapshotRecord:
    """The first record, if both are about the same bytes; NameTaken otherwise."""
    if (first.digest, first.holdout_digest) != (snapshot.digest, snapshot.holdout_digest):
        raise NameTaken(
            f"Dataset version '{snapshot.dataset_version}' of {snapshot.problem} stands for digest {first.digest}; "
            f"these rows have {snapshot.digest}.",
            hint="A snapshot is never changed: give the new rows a new name.",
        )
    return first


def already_decided(proposal_id: str) -> Conflict:
    """The error for a second decision on one proposal."""
    return Conflict(f"Proposal '{proposal_id}' was decided already.", hint="Run 'arena-show' to see who decided what.")
