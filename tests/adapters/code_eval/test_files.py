"""Files of tasks and completions: every kind is read, every fault is named, and nothing is half written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.code_eval.distance import levenshtein, likeness
from ds_workflow.errors import InvalidInput

TASK = {"task_id": "a", "text": "Add.", "code": "def add(a, b): return a + b", "test_list": ["assert add(1, 2) == 3"]}
LINE = json.dumps(TASK) + "\n"


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.json", "t.json.gz"])
def test_every_kind_is_read(tmp_path: Path, name: str) -> None:
    text = LINE + "\n" if "jsonl" in name else json.dumps([TASK])
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert list(files.read_tasks(str(path)).tasks) == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.jsonl", b"", "is empty"),
        ("t.jsonl", b"\n \n", "is empty"),
        ("t.jsonl", LINE.encode() + b"{cut", "line 2, is no JSON"),
        ("t.jsonl", b"[1]\n", "record 1 is no JSON object"),
        ("t.jsonl", "\u00e4".encode("latin-1"), "not UTF-8"),
        ("t.json", LINE.encode(), "must hold a list"),
        ("t.json", b"[]", "holds no records"),
        ("t.jsonl.gz", b"no gzip", "no whole gzip"),
        ("t.jsonl.gz", gzip.compress(LINE.encode() * 50)[:-12], "no whole gzip"),
        ("t.csv", b"a,b", "no file of tasks"),
        ("t.jsonl", (LINE * 2).encode(), "stands twice"),
        ("t.jsonl", b'{"task_id": 1}', "Task 1 .1. is of no known format"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=words):
        files.read_tasks(str(path))
    assert path.read_bytes() == content


def test_no_file_says_what_would_be_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file") as caught:
        files.read_tasks(str(tmp_path / "none.jsonl"))
    assert ".jsonl" in caught.value.hint


def answers(tmp_path: Path, *records: dict[str, object], model: str = "") -> files.Answers:
    tasks, path = tmp_path / "t.jsonl", tmp_path / "mine.jsonl"
    tasks.write_text(LINE)
    files.write_lines(path, records)
    return files.read_completions(path, tasks=files.read_tasks(str(tasks)), model=model)


def test_samples_without_a_number_take_their_place(tmp_path: Path) -> None:
    found = answers(tmp_path, *({"task_id": "a", "completion": str(n)} for n in range(3)))
    assert [c.sample for c in found.completions] == [0, 1, 2]
    assert (found.model, found.samples) == ("mine", 3)


def test_completions_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    one = {"task_id": "a", "completion": "x", "sample": 0}
    with pytest.raises(InvalidInput, match="sample 0 of a twice"):
        answers(tmp_path, one, one)
    with pytest.raises(InvalidInput, match="does not hold: b"):
        answers(tmp_path, one | {"task_id": "b"})
    two = (one | {"model": "m"}, one | {"model": "n"})
    with pytest.raises(InvalidInput, match="several models: m, n"):
        answers(tmp_path, *two)
    assert answers(tmp_path, *two, model="n").model == "n"
    with pytest.raises(InvalidInput, match="Known: m, n"):
        answers(tmp_path, *two, model="o")


def test_what_was_there_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    files.write_lines(path, [{"a": 1}])
    before = path.read_bytes()

    def broken() -> object:
        yield {"a": 2}
        raise KeyError("stopped")

    with pytest.raises(KeyError):
        files.write_lines(path, broken())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_lines(path, [{"a": float("nan")}])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [("kitten", "sitting", 3), ("intention", "execution", 5), ("Sunday", "Saturday", 3), ("cat", "bat", 1),
     ("", "abc", 3), ("return 'Fizz'", "return 'Buzz'", 2), ("", "", 0)],
)  # fmt: skip
def test_the_distance_is_levenshteins(a: str, b: str, distance: int) -> None:
    assert levenshtein(a, b) == levenshtein(b, a) == distance
    assert likeness(a, b) == pytest.approx(1 - distance / max(len(a), len(b), 1))


@pytest.mark.real_data
def test_the_distances_of_all_references_to_one_another(real_data: Path) -> None:
    """Over the 164 x 164 pairs of HumanEval's prompts with their canonical solutions; our own distance on a row."""
    tasks = files.read_tasks(str(real_data / "code_llm_eval" / "HumanEval.jsonl.gz")).tasks
    texts = [task.reference for task in tasks.values()]
    table = process.cdist(texts, texts, scorer=Levenshtein.distance, workers=1)
    assert int(table.sum()) == 16_128_824
    assert [levenshtein(texts[0], text) for text in texts] == table[0].tolist()
