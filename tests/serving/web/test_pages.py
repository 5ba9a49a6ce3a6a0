"""The pages over HTTP: what they say is what the stores say, and an empty one says what to do next."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pytest
from console import Story, hidden, log_in, visit
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sklearn.metrics import precision_score, recall_score

from ds_workflow.adapters import models, monitoring_history, run_files
from ds_workflow.domain.costs import Costs
from ds_workflow.domain.monitoring.looks import Finding, Look
from ds_workflow.reports.tables import measure, percent, typographic
from ds_workflow.use_cases import daily, incidents, models_view, threshold
from ds_workflow.workspace import Workspace
from serving.app import create_app
from serving.web import frame


def words(page: str) -> str:
    """The text of a page, blanks made one."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\xa0", " ").split())


@pytest.fixture(scope="module")
def reader(app: FastAPI) -> TestClient:
    return visit(app)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return visit(create_app(Workspace.at(tmp_path_factory.mktemp("empty"))))


EMPTY = {
    "/": "user-add",
    "/arena": "arena-propose",
    "/models": "bootstrap-champion",
    "/models/nyc_sales": "data-snapshot",
    "/hypotheses": "hypothesis-new",
    "/monitoring": "bootstrap-champion",
    "/monitoring/nyc_sales": "bootstrap-champion",
    "/try": "bootstrap-champion",
    "/try/nyc_sales": "bootstrap-champion",
    "/try/adult_income/threshold": "bootstrap-champion",
    "/documents": "arena-approve",
    "/login": "user-add",
}


@pytest.mark.parametrize("path", EMPTY)
def test_an_empty_page_says_what_to_do_next(empty: TestClient, path: str) -> None:
    answer = empty.get(path)
    assert answer.status_code == 200
    assert EMPTY[path] in answer.text


def test_every_answer_carries_the_headers(reader: TestClient) -> None:
    for path in ("/", "/arena", "/nothing-here", "/static/console.css", "/login", "/styles/reports.css"):
        headers = reader.get(path, headers={"accept": "text/html"}).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_no_page_brings_script_or_style_of_its_own(reader: TestClient, told: Story) -> None:
    for path in ("/", f"/arena/{told.proposal}", "/models/nyc_sales/1", "/try/nyc_sales", "/hypotheses/H-INC-001"):
        page = reader.get(path).text
        assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/htmx-4.0.1.min.js" defer>'], path
        assert not re.search(r"<style|\sstyle=|\son\w+=\"|https?://(?!127\.0\.0\.1:5001)(?!www\.w3\.org)", page), path


def test_the_overview_counts_what_the_registry_holds(reader: TestClient, told: Story) -> None:
    text = words(reader.get("/").text)
    registry = told.work().registry
    waiting = [p for p in registry.proposals(disposition="open") if p.verdict == "pass"]
    assert f"Proposals to decide {len(waiting)}" in text
    assert "2 with a champion" in text
    for problem in ("nyc_sales", "adult_income"):
        assert registry.custody(problem).status == "in_custody"
    assert text.count("in custody") == 2


def test_a_proposal_shows_the_figures_of_the_ledger(reader: TestClient, told: Story) -> None:
    proposal = told.work().registry.proposal(told.proposal)
    text = words(reader.get(f"/arena/{told.proposal}").text)
    for name, figures in proposal.summary["overall"].items():
        unit = "" if name == "r2" else figures["unit"]
        for which in ("champion", "challenger"):
            assert words(typographic(measure(figures[which], unit))) in text, (name, which)
        shown = words(typographic(measure(figures["difference"], unit, difference=True)))
        assert shown in text, name
    for gate in proposal.gates:
        assert gate.name in text
    assert proposal.digest in text and proposal.evidence.policy_digest in text
    uses = told.work().registry.holdout_uses(proposal.evidence.holdout_digest)
    assert f"{len(uses)} comparisons looked at these rows" in text
    assert all(f"{u.alpha:.3g}" in text for u in uses)


