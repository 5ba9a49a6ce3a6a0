"""A rationale in other words is taken only when it keeps every figure."""

from __future__ import annotations

from typing import Any

import pytest
from local_servers import webhook

from ds_workflow.adapters.rationale_endpoint import MODEL, reworded
from ds_workflow.errors import InvalidInput, SourceUnavailable

OWN = "ROC-AUC is 3.80 % below its median of the 7 days before (limit 3 %)."


def said(text: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}}]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("Within 7 days the ROC-AUC fell by 3.80 %, and\n 3 % is the limit.", ""),
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
            assert reworded(OWN, environ) == " ".join(answer.split())
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
