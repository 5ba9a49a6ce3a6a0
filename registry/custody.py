"""Custody: the pointer log says who should be champion, and the store is compared with it."""

from __future__ import annotations

from collections.abc import Sequence

from registry.errors import NotFound, OutOfCustody, Unavailable
from registry.ports import VersionStore
from registry.records import Custody, ModelVersion, PointerMove, Proposal, VersionRef

_MOVED = "Find out who moved it. 'arena-restore' puts it back, 'arena-adopt' tries what stands there."
_NO_ALIAS = "Find out who deleted it. 'arena-restore' puts it back."
_NO_VERSION = "A deleted version does not come back: 'arena-rollback' goes to a champion before it."
_OTHER = "'arena-restore' mends the record if the files are whole; otherwise 'arena-rollback'."
_FILES = "Bring its files back from a backup, or go to a champion before it with 'arena-rollback'."
_AWAY = "Make the registry reachable again, then repeat the command."


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
        return Custody("unknown", expected, None, f"The registry can't be read: {error}", error.hint or _AWAY)


def _compare(versions: VersionStore, problem: str, expected: VersionRef | None, applying: Proposal | None) -> Custody:
    number = versions.aliases(problem).get("champion")
    if expected is None and number is None:
        return Custody("none", None, None, "No champion was ever decided.")
    actual = None if number is None else _ref(versions, problem, number)
    if expected is None or number != expected.version:
        says = "nobody was ever made champion" if expected is None else f"version {expected.version}"
        where, way = f"is on version {number}", _MOVED
        if number is None and expected is not None and not versions.versions(problem):
            return _no_model(problem, expected)
        if number is None:
            gone = expected is not None and _ref(versions, problem, expected.version) is None
            where, way = ("was deleted with its version", _NO_VERSION) if gone else ("was deleted", _NO_ALIAS)
        detail = f"The alias 'champion' {where}; the pointer log says {says}."
        if applying is not None:
            detail += f" The decision on '{applying.id}' is half applied; the next deciding command finishes it."
            way = "'arena-status' finishes it, and so does any command that decides."
        return Custody("drifted", expected, actual, detail, way)
    if actual is None or actual.digest != expected.digest:
        now = f"digest {actual.digest}" if actual else "deleted"
        detail = f"Version {number} is not the one that was decided: {now}, decided {expected.digest}."
        return Custody("drifted", expected, actual, detail, _OTHER)
    return _compare_bytes(versions, problem, expected)


def _no_model(problem: str, expected: VersionRef) -> Custody:
    """Renaming takes every version and alias along, so that nothing is left under the name that was decided."""
    detail = (
        f"There is no registered model '{problem}' with a version in it: it was renamed or deleted. The pointer log "
        f"says version {expected.version}, digest {expected.digest}."
    )
    way = (
        "Look in MLflow for the registered model whose versions carry these digests in their tag 'digest'. If it was "
        f'renamed, name it back: mlflow.MlflowClient().rename_registered_model("ITS NAME NOW", "{problem}"), with '
        "MLFLOW_TRACKING_URI set to this workspace's (sqlite:///mlruns/mlflow.db). If it was deleted, bring MLflow's "
        "database back from a backup. Nothing can be restored or rolled back to until then."
    )
    return Custody("drifted", expected, None, detail, way)


def _compare_bytes(versions: VersionStore, problem: str, expected: VersionRef) -> Custody:
    number = expected.version
    try:
        found = versions.bytes_digest(versions.version(problem, number))
    except NotFound as error:
        return Custody("drifted", expected, None, str(error), _FILES)
    if found != expected.digest:
        detail = f"The bytes of version {number} changed: digest {found}, decided {expected.digest}."
        return Custody("drifted", expected, VersionRef(number, found), detail, _FILES)
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
            hint=state.way_out,
        )
    if state.status == "drifted":
        raise OutOfCustody(
            f"{problem} is out of custody, so nothing is decided. {state.detail}",
            hint=state.way_out,
        )
