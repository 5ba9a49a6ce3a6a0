"""Tables from files that people hand in."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ds_workflow.adapters import tables
from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases.monitor import drift

TABLE = pd.DataFrame({"x": [1.5, 2.5], "kind": ["a", "\u00e9"]})


def test_each_kind_reads_as_it_was_written(tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    TABLE.to_csv(tmp_path / "t.csv.gz", index=False)
    TABLE.to_parquet(tmp_path / "t.parquet")
    TABLE.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    for name in ("t.csv", "t.csv.gz", "t.parquet", "t.jsonl"):
        pd.testing.assert_frame_equal(tables.read(tmp_path / name), TABLE)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "is empty"),
        ("head.csv", b"x,kind\n", "holds no rows"),
        ("latin.csv", "x\ncaf\xe9\n".encode("latin-1"), "not UTF-8"),
        ("note.txt", b"x", "no table"),
        ("broken.parquet", b"x", "can't be read"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "can't be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=words) as caught:
        tables.read(tmp_path / name)
    assert caught.value.hint
    out = tmp_path / "artifacts" / "drift.json"
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InvalidInput, match=words):
        drift.compare(tmp_path / "t.csv", tmp_path / name, out=out, threshold=0.2, say=print)
    assert not out.parent.exists()


def test_an_output_that_is_no_json_and_a_column_that_is_not_there(tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InvalidInput, match=r"must name a \.json"):
        drift.compare(tmp_path / "t.csv", tmp_path / "t.csv", out=tmp_path / "d.txt", threshold=0.2, say=print)
    with pytest.raises(InvalidInput, match="no column z"):
        drift.compare(
            tmp_path / "t.csv", tmp_path / "t.csv", out=tmp_path / "d.json", threshold=0.2, say=print, columns=("z",)
        )
