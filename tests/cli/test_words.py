"""What is typed is text, or is refused before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ds_workflow.cli.main import main

BROKEN = b"na\xefve".decode(errors="surrogateescape")  # as Python hands on an argument that is not UTF-8


@pytest.mark.parametrize(
    "words",
    [
        ["arena-reject", "--proposal-id", "P-1", "--rejected-by", "ana", "--reason", BROKEN],
        ["arena-approve", "--proposal-id", "P-1", "--approved-by", BROKEN],
        ["arena-verify", "--key", f"{BROKEN}={'ab' * 32}"],
        ["arena-verify", "--key", "ana=12"],
    ],
)
def test_words_that_are_no_text_are_bad_input(words: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--workspace", str(tmp_path), *words])
    assert done.exit_code == 2, done.output
    assert "UTF-8" in done.output or "64 hex digits" in done.output
    assert list(tmp_path.iterdir()) == []
