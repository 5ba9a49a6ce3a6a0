"""What a chat model is asked, and the code in what it says."""

from __future__ import annotations

import re

from ds_workflow.domain.code_eval.tasks import Task

SYSTEM = "You are a careful Python programmer. Answer with one Python code block and nothing else."
_FENCED = re.compile(r"```[ \t]*([A-Za-z0-9_+-]*)[ \t]*\n(.*?)(?:\n?```|\Z)", re.DOTALL)


def question(task: Task) -> str:
    """The words of the request: a prompt that is code is to be completed, prose to be answered by the named functions,
    with the tests' first line to show how they are called."""
    if "def " in task.prompt:
        return f"Complete this Python function. Repeat it whole, with what it imports.\n\n{task.prompt}"
    first = task.tests.strip().splitlines()[0] if task.tests.strip() else ""
    return f"{task.prompt}\n\nThe function is called `{task.entry_point}`. It is tested like this: {first}"


def code_in(said: str) -> str:
    """The code of an answer: its Python blocks, or else its first fenced block, or else all of it."""
    blocks = _FENCED.findall(said)
    python = [body for tag, body in blocks if tag.lower() in ("python", "py", "python3")]
    if python:
        return "\n\n".join(python)
    return str(blocks[0][1]) if blocks else said
