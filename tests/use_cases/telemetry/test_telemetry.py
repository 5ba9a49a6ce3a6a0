"""The commands of telemetry as a user meets them: what they say, what they write, and what they refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ds_workflow import plugins
from ds_workflow.adapters.telemetry import catalog
from ds_workflow.cli.main import main
from ds_workflow.domain.product_metrics import PRODUCT_METRICS


def call(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--workspace", str(root), *words])


def answer(root: Path, *words: str) -> Any:
    made = call(root, *words, "--json")
    assert made.exit_code == 0, made.output
    return json.loads(made.stdout)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a simulated log taken in. Read only."""
    root = tmp_path_factory.mktemp("workspace")
    made = answer(root, "telemetry-simulate", "--out", str(root / "log"), "--events", "20000", "--spoilt", "2")
    taken = answer(root, "telemetry-ingest", "--input", str(root / "log"))
    assert taken["accepted"] == made["events"]
    assert taken["rows"] == taken["accepted"] + taken["duplicates"] + taken["refused"]
    return root


def test_the_same_seed_writes_the_same_events(workspace: Path, tmp_path: Path) -> None:
    again = answer(tmp_path, "telemetry-simulate", "--out", str(tmp_path / "log"), "--events", "20000", "--spoilt", "2")
    other = answer(tmp_path, "telemetry-simulate", "--out", str(tmp_path / "b"), "--events", "20000", "--seed", "1")
    assert again["events"] != other["events"]
    taken = answer(workspace, "telemetry-ingest", "--input", str(tmp_path / "log"))
    assert taken["repeated"], "the same bytes are the same batch"


def test_a_query_by_name(workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "funnel.csv"
    found = answer(workspace, "telemetry-query", "funnel", "--segment", "expert", "--csv", str(out))
    assert set(found) >= {"name", "question", "columns", "rows"}
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(r["suggestions"]) for r in rows] == [r["suggestions"] for r in found["rows"]]
    assert "Of what is shown" in call(workspace, "telemetry-query", "funnel").output


def test_queries_are_listed_and_their_sql_is_shown(tmp_path: Path) -> None:
    assert {q["name"] for q in answer(tmp_path, "telemetry-query")} == set(catalog.names())
    assert "from suggestions" in call(tmp_path, "telemetry-query", "funnel", "--sql").output


def test_the_report_holds_the_truth_beside_what_was_found(workspace: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    found = answer(workspace, "telemetry-report", "--html", str(page))
    assert found["known_effects"]["missed"] == []
    text = page.read_text("utf-8")
    assert "Known effects" in text and "Acceptance by week" in text
    assert "<script" not in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")
    part = answer(workspace, "telemetry-report", "--html", str(page), "--language", "go")
    assert part["known_effects"] is None, "the truth is that of the whole log"


def test_the_page_of_metrics_is_the_one_in_the_documents(house: Path, tmp_path: Path) -> None:
    made = answer(tmp_path, "telemetry-metrics", "--out", str(tmp_path / "metrics.md"))
    assert {m["name"] for m in made} == set(PRODUCT_METRICS)
    written = (house / "docs" / "reference" / "product_metrics.md").read_text("utf-8")
    assert (tmp_path / "metrics.md").read_text("utf-8") == written, (
        "run: ds-workflow telemetry-metrics --out docs/reference/product_metrics.md"
    )


NOWHERE = "postgresql+psycopg://x@/y?host=/nowhere"
REFUSED = (
    (("telemetry-simulate", "--out", "{root}/new", "--events", "5"), 2, "from 100 to"),
    (("telemetry-simulate", "--out", "{root}/log"), 3, "not empty"),
    (("telemetry-simulate", "--out", "{root}/new", "--spoilt", "-1"), 2, "--spoilt"),
    (("telemetry-ingest", "--input", "{root}/absent"), 2, "There is no file or folder"),
    (("telemetry-ingest", "--input", "{root}/log", "--database", "mysql://x"), 2, "no PostgreSQL address"),
    (("telemetry-ingest", "--input", "{root}/log/events-001.parquet", "--database", NOWHERE), 4, "did not answer"),
    (("telemetry-query", "nonsense"), 2, "There is no query 'nonsense'"),
    (("telemetry-query", "funnel", "--language", "cobol"), 2, "There is no language 'cobol'"),
    (("telemetry-query", "funnel", "--from", "soon"), 2, "no day"),
    (("telemetry-query", "funnel", "--database", NOWHERE), 4, "did not answer"),
    (("telemetry-report", "--from", "2025-02-02", "--to", "2025-02-01"), 2, "before the first"),
)


@pytest.mark.parametrize(("words", "code", "said"), REFUSED)
def test_bad_input_is_refused_in_words(words: tuple[str, ...], code: int, said: str, workspace: Path) -> None:
    before = sorted(workspace.rglob("*"))
    made = call(workspace, *(w.format(root=workspace) for w in words))
    assert (made.exit_code, "Traceback" in made.output) == (code, False), made.output
    assert said in " ".join(made.output.split())
    assert sorted(workspace.rglob("*")) == before


def test_an_empty_warehouse_says_what_to_do(tmp_path: Path) -> None:
    for words in (("telemetry-query", "funnel"), ("telemetry-report",)):
        made = call(tmp_path, *words)
        assert made.exit_code == 2
        assert "telemetry-simulate" in made.output


def test_days_without_anything_are_told(workspace: Path, tmp_path: Path) -> None:
    found = answer(workspace, "telemetry-query", "funnel", "--from", "2031-01-01")
    assert found["rows"] == []
    made = call(workspace, "telemetry-report", "--from", "2031-01-01", "--html", str(tmp_path / "none.html"))
    assert made.exit_code == 2, made.output
    assert "No suggestion was shown" in made.output


def test_what_is_exported_is_what_was_simulated(workspace: Path, tmp_path: Path) -> None:
    """Rows to events to a warehouse to rows again: the loader of the problem reads what its simulator drew."""
    suggestions = plugins.load("problems", "code_suggestions")
    out = tmp_path / "suggestions.parquet"
    made = answer(workspace, "telemetry-export", "--out", str(out))
    drawn = suggestions.simulate(rows=made["rows"], seed=42, deal="developer")
    drawn.to_parquet(tmp_path / "drawn.parquet")
    tables = [suggestions.clean(suggestions.load(path))[0] for path in (tmp_path / "drawn.parquet", out)]
    for table in tables:  # the warehouse's id has the session in it already
        table["suggestion_id"] = table["suggestion_id"].str.split("-").str[-2:].str.join("-")
    pd.testing.assert_frame_equal(
        *(t.sort_values("suggestion_id").reset_index(drop=True) for t in tables), check_dtype=False
    )
    assert call(workspace, "telemetry-export", "--out", str(out)).exit_code == 3
    assert call(workspace, "telemetry-export", "--out", str(tmp_path / "x.csv")).exit_code == 2


def test_a_batch_of_which_nothing_can_be_used_is_not_green(tmp_path: Path) -> None:
    path = tmp_path / "foreign.jsonl"
    path.write_text('{"who": "ana", "did": "ran"}\n' * 3)
    made = call(tmp_path, "telemetry-ingest", "--input", str(path))
    assert made.exit_code == 1
    assert "No event of this batch could be used" in made.output
