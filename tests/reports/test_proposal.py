"""A proposal's faces: golden files for one rich example, and what must hold for every proposal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from ds_workflow.reports import charts, proposal_view
from ds_workflow.reports import proposal as report
from ds_workflow.reports.proposal import Context
from registry.records import Decision, GateResult, HypothesisRef, Proposal

Build = Callable[..., Proposal]
EVIL = "<script>alert(1)</script>\x1b[2J|`\"'"
VOID = {"meta", "br", "img", "hr", "input", "link"}
FACES = (report.text, report.markdown, report.html)


class Page(HTMLParser):
    """Collects tags and text, and fails on a tag that is closed in the wrong order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.said.append(data)


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


def test_golden_faces(build: Build, context: Context, golden: Callable[[str, str], None]) -> None:
    example = build()
    golden("proposal.txt", report.text(example, context))
    golden("proposal.md", report.markdown(example, context))
    golden("proposal.html", report.html(example, context))
    golden("proposal.json", json.dumps(report.to_json(example), indent=1, ensure_ascii=False) + "\n")


def test_golden_picture(build: Build, golden: Callable[[str, str], None]) -> None:
    segments = proposal_view.groups(build().summary["segments"])
    rows = [
        charts.ForestRow(g.name, c.difference, c.interval, c.standing, g.note)
        for g in segments
        for c in g.cells
        if c.name == "mdape"
    ]
    golden(
        "forest.svg", charts.forest_plot(rows, title="mdape by segment", sides=("challenger better", "champion better"))
    )


def test_json_holds_what_scripts_rely_on(build: Build, decided: Build) -> None:
    found = report.to_json(decided())
    assert list(found)[:16] == [
        "id", "kind", "problem", "challenger", "champion", "verdict", "disposition", "effect", "created_at",
        "expires_at", "decided_by", "decided_at", "reason", "digest", "hypothesis", "gates",
    ]  # fmt: skip
    assert set(found["challenger"]) == set(found["champion"]) == {"version", "digest"}
    assert set(found["hypothesis"]) == {"id", "digest", "outcome"}
    assert {"name", "status", "observed", "interval", "required", "rows", "note"} <= set(found["gates"][0])
    assert report.to_json(build(hypothesis=None))["hypothesis"] is None
    odd = build(gates=(GateResult("g", "invalid", float("nan"), (float("-inf"), 0.1)),))
    assert json.loads(json.dumps(report.to_json(odd), allow_nan=False))["gates"][0]["interval"] == [None, 0.1]


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive", "invalid"])
@pytest.mark.parametrize("face", FACES)
def test_every_gate_stands_in_every_face(
    face: Callable[..., str], verdict: str, build: Build, context: Context
) -> None:
    example = build(verdict)
    shown = face(example, context)
    for gate in example.gates:
        assert gate.name in shown
        assert gate.segment in shown
    assert shown.count("max_major_segment_ppe10_drop") >= 4
    assert example.digest in shown
    assert example.id in shown


def test_verdicts_are_said_in_words(build: Build, decided: Build) -> None:
    said = {v: proposal_view.headline(build(v)) for v in ("pass", "fail", "inconclusive", "invalid")}
    assert said["pass"] == "v2 may replace v1: all 9 gates pass"
    assert said["fail"] == "v2 may not replace v1: 1 of 9 gates fails"
    assert said["inconclusive"] == "The evidence can't tell whether v2 may replace v1: 1 of 9 gates is undecided"
    assert said["invalid"] == "This comparison does not count: 1 of 9 gates could not be evaluated"
    assert proposal_view.headline(decided()) == "v2 replaced v1; gates: 9 pass"


@pytest.mark.parametrize("face", FACES)
def test_a_self_approval_is_stamped(face: Callable[..., str], decided: Build) -> None:
    assert "SELF-APPROVED" in face(decided(solo=True))
    assert "SELF-APPROVED" not in face(decided())
    assert "OVERRIDE" in face(replace(decided(), kind="override"))


@pytest.mark.parametrize("face", FACES)
def test_an_undecided_gate_says_the_rows_it_has_and_needs(face: Callable[..., str], build: Build) -> None:
    flat = " ".join(re.sub(r"\u00a0", " ", face(build())).split())
    assert "has 2,182 rows, needs about 5,230, 2.4 times as many" in flat
    assert "needs about" not in face(build("pass"))


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "arena-approve --proposal-id"),
        ({"disposition": "superseded"}, "arena-propose"),
        ({"disposition": "approved", "effect": "applying"}, "arena-status"),
        ({"disposition": "approved", "effect": "applied"}, "release-check"),
    ],
)
def test_the_next_command_fits_the_state(changes: dict[str, Any], command: str, build: Build) -> None:
    assert command in report.text(build("pass", **changes))
    assert "arena-approve" not in report.text(build("fail"))


def test_an_open_proposal_reads_as_expired_from_its_expiry_on(build: Build) -> None:
    example = build("pass")
    before, after = Context(now="2026-02-14T12:00:00.123455Z"), Context(now=example.expires_at)
    assert "arena-approve" in report.text(example, before)
    assert "EXPIRED" in report.text(example, after)
    assert "arena-approve" not in report.text(example, after)
    assert "expired, undecided" in report.html(example, after)


