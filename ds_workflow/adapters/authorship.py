"""Who wrote a file last, by the git that keeps it."""

from __future__ import annotations

import subprocess
from pathlib import Path


def last_editor(path: Path) -> tuple[str, ...]:
    """The names that the last commit of a file gives its author: name, address, the address up to its @.

    Empty outside git, without git, and for a file that was never committed.
    """
    try:
        done = subprocess.run(
            ("git", "-C", str(path.parent), "log", "-1", "--format=%an%n%ae", "--", path.name),  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = done.stdout.split("\n")[:2] if done.returncode == 0 else []
    names = [line.strip() for line in lines if line.strip()]
    return tuple(dict.fromkeys([*names, *(name.partition("@")[0] for name in names[1:])]))
