"""Pages of experiments and of generated code say what the records say, carry their filters, and give every figure."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from console import XSS, Story, visit
from fastapi.testclient import TestClient
from pytest import approx

from ds_workflow.use_cases.code_eval import compare, run
from ds_workflow.use_cases.experiment import analyze, causal, cite, peeking, record, sequential
from ds_workflow.use_cases.experiment.analyze import Layout, Measure
from ds_workflow.workspace import Workspace
from serving.app import create_app

TASK = {
    "task_id": "T/{}",
    "prompt": 'def f{0}(x):\n    """Add {0}."""\n',
    "entry_point": "f{0}",
    "canonical_solution": "    return x + {0}\n",
    "test": "def check(candidate):\n    assert candidate(1) == 1 + {0}\n",
}


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\xa0", " ").split())


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one kept result of every kind."""
    root = tmp_path_factory.mktemp("kept")
    work = Workspace.at(root)
    rng = np.random.default_rng(1)
    n = 1_200
    arm = rng.choice(["old", "new"], n)
    table = pd.DataFrame({"arm": arm, "hit": rng.uniform(size=n) < 0.3 + 0.15 * (arm == "new")})
    table["language"] = rng.choice(["=cmd|go", "python"], n)
    table["at"] = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(np.sort(rng.uniform(0, 5, n)), unit="D")
    table["age"] = rng.normal(40, 9, n)
    table["treated"] = (arm == "new").astype(int)
    path = root / "events.csv"
    table.to_csv(path, index=False)
    layout = Layout("arm", "old", segment="language")
    options = {"level": 0.95, "correction": "holm"}
    analyze.analyze(work, path, layout, [Measure("hit", practical=0.02)], save="launch", **options)
    off = Layout("arm", "old", shares=(1.0, 9.0))
    analyze.analyze(work, path, off, [Measure("hit")], save="broken-split", **options)
    sequential.watch(work, path, layout, Measure("hit"), time="at", level=0.95, best_at=None, planned=n, save="daily")
    causal.estimate(work, path, causal.Ask("hit", "treated", ("age",), ("ipw", "ols")), save="study")
    peeking.simulate(work, peeking.Experiment(0.3, 50, 8), runs=200, alpha=0.05, best_at=None, seed=1, save="looks")
    tasks, answers = root / "tasks.jsonl", {}
    tasks.write_text("\n".join(json.dumps({k: v.format(i) for k, v in TASK.items()}) for i in range(6)), "utf-8")
    for model, right in (("older", 3), ("newer", 5)):
        answers[model] = root / f"{model}.jsonl"
        lines = [
            {"task_id": f"T/{i}", "completion": f"    return x + {i if i < right else 99}  # {XSS}\n", "model": model}
            for i in range(6)
        ]
        answers[model].write_text("\n".join(map(json.dumps, lines)), "utf-8")
        run.run(work, compare.Ask(str(tasks), answers[model], timeout=2), save=model)
    return root


@pytest.fixture(scope="module")
def reader(root: Path) -> TestClient:
    return visit(create_app(Workspace.at(root)))


def test_empty_pages_say_what_to_do_next(tmp_path: Path) -> None:
    empty = visit(create_app(Workspace.at(tmp_path)))
    for path, command in (("/experiments", "experiment-analyze"), ("/code", "codeeval-run")):
        assert command in empty.get(path).text


def test_the_list_narrows_by_its_address_and_shouts_of_a_broken_split(reader: TestClient) -> None:
    everything = words(reader.get("/experiments").text)
    for name in ("launch", "broken-split", "daily", "study", "looks"):
        assert name in everything
    assert "newer" not in everything, "an evaluation of code stands under Code"
    assert everything.count("split is off") == 1
    shipped = words(reader.get("/experiments?verdict=ship&kind=Experiment").text)
    assert "launch" in shipped and "broken-split" not in shipped and "daily" not in shipped
    assert "Nothing fits" in reader.get("/experiments?kind=Experiment&verdict=worse").text
    assert "Sample ratio mismatch" in reader.get("/experiments/broken-split").text


def test_a_page_and_its_csv_give_the_figures_of_the_record(reader: TestClient, root: Path) -> None:
    work = Workspace.at(root)
    told = record.load(work, "launch")["result"]
    page = reader.get("/experiments/launch").text
    assert page.count("<svg") == 2, "one forest, in its two layouts"
    assert f"{100 * told['estimate']:+.2f} pp" in words(page)
    assert "events.csv (sha256" in page
    table = rows(reader.get("/experiments/launch/contrasts.csv").text)
    assert len(table) == len(told["contrasts"]) == 3
    for line, contrast in zip(table, told["contrasts"], strict=True):
        assert float(line["estimate"]) == approx(contrast["estimate"], rel=1e-12)
        assert float(line["low"]) == approx(contrast["interval"][0], rel=1e-12)
    assert {line["segment"] for line in table} == {"all", "'=cmd|go", "python"}, "no cell is a formula"
    part = reader.get("/experiments/launch?segment=python")
    assert 'value="python" selected' in part.text
    assert "contrasts.csv?segment=python" in part.text
    assert len(rows(reader.get("/experiments/launch/contrasts.csv?segment=python").text)) == 1


