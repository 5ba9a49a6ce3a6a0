"""Figures that say where they come from: each is a link into a file of evidence, and the file's digest stands below.

A figure is written as `[17.79 %](evidence/scorecard.json#/overall/mdape)`: the file beside the document and a JSON
pointer (RFC 6901) into it. What is not there says NOT PROVIDED, visibly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ds_workflow.domain.citation import FOLDER
from ds_workflow.reports.tables import NOT_PROVIDED, code, finite, md, measure

MISSING = f"**{NOT_PROVIDED}**"


@dataclass(frozen=True)
class Source:
    """A file of evidence: its key, its bytes as text, and what it is. `content` is its JSON, None where it is none."""

    key: str
    name: str
    text: str
    what: str

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, 64 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def path(self) -> str:
        """Where it lies beside a document."""
        return f"{FOLDER}/{self.name}"

    @property
    def content(self) -> Any:
        """The JSON that it holds; None for any other text."""
        return json.loads(self.text) if self.name.endswith(".json") else None

    @staticmethod
    def of(key: str, value: Any, what: str) -> Source:
        """A record as evidence: sorted, indented JSON."""
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False, default=str)
        return Source(key, f"{key}.json", text + "\n", what)


class Shelf:
    """The sources of one pack by key, and the figures out of them."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = {source.key: source for source in sources}
        self._content = {key: source.content for key, source in self.sources.items()}

    def has(self, key: str) -> bool:
        """Whether there is such a source."""
        return key in self.sources

    def get(self, key: str, *steps: str | int) -> Any:
        """What stands at a place of a source; None where nothing does."""
        at = self._content.get(key)
        for step in steps:
            if isinstance(at, Mapping):
                at = at.get(str(step))
            elif isinstance(at, list) and isinstance(step, int) and 0 <= step < len(at):
                at = at[step]
            else:
                return None
        return at

    def figure(self, key: str, *steps: str | int, unit: str = "", difference: bool = False) -> str:
        """The number at a place, in its unit, linked; NOT PROVIDED where there is none."""
        value = finite(self.get(key, *steps))
        return (
            self.link(key, *steps, text=measure(value, unit, difference=difference)) if value is not None else MISSING
        )

    def span(self, key: str, *steps: str | int, unit: str = "", difference: bool = False) -> str:
        """The interval at a place as two linked ends; NOT PROVIDED where there is none."""
        ends = self.get(key, *steps)
        if not isinstance(ends, list) or len(ends) != 2:
            return MISSING
        return " to ".join(self.figure(key, *steps, i, unit=unit, difference=difference) for i in (0, 1))

    def word(self, key: str, *steps: str | int) -> str:
        """The text at a place as linked code; NOT PROVIDED where it is empty."""
        value = self.get(key, *steps)
        text = "" if value is None else str(value)
        return self.link(key, *steps, text=code(text)) if text else MISSING

    def text(self, key: str, *steps: str | int) -> str:
        """The text at a place as running words, its numbers covered by the link; NOT PROVIDED where it is empty."""
        value = self.get(key, *steps)
        text = "" if value is None else str(value)
        return self.link(key, *steps, text=md(text)) if text else MISSING

    def link(self, key: str, *steps: str | int, text: str) -> str:
        """A link to a place of a source."""
        pointer = "".join(f"/{str(s).replace('~', '~0').replace('/', '~1')}" for s in steps)
        target = self.sources[key].path + (f"#{quote(pointer, safe='/~')}" if pointer else "")
        return f"[{text}]({target})"

    def below(self, *keys: str) -> str:
        """The line below a table: its sources with their digests; what is not there says NOT PROVIDED."""
        said = [
            f"{self.link(k, text=self.sources[k].name)} {code(self.sources[k].digest[:16])}"
            for k in keys
            if self.has(k)
        ]
        return f"Evidence: {'; '.join(said)}." if said else f"Evidence: {MISSING}"
