"""The console in a real browser: the whole story by keyboard, every page without an error, and what axe finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from console import PASSWORD, Story
from fastapi import FastAPI

from ds_workflow.reports import pack
from ds_workflow.reports.tables import md_table
from serving.app import create_app
from serving.hub import Hub

ROW = {"age": 44, "education": "Masters", "hours_per_week": 50, "capital_gain": 7000}


@pytest.fixture(scope="session")
def address(told: Story, serve_for_session: Callable[[FastAPI], str]) -> str:
    return serve_for_session(create_app(told.work()))


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page that remembers what its console said."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    yield opened
    context.close()


def paths(told: Story) -> dict[str, str]:
    return {
        "overview": "/",
        "arena": "/arena",
        "proposal": f"/arena/{told.proposal}",
        "models": "/models",
        "versions": "/models/adult_income",
        "version": "/models/adult_income/2",
        "pair": "/models/adult_income/compare?left=1&right=2",
        "hypotheses": "/hypotheses",
        "hypothesis": "/hypotheses/H-INC-001",
        "monitoring": "/monitoring",
        "watched": "/monitoring/adult_income",
        "try": "/try",
        "ask": "/try/nyc_sales",
        "threshold": "/try/adult_income/threshold",
        "documents": "/documents",
        "document": "/documents/model_cards/nyc_sales-v1.md",
        "login": "/login",
    }


def test_the_whole_story_by_keyboard(page: Any, story: Story, serve: Callable[[FastAPI], str]) -> None:
    """Read, log in, approve, see the champion change, and /predict answer with the new version."""
    app = create_app(story.work())
    address = serve(app)

    def version() -> int:
        answer = page.request.post(f"{address}/problems/adult_income/predict", data=[ROW])
        assert answer.status == 200, answer.text()
        return int(answer.json()["model"]["version"])

    assert version() == 1
    page.goto(address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_role("link", name="v2 against v1").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/arena/{story.proposal}")
    page.locator("#decision").get_by_role("link", name="Log in").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/login?**")
    page.get_by_label("Name").focus()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/arena/{story.proposal}")

    page.locator("#why-approve").focus()
    page.keyboard.type("the claim holds and no group is worse off")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Approve and make v2 champion"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "became" in page.inner_text("h1") or "replaced v1" in page.inner_text("h1")
    assert "by ada" in page.inner_text(".head")
    assert page.locator("#decision").count() == 0

    page.goto(f"{address}/#adult_income")
    assert "v2" in page.locator("#adult_income").inner_text()
    page.goto(f"{address}/models/adult_income")
    assert "ada" in page.get_by_role("table", name="Pointer history").inner_text()
    hub: Hub = app.state.hub
    for _ in range(100):
        if version() == 2:
            break
        page.wait_for_timeout(100)
    assert version() == 2, f"the service still answers with version 1; watched: {hub.watched}"
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").wait_for()
    assert page.said == []


def test_every_page_is_whole(page: Any, address: str, told: Story) -> None:
    """No console error, nothing serious for axe in light and in dark, no sideways scrolling on a phone."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for name, path in paths(told).items():
        answer = page.goto(f"{address}{path}")
        assert answer.status == 200, path
        assert page.locator("h1").count() >= 1, path
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour in between
            for violation in Axe().run(page).response["violations"]:
                if violation["impact"] in ("serious", "critical"):
                    found.append(f"{name}, {scheme}: {violation['id']}: {violation['nodes'][0]['html'][:150]}")
        page.set_viewport_size({"width": 390, "height": 844})
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        found += [f"{name}: {wide} px too wide for a phone"] if wide > 0 else []
        page.set_viewport_size({"width": 1200, "height": 900})
    assert found == []
    assert page.said == []


def test_asking_and_the_slider_change_the_page_in_place(page: Any, address: str) -> None:
    page.goto(f"{address}/try/nyc_sales")
    page.evaluate("window.stayed = true")
    page.get_by_role("button", name="Ask champion v1").focus()
    page.keyboard.press("Enter")
    page.locator("#said").wait_for()
    assert "dollars" in page.inner_text("#said")
    assert page.locator("#answer svg.cc").count() >= 2
    page.goto(f"{address}/try/adult_income/threshold")
    page.evaluate("window.stayed = true")
    page.get_by_label("Threshold on the probability").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.locator("#explored h2", has_text="At 0.503").wait_for()
    assert page.inner_text("#v-at") == "0.503"  # beside the slider
    before = page.inner_text("#explored")
    page.get_by_label("Cost of a miss").focus()
    page.keyboard.press("ArrowRight")
    page.locator("#explored h2", has_text="a miss at 1.05").wait_for()
    assert page.inner_text("#v-missed") == "1.05 errors"
    assert page.inner_text("#explored") != before
    assert page.evaluate("window.stayed") is True
    assert page.said == []


def test_a_page_can_not_be_made_to_run_a_script(page: Any, address: str) -> None:
    for path in ("/hypotheses/H-INC-001", "/models/adult_income/2"):
        page.goto(f"{address}{path}")
        page.wait_for_timeout(200)
        assert "owned" not in page.title()
    page.goto(f"{address}/try/adult_income")
    blocked = page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = true';"
        " document.body.append(s); return window.ran === undefined }"
    )
    assert blocked
    assert len(page.said) == 1 and "Content Security Policy" in page.said[0]


WIDE = """() => {
    const right = document.querySelector("main").getBoundingClientRect().right + 1
    return [...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > right).length
}"""


def test_a_table_of_many_metrics_fits_on_paper_and_its_head_is_no_larger_than_its_rows(page: Any) -> None:
    """A4 less its margins is 182 mm, which are 688 pixels; what sticks out of it is cut off by the printer."""
    names = ["recall_at_1pct_fpr", "expected_over_observed", "log_loss_skill", "brier", "log_loss", "roc_auc", "ece"]
    rows = [["`FROM_10_TO_100`", "1,730", *["0.0007501"] * len(names)]] * 2
    table = md_table(["Segment", "Rows", *(f"`{name}`" for name in names)], rows, align="lr" + "r" * len(names))
    digests = md_table(["File", "What", "SHA-256"], [["representativeness.json", "Rows compared", f"`{'0a' * 32}`"]])
    text = "\n".join(["# Segments", "", *table, "", *digests])
    page.set_viewport_size({"width": 688, "height": 1000})
    page.emulate_media(media="print")
    page.set_content(pack.whole("x", [pack.Document("validation", "Validation", text)], {}))
    assert page.evaluate(WIDE) == 0
    sizes = page.evaluate("['th', 'td'].map(n => getComputedStyle(document.querySelector(n)).fontSize)")
    assert sizes[0] == sizes[1]
