"""Written hypotheses as Markdown files with YAML front matter, one file per id, named after it.

Reading never changes a file. Writing is atomic and serialised by a lock on the folder, so that two processes that
write outcomes at once lose neither.
"""

from __future__ import annotations

import difflib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ds_workflow import plugins
from ds_workflow.adapters import policies
from ds_workflow.adapters.hypothesis_text import read
from ds_workflow.domain.gate_spec import GateSpec
from ds_workflow.domain.hypothesis import (
    Gap,
    Hypothesis,
    content_digest,
    filled_template,
    lineage,
    valid_id,
)
from ds_workflow.domain.hypothesis_check import incomplete, judge
from ds_workflow.domain.outcome import OutcomeEntry, outcomes, with_outcome
from ds_workflow.domain.problem import Problem
from ds_workflow.errors import IncompleteHypothesis, InvalidInput, StateConflict
from ds_workflow.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    pass

INDEX = "BACKLOG.md"
_LARGEST = 1_000_000  # bytes; a hypothesis is a page or two


@dataclass(frozen=True)
class Check:
    """What `hypothesis-check` shows, but for the power, which needs rows. `missing` is empty when complete."""

    id: str
    complete: bool
    missing: tuple[str, ...]
    hypothesis: Hypothesis | None


@dataclass(frozen=True)
class Listed:
    """One line of the index. `status`: draft (something is missing), ready, tested, or shipped (it
    stands in the checkout alone until it is asked for). `outcome`: the latest, or ''."""

    id: str
    title: str
    change_type: str
    owner: str
    problem: str
    parent: str
    status: str
    outcome: str
    missing: int
    path: Path


def of(settings: Settings) -> HypothesisStore:
    """The hypotheses of a workspace, checked against the problems' declarations and the policies that hold there."""

    @cache
    def problem(name: str) -> Problem:
        declared: Problem = plugins.load("problems", name).PROBLEM
        return declared

    @cache
    def gates(name: str) -> tuple[GateSpec, ...]:
        return policies.load(settings.policy(name), problem(name)).gates

    own, shipped = settings.hypotheses, CHECKOUT / "docs" / "hypotheses"
    beside = shipped if shipped.is_dir() and shipped.resolve() != own.resolve() else None
    return HypothesisStore(own, problem=problem, guardrails=gates, shipped=beside)


