"""Every problem reads its simulator's own table back as it was, and says in words what is wrong with a damaged one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from ds_workflow import plugins
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.snapshot import SPLIT_COLUMN, conform, digest
from ds_workflow.errors import InvalidInput

ROWS = 600
AT = 3  # the damaged row, from 0: row 3 or 4 of the table, line 5 of a text file
PLACE = re.compile(r"\b(?:row|line)s? [345]\b", re.IGNORECASE)
FORMATS = ("csv", "parquet")

Damage = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module", params=plugins.names("problems"))
def plugin(request: pytest.FixtureRequest) -> ModuleType:
    return plugins.load("problems", request.param)


@pytest.fixture(scope="module")
def raw(plugin: ModuleType) -> pd.DataFrame:
    made: pd.DataFrame = plugin.simulate(rows=ROWS, seed=11)
    return made


def written(table: pd.DataFrame, folder: Path, kind: str) -> Path:
    path = folder / f"rows.{kind}"
    if kind == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    return path


def read(plugin: ModuleType, path: Path) -> tuple[str, dict[str, int]]:
    """The digest of the cleaned rows, and what was dropped."""
    rows, dropped = plugin.clean(plugin.load(path))
    return digest(plugin.PROBLEM, conform(plugin.PROBLEM, rows)), dropped


def refusal(plugin: ModuleType, path: Path) -> str:
    """What loading and cleaning say against a file; an error without advice is no refusal."""
    with pytest.raises(InvalidInput) as caught:
        plugin.clean(plugin.load(path))
    assert caught.value.hint, f"no advice: {caught.value}"
    return str(caught.value)


def with_value(table: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    """The table with one cell replaced; the others of that column keep their text."""
    told = table[column].astype("str").astype(object).where(table[column].notna(), None)
    told.iloc[AT] = value
    return table.assign(**{column: told})


def needed(problem: Problem, raw: pd.DataFrame) -> set[str]:
    """Raw columns without which the cleaned rows can't be made: never missing there, under the same name. A split that
    is not given is dealt, and without weights each row stands for itself."""
    spared = {SPLIT_COLUMN, problem.weight_column}
    return {c.name for c in problem.columns if not c.nullable and c.name in raw} - spared


@pytest.mark.parametrize("kind", FORMATS)
def test_the_simulators_own_table_reads_as_it_was_made(
    kind: str, plugin: ModuleType, raw: pd.DataFrame, tmp_path: Path
) -> None:
    rows, dropped = plugin.clean(raw)
    assert len(rows) >= ROWS / 10, "too few rows to prove anything"
    expected = digest(plugin.PROBLEM, conform(plugin.PROBLEM, rows))
    assert read(plugin, written(raw, tmp_path, kind)) == (expected, dropped)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_column_is_named(kind: str, plugin: ModuleType, raw: pd.DataFrame, tmp_path: Path) -> None:
    refused = set()
    for column in raw:
        path = written(raw.drop(columns=column), tmp_path, kind)
        try:
            plugin.clean(plugin.load(path))
        except InvalidInput as error:
            assert column in str(error), f"{column} is not named: {error}"
            assert error.hint, f"no advice: {error}"
            refused.add(column)
    assert refused, "any table at all is taken"
    assert needed(plugin.PROBLEM, raw) <= refused


@pytest.mark.parametrize("kind", FORMATS)
def test_a_value_of_another_type_is_named_with_its_place(
    kind: str, plugin: ModuleType, raw: pd.DataFrame, tmp_path: Path
) -> None:
    problem: Problem = plugin.PROBLEM
    names = {
        c.name for c in problem.columns if c.kind in ("text", "category")
    }  # a number may be a name, and a name one
    kinds = (pd.api.types.is_numeric_dtype, pd.api.types.is_datetime64_any_dtype)
    checked = [c for c in raw if c not in names and any(is_kind(raw[c]) for is_kind in kinds)]
    assert checked or not {c.kind for c in problem.inputs} - {"text", "category"}, "nothing is checked"
    for column in checked:
        said = refusal(plugin, written(with_value(raw, column, "banana"), tmp_path, kind))
        assert column in said and "banana" in said, said
        assert PLACE.search(said), f"no row: {said}"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_category_never_seen_is_named_with_the_known_ones(
    kind: str, plugin: ModuleType, raw: pd.DataFrame, tmp_path: Path
) -> None:
    problem: Problem = plugin.PROBLEM
    closed = [c for c in problem.columns if c.categories and c.name in raw and c.name not in problem.derived]
    for column in closed:
        said = refusal(plugin, written(with_value(raw, column.name, "Atlantis"), tmp_path, kind))
        assert column.name in said and "atlantis" in said.lower(), said
        assert any(known in said for known in column.categories), said


# the raw column that holds the label, or the name of a row's series or place where the target is a number
LABELS = {
    "adult_income": ("income", ">60K"),
    "credit_card_fraud": ("Class", "7"),
    "movie_reviews": ("label", "meh"),
    "nyc_sales": ("borough", "ATLANTIS"),
    "taxi_demand": ("zone", "999"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_label_never_seen_is_named(kind: str, plugin: ModuleType, raw: pd.DataFrame, tmp_path: Path) -> None:
    column, label = LABELS.get(plugin.PROBLEM.name, (plugin.PROBLEM.target, "7"))
    said = refusal(plugin, written(with_value(raw, column, label), tmp_path, kind))
    assert column in said and label in said, said


def test_an_empty_file_says_so(plugin: ModuleType, raw: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for content in ("", " \n\n", ",".join(raw.columns) + "\n"):
        path.write_text(content, "utf-8")
        said = refusal(plugin, path)
        assert "rows.csv" in said and re.search(r"empty|no \w+", said, re.IGNORECASE), said
    assert "rows.parquet" in refusal(plugin, written(raw.head(0), tmp_path, "parquet"))


def test_text_that_is_not_utf_8_says_so(plugin: ModuleType, raw: pd.DataFrame, tmp_path: Path) -> None:
    path = written(raw, tmp_path, "csv")
    as_written, plain = path.read_bytes(), read(plugin, path)
    path.write_bytes(as_written.replace(b"\n", b"\n\x81", 1))  # in neither UTF-8 nor Windows-1252
    assert "UTF-8" in refusal(plugin, path)
    path.write_bytes(as_written.decode("utf-8").encode("utf-16"))
    try:
        assert read(plugin, path) == plain, "another encoding was read as other rows"
    except InvalidInput as error:
        assert "UTF-8" in str(error) and error.hint


def test_what_is_no_table_at_all_is_refused(plugin: ModuleType, tmp_path: Path) -> None:
    for name in ("rows.parquet", "rows.zip", "rows.exe"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 no table\n" * 20)
        assert name in refusal(plugin, tmp_path / name)
    assert "nowhere.csv" in refusal(plugin, tmp_path / "nowhere.csv")
    (tmp_path / "folder").mkdir()
    assert "folder" in refusal(plugin, tmp_path / "folder")
