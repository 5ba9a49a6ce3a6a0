"""Events of a code assistant whose every effect is known: `effects` holds the truth that analyses are checked against.

What is alike to logs of assistants: sessions of one developer, one task and one language; developers who accept far
more or less than others, whatever they are shown; activity that is uneven over developers and low at weekends; a newer
model that is better and slower, so that it looks worse than it is where latency is forgotten; about a third accepted.

What is not: no effect depends on another, so trees find nothing in a single request that a logistic regression does
not; the model version is dealt to sessions at random (or, as an experiment does it, to developers; or it is chosen by
them, so that a plain comparison of the models is confounded: `effects.CHOSEN`); nothing changes over the months, so
nothing drifts but what is counted; nobody learns; what was accepted does not change what is shown next. All
lengths are in tokens.

The rows are the suggestions of one log, in the order of sessions: sessions are numbered in the order of time,
suggestions anew in every session, and developers grow in number with the rows (`effects.PER_DEVELOPER`), so a
developer's past is as long in a large log as in a small one. A suggestion's events follow from its row: it was shown at
`shown_at`, `latency_ms` after it was asked for; accepted or not; if accepted, edited or not, compiled, tested. Draws
are made for whole columns, so a million rows take about a second and 0.3 GB, and ten million ten times that.
Identifiers are those of one log: two seeds use the same numbers for other people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ds_workflow.errors import InvalidInput
from ds_workflow.problems.code_suggestions import effects as e
from ds_workflow.problems.code_suggestions.source import COLUMNS, ERROR_TYPES

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_SEED = 2025
DEALS = ("session", "developer", "chosen")
_LEAST_DEVELOPERS = 20
SEGMENTS, LANGUAGES = tuple(e.SEGMENT_SHARES), tuple(e.LANGUAGE_SHARES)
TASKS, MODELS = tuple(e.TASK_SHARES), tuple(e.MODEL_SHARES)
_LEVELS: Mapping[str, tuple[str, ...]] = {
    "developer_segment": SEGMENTS,
    "language": LANGUAGES,
    "task": TASKS,
    "model_version": MODELS,
}


@dataclass(frozen=True)
class _Developers:
    """Codes into the tables of `effects`, shape (d,), and `accepts`: b by developer and language, (d, languages)."""

    segment: Integers
    main: Integers
    activity: Floats
    joined: Integers  # days after the first
    accepts: Floats


@dataclass(frozen=True)
class _Sessions:
    """Codes and times, shape (s,), in the order of `start` (seconds after the first midnight)."""

    developer: Integers
    language: Integers
    task_id: Integers
    task: Integers
    model: Integers
    start: Integers


def simulate(*, rows: int, seed: int, deal: str = "session") -> pd.DataFrame:
    """`rows` raw rows with the columns of `load`, in the order of sessions; the same seed gives the same rows.

    `deal`: who gets which model, one of DEALS. The same seed has the same developers, sessions and prompts, however the
    models are dealt. Identifiers are integers. What nobody knows of a suggestion that was not accepted is missing.
    """
    if rows < 1:
        raise InvalidInput(f"--rows must be at least 1, not {rows}.")
    if deal not in DEALS:
        raise InvalidInput(f"The model can't be dealt by '{deal}'.", hint=f"Allowed: {', '.join(DEALS)}.")
    rng = np.random.default_rng([seed, _SEED])
    people = _developers(rng, max(_LEAST_DEVELOPERS, rows // e.PER_DEVELOPER))
    size = _sizes(rng, rows)
    sessions = _sessions(rng, people, len(size))
    if deal != "session":
        sessions = replace(
            sessions, model=_dealt(np.random.default_rng([seed, _SEED, 1]), people, deal)[sessions.developer]
        )
    at = np.repeat(np.arange(len(size)), size)  # the session of every row
    place = np.arange(rows) - np.repeat(np.cumsum(size) - size, size)
    who, language, model = sessions.developer[at], sessions.language[at], sessions.model[at]
    length = _length(rng, rows, e.SUGGESTION_LENGTH)
    prompt = _length(rng, rows, e.PROMPT_LENGTH)
    latency = _latency(rng, model, length)
    log_odds = e.INTERCEPT + people.accepts[who, language]
    codes = {
        "developer_segment": people.segment[who],
        "language": language,
        "task": sessions.task[at],
        "model_version": model,
    }
    for name, table in e.LEVEL_EFFECTS.items():
        log_odds += np.array([table[level] for level in _LEVELS[name]])[codes[name]]
    numbers = {
        "latency_doublings": np.log2((1 + latency) / (1 + e.LATENCY["assistant-1"])),
        "suggestion_doublings": np.log2((1 + length) / (1 + e.SUGGESTION_LENGTH[0])),
        "prompt_doublings": np.log2((1 + prompt) / (1 + e.PROMPT_LENGTH[0])),
    }
    for name, effect in e.DOUBLING_EFFECTS.items():
        log_odds += effect * numbers[name]
    accepted = _chance(rng, log_odds)
    columns: dict[str, Any] = {
        "session_id": at + 1,
        "suggestion_id": place + 1,
        "developer_id": who + 1,
        **{name: pd.Categorical.from_codes(code, categories=list(_LEVELS[name])) for name, code in codes.items()},
        "task_id": sessions.task_id[at],
        "shown_at": _times(rng, sessions.start, at, place),
        "latency_ms": latency,
        "suggestion_length": length,
        "prompt_length": prompt,
        "accepted": accepted,
        **_afterwards(rng, accepted, codes, length, numbers["suggestion_doublings"]),
    }
    return pd.DataFrame({name: columns[name] for name in COLUMNS})


def bridge(at: Floats, scale: float) -> Floats:
    """Quantiles at `at` (within 0 and 1) of the bridge distribution of the logistic link (Wang and Louis 2003)."""
    found = np.log(np.sin(scale * np.pi * at) / np.sin(scale * np.pi * (1 - at))) / scale
    return np.asarray(found, dtype=np.float64)


def _developers(rng: np.random.Generator, count: int) -> _Developers:
    from scipy.special import ndtr

    score = np.sqrt(e.OWN) * rng.normal(size=(count, 1)) + np.sqrt(1 - e.OWN) * rng.normal(size=(count, len(LANGUAGES)))
    joined = np.where(rng.random(count) < e.NEWCOMERS, rng.integers(1, e.DAYS * 5 // 6, count), 0)
    return _Developers(
        segment=_pick(rng, e.SEGMENT_SHARES, count),
        main=_pick(rng, e.LANGUAGE_SHARES, count),
        activity=rng.gamma(e.ACTIVITY_SHAPE, size=count),
        joined=joined,
        accepts=bridge(np.clip(ndtr(score), 1e-12, 1 - 1e-12), e.BRIDGE),
    )


def _dealt(rng: np.random.Generator, people: _Developers, deal: str) -> Integers:
    """The model of every developer, (d,): by a coin, or by the developer's own choice."""
    at = rng.random(len(people.segment))
    share = np.array([e.CHOSEN[name] for name in SEGMENTS])[people.segment] if deal == "chosen" else 0.5
    return np.asarray(at < share, dtype=np.int64)


