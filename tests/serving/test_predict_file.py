"""Answers for a file of rows: csv and parquet, however large, bad rows by their numbers, whole or not at all."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flow import Flow
from office import Office

from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import predict
from ds_workflow.workspace import Workspace


@pytest.fixture(scope="module")
def home(trained: Path) -> Office:
    return Office(Workspace.at(trained, "adult_income"))


@pytest.fixture(scope="module")
def people(home: Office) -> pd.DataFrame:
    plugin = home.work.plugin
    rows, _ = plugin.clean(plugin.simulate(rows=2_000, seed=11))
    return rows.assign(note=[f'row {i}, "quoted"' for i in range(len(rows))])


def answers_of(home: Office, rows: pd.DataFrame) -> np.ndarray:
    champion = predict.champion(home.work)
    inputs = [c.name for c in home.work.problem.inputs]
    sent = json.loads(rows[inputs].to_json(orient="records"))
    found, errors = champion.predict(sent)
    assert not errors
    return np.array([one["probability"] for one in found])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("out", [".csv", ".parquet"])
def test_every_row_gets_the_answer_that_a_request_gets(
    home: Office, people: pd.DataFrame, tmp_path: Path, suffix: str, out: str
) -> None:
    source, target = tmp_path / f"people{suffix}", tmp_path / f"answers{out}"
    people.to_csv(source, index=False) if suffix == ".csv" else people.to_parquet(source, index=False)
    done = predict.predict_file(home.work, source, target)
    assert (done.rows, done.rejected, done.rejects) == (len(people), 0, None)
    found = pd.read_csv(target) if out == ".csv" else pd.read_parquet(target)
    np.testing.assert_allclose(found["predicted_probability"], answers_of(home, people), rtol=1e-9)
    assert set(found["predicted_label"]) <= {0, 1}
    assert set(found["model_version"]) == {1}
    assert set(found["model_digest"]) == {home.work.registry.version("adult_income", 1).digest}
    assert found["note"].tolist() == people["note"].tolist()
    assert list(found.columns[: len(people.columns)]) == list(people.columns)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source.name, target.name])


def test_bad_rows_are_listed_by_number_and_left_out(home: Office, people: pd.DataFrame, tmp_path: Path) -> None:
    bad = people.astype({"age": object}).copy()
    bad.loc[4, "education"] = "Finishing school"
    bad.loc[9, "age"] = "old"
    bad.loc[9, "hours_per_week"] = 200
    source, target = tmp_path / "people.csv", tmp_path / "answers.csv"
    bad.to_csv(source, index=False)
    flow = Flow(Path(__file__).resolve().parents[2], home.root)
    done = flow(
        "--problem", "adult_income", "predict", "--input", str(source), "--output", str(target), "--json", code=1
    )
    assert (done.json["rows"], done.json["rejected"]) == (len(people) - 2, 2)
    assert done.json["model"]["name"] == "adult_income"
    assert len(done.json["model"]["digest"]) == 64
    with Path(done.json["rejects"]).open(encoding="utf-8") as stream:
        told = [(row["row"], row["field"], row["sent"]) for row in csv.DictReader(stream)]
    assert told == [("5", "education", "Finishing school"), ("10", "age", "old"), ("10", "hours_per_week", "200.0")]
    assert "note" in done.err  # declared nowhere: said, and handed through
    left = people.drop(index=[4, 9])
    assert pd.read_csv(target)["person_id"].tolist() == left["person_id"].tolist()
    good = flow("--problem", "adult_income", "predict", "--input", str(target), "--output", str(tmp_path / "twice.csv"))
    assert "1,998 rows answered" in good.out


def test_a_file_as_the_source_writes_it_is_answered_as_one_with_empty_cells(
    home: Office, people: pd.DataFrame, tmp_path: Path
) -> None:
    some = people.drop(columns="note").head(50).assign(sex="Female")
    some.loc[some.index[::3], ["workclass", "occupation"]] = None
    empty, marked = tmp_path / "empty.csv", tmp_path / "marked.csv"
    some.to_csv(empty, index=False)
    lines = some.to_csv(index=False, na_rep="?").splitlines()
    marked.write_text("\n".join([lines[0].replace(",", ", "), *lines[1:]]) + "\n", "utf-8")  # 'age, workclass'
    assert ",?," in marked.read_text("utf-8")
    said: list[str] = []
    work = replace(home.work, say=said.append)
    found = []
    for source in (empty, marked):
        done = predict.predict_file(work, source, tmp_path / "answers.csv")
        assert (done.rows, done.rejected) == (50, 0)
        found.append(pd.read_csv(tmp_path / "answers.csv")["predicted_probability"])
    pd.testing.assert_series_equal(*found)
    (line,) = {line for line in said if "ignored" in line}
    assert "sex" in line and "over_50k" in line
    inputs = [c.name for c in work.problem.inputs]
    (person,) = json.loads(people[inputs].head(1).to_json(orient="records"))
    _, errors = predict.champion(work).predict([{**person, "workclass": "?"}, {**person, "sex": "Female"}])
    assert {error.field for error in errors} == {"workclass", "sex"}, "a request may hold neither"


def test_a_run_that_fails_leaves_what_was_there(home: Office, people: pd.DataFrame, tmp_path: Path) -> None:
    source, target = tmp_path / "people.csv", tmp_path / "answers.csv"
    people.to_csv(source, index=False)
    with source.open("a", encoding="utf-8") as stream:
        stream.write("one,cell too few\n")
    target.write_text("from yesterday\n", "utf-8")
    with pytest.raises(InvalidInput, match="can't be read"):
        predict.predict_file(home.work, source, target)
    assert target.read_text("utf-8") == "from yesterday\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["answers.csv", "people.csv"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("people.txt", b"age\n", "neither"),
        ("people.csv", b"", "empty"),
        ("people.csv", b"age,age\n1,2\n", "two columns"),
        ("people.csv", b"age,education\n41,Masters\n", "hours_per_week"),
        ("people.csv", b"age,education,hours_per_week\n", "no rows"),
        ("people.csv", "age,education,hours_per_week\n41,Mästers,45\n".encode("latin-1"), "can't be read"),
        ("people.csv", b"\xff\xfea\x00g\x00e\x00", "UTF-8"),
        ("people.parquet", b"PAR1 and then nothing", "parquet"),
    ],
)
def test_files_that_can_not_be_read(home: Office, tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=why):
        predict.predict_file(home.work, tmp_path / name, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_what_is_asked_wrongly(home: Office, people: pd.DataFrame, tmp_path: Path) -> None:
    source = tmp_path / "people.parquet"
    people.to_parquet(source)
    with pytest.raises(InvalidInput, match="three different files"):
        predict.predict_file(home.work, source, source)
    with pytest.raises(InvalidInput, match="no file"):
        predict.predict_file(home.work, tmp_path / "gone.csv", tmp_path / "out.csv")
    with pytest.raises(InvalidInput, match="neither"):
        predict.predict_file(home.work, source, tmp_path / "out.xlsx")


def test_a_file_larger_than_the_memory_it_may_take(home: Office, people: pd.DataFrame, tmp_path: Path) -> None:
    """100,000 rows with a wide column nobody reads: 400 MB as text, answered in a process that never holds them."""
    source, target = tmp_path / "large.parquet", tmp_path / "out.parquet"
    wide = pa.Table.from_pandas(people.assign(ballast=["x" * 4_000] * len(people)), preserve_index=False)
    with pq.ParquetWriter(source, wide.schema) as writer:
        for _ in range(50):
            writer.write_table(wide)
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from ds_workflow.use_cases import predict\n"
        "from ds_workflow.workspace import Workspace\n"
        "work = Workspace.at(sys.argv[1], 'adult_income')\n"
        "predict.champion(work)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "done = predict.predict_file(work, Path(sys.argv[2]), Path(sys.argv[3]))\n"
        "print(done.rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    words = [sys.executable, "-c", script, str(home.root), str(source), str(target)]
    rows, megabytes = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 100_000
    assert pq.ParquetFile(target).metadata.num_rows == 100_000
    assert int(megabytes) < 300
