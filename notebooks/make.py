"""Run the notebooks' scripts into executed notebooks: `python notebooks/make.py [NAME ...]`.

    python notebooks/make.py                      # all of them, in place
    python notebooks/make.py nyc_sales --rows 2000 --html --out /some/folder

No network is used and no real rows are read. What is written holds no time, path or name of a machine, so that the same
code gives the same file.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
SHARED = ("make", "support")
SECONDS = 600  # for one cell


def names() -> list[str]:
    """The notebooks, by their scripts."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in SHARED)


def cells(name: str) -> Any:
    """The notebook of a script, not yet run; its cells are numbered, so that nothing in it is random."""
    import jupytext

    book = jupytext.read(HERE / f"{name}.py")
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(book.cells):
        cell["id"] = f"{name.replace('_', '-')}-{number}"
    return book


def run(name: str) -> Any:
    """The executed notebook; raises nbclient's CellExecutionError with the cell that failed."""
    from nbclient import NotebookClient
    from traitlets.config import Config

    book = cells(name)
    kernel = book.metadata
    with TemporaryDirectory(prefix="kernel-") as sockets:  # files, not ports: nobody else on the machine can listen
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}})
        folder = {"metadata": {"path": str(HERE)}}
        NotebookClient(
            book, config=config, kernel_name="python3", timeout=SECONDS, record_timing=False, resources=folder
        ).execute()
    book.metadata = kernel
    return book


def write(name: str, folder: Path, *, as_page: bool = False) -> list[Path]:
    """Run a notebook and write it as `<folder>/<name>.ipynb`, and as a self-contained page where that is asked for."""
    import nbformat

    book = run(name)
    nbformat.validate(book)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.ipynb"
    nbformat.write(book, target)
    if not as_page:
        return [target]
    target.with_suffix(".html").write_text(page_of(book, name), "utf-8")
    return [target, target.with_suffix(".html")]


def page_of(book: Any, name: str) -> str:
    """The executed notebook as one HTML file: no script, nothing fetched."""
    sys.path.insert(0, str(HERE.parent))
    from ds_workflow.reports import markup
    from ds_workflow.reports.page import page
    from ds_workflow.reports.tables import esc

    def shown(data: dict[str, str]) -> str:
        if "text/markdown" in data:
            return markup.html(data["text/markdown"])
        return data.get("image/svg+xml") or data.get("text/html") or f"<pre>{esc(data.get('text/plain', ''))}</pre>"

    parts = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            parts.append(markup.html(cell.source))
        else:
            parts.append(f"<details><summary>code</summary><pre>{esc(cell.source)}</pre></details>")
            parts += [shown(out["data"]) for out in cell.outputs if "data" in out]
    return page(f"Notebook: {name}", "<section>" + "\n".join(parts) + "</section>")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(names())}")
    parser.add_argument("--rows", type=int, help="no more simulated rows than these")
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder of the .ipynb files (default: beside the scripts)"
    )
    parser.add_argument("--html", action="store_true", help="write a self-contained page beside each notebook")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(names())):
        parser.error(f"there is no notebook {', '.join(unknown)}; known: {', '.join(names())}")
    if given.rows is not None:
        os.environ["DS_WORKFLOW_NOTEBOOK_ROWS"] = str(given.rows)
    for name in given.names or names():
        for target in write(name, given.out, as_page=given.html):
            sys.stdout.write(f"{target}: {target.stat().st_size // 1024} KiB\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
