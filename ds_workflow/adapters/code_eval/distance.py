"""Edit distance of texts."""

from __future__ import annotations


def levenshtein(a: str, b: str) -> int:
    """Insertions, deletions and substitutions of characters that turn one text into the other (Levenshtein 1966)."""
    from rapidfuzz.distance import Levenshtein

    return int(Levenshtein.distance(a, b))


def likeness(a: str, b: str) -> float:
    """1 - distance / length of the longer text: 1 for equal texts, 0 where nothing is kept."""
    longer = max(len(a), len(b))
    return 1.0 - levenshtein(a, b) / longer if longer else 1.0