def test_a_version_shows_its_scorecard_and_lineage(reader: TestClient, told: Story) -> None:
    work = told.work("nyc_sales")
    version = work.registry.version("nyc_sales", 1)
    card = run_files.read_json(work.registry.run_artifacts(version) / run_files.SCORECARD)
    text = words(reader.get("/models/nyc_sales/1").text)
    for name in ("mdape", "ppe10", "bias"):
        assert words(typographic(measure(card["overall"][name], "share"))) in text
    for segment, figures in card["segments"].items():
        assert f"{segment} {int(figures['rows']):,}" in text
    assert version.digest in text and version.run_id in text and version.lineage.dataset_digest in text
    moves = work.registry.moves("nyc_sales")
    assert moves[-1].proposal_id in words(reader.get("/models/nyc_sales").text)


def test_a_long_list_of_versions_is_turned_page_by_page(reader: TestClient, told: Story) -> None:
    newest = models_view.listing(told.work(), most=1)
    assert ([line.version.version for line in newest.lines], newest.total, newest.older) == ([2], 2, 2)
    rest = models_view.listing(told.work(), most=1, before=newest.older)
    assert ([line.version.version for line in rest.lines], rest.total, rest.older) == ([1], 2, 0)
    page = reader.get("/models/adult_income?before=2").text
    assert "1 of 2 versions" in words(page)
    assert '/models/adult_income/1"' in page and '/models/adult_income/2"' not in page
    assert "of 2 versions" not in words(reader.get("/models/adult_income").text)


def test_two_versions_stand_beside_each_other(reader: TestClient, told: Story) -> None:
    work = told.work()
    cards = [
        run_files.read_json(work.registry.run_artifacts(work.registry.version("adult_income", n)) / run_files.SCORECARD)
        for n in (1, 2)
    ]
    text = words(reader.get("/models/adult_income/compare?left=1&right=2").text)
    one, two = (card["overall"]["accuracy"] for card in cards)
    assert words(typographic(f"{percent(one, decimals=2)} {percent(two, decimals=2)}")) in text
    assert words(typographic(measure(two - one, "share", difference=True))) in text
    assert "feature set version v1.0 v2.0" in text
    assert reader.get("/models/adult_income/compare?left=1&right=1").status_code == 400


def test_the_backlog_and_a_hypothesis_say_where_it_stands(reader: TestClient, told: Story) -> None:
    listed = words(reader.get("/hypotheses?problem=adult_income").text)
    assert "H-INC-001" in listed and "H-SEG-001" not in listed and "supported" in listed
    page = words(reader.get("/hypotheses/H-INC-001").text)
    assert told.proposal in page
    assert "roc_auc on overall will increase by at least 0.02" in page


def test_documents_are_listed_and_stored_pages_can_not_act(reader: TestClient) -> None:
    assert "nyc_sales-v1.md" in reader.get("/documents").text
    assert "Model card" in words(reader.get("/documents/model_cards/nyc_sales-v1.md").text)
    stored = reader.get("/models/nyc_sales/1/files/run_card.html")
    assert stored.headers["content-type"].startswith("text/html")
    policy = stored.headers["content-security-policy"]
    assert "sandbox" in policy and "script-src" not in policy and "default-src 'none'" in policy


def test_monitoring_shows_the_daily_check_incidents_and_requests(story: Story) -> None:
    work = story.work()
    incidents.note(work, "a person", "somebody moved the alias <b>by hand</b>", by="the watch")
    app = create_app(work)
    row = {"age": 44, "education": "Masters", "hours_per_week": 50}
    with visit(app) as client:  # leaving it writes the log of requests
        for _ in range(3):
            assert client.post("/problems/adult_income/predict", json=[row, row]).status_code == 200
    page = visit(app).get("/monitoring/adult_income").text
    text = words(page)
    for check in daily.check(work).checks:
        assert re.search(rf"{re.escape(check.name)} \S {check.status}", text), check
    assert "Requests answered 3 v1: 3" in text and "Rows answered 6" in text
    assert "somebody moved the alias &lt;b&gt;by hand" in page and "nobody is on it yet" in text
    assert "Incidents 1 see below" in words(visit(app).get("/").text)