def _sizes(rng: np.random.Generator, rows: int) -> Integers:
    """Suggestions by session, together `rows`."""
    low, high = e.SESSION
    drawn = rng.integers(low, high + 1, rows // low + 1)  # as many as could be wanted
    ends = np.cumsum(drawn)
    last = int(np.searchsorted(ends, rows))
    size = drawn[: last + 1].copy()
    size[-1] -= ends[last] - rows
    return np.asarray(size, dtype=np.int64)


def _sessions(rng: np.random.Generator, people: _Developers, count: int) -> _Sessions:
    reach = np.cumsum(people.activity)
    who = np.searchsorted(reach, rng.random(count) * reach[-1], side="right")
    who = np.minimum(who, len(reach) - 1)
    first = int(np.datetime64(e.FIRST_DAY).astype("datetime64[D]").astype(np.int64))
    weekday = (first + np.arange(e.DAYS) + 3) % 7  # 1970 began on a Thursday
    busy = np.concatenate([[0.0], np.cumsum(np.where(weekday >= 5, e.WEEKEND, 1.0))])
    joined = busy[people.joined[who]]
    day = np.searchsorted(busy, joined + rng.random(count) * (busy[-1] - joined), side="right") - 1
    hour = np.clip(rng.normal(14.0, 3.0, count), 0.0, 23.5)
    start = np.minimum(day, e.DAYS - 1) * 86_400 + (hour * 3_600).astype(np.int64)
    order = np.argsort(start, kind="stable")
    own = rng.random(count) < e.MAIN_LANGUAGE
    language = np.where(own, people.main[who], _pick(rng, e.LANGUAGE_SHARES, count))
    kind = _pick(rng, e.TASK_SHARES, e.TASK_IDS)
    task_id = rng.integers(0, e.TASK_IDS, count)
    model = _pick(rng, e.MODEL_SHARES, count)
    return _Sessions(who[order], language[order], task_id[order] + 1, kind[task_id[order]], model[order], start[order])


def _times(rng: np.random.Generator, start: Integers, at: Integers, place: Integers) -> NDArray[np.datetime64]:
    """When each row was shown, to the second: a pause after the row before it in its session."""
    pauses = np.where(place == 0, 0, 1 + rng.exponential(e.PAUSE, len(at)).astype(np.int64))
    whole = np.cumsum(pauses)
    since = whole - whole[np.flatnonzero(place == 0)][at]
    return np.asarray(np.datetime64(e.FIRST_DAY, "s") + (start[at] + since), dtype="datetime64[us]")


def _latency(rng: np.random.Generator, model: Integers, length: Floats) -> Floats:
    median = np.array([e.LATENCY[name] for name in MODELS])[model]
    longer = (length / e.SUGGESTION_LENGTH[0]) ** e.LATENCY_BY_LENGTH
    return np.maximum(np.round(median * longer * np.exp(rng.normal(0.0, e.LATENCY_SPREAD, len(model)))), 20.0)


def _length(rng: np.random.Generator, rows: int, spread: tuple[float, float, float, float]) -> Floats:
    median, deviation, least, most = spread
    return np.clip(np.round(median * np.exp(rng.normal(0.0, deviation, rows))), least, most)


def _afterwards(
    rng: np.random.Generator, accepted: Flags, codes: Mapping[str, Integers], length: Floats, doubling: Floats
) -> dict[str, Any]:
    """What came of each suggestion: see `effects` for the log odds behind every column."""
    second = codes["model_version"] == MODELS.index("assistant-2")
    segment, language = codes["developer_segment"], codes["language"]
    odds = e.HALLUCINATED
    wrong = _chance(
        rng, odds["base"] + odds["accepted"] * accepted + odds["assistant-2"] * second + odds["doubling"] * doubling
    )
    odds = e.EDITED
    beginner, expert = segment == SEGMENTS.index("beginner"), segment == SEGMENTS.index("expert")
    edited = accepted & _chance(
        rng, odds["base"] + odds["beginner"] * beginner + odds["expert"] * expert + odds["doubling"] * doubling
    )
    distance = np.where(edited, 1.0 + rng.poisson(e.EDITED_SHARE * length), 0.0)
    kept = np.maximum(length + np.where(edited, np.round(rng.normal(0.0, 0.5, len(length)) * distance), 0.0), 0.0)
    odds = e.COMPILED
    typed = np.isin(language, [LANGUAGES.index(name) for name in e.TYPED])
    compiled = _chance(
        rng, odds["base"] + odds["hallucinated"] * wrong + odds["edited"] * edited + odds["typed"] * typed
    )
    odds = e.TESTED
    passed = compiled & _chance(
        rng, odds["base"] + odds["hallucinated"] * wrong + odds["edited"] * edited + odds["assistant-2"] * second
    )
    at = rng.random(len(length))
    none, syntax, runtime, logical = range(len(ERROR_TYPES))
    broken = np.where(at < e.SYNTAX_ERROR, syntax, runtime)
    error = np.where(passed, none, np.where(compiled, np.where(at < e.RUNTIME_ERROR, runtime, logical), broken))
    return {
        "edited": edited,
        "edit_distance": np.where(accepted, distance, np.nan),
        "final_length": np.where(accepted, kept, np.nan),
        "compiled": pd.arrays.BooleanArray(compiled, ~accepted),
        "tests_passed": pd.arrays.BooleanArray(passed, ~accepted),
        "error_type": pd.Categorical.from_codes(np.where(accepted, error, -1), categories=list(ERROR_TYPES)),
        "hallucination": wrong,
    }


def _pick(rng: np.random.Generator, shares: Mapping[str, float], count: int) -> Integers:
    """Codes drawn by their shares."""
    reach = np.cumsum(list(shares.values()))
    drawn = np.searchsorted(reach / reach[-1], rng.random(count), side="right")
    return np.asarray(np.minimum(drawn, len(reach) - 1), dtype=np.int64)


def _chance(rng: np.random.Generator, log_odds: Floats) -> Flags:
    return np.asarray(rng.random(len(log_odds)) < 1 / (1 + np.exp(-log_odds)), dtype=np.bool_)
