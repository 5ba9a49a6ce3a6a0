"""The form of Try it: what is wrong is said once, and stands at its field."""

from __future__ import annotations

from pathlib import Path

import pytest
from console import visit

from ds_workflow.workspace import Workspace
from serving.app import create_app

AGE = 'id="h-age"'


@pytest.mark.parametrize("part", [False, True], ids=["whole page", "by htmx"])
def test_a_value_out_of_range_is_marked_where_it_stands(trained: Path, part: bool) -> None:
    client = visit(create_app(Workspace.at(trained, "adult_income")))
    sent = {"age": "400", "education": "Masters", "hours_per_week": "45"}
    answer = client.post("/try/adult_income", data=sent, headers={"HX-Request": "true"} if part else {})
    assert answer.status_code == 400
    told = answer.text.partition("Not answered")[2].partition("</ul>")[0]
    assert told.count("age") == 2  # the link's place, and its text
    assert 'href="#f-age"' in told
    at_field = answer.text.partition(AGE)[2].partition("</small>")[0]
    assert 'class="wrong"' in at_field
    assert "out of range" in at_field
    assert answer.text.count('class="wrong"') == 1
    assert ('aria-invalid="true"' in answer.text) is not part
    assert ('hx-swap-oob="true"' in answer.text) is part