def test_the_overview_of_monitoring_shows_the_newest_looks(story: Story) -> None:
    work = story.work()
    champion = work.registry.champion("adult_income")
    assert champion is not None
    app = create_app(work)
    assert "Rows that came in ○ not looked at nobody has looked yet" in words(visit(app).get("/monitoring").text)
    gone = Finding("data quality", "critical", "300 of 300 rows <b>can't</b> be used")
    at, digest = "2026-03-01T00:00:00Z", champion.digest
    history = monitoring_history.History(work.settings.store)
    history.add(Look("adult_income", "inputs", at, champion.version, digest, "p", "critical", (gone,)))
    history.close()
    page = visit(app).get("/monitoring").text
    assert re.search(r"Rows that came in \S critical 300 of 300 rows", words(page))
    assert "300 of 300 rows &lt;b&gt;can" in page
    assert "Performance ○ not looked at" in words(page)


def test_asking_by_hand_answers_as_the_service_does(reader: TestClient) -> None:
    page = reader.get("/try/adult_income").text
    row = {"age": 44, "education": "Masters", "hours_per_week": 50, "capital_gain": 7000}
    answer = reader.post("/try/adult_income", data={k: str(v) for k, v in row.items()}, headers={"hx-request": "true"})
    assert answer.status_code == 200
    api = reader.post("/problems/adult_income/predict", json=[row]).json()["predictions"][0]
    assert f'id="said">{typographic(percent(api["probability"]))}<' in answer.text
    assert "log odds" in words(answer.text)
    for column in ("age", "education", "hours_per_week"):
        assert f'for="f-{column}"' in page and f'id="f-{column}"' in page
    whole = reader.post("/try/adult_income", data={k: str(v) for k, v in row.items()})
    assert "<title>" in whole.text and percent(api["probability"]) in words(whole.text)


def test_a_bad_field_is_named_at_its_field(reader: TestClient) -> None:
    answer = reader.post("/try/adult_income", data={"age": "old", "education": "Masters", "hours_per_week": "40"})
    assert answer.status_code == 400
    field = answer.text.partition('id="f-age"')[2][:600]
    assert 'aria-invalid="true"' in field and "must be a number" in field
    assert 'value="old"' in answer.text


def test_a_threshold_reads_as_scikit_learn_does(told: Story) -> None:
    work = told.work()
    champion = work.registry.champion("adult_income")
    assert champion is not None
    scored = models.read_scored(work.registry.run_artifacts(champion) / run_files.PREDICTIONS)
    counts = threshold.stored(work)
    for at in (0.05, 0.3, 0.5, 0.731):
        found = threshold.explore(counts, threshold.EVEN, at, missed=3.0, false_alarm=1.0).reading
        flagged = scored.prediction >= at
        assert found.precision == pytest.approx(precision_score(scored.truth, flagged))
        assert found.recall == pytest.approx(recall_score(scored.truth, flagged))
        missed, alarms = (scored.truth == 1) & ~flagged, (scored.truth == 0) & flagged
        assert found.cost == pytest.approx((3 * missed.sum() + alarms.sum()) / len(scored))


