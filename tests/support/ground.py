"""Whether a workspace is sound after a fault, and a workspace that can be put back to its beginning."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import forked
from forked import Ended, Job

LABELS = {"pending", "no_winner", "approved", "rolled back", "rejected", "superseded", "expired", "withdrawn",
          "apply failed", "invalidated"}  # fmt: skip


@dataclass
class Found:
    """What was wrong after a fault; empty lists are what is wanted."""

    lost: list[str] = field(default_factory=list)
    champions: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was."""
        return not (self.lost or self.champions or self.unexplained or self.problems)


def found(before: dict[str, Any], after: dict[str, Any], *, drifted: bool = False) -> Found:
    """Compare what was there with what `stricken.looked` sees now; `drifted` allows the alias to have been moved."""
    kept = after["events"][: len(before["events"])]
    lost = [f"event {n + 1}" for n, e in enumerate(before["events"]) if n >= len(kept) or kept[n] != e]
    gone = Counter(map(tuple, before["decisions"])) - Counter(map(tuple, after["decisions"]))
    told = after["json"]
    champions = [] if after["alias"] == after["champion"] or drifted else [f"{after['alias']}, not {after['champion']}"]
    unexplained = []
    status, detail = told["custody"], told["custody_detail"]["detail"]
    if status not in ({"in_custody", "none"} | ({"drifted"} if drifted else set())) or detail not in after["text"]:
        unexplained.append(f"custody {status}: {detail}")
    for proposal in told["proposals"]:
        if proposal["effect"] == "applying" or proposal["id"] not in after["text"]:
            unexplained.append(f"{proposal['id']}: {proposal['disposition']}, {proposal['effect']}")
    if "Next: " not in after["text"]:
        unexplained.append("nothing is said of what to do next")
    return Found([*lost, *map(str, gone)], champions, unexplained, list(after["problems"]))


class Ground:
    """A workspace whose two databases can be put back as they were."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._kept, self._whole = (root.with_name(f"{root.name}-{what}") for what in ("kept", "whole"))

    @property
    def store(self) -> Path:
        """The folder of both databases."""
        return self.root / "mlruns"

    def build(self) -> None:
        """Train two versions and appoint the first."""
        _ = self.run("build").done
        self.keep("none")
        _ = self.run("saga", kind="bootstrap").done
        self.keep("champion")

    def keep(self, name: str) -> None:
        """Remember the databases as they are under a name."""
        folder = self._kept / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in self._files():
            shutil.copy2(path, folder / path.name)

    def put_back(self, name: str) -> None:
        """Both databases as they were; no job may be running."""
        for path in self._files():
            path.unlink()
        for path in (self._kept / name).iterdir():
            shutil.copy2(path, self.store / path.name)

    def keep_whole(self, name: str) -> None:
        """Remember the whole workspace under a name."""
        place = self._whole / name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.root, place, symlinks=True)

    def put_whole_back(self, name: str, *, of: Path | None = None) -> None:
        """The whole workspace as it was under that name, or is in a copy; no job may be running."""
        shutil.rmtree(self.root)
        shutil.copytree(of or self._whole / name, self.root, symlinks=True)

    def kept(self, name: str) -> bool:
        """Whether the databases were kept under a name."""
        return (self._kept / name).is_dir()

    def _files(self) -> list[Path]:
        return [path for stem in ("arena.db", "mlflow.db") for path in self.store.glob(f"{stem}*")]

    def run(self, do: str, **options: Any) -> Ended:
        """A job of `stricken` on this workspace, to its end."""
        return self.start(do, **options).wait()

    def start(self, do: str, **options: Any) -> Job:
        """A job of `stricken` on this workspace."""
        return forked.start(f"stricken.{do}", root=str(self.root), **options)

    def look(self, **options: Any) -> dict[str, Any]:
        """What `arena-status` and `arena-verify` tell now."""
        told: dict[str, Any] = self.run("looked", **options).done
        return told
