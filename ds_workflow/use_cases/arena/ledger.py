"""The ledger as a whole: check it, carry it away with its own check, and keep the keys that sign in it."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.errors import InvalidInput
from ds_workflow.reports import tables
from ds_workflow.use_cases.arena import status
from ds_workflow.use_cases.arena.view import Checked
from registry import deciding
from registry.errors import Unreadable

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Event
    from registry.verifying import Checkpoint

CHECKPOINT = "arena.checkpoint.json"


def verify(work: Workspace, *, recent: bool = False) -> Checked:
    """The chain of events, its head outside, signatures and the pointer log; `recent`: since the last good check."""
    with suppress(Unreadable):  # which row it is, the check says
        status.finished(work)
    since = _checkpoint(work) if recent else None
    reached = work.registry.checkpoint()
    found = work.registry.verify(since=since, progress=lambda n, of: work.say(f"{n:,} of {of:,} events checked"))
    if found.ok and reached is not None:
        text = json.dumps({"seq": reached.seq, "hash": reached.hash})
        work.path("mlruns", CHECKPOINT).write_text(text + "\n", "utf-8")
    what = "Events" if since is None else f"Events after the checkpoint at {since.seq:,}"
    return Checked(found.ok, found.checked, tuple(found.problems), what)


def _checkpoint(work: Workspace) -> Checkpoint | None:
    """Where the last check that found nothing ended; None before there was one."""
    from registry.verifying import Checkpoint

    path = work.settings.store / CHECKPOINT
    try:
        kept = json.loads(path.read_text("utf-8"))
        return Checkpoint(int(kept["seq"]), str(kept["hash"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} can't be read.", hint="Delete it and run 'arena-verify' without --recent."
        ) from error


def verify_export(path: Path, head: str = "", *, say: Callable[[str], object] = lambda _: None) -> Checked:
    """An export checked by the program that travels in it. Raises InvalidInput when there is none."""
    from registry import offline

    try:
        count, found = offline.check(offline.read(path), head, progress=lambda n: say(f"{n:,} events checked"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidInput(f"{path} is no export of a ledger: {error}", hint="'arena-export' writes one.") from error
    return Checked(not found, count, tuple(found), f"Events of {path}")


@dataclass(frozen=True)
class Exported:
    """A written export."""

    path: Path
    events: int
    head: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-export --json`."""
        return {"path": str(self.path), "events": self.events, "head": self.head}

    def text(self) -> str:
        """For the terminal."""
        return (
            f"{self.events:,} events in {self.path}\nHead: {self.head or 'none yet'}\n"
            "Send the head to somebody who keeps it: with it, an end that is cut off later shows.\n"
            f"Check it anywhere: python verify.py {self.path.name} --head '{self.head}'"
        )


def export(work: Workspace, path: Path) -> Exported:
    """Write the whole ledger to a zip."""
    from registry.records import utc_text

    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a file in it.")
    count, head = work.registry.export(path, at=utc_text(work.clock()))
    return Exported(path, count, head)


@dataclass(frozen=True)
class Keys:
    """Who signs, as the chain tells it."""

    told: tuple[Event, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of `key-list --json`."""
        rows = [{"actor": e.subject, "key": e.body["key"], "what": e.kind.partition(".")[2], "by": e.body["by"],
                 "at": e.at} for e in self.told]  # fmt: skip
        return {"keys": rows}

    def text(self) -> str:
        """For the terminal."""
        if not self.told:
            return "No keys yet: decisions are not signed. Add one: ds-workflow key-add NAME --out FILE"
        rows = [[e.subject, str(e.body["key"])[:16], e.kind.partition(".")[2], str(e.body["by"]), e.at[:10]]
                for e in self.told]  # fmt: skip
        return "\n".join(tables.text_table(["person", "key", "what", "by", "on"], rows))


@dataclass(frozen=True)
class Key:
    """A key that was added or revoked."""

    actor: str
    key: str
    said: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `key-add --json` and `key-revoke --json`."""
        return {"actor": self.actor, "key": self.key}

    def text(self) -> str:
        """For the terminal."""
        return self.said


def add_key(work: Workspace, name: str, *, out: Path | None, key: Path | None) -> Key:
    """A person's key: a new one written to `out`, or the one of the file `key`."""
    from registry.signing import Signer

    signer = Signer.read(key.expanduser()) if key is not None else Signer.new()
    work.registry.require_declared(name)
    deciding.require_human(work.people, name, "sign what they decide")
    where = out.expanduser() if out is not None else key
    if out is not None:
        signer.write(out.expanduser())
    try:
        public = work.registry.add_key(name, signer=signer)
    except BaseException:
        if out is not None:
            out.expanduser().unlink(missing_ok=True)
        raise
    said = (
        f"What {name} decides is signed with {public[:16]} from now on.\nTo decide: "
        f"export DS_WORKFLOW_SIGNING_KEY={where}\nNobody else may have that file, and nothing here keeps a copy of it."
    )
    return Key(name, public, said)


def revoke_key(work: Workspace, name: str, *, by: str, reason: str) -> Key:
    """End a person's key."""
    public = work.registry.revoke_key(name, by=by, reason=reason)
    return Key(name, public, f"The key {public[:16]} of {name} signs no more; what it signed stays signed.")


def keys(work: Workspace) -> Keys:
    """Every key that was added or revoked, oldest first."""
    return Keys(tuple(work.registry.key_events()))
