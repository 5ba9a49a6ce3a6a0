"""Reviews that look like the published ones in the ways that matter here.

What is alike (tests hold it to the public rows): half of them favourable; stars as they are given; lengths up to
2,000 words with a median of 170; up to 30 reviews of one film, whose reviewers tend to agree; the share of reviews with
HTML line breaks; more questions in bad reviews; a review in a hundred that stands there twice, some of them in both
parts. A review mixes sentences that praise, sentences that blame and sentences about the story, in shares that go with
its stars, so lukewarm and mixed reviews are the hard ones. Two opinions in nine are negated ("not funny at all"): words
alone mislead there, and runs of words do not. People and actors of a film have names that only its reviews know.

What is not alike: a few hundred words and a few dozen patterns of sentences instead of a language; no irony, no
spelling mistakes, no comparison with other films. So runs of words gain more over words than on real reviews, and a
model of simulated reviews knows nothing of real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.domain.snapshot import HOLDOUT, TRAIN
from ds_workflow.errors import InvalidInput
from ds_workflow.problems.movie_reviews import phrases as p
from ds_workflow.problems.movie_reviews.source import COLUMNS

Ints = NDArray[np.int64]

# words of the published reviews at quantiles
_AT = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 1.0)
_WORDS = (10, 41, 62, 89, 125, 171, 278, 447, 585, 897, 2_000)
_WORDS_OF_A_SENTENCE = 11.2
# stars, how often they are given within the label, the share of opinions that go with the label
_STARS = {
    0.0: ((1, 2, 3, 4), (0.405, 0.183, 0.198, 0.214), (0.93, 0.89, 0.82, 0.75)),
    1.0: ((7, 8, 9, 10), (0.192, 0.234, 0.184, 0.390), (0.75, 0.82, 0.89, 0.93)),
}
# of the sentences, by the root of their number: who writes at length tells the story
_OPINIONS, _MOST_OPINIONS = 1.5, 0.6
_NEGATED = 0.22  # of the opinions
_QUESTIONS = {0.0: 0.045, 1.0: 0.019}  # of the sentences
_BLAMING = {0.0: 0.65, 1.0: 0.4}  # of the questions
_SHOUTED = 0.05  # of the sentences that end in a full stop
_NAMED = 0.12  # of the sentences: about this film's people
_BREAKS = 0.58  # of the reviews
_TWICE = 0.008  # of the reviews
_AGREEMENT = 4.5  # spread of a film's log odds: of two reviews of a film five in six agree
_PER_FILM = 7.1
_MOST_PER_FILM = 30
_POOL = 1_500  # different sentences of a kind
_KINDS = ("praise", "blame", "praise by negation", "blame by negation", "neutral", "question", "question of blame")


def simulate(*, rows: int, seed: int) -> pd.DataFrame:
    """`rows` raw rows with the columns of `load`, half of the films in the holdout; the same seed gives the same."""
    if rows < 1:
        raise InvalidInput(f"--rows must be at least 1, not {rows}.", hint="A few thousand make a model.")
    rng = np.random.default_rng([seed, 2011])
    film, held, taste = _films(rng, rows)
    positive = _balanced(taste[film] + rng.logistic(size=rows), held[film])
    stars, agreeing = np.empty(rows), np.empty(rows)
    for label, (given, shares, agreed) in _STARS.items():
        mine = positive == label
        place = rng.choice(len(given), size=int(mine.sum()), p=shares)
        stars[mine], agreeing[mine] = np.array(given)[place], np.array(agreed)[place]
    texts = _texts(rng, film, positive, agreeing)
    frame = pd.DataFrame(
        {
            "text": texts,
            "label": np.where(positive == 1, "pos", "neg"),
            "rating": stars,
            "film_id": [f"film{number:05d}" for number in film.tolist()],
            "split": np.where(held[film], HOLDOUT, TRAIN),
        }
    )[list(COLUMNS)]
    again = rng.random(rows) < _TWICE
    copied = rng.integers(0, rows, size=rows)
    what = ["text", "label", "rating"]
    frame.loc[again, what] = frame.loc[copied[again], what].to_numpy()
    return frame


def _films(rng: np.random.Generator, rows: int) -> tuple[Ints, NDArray[np.bool_], NDArray[np.float64]]:
    """The film of each row, and of each film whether it is held out and how far its reviewers' log odds lie from 0."""
    sizes: list[int] = []
    while sum(sizes) < rows:
        sizes += np.minimum(rng.geometric(1 / _PER_FILM, size=64), _MOST_PER_FILM).tolist()
    film = np.repeat(np.arange(len(sizes)), sizes)[:rows]
    count = int(film[-1]) + 1
    held = rng.permutation(count) % 2 == 1
    return film, held, rng.normal(0.0, _AGREEMENT, count)


