"""Killing a command in the middle of every write, without a list of its steps.

Whatever a command does, it changes something only by a commit of a database or by writing, renaming or deleting a file.
Both are seen here from outside: SQLAlchemy tells of the commits of the ledger, of MLflow and of every other database,
and Python's audit hook of files. A point is in the middle of such a write: before a commit, a renaming or a deletion,
and after a file was made and before anything stands in it. So whatever a later command writes is a point by itself. The
hook stays for the life of the process: this is for one that is forked for one command. (A file that a library opens in
C, as a parquet file, is no point of its own; what comes before and after it is.)
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP"})
MOVES = {"os.rename": 1, "os.link": 1, "os.symlink": 1, "os.remove": 0, "os.rmdir": 0}  # and which path they change


def place(name: str) -> str:
    """Where a write of that name goes: a database, or a folder."""
    kind, _, where = name.partition(": ")
    return kind if kind not in ("file", *(move.removeprefix("os.") for move in MOVES)) else str(Path(where).parent)


def _empty(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))


class Points:
    """Every write below `root` from `watch` on, by name.

    At number `kill_at` (from 1) the process tells what it wrote, and kills itself. With `copies` it lives on, and
    leaves there, under its number, the folder as a kill would leave it, for every write before which another store or
    folder was written to.
    """

    def __init__(
        self,
        root: Path,
        *,
        kill_at: int = 0,
        copies: Path | None = None,
        told: Callable[[list[str]], None] = lambda _: None,
    ) -> None:
        self._root, self._kill_at, self._copies, self._told = str(root.resolve()) + os.sep, kill_at, copies, told
        self.names: list[str] = []
        self._busy = False

    def watch(self) -> None:
        """Begin."""
        import sqlalchemy as sa

        sa.event.listen(sa.Engine, "before_cursor_execute", self._executed)
        sa.event.listen(sa.Engine, "commit", self._committed)
        sys.addaudithook(self._audited)

    def _point(self, name: str, torn: str = "") -> None:
        self.names.append(name)
        self._busy = True
        if len(self.names) == self._kill_at:
            if torn:
                _empty(Path(torn))
            self._told(self.names)
            os.kill(os.getpid(), signal.SIGKILL)
        if self._copies is not None and (len(self.names) == 1 or place(name) != place(self.names[-2])):
            there = self._copies / str(len(self.names))
            shutil.copytree(self._root, there, symlinks=True)
            if torn:
                _empty(there / torn.removeprefix(self._root))
        self._busy = False

    def _executed(self, connection: Any, cursor: object, statement: str, *rest: object) -> None:
        words = statement.split(None, 3)
        if words and words[0].upper() in CHANGES:
            connection.info["changes"] = " ".join(words[:3])

    def _committed(self, connection: Any) -> None:
        if changes := connection.info.pop("changes", ""):
            self._point(f"{Path(str(connection.engine.url.database)).stem}: {changes}")

    def _audited(self, event: str, values: tuple[Any, ...]) -> None:
        if self._busy:
            return
        if event == "open":
            path, _, flags = values
            made = isinstance(flags, int) and (flags & os.O_TRUNC or (flags & os.O_CREAT and flags & os.O_EXCL))
            if made and (where := self._inside(path)) and not Path(os.fsdecode(path)).is_dir():
                self._point(f"file: {where}", os.fsdecode(path))
        elif event in MOVES and (where := self._inside(values[MOVES[event]])):
            self._point(f"{event.removeprefix('os.')}: {where}")

    def _inside(self, path: Any) -> str:
        if not isinstance(path, str | bytes | os.PathLike):
            return ""
        whole = str(Path.cwd() / os.fsdecode(path))
        return whole.removeprefix(self._root) if whole.startswith(self._root) else ""
