"""The shell script on one workspace, in real processes."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Flow:
    """The shell script on one workspace."""

    def __init__(self, house: Path, home: Path) -> None:
        self.script, self.home = house / "scripts" / "ds_workflow.sh", home

    def __call__(self, *words: str, code: int = 0, environ: dict[str, str] | None = None) -> Answer:
        done = subprocess.run(
            [str(self.script), "--workspace", str(self.home), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(environ or {})},
            timeout=1200,
        )
        answer = Answer(done.returncode, done.stdout, done.stderr)
        assert answer.code == code, f"{words}: exit {answer.code}\n{answer.out[-3000:]}\n{answer.err[-3000:]}"
        assert "Traceback" not in answer.out + answer.err
        return answer
