"""What is true of the simulated suggestions: shares, effects, and the constants behind every draw.

The log odds that developer d accepts a suggestion with features x are `INTERCEPT` + the effects below + b, where b is
how freely d accepts suggestions in that language. Over developers b follows the bridge distribution (Z. Wang and T. A.
Louis 2003, "Matching conditional and marginal shapes in binary random intercept models using a bridge distribution
function", Biometrika 90), for which the share of acceptances at x, taken over all developers, is a logistic function
again, with every effect times `BRIDGE`. So there are two true values of each effect: `log_odds`, within one developer,
which a model that knows the developer estimates, and `marginal`, over developers, which a regression that does not
know them estimates, though its rows are not independent. With a normal b the second would be no logistic function at
all, and an interval could not be checked against it.

b is drawn anew for each developer and language, from normal scores of which the developer's own part explains `OWN` of
the variance: one who accepts much in Python accepts much in Go as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# --- who, when, what: shares ------------------------------------------------------------------------------------------

FIRST_DAY, DAYS = "2025-01-06", 180  # a Monday
WEEKEND = 0.25  # sessions on a Saturday or Sunday against another day
PER_DEVELOPER = 100  # suggestions, in the mean
ACTIVITY_SHAPE = 2.0  # of the gamma distribution of developers' activity, so the busiest show many times the mean
NEWCOMERS = 0.35  # share of developers who join after the first day, evenly over the first five sixths
SESSION = (2, 24)  # suggestions in a session, evenly
PAUSE = 45.0  # seconds from one suggestion to the next, exponential

SEGMENT_SHARES = {"beginner": 0.40, "intermediate": 0.40, "expert": 0.20}
LANGUAGE_SHARES = {"python": 0.32, "typescript": 0.22, "javascript": 0.19, "java": 0.15, "go": 0.12}
MAIN_LANGUAGE = 0.7  # of a developer's sessions are in the language of their own; the others by the shares above
TASK_SHARES = {
    "feature": 0.38,
    "bug_fix": 0.20,
    "test": 0.15,
    "refactoring": 0.12,
    "boilerplate": 0.09,
    "documentation": 0.06,
}
TASK_IDS = 400  # tasks there are; each is of one kind
MODEL_SHARES = {"assistant-1": 0.5, "assistant-2": 0.5}  # dealt to sessions at random
CHOSEN = {"beginner": 0.25, "intermediate": 0.5, "expert": 0.8}  # who picks assistant-2, where developers choose
LATENCY = {"assistant-1": 420.0, "assistant-2": 610.0}  # median milliseconds; the better model is the slower one
LATENCY_SPREAD, LATENCY_BY_LENGTH = 0.42, 0.25  # standard deviation of the log; exponent of length / its median
SUGGESTION_LENGTH = (24.0, 0.80, 1.0, 400.0)  # tokens: median, standard deviation of the log, least, most
PROMPT_LENGTH = (420.0, 0.90, 1.0, 8_000.0)

# --- acceptance -------------------------------------------------------------------------------------------------------

BRIDGE = 0.85  # marginal over conditional effects; b then has variance pi^2 / 3 (1 / BRIDGE^2 - 1) = 1.26
OWN = 0.8
INTERCEPT = -0.95  # a new feature in Python for an intermediate developer by assistant-1, at the medians
LEVEL_EFFECTS: Mapping[str, Mapping[str, float]] = {
    "developer_segment": {"beginner": 0.30, "intermediate": 0.0, "expert": -0.35},
    "language": {"python": 0.0, "typescript": -0.10, "javascript": -0.15, "java": 0.12, "go": -0.30},
    "task": {
        "feature": 0.0,
        "bug_fix": -0.60,
        "test": 0.45,
        "refactoring": -0.40,
        "boilerplate": 0.95,
        "documentation": 0.55,
    },
    "model_version": {"assistant-1": 0.0, "assistant-2": 0.40},
}
DOUBLING_EFFECTS = {"latency_doublings": -0.35, "suggestion_doublings": -0.22, "prompt_doublings": 0.06}

# --- what comes after -------------------------------------------------------------------------------------------------
# Drawn given whether the suggestion was accepted, so that acceptance keeps the form above. Log odds; `doubling` is per
# doubling of the suggestion's length from its median.

HALLUCINATED = {"base": -3.3, "accepted": -1.3, "assistant-2": -0.5, "doubling": 0.20}
EDITED = {"base": -0.30, "beginner": -0.30, "expert": 0.35, "doubling": 0.30}  # of the accepted
EDITED_SHARE = 0.3  # mean of edited tokens over the suggestion's length, Poisson around it
COMPILED = {"base": 1.9, "hallucinated": -2.5, "edited": 0.5, "typed": -0.3}  # of the accepted; in TYPED languages
TYPED = ("go", "java", "typescript")
TESTED = {"base": 0.7, "hallucinated": -1.2, "edited": 0.2, "assistant-2": 0.25}  # tests pass, of what compiles
SYNTAX_ERROR = 0.7  # of what does not compile; the rest ends as a runtime error
RUNTIME_ERROR = 0.3  # of what compiles and fails a test; the rest is a logical bug

# --- when it comes: seconds, lognormal around the median with this standard deviation of the log ----------------------

AFTER = {"accepted": 4.0, "ignored": 2.5, "edited": 18.0, "compiled": 25.0, "tested": 40.0}  # each after the one before
AFTER_SPREAD = 0.6


@dataclass(frozen=True)
class Effect:
    """The true effect of one step of `feature` on the log odds of acceptance: of a category from `reference` to
    `level`, of a number by one doubling (`level` is ""). `log_odds` holds within a developer, `marginal` over them."""

    feature: str
    level: str
    reference: str
    log_odds: float
    marginal: float


def true_effects(references: Mapping[str, str] | None = None) -> tuple[Effect, ...]:
    """All effects on acceptance, categories against `references` (feature -> level; default: the level of effect 0)."""
    found = []
    for feature, levels in LEVEL_EFFECTS.items():
        zero = next(level for level, effect in levels.items() if effect == 0.0)
        reference = (references or {}).get(feature, zero)
        for level, effect in levels.items():
            if level != reference:
                found.append(_effect(feature, level, reference, effect - levels[reference]))
    return (*found, *(_effect(feature, "", "", effect) for feature, effect in DOUBLING_EFFECTS.items()))


def developer_variance() -> float:
    """The variance of b, how freely developers accept, in squared log odds (Wang and Louis 2003)."""
    return math.pi**2 / 3 * (BRIDGE**-2 - 1)


def _effect(feature: str, level: str, reference: str, log_odds: float) -> Effect:
    return Effect(feature, level, reference, log_odds, BRIDGE * log_odds)
