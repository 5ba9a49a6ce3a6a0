"""Custody: the pointer log says who should be champion, and the store is compared with it."""

from __future__ import annotations

from collections.abc import Sequence

from registry.errors import NotFound, OutOfCustody, Unavailable
from registry.ports import VersionStore
from registry.records import Custody, ModelVersion, PointerMove, Proposal, VersionRef


def pointed(moves: Sequence[PointerMove]) -> VersionRef | None:
    """Who is champion by the pointer log; None while nobody ever was."""
    return moves[-1].to_ref if moves else None


def standing(moves: Sequence[PointerMove]) -> list[VersionRef]:
    """The champions under the present one, oldest first, the present one last.

    A rollback takes off what it left, so that rolling back twice goes back twice instead of to and fro.
    """
    stack: list[VersionRef] = []
    for move in moves:
        if move.to_ref in stack:
            del stack[stack.index(move.to_ref) :]
        stack.append(move.to_ref)
    return stack


def custody(
    versions: VersionStore, problem: str, moves: Sequence[PointerMove], *, applying: Proposal | None = None
) -> Custody:
    """Compare the alias `champion` and the bytes behind it with the pointer log."""
    expected = pointed(moves)
    try:
        return _compare(versions, problem, expected, applying)
    except Unavailable as error:
        return Custody("unknown", expected, None, f"The registry can't be read: {error}")


def _compare(versions: VersionStore, problem: str, expected: VersionRef | None, applying: Proposal | None) -> Custody:
    number = versions.aliases(problem).get("champion")
    if expected is None and number is None:
        return Custody("none", None, None, "No champion was ever decided.")
    actual = None if number is None else _ref(versions, problem, number)
    if expected is None or number != expected.version:
        says = "nobody was ever made champion" if expected is None else f"version {expected.version}"
        where = "was deleted, or its version was" if number is None else f"is on version {number}"
        detail = f"The alias 'champion' {where}; the pointer log says {says}."
        if applying is not None:
            detail += f" The decision on '{applying.id}' is half applied; the next deciding command finishes it."
        return Custody("drifted", expected, actual, detail)
    if actual is None or actual.digest != expected.digest:
        now = f"digest {actual.digest}" if actual else "deleted"
        detail = f"Version {number} is not the one that was decided: {now}, decided {expected.digest}."
        return Custody("drifted", expected, actual, detail)
    return _compare_bytes(versions, problem, expected)


def _compare_bytes(versions: VersionStore, problem: str, expected: VersionRef) -> Custody:
    number = expected.version
    try:
        found = versions.bytes_digest(versions.version(problem, number))
    except NotFound as error:
        return Custody("drifted", expected, None, str(error))
    if found != expected.digest:
        detail = f"The bytes of version {number} changed: digest {found}, decided {expected.digest}."
        return Custody("drifted", expected, VersionRef(number, found), detail)
    return Custody("in_custody", expected, expected, f"Version {number} is the champion that was decided.")


def _ref(versions: VersionStore, problem: str, number: int) -> VersionRef | None:
    try:
        return versions.version(problem, number).ref
    except NotFound:
        return None


def require_bytes(versions: VersionStore, version: ModelVersion, digest: str) -> None:
    """Raise OutOfCustody, naming both digests, unless the bytes of `version` are those of `digest`."""
    try:
        found = versions.bytes_digest(version)
    except NotFound as error:
        raise OutOfCustody(
            f"{version.problem} version {version.version} should have digest {digest}, but {error}", hint=error.hint
        ) from error
    if found != digest:
        raise OutOfCustody(
            f"The bytes of {version.problem} version {version.version} have digest {found}; registered were {digest}.",
            hint="It is not loaded. Restore the files from a backup, or roll back to a version that is whole.",
        )


def require_custody(state: Custody, problem: str) -> None:
    """Raise OutOfCustody or Unavailable unless decisions may be taken."""
    if state.status == "unknown":
        raise Unavailable(
            f"The custody of {problem} is unknown, so nothing is decided. {state.detail}",
            hint="Make the registry reachable again, then repeat the command.",
        )
    if state.status == "drifted":
        raise OutOfCustody(
            f"{problem} is out of custody, so nothing is decided. {state.detail}",
            hint="Find out who changed it ('arena-status' shows both). A moved alias: 'arena-restore' puts it back, "
            "'arena-adopt' tries what stands there. Changed files: bring them from a backup, or 'arena-rollback'.",
        )