@pytest.mark.parametrize("found", [0.0, 5.0])
def test_the_cost_is_drawn_at_every_threshold(found: float) -> None:
    """Of a rare class flagging all costs hundreds of times what flagging none does; the line still begins at 0."""
    rng = np.random.default_rng(3)
    truth = rng.random(20_000) < 0.002
    score = np.where(truth, rng.beta(4, 2, len(truth)), rng.beta(0.1, 9, len(truth)))
    counts = threshold.counted(score, truth, np.ones(len(truth)), source="x")
    costs = Costs(122.0, 5.0, "EUR", "x", found=found)
    drawn = threshold.explore(counts, costs, 0.04, missed=122.0, false_alarm=5.0).pictures
    of_cost = drawn.partition("Cost a row")[2]
    lines = re.findall(r'<path d="([^"]+)" class="l-', of_cost)
    assert len(lines) == 2  # one picture for wide pages and one for narrow ones, each with an unbroken line
    for line in lines:
        xs = [float(x) for x, _ in re.findall(r"([\d.]+) ([\d.]+)", line)]
        ys = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", line)]
        assert xs[0] == 62.0 and xs[-1] == max(xs) > 300
        assert ys[0] == min(ys) and max(ys) - ys[-1] > 20, "what happens beyond 0.1 is not flattened by what is before"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(1.0, "errors", "1 error"), (1.05, "errors", "1.05 errors"), (0.0, "errors", "0 errors"), (1.0, "EUR", "1 EUR")],
)
def test_one_of_something_is_no_plural(value: float, unit: str, said: str) -> None:
    assert threshold.amount(value, unit) == said


def test_a_proposal_that_waits_is_a_link_where_it_is_named(reader: TestClient, told: Story) -> None:
    page = reader.get("/monitoring/adult_income").text
    assert f'arena-show <a href="/arena/{told.proposal}">{told.proposal}</a>' in page
    pieces = frame.with_proposals(f"see {told.proposal}, not P-1 <b>")
    assert pieces == [("see ", False), (told.proposal, True), (", not P-1 <b>", False)]


def test_the_explorer_moves_on_a_scored_file(reader: TestClient) -> None:
    rng = np.random.default_rng(7)
    truth = rng.random(400) < 0.3
    score = np.clip(0.25 * truth + rng.random(400) * 0.7, 0, 1).round(4)
    lines = ["probability,truth", *(f"{p},{int(y)}" for p, y in zip(score, truth, strict=True))]
    sent = {"scored": ("mine.csv", "\n".join(lines), "text/csv")}
    page = reader.post("/try/adult_income/scored", files=sent)
    assert page.status_code == 200 and "mine.csv: 400 rows" in page.text
    counts = html.unescape(hidden(page.text, "counts"))
    moved = reader.post(
        "/try/adult_income/threshold",
        data={"counts": counts, "at": "0.4", "missed": "5", "false_alarm": "1"},
        headers={"hx-request": "true"},
    )
    assert f"Recall {percent(recall_score(truth, score >= 0.4))}" in words(moved.text)
    assert "<html" not in moved.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no heading"),
        ("probability,truth\n", "no rows"),
        ("probability,truth\n1.5,1\n", "Line 2"),
        ("probability,truth\n0.5,maybe\n", "maybe"),
        ("p,y\n0.5,1\n", "this one has p, y"),
    ],
)
def test_a_bad_scored_file_is_refused_in_words(reader: TestClient, text: str, said: str) -> None:
    answer = reader.post("/try/adult_income/scored", files={"scored": ("x.csv", text, "text/csv")})
    assert answer.status_code == 400
    assert said in words(answer.text)


def test_an_approver_reads_the_access_log_and_others_do_not(app: FastAPI) -> None:
    ada, vic = visit(app), visit(app)
    log_in(ada, "ada")
    log_in(vic, "vic")
    assert "logged in" in ada.get("/access").text
    assert vic.get("/access").status_code == 403
    assert visit(app).get("/access").status_code == 403


def test_the_vendored_files_say_whose_they_are(house: Path) -> None:
    static = house / "serving" / "web" / "static"
    assert "Zero-Clause BSD" in (static / "htmx-LICENSE.txt").read_text("utf-8")
    assert "MIT License" in (static / "pico-LICENSE.md").read_text("utf-8")
    assert "v2.1.1" in (static / "pico-2.1.1.min.css").read_text("utf-8")[:200]
