"""One further section of a run card, with the files that hold its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Annex:
    """A section of a run card. `markdown` has no heading of its own; `files` maps a file name to its text; `charts` are
    (title, wide SVG, slim SVG) for the page."""

    title: str
    markdown: str
    files: Mapping[str, str] = field(default_factory=dict)
    charts: tuple[tuple[str, str, str], ...] = ()
