"""Questions to git: what it says of a repository, or nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

_AS_WRITTEN = ("-c", "core.quotepath=off", "-c", "core.hooksPath=/dev/null")


def said(folder: Path, *words: str, seconds: float = 20) -> str | None:
    """What git prints; None where it refuses, is missing or hangs. Paths come as they are written; no hook is run."""
    try:
        done = subprocess.run(
            ("git", "-C", str(folder), *_AS_WRITTEN, *words),  # noqa: S607 - the git of the user's PATH
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
