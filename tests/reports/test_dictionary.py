"""The data dictionary says what the declarations say, all of it, and the committed pages are those it writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from ds_workflow import plugins
from ds_workflow.domain.problem import Column, Problem, Split
from ds_workflow.reports import dictionary
from ds_workflow.reports.tables import md
from ds_workflow.use_cases import problems
from ds_workflow.workspace import Workspace


@pytest.fixture(params=plugins.names("problems"))
def problem(request: pytest.FixtureRequest) -> Problem:
    declared: Problem = plugins.load("problems", request.param).PROBLEM
    return declared


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """The first table below a heading: first cell, without code marks -> the other cells."""
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip("`"): cells[1:] for cells in lines[2:]}


def numbers_of(text: str) -> list[float]:
    return [float(n.replace(",", "")) for n in re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)]


def test_every_column_stands_there_with_type_unit_range_and_role(problem: Problem) -> None:
    found = rows(dictionary.markdown(problem), "Columns")
    assert list(found) == [c.name for c in problem.columns]
    inputs = {c.name for c in problem.inputs}
    for column in problem.columns:
        kind, unit, values, missing, request, meaning = found[column.name]
        assert (kind, unit) == (dictionary.KINDS[column.kind], md(column.unit))
        assert (missing == "yes") == column.nullable
        assert md(column.description) in meaning
        assert request.startswith("no: ") == (column.name not in inputs)
        assert (request == "required") == (column.name in inputs and column.required)
        for bound in (column.minimum, column.maximum):
            assert bound is None or bound in numbers_of(values)
        for bound in (*column.categories, column.earliest, column.latest):
            assert md(bound) in values


def test_every_feature_stands_there_with_its_sets_and_what_is_never_an_input_with_its_reason(problem: Problem) -> None:
    page = dictionary.markdown(problem)
    found = rows(page, "Features")
    declared = [s.version for s in problem.feature_sets]
    assert list(found) == [f.name for f in problem.features]
    for feature in problem.features:
        _, known, sources, sets, meaning = found[feature.name]
        assert known == dictionary.KNOWN[feature.availability]
        assert all(f"`{source}`" in sources for source in feature.sources)
        told = re.findall("`(.+?)`", sets)
        if sets.endswith("+"):
            told = declared[declared.index(told[0]) :]
        assert told == [s.version for s in problem.feature_sets if feature.name in s.features]
        assert md(feature.description) in meaning
    assert {name: why for name, (_, _, why) in rows(page, "Feature sets").items()} == {
        fs.version: md(fs.note) for fs in problem.feature_sets
    }
    never = rows(page, "Never an input")
    assert set(never) == {problem.target, *problem.forbidden, *problem.sensitive}
    assert all(never[name] == [md(why)] for name, why in problem.forbidden.items() if name not in problem.sensitive)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column("a", "number", "x", minimum=0, maximum=99_999), "0 to 99,999"),
        (Column("a", "number", "x", minimum=-74.3, maximum=-73.6), "-74.3 to -73.6"),
        (Column("a", "integer", "x", minimum=1), "1 or more"),
        (Column("a", "integer", "x", maximum=5), "5 or less"),
        (Column("a", "date", "x", earliest="2020-01-01"), "2020-01-01 or later"),
        (Column("a", "category", "x", categories=("b", "c")), "b, c"),
        (Column("a", "text", "x"), ""),
    ],
)
def test_ranges_are_said_in_words(column: Column, said: str) -> None:
    assert dictionary.values(column) == said


def test_every_way_to_split_has_its_words() -> None:
    assert set(get_args(get_type_hints(Split)["method"])) == set(dictionary.SPLITS)


def test_the_page_is_self_contained(problem: Problem) -> None:
    page = dictionary.html(problem)
    assert page.startswith("<!doctype html>")
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert page.count("<table>") == dictionary.markdown(problem).count("\n| --- |") + dictionary.markdown(
        problem
    ).count("\n| ---: |")


def test_the_committed_pages_are_the_ones_that_are_written(house: Path) -> None:
    folder = house / "docs" / "data_dictionary"
    committed = {path.name: path.read_text("utf-8") for path in folder.glob("*")}
    written = problems.dictionaries()
    stale = [name for name in {*committed, *written} if committed.get(name) != written.get(name)]
    assert not stale, f"docs/data_dictionary is old ({', '.join(sorted(stale))}); run 'make docs'"


def test_pages_of_problems_that_are_gone_go_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text(f"{dictionary.HEAD}: gone\n", "utf-8")
    (tmp_path / "notes.md").write_text("# Mine\n", "utf-8")
    made = problems.write_dictionaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.md", *(path.name for path in made)}
    index = (tmp_path / "README.md").read_text("utf-8")
    assert all(f"[{name}]({name}.md)" in index for name in plugins.names("problems"))


def test_one_problem_goes_to_the_files_that_are_named(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "adult_income")
    written = problems.write_dictionary(work, out=tmp_path / "new" / "page.md", html=tmp_path / "page.html")
    assert [path.name for path in written] == ["page.md", "page.html"]
    assert (tmp_path / "new" / "page.md").read_text("utf-8") == problems.dictionary_text(work)
