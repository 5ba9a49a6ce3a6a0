"""A text with the words marked that moved an answer, as HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ds_workflow.reports.tables import esc

_WORD = re.compile(r"\w+(?:'\w+)*|[!?]")
_STRENGTHS = 3


def marked(text: str, runs: Mapping[str, float]) -> str:
    """`text` escaped, each word of a run wrapped in a mark whose class says direction and strength (up1 to down3).

    `runs` maps one or several lower-case words to what they add. A word in several runs takes the strongest; the sign
    stands in a class and in the mark's title, so that colour is never alone.
    """
    words = [(m.start(), m.end(), m.group().lower()) for m in _WORD.finditer(text)]
    strongest: dict[int, float] = {}
    for run, value in runs.items():
        parts = run.split(" ")
        for k in range(len(words) - len(parts) + 1):
            if [w for _, _, w in words[k : k + len(parts)]] == parts:
                for j in range(k, k + len(parts)):
                    if abs(value) > abs(strongest.get(j, 0.0)):
                        strongest[j] = value
    most = max((abs(v) for v in strongest.values()), default=0.0)
    out, done = [], 0
    for j, value in sorted(strongest.items()):
        start, end, _ = words[j]
        level = min(_STRENGTHS, 1 + int(_STRENGTHS * abs(value) / most)) if most else 1
        way = "up" if value > 0 else "down"
        out.append(esc(text[done:start]))
        out.append(f'<mark class="{way}{level}" title="{value:+.2f}">{esc(text[start:end])}</mark>')
        done = end
    out.append(esc(text[done:]))
    return "".join(out)
