"""The ML Test Score, computed from evidence (E. Breck et al. 2017, 'The ML Test Score: A Rubric for ML Production
Readiness and Technical Debt Reduction', IEEE Big Data): 28 tests in four sections of seven.

A test gives a full point when a machine checks it again and again, half a point when a person did by hand and signed;
the score is the smallest of the four sections' sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ds_workflow.domain.checklist import Fact, Signature
from ds_workflow.errors import InvalidInput

TESTS_A_SECTION, SECTIONS = 7, 4
# the paper's table: the score is above the number, up to the next
BANDS: tuple[tuple[float, str], ...] = (
    (5.0, "exceptional levels of automated testing and monitoring"),
    (3.0, "strong levels of automated testing and monitoring, appropriate for mission-critical systems"),
    (2.0, "reasonably tested, but more of the tests and procedures may be automated"),
    (1.0, "a first pass at basic productionization, but additional investment may be needed"),
    (0.0, "not totally untested, but there may be serious holes in reliability"),
)
RESEARCH = "more of a research project than a productionized system"


@dataclass(frozen=True)
class Item:
    """One test: `facts` and test `files` that show it by machine; `gate` of the checklist whose signature shows it by
    hand. With none of the three nothing here can show it."""

    id: str
    section: str
    title: str
    facts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    gate: str = ""


@dataclass(frozen=True)
class Scored:
    """One test's points (0, 0.5 or 1) and why."""

    item: Item
    points: float
    why: str


@dataclass(frozen=True)
class Score:
    """All tests, the sum of each section, and the score: the smallest sum."""

    tests: tuple[Scored, ...]
    sections: Mapping[str, float]

    @property
    def score(self) -> float:
        """The smallest of the sections' sums."""
        return min(self.sections.values())

    @property
    def words(self) -> str:
        """The paper's words for the score."""
        return next((words for above, words in BANDS if self.score > above), RESEARCH)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "score": self.score,
            "sections": dict(self.sections),
            "tests": {s.item.id: {"points": s.points, "why": s.why} for s in self.tests},
        }


def parse(content: Any, *, facts: Mapping[str, Any]) -> tuple[Item, ...]:
    """The rubric in a mapping from a section to its tests. Raises InvalidInput unless it is 4 times 7 tests."""
    found = []
    for section, tests in content.items():
        for name, entry in tests.items():
            asked = tuple(entry.get("facts") or ())
            if strange := sorted(set(asked) - set(facts)):
                raise InvalidInput(f"The rubric's {name} asks for facts that nobody computes: {', '.join(strange)}.")
            found.append(
                Item(name, section, entry["title"], asked, tuple(entry.get("tests") or ()), entry.get("gate", ""))
            )
    sizes = [sum(i.section == s for i in found) for s in content]
    if sizes != [TESTS_A_SECTION] * SECTIONS:
        raise InvalidInput(f"The rubric has sections of {sizes} tests; it is four of seven.")
    return tuple(found)


def score(
    items: tuple[Item, ...], *, facts: Mapping[str, Fact], ran: frozenset[str], signed: Mapping[str, Signature]
) -> Score:
    """The points of each test. `ran` are the test files of the last recorded run, when none of its tests failed."""
    tests = tuple(_points(item, facts, ran, signed) for item in items)
    sections = {s: sum(t.points for t in tests if t.item.section == s) for s in dict.fromkeys(i.section for i in items)}
    return Score(tests, sections)


def _points(item: Item, facts: Mapping[str, Fact], ran: frozenset[str], signed: Mapping[str, Signature]) -> Scored:
    shown = [facts[name] for name in item.facts]
    bad = [f.detail for f in shown if f.status != "pass"] + [f"{f} did not run" for f in item.files if f not in ran]
    if (shown or item.files) and not bad:
        return Scored(item, 1.0, "; ".join([*(f.detail for f in shown), *(f"{f} ran green" for f in item.files)]))
    if item.gate in signed:
        return Scored(item, 0.5, f"by hand: {item.gate} signed by {signed[item.gate].by}")
    return Scored(item, 0.0, "; ".join(bad))