def _balanced(liking: NDArray[np.float64], held: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The upper half of either part as 1, the lower as 0: the archive was put together so."""
    positive = np.zeros(len(liking))
    for part in (held, ~held):
        if part.any():
            positive[part] = liking[part] > np.median(liking[part])
    return positive


def _texts(
    rng: np.random.Generator, film: Ints, positive: NDArray[np.float64], agreeing: NDArray[np.float64]
) -> list[str]:
    """The reviews: for every sentence its kind, then which one of that kind."""
    pools = [_pool(rng, kind) for kind in _KINDS]
    films = int(film.max()) + 1
    named = [sentence for _ in range(films) for sentence in _about(rng)]
    sentences = [sentence for pool in pools for sentence in pool] + named
    starts = np.cumsum([0, *(len(pool) for pool in pools)])

    words = np.interp(rng.random(len(film)), _AT, _WORDS)
    counts = np.maximum(1, np.round(words / _WORDS_OF_A_SENTENCE)).astype(np.int64)
    review = np.repeat(np.arange(len(film)), counts)
    n = len(review)
    at, good = rng.random(n), positive[review] == 1
    praises = (rng.random(n) < agreeing[review]) == good
    share = np.minimum(_OPINIONS / np.sqrt(counts), _MOST_OPINIONS)[review]
    opinion = at < share
    asks = ~opinion & (at < share + np.where(good, _QUESTIONS[1.0], _QUESTIONS[0.0]))
    about = ~opinion & (at > 1 - _NAMED)
    kind = np.where(praises, 0, 1) + 2 * (rng.random(n) < _NEGATED)
    blames = rng.random(n) < np.where(good, _BLAMING[1.0], _BLAMING[0.0])
    kind = np.where(opinion, kind, np.where(asks, np.where(blames, 6, 5), 4))
    sizes = np.diff(starts)
    chosen = starts[kind] + (rng.random(n) * sizes[kind]).astype(np.int64)
    chosen = np.where(about, starts[-1] + len(p.ABOUT) * film[review] + rng.integers(0, len(p.ABOUT), n), chosen)

    shouted = [sentence[:-1] + "!" if sentence.endswith(".") else sentence for sentence in sentences]
    said = np.array([*sentences, *shouted], dtype=object)[chosen + len(sentences) * (rng.random(n) < _SHOUTED)]
    breaks = rng.random(len(film)) < _BREAKS
    ends = np.cumsum(counts)
    found = []
    for last, size, broken in zip(ends.tolist(), counts.tolist(), breaks.tolist(), strict=True):
        mine = said[last - size : last].tolist()
        middle = (size + 1) // 2
        found.append(" ".join(mine[:middle]) + ("<br /><br />" if broken else " ") + " ".join(mine[middle:]))
    return [text.strip() for text in found]


def _pool(rng: np.random.Generator, kind: str) -> list[str]:
    """Different sentences of one kind, in a fixed order."""
    negated, blames = kind.endswith("negation"), "blame" in kind
    if kind.startswith("question"):
        patterns: Sequence[str] = p.QUESTIONS_BAD if blames else p.QUESTIONS
    elif kind == "neutral":
        patterns = p.NEUTRAL
    elif negated:
        patterns = (*p.NEGATED, *(p.NEGATED_BAD if blames else p.NEGATED_GOOD))
    else:
        patterns = (*p.PLAIN, *(p.PLAIN_BAD if blames else p.PLAIN_GOOD))
    words = p.BAD if blames != negated else p.GOOD
    return list(dict.fromkeys(_filled(rng, _of(rng, patterns), words=words) for _ in range(_POOL)))


def _about(rng: np.random.Generator) -> list[str]:
    """Sentences about one film's own people."""
    actor, person, other = (_name(rng) for _ in range(3))
    people = {"actor": actor, "person": person, "other_person": other}
    return [_filled(rng, pattern, words=p.GOOD, **people) for pattern in p.ABOUT]


def _filled(rng: np.random.Generator, pattern: str, *, words: Sequence[str], **more: str) -> str:
    v, w = _of(rng, words), _of(rng, words)
    gaps = {
        "aspect": p.ASPECT, "other": p.ASPECT, "kind": p.KIND, "degree": p.DEGREE, "who": p.WHO, "when": p.WHEN,
        "place": p.PLACE, "role": p.ROLE, "deed": p.DEED,
    }  # fmt: skip
    filled = {name: _of(rng, choice) for name, choice in gaps.items()}
    said = pattern.format(v=v, w=w, a_v=_with_article(v), a_w=_with_article(w), **filled, **more)
    return said[0].upper() + said[1:]


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _of(rng: np.random.Generator, choice: Sequence[Any]) -> Any:
    return choice[int(rng.integers(len(choice)))]


def _name(rng: np.random.Generator) -> str:
    return " ".join("".join(_of(rng, p.SYLLABLES) for _ in range(2)).capitalize() for _ in range(2))
