"""The true figures of the simulated log: what a share is before any developer is drawn, by every level.

Over developers the chance of acceptance is a logistic function again (see `effects`), so that a share is an integral of
known functions over known distributions: sums over the levels, and a rank-1 lattice (I. H. Sloan and S. Joe 1994,
"Lattice Methods for Multiple Integration") over the lengths and the latency. Nothing is taken from simulated rows, so
what is counted in them can be held against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ds_workflow.problems.code_suggestions import effects as e

Floats = NDArray[np.float64]
_POINTS = 8191
_GENERATOR = (1, 3453, 1862)  # a lattice of 8,191 points in three dimensions
DIMENSIONS = ("developer_segment", "language", "task", "model_version")


@cache
def true_rates(deal: str = "session") -> Mapping[tuple[str, str, str], float]:
    """(metric, dimension, level) -> the true figure; the dimension "" holds the whole log.

    Metrics by the names of `domain.product_metrics`: acceptance_rate, useful_rate, edit_rate, rewritten_share,
    compile_rate, test_pass_rate, hallucination_rate, mean_latency (milliseconds), slow_share. Where developers choose
    the model, its levels hold those who chose it, whose segments differ.
    """
    sums = _sums(deal)
    found: dict[tuple[str, str, str], float] = {}
    for metric, (top, under) in {
        "acceptance_rate": ("accepted", "shown"),
        "useful_rate": ("passed", "shown"),
        "edit_rate": ("edited", "accepted"),
        "rewritten_share": ("rewritten", "taken"),
        "compile_rate": ("compiled", "accepted"),
        "test_pass_rate": ("passed", "compiled"),
        "hallucination_rate": ("hallucinated", "shown"),
        "mean_latency": ("waited", "shown"),
        "slow_share": ("slow", "shown"),
    }.items():
        found[metric, "", ""] = float(sums[top].sum() / sums[under].sum())
        for axis, dimension in enumerate(DIMENSIONS):
            others = tuple(k for k in range(4) if k != axis)
            figures = sums[top].sum(axis=others) / sums[under].sum(axis=others)
            for level, figure in zip(_levels(dimension), figures, strict=True):
                found[metric, dimension, level] = float(figure)
    return found


@cache
def true_model_effect() -> float:
    """What assistant-2 in place of assistant-1 does to the acceptance rate of all developers, its slowness included: a
    difference of shares. An experiment estimates it, and an adjusted comparison where developers chose."""
    rates = true_rates("developer")
    names = list(e.MODEL_SHARES)
    return rates["acceptance_rate", "model_version", names[1]] - rates["acceptance_rate", "model_version", names[0]]


@cache
def true_effect_on_the_choosers() -> float:
    """The same among those who chose assistant-2 (the effect on the treated): their segments are others."""
    sums = _sums("developer")
    by = sums["accepted"].sum(axis=(1, 2)) / sums["shown"].sum(axis=(1, 2))  # (segment, model)
    weight = np.array([share * e.CHOSEN[name] for name, share in e.SEGMENT_SHARES.items()])
    return float(((by[:, 1] - by[:, 0]) * weight).sum() / weight.sum())


def _levels(dimension: str) -> tuple[str, ...]:
    tables: Mapping[str, Mapping[str, float]] = {
        "developer_segment": e.SEGMENT_SHARES,
        "language": e.LANGUAGE_SHARES,
        "task": e.TASK_SHARES,
        "model_version": e.MODEL_SHARES,
    }
    return tuple(tables[dimension])


def _sums(deal: str) -> dict[str, Floats]:
    """Expected counts per suggestion shown, each by segment, language, task and model."""
    from scipy.special import expit, ndtri

    at = (np.outer(np.arange(_POINTS), _GENERATOR) / _POINTS + 0.5 / _POINTS) % 1.0
    normal = ndtri(at)
    length, prompt = (_lengths(normal[:, k], spread) for k, spread in ((0, e.SUGGESTION_LENGTH), (1, e.PROMPT_LENGTH)))
    doubling = np.log2((1 + length) / (1 + e.SUGGESTION_LENGTH[0]))
    by_prompt = e.DOUBLING_EFFECTS["prompt_doublings"] * np.log2((1 + prompt) / (1 + e.PROMPT_LENGTH[0]))
    segments, languages, tasks, models = (_levels(d) for d in DIMENSIONS)
    shape = (len(segments), len(languages), len(tasks), len(models))
    names = (
        "shown",
        "accepted",
        "edited",
        "rewritten",
        "taken",
        "compiled",
        "passed",
        "hallucinated",
        "waited",
        "slow",
    )
    found = {name: np.zeros(shape) for name in names}
    for place in np.ndindex(shape):
        segment, language, task, model = (
            names_[k] for names_, k in zip((segments, languages, tasks, models), place, strict=True)
        )
        second = place[3] == 1
        chosen = e.CHOSEN[segment] if deal == "chosen" else 0.5
        weight = e.SEGMENT_SHARES[segment] * e.LANGUAGE_SHARES[language] * e.TASK_SHARES[task]
        weight *= chosen if second else 1 - chosen
        longer = (length / e.SUGGESTION_LENGTH[0]) ** e.LATENCY_BY_LENGTH
        latency = np.maximum(np.round(e.LATENCY[model] * longer * np.exp(e.LATENCY_SPREAD * normal[:, 2])), 20.0)
        odds = e.INTERCEPT + by_prompt + e.DOUBLING_EFFECTS["suggestion_doublings"] * doubling
        odds = odds + e.DOUBLING_EFFECTS["latency_doublings"] * np.log2((1 + latency) / (1 + e.LATENCY["assistant-1"]))
        for dimension, level in zip(DIMENSIONS, (segment, language, task, model), strict=True):
            odds = odds + e.LEVEL_EFFECTS[dimension][level]
        accepted = expit(e.BRIDGE * odds)
        h = e.HALLUCINATED
        wrong, wrong_if = (
            expit(h["base"] + h["accepted"] * taken + h["assistant-2"] * second + h["doubling"] * doubling)
            for taken in (0, 1)
        )
        d = e.EDITED
        edited = expit(d["base"] + d.get(segment, 0.0) + d["doubling"] * doubling)
        compiled, passed = np.zeros(_POINTS), np.zeros(_POINTS)
        for lies, chance in ((1, wrong_if), (0, 1 - wrong_if)):
            for changed, share in ((1, edited), (0, 1 - edited)):
                c, t = e.COMPILED, e.TESTED
                typed = c["typed"] * (language in e.TYPED)
                builds = expit(c["base"] + c["hallucinated"] * lies + c["edited"] * changed + typed)
                works = expit(t["base"] + t["hallucinated"] * lies + t["edited"] * changed + t["assistant-2"] * second)
                compiled += chance * share * builds
                passed += chance * share * builds * works
        for name, figures in {
            "shown": np.ones(_POINTS),
            "accepted": accepted,
            "edited": accepted * edited,
            "rewritten": accepted * edited * (1 + e.EDITED_SHARE * length),
            "taken": accepted * length,
            "compiled": accepted * compiled,
            "passed": accepted * passed,
            "hallucinated": accepted * wrong_if + (1 - accepted) * wrong,
            "waited": latency,
            "slow": (latency > 1000).astype(float),
        }.items():
            found[name][place] = weight * figures.mean()
    return found


def _lengths(normal: Floats, spread: tuple[float, float, float, float]) -> Floats:
    median, deviation, least, most = spread
    return np.asarray(np.clip(np.round(median * np.exp(deviation * normal)), least, most))
