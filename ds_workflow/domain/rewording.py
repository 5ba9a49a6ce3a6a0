"""Does a paragraph in other words still say the same? Checked on what a reader acts on: figures with their signs, which
figure moved which way, denials, and advice.

Words are compared by class and by clause, per thing that is named (ROC-AUC, PR-AUC, latency, drift). It refuses much
that would be right: the agent's own words are always there, so nothing is lost by that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_FIGURE = re.compile(r"(?:(?<![\w.)])[+\-\u2212])?\d+(?:[.,]\d+)*")
_SIGNED = re.compile(r"(?<![\w.)])[+\-\u2212]\d+(?:[.,]\d+)*")
_CLAUSE = re.compile(r"[;!?\n]|\.(?!\d)")
_WORD = re.compile(r"[a-z]+(?:['\u2019]t)?")


def _of(words: str) -> frozenset[str]:
    return frozenset(words.split())


CLASSES: Mapping[str, frozenset[str]] = {
    "up": _of(
        "above over up higher high highest rise rises rose risen rising increase increases increased increasing grow "
        "grows grew grown gain gains gained climb climbs climbed exceed exceeds exceeded exceeding beyond more greater "
        "larger upward surpass surpasses surpassed"
    ),
    "down": _of(
        "below under beneath down lower low lowest fall falls fell fallen falling drop drops dropped dropping decline "
        "declines declined declining decrease decreases decreased decreasing lose loses lost loss reduced reduction "
        "less fewer smaller downward short"
    ),
    "good": _of(
        "good better best improve improves improved improvement fine healthy ok okay well stable holds hold held "
        "normal acceptable safe recovered"
    ),
    "bad": _of(
        "bad worse worst worsen worsens worsened degraded degrades degradation deteriorated poor broken alarm alarms "
        "critical severe"
    ),
    "denied": _of("not no none nothing neither nor never cannot without hardly barely unlikely cant dont doesnt didnt"),
}
# what the agent has not said it may not be made to say: advice, decisions, and figures in words
ADVICE = _of(
    "approve approved approves approval accept accepted release released deploy deployed promote promoted ship shipped "
    "roll rollback revert retrain restart ignore ignored dismiss dismissed loosen loosened relax raise retire should "
    "must recommend recommended suggest suggests because cause caused causes due twice double doubled half halved "
    "third quarter thrice triple tripled hundred thousand percent zero one two three four five six seven eight nine "
    "ten fifty false chance noise"
)
SUBJECTS: Mapping[str, re.Pattern[str]] = {
    "ROC-AUC": re.compile(r"roc[\s\-_]?auc", re.IGNORECASE),
    "PR-AUC": re.compile(r"pr[\s\-_]?auc", re.IGNORECASE),
    "latency": re.compile(r"latenc|p95", re.IGNORECASE),
    "drift": re.compile(r"\bdrift", re.IGNORECASE),
}


def objection(own: str, said: str) -> str:
    """Why `said` can't stand for `own`, or "" when figures, signs, directions, denials and advice are the same."""
    if other := sorted(_figures(own) ^ _figures(said)):
        return f"it does not keep the figures as they are ({', '.join(other)})"
    if _SIGNED.search(own) and _order(own) != _order(said):
        return "it gives the signed figures in another order"
    if added := sorted((_words(said) - _words(own)) & ADVICE):
        return f"it says what was not said ({', '.join(added)})"
    if _classes(own) != _classes(said):
        turned = ", ".join(sorted(_classes(own) ^ _classes(said)))
        return f"it turns a direction, a verdict or a denial round ({turned})"
    for name, found in SUBJECTS.items():
        if _about(own, found) != _about(said, found):
            return f"it says something else of {name}"
    return ""


def _figures(text: str) -> frozenset[str]:
    return frozenset(one.replace("\u2212", "-") for one in _FIGURE.findall(text))


def _words(text: str) -> frozenset[str]:
    found = _WORD.findall(text.lower())
    return frozenset("not" if word.endswith(("'t", "\u2019t")) else word for word in found)


def _classes(text: str) -> frozenset[str]:
    words = _words(text)
    return frozenset(name for name, members in CLASSES.items() if words & members)


def _order(text: str) -> list[str]:
    """Things named and signed figures, as they follow each other."""
    marks = [(m.start(), name) for name, found in SUBJECTS.items() for m in found.finditer(text)]
    marks += [(m.start(), m.group().replace("\u2212", "-")) for m in _SIGNED.finditer(text)]
    return [mark for _, mark in sorted(marks)]


def _about(text: str, subject: re.Pattern[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Classes and figures of the clauses that name a subject."""
    clauses = [part for part in _CLAUSE.split(text) if subject.search(part)]
    return (
        frozenset(c for part in clauses for c in _classes(part)),
        frozenset(f for part in clauses for f in _figures(part)),
    )