def test_the_page_is_whole_and_needs_nothing_from_outside(build: Build, context: Context) -> None:
    html = report.html(build(), context)
    page = read(html)
    tags = {tag for tag, _ in page.tags}
    assert "script" not in tags
    assert not tags & {"link", "img", "iframe", "object", "form"}
    assert not re.search(r"(?:src|href)=|@import|url\(", html)
    assert all(not name.startswith("on") and name != "style" for _, attrs in page.tags for name in attrs)
    pictures = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(pictures) == 2 * 6  # each in a wide and a narrow layout
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in pictures)
    assert [tag for tag, _ in page.tags].count("h1") == 1


@pytest.mark.parametrize("face", FACES)
def test_texts_of_strangers_are_inert(face: Callable[..., str], build: Build) -> None:
    example = build()
    summary = {**example.summary, "labels": {"champion": EVIL, "challenger": EVIL}, "notes": [EVIL], "reference": EVIL}
    summary["segments"] = {EVIL: example.summary["segments"]["WALKUP"]}
    summary["slices"] = {EVIL: {EVIL: example.summary["slices"]["price_tier"]["Q2"]}}
    summary["residuals"] = [{"month": EVIL, "rows": 3, "champion": 0.1, "challenger": 0.2}]
    summary["champion_trial"] = {"fit": False, "checks": [{"name": EVIL, "status": EVIL, "note": EVIL}]}
    gate = GateResult(EVIL, "fail", 0.1, None, EVIL, 3, EVIL, segment=EVIL)
    evil = replace(
        example, owner=EVIL, reason=EVIL, gates=(gate,), summary=summary, hypothesis=HypothesisRef(EVIL, "0" * 64)
    )
    decision = Decision("P", EVIL, EVIL, "2026-02-01T09:30:00.000000Z", EVIL, "0" * 64)
    shown = face(evil, Context(EVIL, EVIL, EVIL, (decision,)))
    assert "\x1b" not in shown
    if face is report.html:
        assert "script" not in {tag for tag, _ in read(shown).tags}
        assert "<script" not in shown
    if face is report.markdown:
        outside = re.sub(r"`[^`\n]*`", "", re.sub(r"(?m)^ {4}.*$", "", shown))  # code spans and blocks are inert
        assert "<script" not in outside.replace("\\<", "")
        tables = [line for line in shown.splitlines() if line.startswith("|")]
        assert all(line.endswith("|") for line in tables)


@pytest.mark.parametrize("face", FACES)
def test_a_first_champion_and_an_empty_summary_have_faces_too(face: Callable[..., str], build: Build) -> None:
    example = build("pass", summary={}, gates=(), hypothesis=None)
    bare = replace(example, kind="bootstrap", evidence=replace(example.evidence, champion=None, kind="bootstrap"))
    shown = face(bare)
    assert "v2 may become the first champion" in shown
    assert "None" not in shown
    assert "nan" not in shown.lower()


def test_a_first_champion_that_did_not_pass_is_told_of_more_rows_not_of_hypotheses(build: Build) -> None:
    example = build("inconclusive", hypothesis=None)
    first = replace(example, kind="bootstrap", evidence=replace(example.evidence, champion=None, kind="bootstrap"))
    (_, freeze), (_, again), (_, reject) = proposal_view.next_commands(first, Context())
    assert "data-snapshot --dataset-version" in freeze
    assert "bootstrap-champion --dataset-version" in again
    assert "arena-reject" in reject
    assert "train-candidate" in str(proposal_view.next_commands(example, Context()))


def test_the_page_says_which_way_a_gate_counts_where_it_is_not_that_of_the_plots(build: Build) -> None:
    example = build()
    drop = replace(example.gates[0], name="max_overall_roc_auc_drop", note="-0.09: shown to hold. Above 0 is worse.")
    sentence = "a minus is a gain"
    assert sentence in report.html(replace(example, gates=(drop,)))
    assert sentence not in report.html(replace(example, gates=(replace(drop, note="shown to hold"),)))


@pytest.mark.parametrize("face", FACES)
def test_an_unfit_champion_is_not_green(face: Callable[..., str], build: Build) -> None:
    example = build()
    for trial in ({"fit": False}, {"checks": []}, {"fit": None, "checks": []}):
        shown = face(replace(example, summary={**example.summary, "champion_trial": {**trial, "note": "x"}}))
        assert re.search("not fit", shown, re.IGNORECASE)


def test_better_and_worse_follow_the_direction_and_never_cross_nought() -> None:
    def standing(name: str, greater: bool, interval: list[float] | None) -> str:
        return proposal_view.cells({name: {"interval": interval, "greater_is_better": greater}})[0].standing

    assert standing("mdape", False, [-0.02, -0.01]) == "better"
    assert standing("mdape", False, [0.01, 0.02]) == "worse"
    assert standing("ppe10", True, [0.01, 0.02]) == "better"
    assert standing("ppe10", True, [-0.02, -0.01]) == "worse"
    assert standing("ppe10", True, [-0.01, 0.02]) == "unclear"
    assert standing("ppe10", True, [0.0, 0.02]) == "unclear"
    assert standing("bias", False, [-0.02, -0.01]) == "lower"  # nearer 0 or further: the sign can't say
    assert standing("mdape", False, None) == ""


def test_lines_of_the_terminal_keep_their_width(build: Build, context: Context) -> None:
    lines = report.text(build(), context).splitlines()
    assert max(len(line) for line in lines if "ds_workflow.sh" not in line) <= 100
    assert all(line == line.rstrip() for line in lines)