class HypothesisStore:
    """The folder of hypotheses (docs/hypotheses in a workspace).

    `problem` finds a problem's declaration by name, so that names are checked against it; `guardrails` gives the
    gates that a problem's policy knows, or only their names. Without it they are taken as written. `shipped` is a
    folder of documents that stand in for those that the folder lacks: they are listed, and `adopt` takes one in.
    """

    def __init__(
        self,
        folder: Path,
        *,
        problem: Callable[[str], Problem] | None = None,
        guardrails: Callable[[str], Iterable[str | GateSpec]] | None = None,
        shipped: Path | None = None,
    ) -> None:
        self.folder = folder
        self.shipped = HypothesisStore(shipped, problem=problem, guardrails=guardrails) if shipped else None
        self._problem = problem
        self._guardrails = guardrails

    def path_for(self, ident: str) -> Path:
        """Where the document of that id stands or would stand. InvalidInput for what is no id."""
        return self.folder / f"{valid_id(ident)}.md"

    def ids(self) -> tuple[str, ...]:
        """The ids of all documents, sorted; files named otherwise are not hypotheses."""
        found = []
        for path in self.folder.glob("H-*.md"):
            try:
                found.append(valid_id(path.stem))
            except InvalidInput:
                continue
        return tuple(sorted(found))

    def adopt(self, ident: str) -> None:
        """Copy a shipped document that the folder lacks into it, and those that it grew from, so that it can be tested
        and its outcome written. What stands there already stays as it is; an id that nobody ships changes nothing."""
        path = self.path_for(ident)
        if self.shipped is None or path.exists() or ident not in self.shipped.ids():
            return
        parent = self.shipped._parents()[ident]
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if not path.exists():
                self._replace(path, self.shipped.text(ident))
        if parent:
            self.adopt(parent)

    def holder(self, ident: str) -> HypothesisStore:
        """Where the document of that id can be read: here, or where it is shipped as long as nobody asked for it."""
        shipped = self.shipped is not None and not self.path_for(ident).exists() and ident in self.shipped.ids()
        return self.shipped if shipped and self.shipped is not None else self

    def text(self, ident: str) -> str:
        """The document as it stands. IncompleteHypothesis, with the nearest ids, when there is none."""
        path = self.path_for(ident)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            known = {*self.ids(), *(self.shipped.ids() if self.shipped else ())}
            near = difflib.get_close_matches(ident, sorted(known), n=3, cutoff=0.5)
            hint = f"Run 'hypothesis-new {ident}' to write it" + (
                f", or did you mean {' or '.join(near)}?" if near else "."
            )
            raise IncompleteHypothesis(f"There is no written hypothesis '{ident}' ({path}).", hint=hint) from None
        except OSError as error:
            raise InvalidInput(f"{path} can't be read: {error.strerror}.") from error
        if len(raw) > _LARGEST:
            raise InvalidInput(f"{path} has {len(raw):,} bytes; a hypothesis has at most {_LARGEST:,}.")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise InvalidInput(f"{path}, line {line}: not UTF-8 text.", hint="Save it as UTF-8.") from error

    def _judge(
        self, ident: str, text: str, *, parents: Mapping[str, str] | None = None
    ) -> tuple[Hypothesis | None, tuple[Gap, ...]]:
        """`parents` are those of all documents, where many are judged one after the other."""
        try:
            draft = read(text)
        except InvalidInput as error:
            return None, (Gap("document", f"{error} {error.hint}".strip()),)
        name = str(draft.front.get("problem") or "")
        known: tuple[str | GateSpec, ...] = ()
        if self._guardrails is not None and name:
            try:
                known = tuple(self._guardrails(name))
            except InvalidInput:
                known = ()  # the unknown problem is named by the check of the problem itself
        made, gaps = judge(draft, problem=self._problem, guardrails=known)
        more = []
        if made is not None and made.id != ident:
            more.append(Gap("id", f"is '{made.id}', but the file is {ident}.md; they must agree.", draft.lines["id"]))
        if made is not None and made.parent:
            try:
                lineage(self._parents() if parents is None else parents, made.id)
            except InvalidInput as error:
                more.append(Gap("parent", str(error), draft.lines["parent"]))
        return (None if more else made), (*gaps, *more)

    def _parents(self) -> dict[str, str]:
        """The parent of every document that can be read; a broken one counts as a root."""
        found = {}
        for ident in self.ids():
            try:
                found[ident] = str(read(self.text(ident)).front.get("parent") or "").strip()
            except InvalidInput:
                found[ident] = ""
        return found

    def check(self, ident: str) -> Check:
        """What is missing in the document; IncompleteHypothesis only when there is no document."""
        made, gaps = self._judge(ident, self.text(ident))
        return Check(ident, made is not None, tuple(map(str, gaps)), made)

    def load(self, ident: str) -> Hypothesis:
        """The complete hypothesis. IncompleteHypothesis lists everything that is missing."""
        made, gaps = self._judge(ident, self.text(ident))
        if made is None:
            raise incomplete(ident, gaps)
        return made

    def digest(self, ident: str) -> str:
        """The digest of the document as it stands, complete or not: whether it is the one that was locked."""
        return content_digest(self.text(ident))

    def lineage(self, ident: str) -> tuple[str, ...]:
        """The id, its parent, and so on up to the root."""
        self.text(ident)
        return lineage(self._parents(), ident)

    def new(self, ident: str, *, title: str = "", owner: str = "", problem: str = "", parent: str = "") -> Path:
        """Write the template for a new id. StateConflict when the document is already there: nothing is overwritten."""
        text, path = (
            filled_template(ident, title=title, owner=owner, problem=problem, parent=parent),
            self.path_for(ident),
        )
        if parent:
            self.text(parent)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if path.exists():
                raise StateConflict(
                    f"{path} is already there, and a hypothesis is never overwritten.",
                    hint=f"Edit it and run 'hypothesis-check {ident}', or take another number.",
                )
            self._replace(path, text)
        return path

    def outcomes(self, ident: str) -> tuple[OutcomeEntry, ...]:
        """What the arena has written so far, oldest first."""
        return outcomes(self.text(ident))

    def write_outcome(self, ident: str, entry: OutcomeEntry) -> Path:
        """Put `entry` into the Outcome block and bring the index, if there is one, up to date.

        The rest of the document stays as it is, byte for byte; the same entry again changes nothing.
        """
        path = self.path_for(ident)
        self.text(ident)
        with self._locked():
            self._replace(path, with_outcome(self.text(ident), entry))
            if (self.folder / INDEX).exists():
                self._replace(self.folder / INDEX, self.index())
        return path

    def list(self) -> tuple[Listed, ...]:
        """Every document, complete or not, by id; those that are only shipped are said to be."""
        mine = {*self.ids()}
        shipped = (one for one in (self.shipped.list() if self.shipped else ()) if one.id not in mine)
        found = [replace(one, status="shipped") for one in shipped]
        parents = self._parents()
        found += [self._line(ident, parents) for ident in parents]
        return tuple(sorted(found, key=lambda one: one.id))

    def listed(self, ident: str) -> Listed:
        """The line of one document. IncompleteHypothesis when there is none."""
        holder = self.holder(ident)
        found = holder._line(ident, None)
        return found if holder is self else replace(found, status="shipped")

    def _line(self, ident: str, parents: Mapping[str, str] | None) -> Listed:
        text = self.text(ident)
        made, gaps = self._judge(ident, text, parents=parents)
        try:
            front, entries = read(text).front, outcomes(text)
        except InvalidInput:
            front, entries = {}, ()
        said = {name: str(front.get(name) or "") for name in ("title", "change_type", "owner", "problem", "parent")}
        status = "draft" if made is None else "tested" if entries else "ready"
        latest = entries[-1].outcome if entries else ""
        return Listed(ident, **said, status=status, outcome=latest, missing=len(gaps), path=self.path_for(ident))

    def index(self) -> str:
        """The backlog page of the documents in the folder: the same documents give the same text."""
        listed = [one for one in self.list() if one.status != "shipped"]
        cells = [
            (f"[{h.id}]({h.id}.md)", h.title, h.problem, h.change_type, h.owner, h.parent, h.status, h.outcome)
            for h in listed
        ]
        head = ("Id", "Title", "Problem", "Change type", "Owner", "Parent", "Status", "Outcome")
        children: dict[str, list[str]] = {}
        known = {h.id for h in listed}
        for h in listed:
            children.setdefault(h.parent if h.parent in known else "", []).append(h.id)

        def tree(parent: str, depth: int) -> Iterator[str]:
            for ident in children.get(parent, ()):
                yield f"{'  ' * depth}- {ident}"
                yield from tree(ident, depth + 1)

        lines = [
            "# Hypothesis backlog",
            "",
            "Generated from the documents beside it by `hypothesis-list --write`; change those, not this page.",
            "",
            "| " + " | ".join(head) + " |",
            "|" + "---|" * len(head),
            *("| " + " | ".join(" ".join(c.split()).replace("|", "\\|") for c in row) + " |" for row in cells),
            "",
            "## Lineage",
            "",
            *(tree("", 0) if listed else ["No hypothesis is written yet."]),
        ]
        return "\n".join(lines) + "\n"

    def write_index(self) -> Path:
        """Write the backlog page."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self._replace(self.folder / INDEX, self.index())
        return self.folder / INDEX

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; the lock is on the folder itself and leaves no file behind."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            for left in self.folder.glob(".*.md.*"):  # by a process that was killed while it wrote
                left.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)

    def _replace(self, path: Path, text: str) -> None:
        """All of the new text or all of the old one, whenever the machine stops."""
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
