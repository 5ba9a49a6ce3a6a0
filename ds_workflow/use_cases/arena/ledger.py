"""The ledger as a whole: check it, carry it away with its own check, and keep the keys that sign in it."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.errors import InvalidInput
from ds_workflow.reports import tables
from ds_workflow.use_cases.arena.view import Checked
from registry import deciding
from registry.signing import KEY_ADDED

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Event
    from registry.signing import Signer
    from registry.verifying import Checkpoint

CHECKPOINT = "arena.checkpoint.json"


def verify(work: Workspace, *, recent: bool = False, keys: Sequence[str] = ()) -> Checked:
    """The chain of events, its head outside, signatures and the pointer log; `recent`: since the last good check.

    `keys` are public keys that people handed over, `NAME=HEX`. Nothing of the ledger is changed or finished.
    """
    trusted = _trusted(keys)
    since = _checkpoint(work) if recent else None
    reached = work.registry.checkpoint()
    found = work.registry.verify(
        since=since, trusted=trusted, progress=lambda n, of: work.say(f"{n:,} of {of:,} events checked")
    )
    if found.ok and reached is not None:
        text = json.dumps({"seq": reached.seq, "hash": reached.hash})
        work.path("mlruns", CHECKPOINT).write_text(text + "\n", "utf-8")
    what = "Events" if since is None else f"Events after the checkpoint at {since.seq:,}"
    return Checked(found.ok, found.checked, tuple(found.problems), what, found.notes)


def _trusted(keys: Sequence[str]) -> dict[str, str]:
    from registry import offline

    try:
        return dict(map(offline.pair, keys))
    except ValueError as error:
        raise InvalidInput(
            f"{error}.", hint="'key-list' shows whole keys; take it from its person, not from here."
        ) from error


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


def verify_export(
    path: Path, head: str = "", *, keys: Sequence[str] = (), say: Callable[[str], object] = lambda _: None
) -> Checked:
    """An export checked by this release's copy of the program that travels in it. `head` and `keys` (`NAME=HEX`) came
    from elsewhere. Raises InvalidInput when there is none."""
    from registry import offline

    trusted, notes = _trusted(keys), list[str]()
    try:
        count, found = offline.check(
            offline.read(path), head, keys=trusted, notes=notes, progress=lambda n: say(f"{n:,} events checked")
        )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidInput(f"{path} is no export of a ledger: {error}", hint="'arena-export' writes one.") from error
    return Checked(not found, count, tuple(found), f"Events of {path}", tuple(notes))


@dataclass(frozen=True)
class Exported:
    """A written export."""

    path: Path
    events: int
    head: str
    program: str  # the SHA-256 of the verify.py in it
    lacks: tuple[str, ...] = ()  # rows that could not be read

    def to_dict(self) -> dict[str, Any]:
        """The document of `arena-export --json`."""
        told = {"path": str(self.path), "events": self.events, "head": self.head, "verify_sha256": self.program}
        return {**told, "unreadable": list(self.lacks)} if self.lacks else told

    def text(self) -> str:
        """For the terminal."""
        lines = [
            f"{self.events:,} events in {self.path}",
            f"Head: {self.head or 'none yet'}",
            "Send the head to somebody who keeps it: with it, an end that is cut off later shows.",
            f"Check it anywhere: python verify.py {self.path.name} --head '{self.head}' --key NAME=HEX",
            "with the public keys that people handed over ('key-list' prints them whole), and a verify.py of your own:",
            f"the one in it has SHA-256 {self.program}",
        ]
        if self.lacks:
            lines += [f"It lacks {len(self.lacks)} rows that can't be read, and says so:", *self.lacks]
        return "\n".join(lines)


def export(work: Workspace, path: Path) -> Exported:
    """Write the whole ledger to a zip."""
    from registry import exporting
    from registry.records import utc_text

    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a file in it.")
    lacks: list[str] = []
    count, head = work.registry.export(path, at=utc_text(work.clock()), faults=lacks)
    printable = (told.encode(errors="backslashreplace").decode() for told in dict.fromkeys(lacks))
    return Exported(path, count, head, exporting.program_digest(), tuple(printable))


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
        whole = [f"  {e.subject}={e.body['key']}" for e in self.told if e.kind == KEY_ADDED]
        table = tables.text_table(["person", "key", "what", "by", "on"], rows)
        return "\n".join(
            [*table, "", "The public keys whole, for --key; whoever checks takes them from their people:", *whole]
        )


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


def add_key(work: Workspace, name: str, *, out: Path | None, key: Path | None, by: str = "") -> Key:
    """A person's key: a new one written to `out`, or the one of the file `key`. `by` stands for a first one."""
    from registry.signing import Signer

    begun = _begun(work, name, out.expanduser()) if out is not None else None
    signer = begun or (Signer.read(key.expanduser()) if key is not None else Signer.new())
    work.registry.require_declared(name)
    deciding.require_human(work.people, name, "sign what they decide")
    where = out.expanduser() if out is not None else key
    if out is not None and begun is None:
        signer.write(out.expanduser())
    try:
        public = work.registry.add_key(name, signer=signer, by=by)
    except BaseException:
        if out is not None and begun is None:
            out.expanduser().unlink(missing_ok=True)
        raise
    said = (
        f"What {name} decides is signed with {public[:16]} from now on.\nThe public key, to hand to whoever checks: "
        f"{name}={public}\nThe chain names it too, but whoever rewrites the chain can put in another.\nTo decide: "
        f"export DS_WORKFLOW_SIGNING_KEY={where}\nNobody else may have that file, and nothing here keeps a copy of it."
    )
    return Key(name, public, said)


def _begun(work: Workspace, name: str, out: Path) -> Signer | None:
    """The key that this command wrote to `out` before it was stopped, whether or not the chain heard of it; None to
    make a new one.

    A file without a byte holds no key and is taken away; any other that is there is refused when the key is written.
    """
    from registry.errors import InvalidRecord
    from registry.signing import Signer, active_key

    if not out.is_file():
        return None
    if out.stat().st_size == 0:
        out.unlink()
        return None
    with suppress(InvalidRecord):
        found = Signer.read(out)
        told = work.registry.key_events()
        if active_key(told, name) == found.public or all(event.body["key"] != found.public for event in told):
            return found
    return None


def revoke_key(work: Workspace, name: str, *, by: str, reason: str) -> Key:
    """End a person's key."""
    public = work.registry.revoke_key(name, by=by, reason=reason)
    return Key(name, public, f"The key {public[:16]} of {name} signs no more; what it signed stays signed.")


def keys(work: Workspace) -> Keys:
    """Every key that was added or revoked, oldest first."""
    return Keys(tuple(work.registry.key_events()))
