"""A page on paper: PDF by a Chromium that is installed, without one said so. Nothing is fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from ds_workflow.errors import SourceUnavailable

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 120


def browser() -> str:
    """The path of an installed Chromium (or the one that DS_WORKFLOW_CHROMIUM names); empty without one."""
    named = os.environ.get("DS_WORKFLOW_CHROMIUM", "")
    if named:
        return named if shutil.which(named) else ""
    return next((path for path in map(shutil.which, BROWSERS) if path), "")


def to_pdf(page: Path, target: Path) -> None:
    """Print an HTML file to a PDF file. Raises SourceUnavailable when there is no browser or it fails."""
    found = browser()
    if not found:
        raise SourceUnavailable(
            f"No Chromium was found, so {target.name} was not printed.",
            hint="Install one (Debian: apt-get install chromium) or name it in DS_WORKFLOW_CHROMIUM; or print the page "
            "from any browser.",
        )
    with TemporaryDirectory(prefix="print-") as profile:
        words = [found, "--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={profile}"]
        words += ["--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND"]
        words += ["--generate-pdf-document-outline", f"--print-to-pdf={target}"]
        if os.geteuid() == 0:  # its own sandbox refuses to run as root
            words.append("--no-sandbox")
        try:
            done = subprocess.run(
                [*words, page.resolve().as_uri()], capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceUnavailable(f"{found} did not print {page.name}: {error}.") from error
    if done.returncode != 0 or not target.is_file() or target.stat().st_size == 0:
        raise SourceUnavailable(f"{found} did not print {page.name}: {done.stderr.strip()[-200:]}.")
