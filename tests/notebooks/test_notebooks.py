"""Every problem has a notebook that runs on a few simulated rows; the committed ones are made from their scripts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from ds_workflow import plugins

HOUSE = Path(__file__).resolve().parent.parent.parent
FOLDER = HOUSE / "notebooks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("make", "support"))
ROWS = "1500"
KIB = 200  # of a committed notebook
SEEN = {"text/html", "image/svg+xml", "text/markdown"}


def source_of(book: Any) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in book.cells]


def test_every_problem_has_a_notebook() -> None:
    assert set(plugins.names("problems")) == set(SCRIPTS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all notebooks, made anew by one command, each in a kernel of its own."""
    folder = tmp_path_factory.mktemp("notebooks")
    done = subprocess.run(
        [sys.executable, str(FOLDER / "make.py"), "--rows", ROWS, "--html", "--out", str(folder)],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs_on_a_few_simulated_rows(name: str, made: Path) -> None:
    page = (made / f"{name}.html").read_text("utf-8")
    assert page.count("<svg") >= 2 and "<script" not in page and not re.search(r"(?:src|href)=.https?:", page)
    book = nbformat.read(made / f"{name}.ipynb", as_version=4)
    strays = [out for cell in book.cells for out in cell.get("outputs", ()) if out.output_type == "stream"]
    assert not strays, "a notebook shows what it means to show, and no warnings"
    shown = [kind for cell in book.cells for out in cell.get("outputs", ()) for kind in out.get("data", {})]
    assert shown.count("image/svg+xml") >= 2 and shown.count("text/html") >= 5, "no pictures, or no tables"


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_committed_one_is_made_from_its_script(name: str) -> None:
    jupytext = pytest.importorskip("jupytext")
    path = FOLDER / f"{name}.ipynb"
    assert path.exists(), f"run 'python notebooks/make.py {name}'"
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert source_of(book) == source_of(jupytext.read(FOLDER / f"{name}.py")), f"old: python notebooks/make.py {name}"
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "not run from the top, once"
    for cell in code:
        for out in cell.outputs:
            assert out.output_type in ("display_data", "execute_result"), f"{cell.source}: {out}"
            assert SEEN & set(out.data), "an output that only shows where it lay in memory"
    assert path.stat().st_size < KIB * 1024
