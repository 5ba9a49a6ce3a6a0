"""The published reviews: what a row holds, and the text as people meant it."""

from __future__ import annotations

import re

COLUMNS = ("text", "label", "rating", "film_id", "split")
NEEDED = ("text", "label")
# header names of copies that go round, in lower case, and what they are called here
ALIASES = {
    "review": "text",
    "sentiment": "label",
    "stars": "rating",
    "film": "film_id",
    "imdb_title_id": "film_id",
    "title_id": "film_id",
    "part": "split",
}
LABELS = {"neg": 0.0, "pos": 1.0, "negative": 0.0, "positive": 1.0, "0": 0.0, "1": 1.0}
LAST_OF_NEGATIVE, FIRST_OF_POSITIVE = 4, 7  # stars of ten; reviews between them are not in the archive

# words in a review up to which a band reaches, not inclusive
_BANDS = ((100, "SHORT"), (200, "MEDIUM"), (400, "LONG"))
_LAST_BAND = "VERY_LONG"
SEGMENTS = (*(name for _, name in _BANDS), _LAST_BAND)

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})


def tidy(text: str) -> str:
    """The text without HTML line breaks, with plain apostrophes, single spaces and no blanks at its ends. Doing it
    twice changes nothing more."""
    return " ".join(_BREAK.sub(" ", text).translate(_APOSTROPHES).split())


def band(words: int) -> str:
    """The length band of a text of so many words."""
    return next((name for limit, name in _BANDS if words < limit), _LAST_BAND)
