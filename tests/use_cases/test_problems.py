"""The list of problems says what the declarations and the policies say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ds_workflow import plugins
from ds_workflow.errors import UnknownName
from ds_workflow.use_cases import problems
from ds_workflow.workspace import Workspace

PROMISED = {"name", "task", "target", "metrics", "segments", "sensitive", "source", "licence", "gates", "strategies"}


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path)


def test_every_problem_is_listed_with_its_gates(work: Workspace, house: Path) -> None:
    found = {entry.problem.name: entry.to_dict() for entry in problems.listed(work)}
    assert list(found) == plugins.names("problems")
    for name, entry in found.items():
        declared = plugins.load("problems", name).PROBLEM
        assert set(entry) >= PROMISED
        assert (entry["task"], entry["target"]) == (declared.task, declared.target)
        written = yaml.safe_load((house / "config" / "policies" / f"{name}.yaml").read_text("utf-8"))
        assert entry["policy_version"] == written["policy_version"]
        assert [g["name"] for g in entry["gates"]] == list(written["gates"])
        for gate in entry["gates"]:
            asked = written["gates"][gate["name"]]
            assert (gate["kind"], set(gate["applies_to"])) == (asked["kind"], set(asked["applies_to"]))
            number = asked.get("minimum", asked.get("maximum"))
            if number is not None:
                each = number if isinstance(number, dict) else dict.fromkeys(asked["applies_to"], number)
                assert gate["thresholds"] == pytest.approx(each)


def test_the_table_and_the_page_of_one_name_what_people_look_for(work: Workspace) -> None:
    listed = problems.listed(work)
    table = problems.table(listed)
    for entry in listed:
        p = entry.problem
        assert p.name in table and f"{p.task}: {p.target}" in table
        text = entry.text()
        assert all(word in text for word in (p.title, p.target, *p.metrics, *p.strategies, *p.sensitive, *p.forbidden))
        assert all(gate["name"] in text for gate in entry.to_dict()["gates"])
        detail = entry.detail()
        assert [c["name"] for c in detail["columns"]] == [c.name for c in p.columns]
        assert detail["forbidden"] == dict(p.forbidden)


def test_an_unknown_one_is_told_with_the_known(work: Workspace) -> None:
    with pytest.raises(UnknownName, match="adult_income"):
        problems.one(work, "weather")