@pytest.mark.parametrize(
    ("name", "tables", "pictures"),
    [
        ("daily", {"looks": 5}, 1),
        ("study", {"estimates": 3, "balance": 1, "overlap": 20}, 3),
        ("looks", {"by_look": 8, "rules": 4}, 3),
    ],
)
def test_every_kind_has_its_pictures_and_their_figures(
    reader: TestClient, name: str, tables: dict[str, int], pictures: int
) -> None:
    page = reader.get(f"/experiments/{name}").text
    assert page.count("<svg") == 2 * pictures
    for table, lines in tables.items():
        assert f"/experiments/{name}/{table}.csv" in page
        answer = reader.get(f"/experiments/{name}/{table}.csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert len(rows(answer.text)) == lines


def test_what_is_not_there_is_said(reader: TestClient) -> None:
    for path in (
        "/experiments/nothing",
        "/experiments/launch?segment=cobol",
        "/experiments/launch/salaries.csv",
        "/experiments/..%2f..%2fetc",
        "/code/nothing",
        "/code/newer?kind=magic",
        "/code/newer/task?id=T/99",
        "/code/newer/task?id=T/1&sample=7",
        "/code/compare?left=newer&right=nothing",
    ):
        assert reader.get(path, headers={"accept": "text/html"}).status_code == 404, path
    assert reader.get("/experiments/newer").status_code == 400


def test_a_record_that_was_changed_says_so(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "experiments"
    folder.mkdir()
    text = (root / "experiments" / "launch.json").read_text("utf-8")
    (folder / "launch.json").write_text(text.replace('"recommendation": "ship"', '"recommendation": "keep"'), "utf-8")
    (folder / "torn.json").write_text(text[:100], "utf-8")
    client = visit(create_app(Workspace.at(tmp_path)))
    listed = words(client.get("/experiments").text)
    assert "changed after it was kept" in listed and "torn can't be read" in listed
    assert "changed after it was kept" in client.get("/experiments/launch").text


def test_code_is_shown_by_model_by_task_and_beside_its_reference(reader: TestClient) -> None:
    models = words(reader.get("/code").text)
    assert "older" in models and "@1: 0.833" in models and "@1: 0.500" in models
    page = reader.get("/code/newer").text
    assert "1 of 1" in words(page) and "0 of 1" in words(page)
    failed = reader.get("/code/newer?kind=wrong_answer").text
    assert "T/5" in failed and "T/4" not in failed
    table = rows(reader.get("/code/newer/outcomes.csv").text)
    assert [line["passed"] for line in table] == ["True"] * 5 + ["False"]
    assert len(rows(reader.get("/code/newer/outcomes.csv?kind=wrong_answer").text)) == 1
    task = reader.get("/code/newer/task?id=T/5").text
    assert "return x + 99" in task and "return x + 5" in task and 'class="gone"' in task
    assert XSS not in task, "a completion is text, never markup"
    assert "<script>document" not in page


def test_two_models_are_compared_as_mcnemar_says(reader: TestClient) -> None:
    """Two tasks are solved by the newer one only, none by the older only: exact p = 2 * 0.5**2."""
    text = words(reader.get("/code/compare?left=older&right=newer").text)
    assert "newer is better on 2 tasks, older on 0 (McNemar, exact: p = 0.5000)" in text
    assert "T/3" in text and "T/4" in text and "T/5" not in text


def test_a_proposal_shows_the_experiment_that_it_cites(story: Story, root: Path) -> None:
    work = story.work()
    kept = story.root / "experiments"
    kept.mkdir(exist_ok=True)
    for suffix in (".json", ".html"):
        (kept / f"launch{suffix}").write_bytes((root / "experiments" / f"launch{suffix}").read_bytes())
    first = cite.cite(work, "launch", story.proposal, by="ana")
    assert not first.already
    assert cite.cite(work, "launch", story.proposal, by="ben").already, "the same record binds once"
    client = visit(create_app(work))
    shown = words(client.get(f"/arena/{story.proposal}").text)
    assert f"launch: {first.says}" in shown.replace("\N{MINUS SIGN}", "-")
    assert first.digest[:12] in shown and "cited by ana" in shown
    assert story.proposal in client.get("/experiments/launch").text
