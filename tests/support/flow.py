"""The command line on one workspace, in real processes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked


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
    """Commands on one workspace: each a process of its own, forked from one that has done the imports.

    `typed` goes through the shell and the script instead, as a person's words do.
    """

    def __init__(self, house: Path, home: Path) -> None:
        self.house, self.home = house, home
        self.script = house / "scripts" / "ds_workflow.sh"

    def __call__(self, *words: str, code: int = 0) -> Answer:
        ended = forked.run("forked.command", words=["--workspace", str(self.home), *words])
        return _checked(Answer(ended.status, ended.out, ended.err), words, code=code)

    def typed(self, line: str, *more: str, code: int = 0) -> Answer:
        """A line of a document, word for word, by a shell that stands in the workspace."""
        written = line.replace("./scripts/ds_workflow.sh", shlex.quote(str(self.script)), 1)
        done = subprocess.run(
            ["bash", "-c", " ".join([written, *map(shlex.quote, more)])],
            capture_output=True, text=True, check=False, cwd=self.home, stdin=subprocess.DEVNULL, timeout=1200,
        )  # fmt: skip
        return _checked(Answer(done.returncode, done.stdout, done.stderr), (line,), code=code)


def _checked(answer: Answer, words: tuple[str, ...], *, code: int) -> Answer:
    assert answer.code == code, f"{words}: exit {answer.code}\n{answer.out[-3000:]}\n{answer.err[-3000:]}"
    assert "Traceback" not in answer.out + answer.err
    return answer


def commands_of_readme(house: Path) -> list[str]:
    """The commands of README's round by hand, continuation lines joined."""
    text = (house / "README.md").read_text("utf-8")
    block = text.split("<!-- commands:begin -->")[1].split("<!-- commands:end -->")[0]
    (code,) = re.findall(r"```sh\n(.*?)```", block, re.DOTALL)
    return [line.strip() for line in code.replace("\\\n", " ").splitlines() if line.strip()]
