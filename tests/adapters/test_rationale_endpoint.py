"""A rationale in other words is taken only when it says the same: figures, signs, directions, denials, no advice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from local_servers import webhook

from ds_workflow.adapters.rationale_endpoint import MODEL, Reworded, reworded
from ds_workflow.domain.rewording import objection
from ds_workflow.errors import InvalidInput, SourceUnavailable

OWN = "ROC-AUC is 3.80 % below its median of the 7 days before (limit 3 %)."


def said(text: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}}]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("Within 7 days the ROC-AUC fell by 3.80 %, and\n 3 % is the limit.", ""),
        ("ROC-AUC is 3.80 % above its median of the 7 days before (limit 3 %).", "turns a direction"),
        ("It fell by 3.8 % in 7 days; the limit is 3 %.", "3.8"),
        ("It fell by 3.80 %, beyond 3 %.", "7"),
        ("It fell by 3.80 % in 7 days; the limit is 3 %. Roll back within 24 hours.", "24"),
        (" ", "0 characters"),
        ("3.80 7 3 " + "x" * 1_300, "characters"),
    ],
)
def test_what_is_said_is_held_to_the_figures(answer: str, words: str) -> None:
    with webhook() as taken:
        taken.answer = said(answer)
        environ = {"OPENAI_BASE_URL": taken.address, MODEL: "small", "OPENAI_API_KEY": "k"}
        if words:
            with pytest.raises(InvalidInput, match=words):
                reworded(OWN, environ)
        else:
            assert reworded(OWN, environ) == Reworded(" ".join(answer.split()), "small")
    assert taken.json[0]["model"] == "small"
    assert taken.json[0]["messages"][1]["content"] == OWN
    assert taken.headers[0]["Authorization"] == "Bearer k"


def test_without_an_endpoint_or_an_answer_it_says_so() -> None:
    with pytest.raises(InvalidInput, match="No endpoint"):
        reworded(OWN, {})
    with webhook() as taken:
        environ = {"OPENAI_BASE_URL": taken.address}
        with pytest.raises(InvalidInput, match=MODEL):
            reworded(OWN, environ)
        taken.answer = {"error": "no"}
        with pytest.raises(SourceUnavailable, match="gave no answer"):
            reworded(OWN, {**environ, MODEL: "m"})
        taken.statuses = [500]
        with pytest.raises(SourceUnavailable, match="gave no answer"):
            reworded(OWN, {**environ, MODEL: "m"})


BOTH = "ROC-AUC is 6.10 % below its median; p95 latency was above 400 ms on 2 points in a row (412, 413)."
CALM = "Against the median of the 7 days before: ROC-AUC -1.0 %, PR-AUC +2.0 %; nothing is beyond its limit."


@pytest.mark.parametrize(
    ("own", "answer", "words"),
    [
        (BOTH, "ROC-AUC fell 6.10 % from its median. Latency (p95) exceeded 400 ms on 2 points: 412, 413.", ""),
        (BOTH, "ROC-AUC is 6.10 % above its median; p95 latency was below 400 ms on 2 points (412, 413).", "ROC-AUC"),
        (BOTH, "ROC-AUC is not 6.10 % below its median; latency p95 above 400 ms on 2 points, 412, 413.", "denied"),
        (BOTH, "ROC-AUC isn't 6.10 % below its median; latency p95 above 400 ms on 2 points, 412, 413.", "denied"),
        (BOTH, BOTH + " This is acceptable.", "good"),
        (BOTH, BOTH + " Approve the release.", "approve, release"),
        (BOTH, BOTH + " It is noise.", "noise"),
        (
            BOTH,
            "ROC-AUC is 6.10 % below; p95 latency above 412 ms on 2 points in a row (400, 413). ROC-AUC: 413.",
            "ROC",
        ),
        (CALM, CALM.replace("-1.0", "+1.0"), r"figures.*\+1\.0, -1\.0"),
        (CALM, "Within limits, 7 days: ROC-AUC +2.0 %, PR-AUC -1.0 %, nothing beyond.", "another order"),
        (CALM, "Over 7 days: ROC-AUC -1.0 %, PR-AUC +2.0 %; something is beyond its limit.", "denied"),
        (CALM, "Against the 7 days' median, ROC-AUC -1.0 % and PR-AUC +2.0 %; nothing lies beyond its limit.", ""),
    ],
)
def test_a_changed_meaning_or_sign_is_refused(own: str, answer: str, words: str) -> None:
    assert objection(own, own) == ""
    found = objection(own, answer)
    assert (found == "") == (words == "")
    assert re.search(words, found)
