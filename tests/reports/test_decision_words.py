"""What a proposal's faces say of rows, proof, rounds and promises: each figure by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ds_workflow.reports import delivery, proposal, rows_needed, spending
from ds_workflow.reports import round as rounds
from registry.records import GateResult, Proposal

Build = Callable[..., Proposal]
KEPT = {
    "verdict": "delivered", "source": "shadow trial T-1", "rows": 640, "note": "The live gain is large.",
    "observed": 0.2, "interval": [0.1, 0.3], "slice": "WALKUP", "family": "each at 0.05 over 2 segments",
}  # fmt: skip
SEGMENTS = [
    {"segment": "WALKUP", "claimed": 0.05, "holdout": 0.11, "rows": 600, "units": 300, "observed": 0.2,
     "interval": [0.08, 0.32], "note": "as claimed"},
    {"segment": "SMALL_MULTI", "claimed": None, "holdout": None, "rows": 40, "units": 9, "observed": None,
     "interval": None, "note": "not enough data: 9 of 20 units"},
]  # fmt: skip


def proof(status: str, mutants: float) -> GateResult:
    return GateResult("gates_proven", status, mutants, note="Proven.")  # type: ignore[arg-type]


def with_gates(one: Proposal, *more: GateResult) -> Proposal:
    return replace(one, gates=(*one.gates, *more))


@pytest.mark.parametrize("kind", ["promotion", "bootstrap"])
def test_an_undecided_proposal_names_the_holdout_that_would_do(build: Build, kind: Any) -> None:
    """5,230 rows of a segment that has 2,182 of 60,512: 60,512 x 5,230 / 2,182 = 145,040.2 in all."""
    one = replace(build("inconclusive"), kind=kind)
    assert rows_needed.in_all(one) == proposal.to_json(one)["rows_needed"] == 145_041
    for face in (proposal.text(one), proposal.markdown(one), proposal.html(one)):
        assert "145,041 rows, where this one has 60,512 (2.4 times as many)" in " ".join(face.split())
    small = replace(one.gates[4], rows=30, rows_needed=300, observed=None, name="segments_complete")
    more = with_gates(one, small, replace(small, name="leakage", rows=None, rows_needed=None))
    said = rows_needed.would_change(more)
    assert "605,120 rows" in said[0] and "1 of the undecided gates can't say" in said[0]
    assert "needs at least 300, 10.0 times as many" in said[2] and "stays as observed" not in said[2]


def test_a_decided_question_asks_for_no_rows(build: Build) -> None:
    for verdict in ("pass", "invalid"):
        one = replace(build(verdict), gates=tuple(g for g in build(verdict).gates if g.status != "inconclusive"))
        assert rows_needed.in_all(one) is None and rows_needed.would_change(one) == []


def test_a_first_champion_that_failed_is_not_sent_for_more_rows(build: Build) -> None:
    failed = replace(build("fail"), kind="bootstrap")
    assert "data-snapshot" not in proposal.text(failed)
    assert "data-snapshot" in proposal.text(replace(build("inconclusive"), kind="bootstrap"))


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive", "invalid"])
def test_every_face_says_on_how_many_mutants_it_was_proven(build: Build, verdict: str) -> None:
    one = with_gates(build(verdict), proof("pass", 44.0))
    for face in (proposal.text(one), proposal.markdown(one), proposal.html(one)):
        assert "roven on 44 mutants" in face
    assert proposal.to_json(one)["proven"] == {"mutants": 44, "status": "pass", "note": "Proven."}


def test_what_is_not_proven_is_never_shown_as_proven(build: Build) -> None:
    blind = with_gates(build("invalid"), proof("invalid", 38.0))
    assert spending.proof_words(blind) == "NOT PROVEN: a gate is blind; proven on 38 mutants"
    assert "can't be compared" in spending.proof_words(with_gates(build("invalid"), proof("invalid", 0.0)))
    assert spending.proof_words(build("pass")) == "" and proposal.to_json(build("pass"))["proven"] is None
    assert "nothing is compared" in spending.proof_words(replace(build("pass"), kind="rollback"))


def test_a_round_names_what_its_candidates_share_and_which_may_be_decided(build: Build) -> None:
    told = {"level": 0.0152, "among": 2, "alpha": 0.05, "spent": 0.03, "taken": 1, "looks": 10, "next": 0.0076}
    shared = {**build().summary, "holdout": {**build().summary["holdout"], "spending": told}}
    claim = {"outcome": "refuted", "observed": 0.02, "interval": [0.01, 0.04], "unit": "relative"}
    one, other = build("pass", summary=shared), build("fail", summary={**shared, "claim": claim})
    said = rounds.text("R-1", [one, other])
    assert "R-1: 2 candidates" in said and said.count("0.0152") == 2
    assert "refuted" in said and "2.0 % better [1.0 %, 4.0 %]" in said and "v2 may be promoted." in said
    assert rounds.to_json("R-1", [one, other]) == {"round": "R-1", "levels": [0.0152] * 2, "passing": [one.id]}
    assert "None of them" in rounds.text("R-1", [other, other])


def test_the_best_that_passes_stands_first(build: Build) -> None:
    def at(mdape: float) -> Proposal:
        summary = build().summary
        cell = {**summary["overall"]["mdape"], "challenger": mdape}
        return build("pass", id=f"P-{mdape}", summary={**summary, "overall": {"mdape": cell}})

    assert [p.id for p in rounds.passing([at(0.2), at(0.1), at(0.3)])] == ["P-0.1", "P-0.2", "P-0.3"]


def test_a_promise_and_its_segments_stand_on_every_face(build: Build) -> None:
    claim = {"words": "mdape on WALKUP will fall", "observed": 0.11, "interval": [0.1, 0.12], "unit": "relative"}
    said, rows = delivery.words(claim, KEPT, "2026-02-02"), delivery.rows("relative", SEGMENTS)
    assert "Live on WALKUP: 20.0 % better [10.0 %, 30.0 %]" in said and "over 2 segments" in said
    assert rows[0] == ("WALKUP", "5.0 % better", "11.0 % better", "20.0 % better [8.0 %, 32.0 %]", "600", "300",
                       "as claimed")  # fmt: skip
    assert rows[1][1:4] == ("-", "not known", "not known")
    context = proposal.Context(delivery=said, delivered=rows)
    for face in (proposal.text(build(), context), proposal.markdown(build(), context), proposal.html(build(), context)):
        assert "as claimed" in face and "not enough data: 9 of 20 units" in face
    assert "claimed" not in proposal.text(build())


def test_a_level_kept_for_a_scored_candidate_is_said_and_drawn() -> None:
    kept = [{"version": str(n), "place": n, "level": 0.005} for n in (1, 3, 4)]
    told = {"alpha": 0.05, "scheme": "equal", "looks": 10, "taken": 7, "spent": 0.035, "next": None, "exhausted": False,
            "scored": 10, "unjudged": kept, "levels": [0.005] * 7, "places": [2, 5, 6, 7, 8, 9, 10]}  # fmt: skip
    said = spending.words(told)
    assert "no level is left for another candidate, and the 3 scored and not judged keep theirs" in said
    assert "holdout-freeze" not in said
    drawn = spending.bar(told)
    for place, state in ((1, "kept for a candidate that was scored"), (2, "spent"), (3, "kept"), (10, "spent")):
        assert f"Level {place}: 0.005, {state}" in drawn
    assert "left" not in {line.rpartition(", ")[2] for line in re.findall(r"Level [^<]+", drawn)}
    done = spending.words({**told, "exhausted": True, "unjudged": []})
    assert "no look is left. Freeze a new window" in done
    before = {"alpha": 0.05, "scheme": "decaying", "looks": 10, "taken": 2, "spent": 0.038, "next": 0.0034}
    assert "Level 2: 0.0076, spent" in spending.bar(before) and "Level 3: 0.00338, left" in spending.bar(before)
