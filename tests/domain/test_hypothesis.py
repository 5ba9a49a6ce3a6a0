"""A hypothesis: what counts as filled, what can be refuted, what the digest covers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_workflow.domain.gate_spec import GateSpec
from ds_workflow.domain.hypothesis import (
    COMPOSITE,
    SECTIONS,
    Draft,
    Hypothesis,
    content_digest,
    filled_template,
    lineage,
    sections_of,
    valid_id,
)
from ds_workflow.domain.hypothesis_check import incomplete, judge
from ds_workflow.domain.hypothesis_template import TEMPLATE
from ds_workflow.domain.metrics import METRICS
from ds_workflow.domain.outcome import BEGIN, END, OutcomeEntry, outcomes, with_outcome, without_outcome
from ds_workflow.domain.problem import Column, Feature, FeatureSet, Problem
from ds_workflow.errors import IncompleteHypothesis, InvalidInput, UnknownName

FRONT: dict[str, Any] = {
    "id": "H-SEG-001",
    "title": "One model per segment is nearer",
    "owner": "ana",
    "problem": "homes",
    "parent": "",
    "change_type": "architecture",
    "claim": {
        "metric": "mdape",
        "slice": "overall",
        "direction": "decrease",
        "min_effect": "0.05",
        "unit": "relative",
    },
    "guardrails": [{"name": "max_drop", "limit": "0.02", "unit": "absolute"}],
    "plan": {"strategy": "segmented_router", "feature_set_version": "v2.0", "dataset_version": "dof-1"},
}
BODY = "\n\n".join(f"## {title}\n\nSome words on {title.lower()}." for title in SECTIONS)

HOMES = Problem(
    name="homes",
    title="Homes",
    task="regression",
    target="price",
    target_unit="dollars",
    row_id="row_id",
    time_column="day",
    cluster_column="building",
    segment_column="segment",
    segments=("HOUSE", "FLAT"),
    columns=(Column("area", "number", "Area"),),
    features=(Feature("area", "Area", "request"),),
    feature_sets=(FeatureSet("v2.0", ("area",), "All"),),
    forbidden={},
    sensitive=(),
    metrics=("mdape", "ppe10"),
    primary_metric="mdape",
    strategies=("global", "segmented_router"),
    source="made for this test",
    licence="CC0",
    intended_use="test",
    limits="none",
    router_modes=("segment_only",),
)


def draft(**changes: Any) -> Draft:
    """The complete front matter with `a__b=value` put at a.b; None takes the field out."""
    front = copy.deepcopy(FRONT)
    for path, value in changes.items():
        *above, last = path.split("__")
        place = front
        for name in above:
            place = place[name]
        place[last] = value
        if value is None:
            del place[last]
    return Draft(front, BODY, "0" * 64, {"claim.min_effect": 12})


def made(**changes: Any) -> Hypothesis:
    found, gaps = judge(draft(**changes))
    assert found is not None, gaps
    return found


def fields(which: Draft, **options: Any) -> list[str]:
    found, gaps = judge(which, **options)
    assert (found is None) == bool(gaps)
    return [gap.field for gap in gaps]


def homes(name: str) -> Problem:
    if name != "homes":
        raise UnknownName("problem", name, ["homes"])
    return HOMES


def test_a_complete_document_says_what_was_written() -> None:
    found = made()
    assert (found.id, found.parent, found.change_type) == ("H-SEG-001", "", "architecture")
    assert (found.claim.min_effect, found.claim.base, found.claim.weighted) == (0.05, METRICS["mdape"], False)
    assert found.guardrails[0].limit == 0.02
    assert found.plan.dataset_versions == ("dof-1",)
    assert tuple(found.sections) == SECTIONS
    assert judge(draft(), problem=homes, guardrails=["max_drop"])[1] == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "id"),
        ({"id": "H-seg-001"}, "id"),
        ({"id": "H-SEG-001\n"}, ""),  # a trailing line break is no other id
        ({"title": "  "}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"owner": "TODO"}, "owner"),
        ({"owner": "<the person who answers for it>"}, "owner"),
        ({"owner": ["ana"]}, "owner"),
        ({"parent": "H-SEG-001"}, "parent"),
        ({"parent": "the first one"}, "parent"),
        ({"change_type": "magic"}, "change_type"),
        ({"colour": "red"}, "colour"),
        ({"claim": None}, "claim"),
        ({"claim": "it gets better"}, "claim"),
        ({"claim__metric": "accuracy_of_feeling"}, "claim.metric"),
        ({"claim__metric": "bias"}, "claim.metric"),
        ({"claim__metric": f"{COMPOSITE}nothing"}, "claim.metric"),
        ({"claim__metric": f"{COMPOSITE}mdape", "claim__slice": "HOUSE"}, "claim.slice"),
        ({"claim__slice": None}, "claim.slice"),
        ({"claim__direction": "increase"}, "claim.direction"),
        ({"claim__metric": "ppe10"}, "claim.direction"),
        ({"claim__direction": "change"}, "claim.direction"),
        ({"claim__unit": "percent"}, "claim.unit"),
        ({"claim__min_effect": "0"}, "claim.min_effect"),
        ({"claim__min_effect": "-0.05"}, "claim.min_effect"),
        ({"claim__min_effect": "1"}, "claim.min_effect"),
        ({"claim__min_effect": "1.5", "claim__unit": "absolute"}, "claim.min_effect"),
        ({"claim__min_effect": "5%"}, "claim.min_effect"),
        ({"claim__min_effect": "nan"}, "claim.min_effect"),
        ({"claim__min_effect": "1e999"}, "claim.min_effect"),
        ({"claim__min_effect": True}, "claim.min_effect"),
        ({"claim__probably": "yes"}, "claim.probably"),
        ({"guardrails": []}, "guardrails"),
        ({"guardrails": "none"}, "guardrails"),
        ({"guardrails": ["max_drop"]}, "guardrails[0]"),
        ({"guardrails": [{"name": "max_drop", "limit": "-1", "unit": "absolute"}]}, "guardrails[0].limit"),
        ({"guardrails": [*FRONT["guardrails"], *FRONT["guardrails"]]}, "guardrails[1].name"),
        ({"plan": None}, "plan"),
        ({"plan__strategy": ""}, "plan.strategy"),
        ({"plan__dataset_version": None}, "plan.dataset_version"),
        ({"plan__dataset_version": []}, "plan.dataset_version"),
        ({"plan__dataset_version": "any"}, "plan.dataset_reason"),
        ({"plan__dataset_version": "any", "plan__dataset_reason": "TBD"}, "plan.dataset_reason"),
        (
            {"plan__dataset_version": ["any", "dof-1"], "plan__dataset_reason": "It holds for all of them."},
            "plan.dataset_version",
        ),
    ],
)
def test_each_fault_is_found_under_its_own_name(changes: dict[str, Any], field: str) -> None:
    found = fields(draft(**changes))
    assert found == ([field] if field else [])


@pytest.mark.parametrize(
    ("changes", "field", "known"),
    [
        ({"problem": "boats"}, "problem", "homes"),
        ({"claim__metric": "mape"}, "claim.metric", "mdape, ppe10"),
        ({"claim__slice": "CASTLE"}, "claim.slice", "overall, HOUSE, FLAT"),
        ({"plan__strategy": "forest"}, "plan.strategy", "global, segmented_router"),
        ({"plan__feature_set_version": "v9"}, "plan.feature_set_version", "v2.0"),
        ({"plan__router_mode": "by_moon"}, "plan.router_mode", "segment_only"),
        (
            {"guardrails": [{"name": "no_such_gate", "limit": "0", "unit": "absolute"}]},
            "guardrails[0].name",
            "max_drop",
        ),
    ],
)
def test_names_must_be_declared_by_the_problem_or_the_policy(changes: dict[str, Any], field: str, known: str) -> None:
    assert fields(draft(**changes)) == []  # without a declaration at hand nothing can be said
    _, (gap,) = judge(draft(**changes), problem=homes, guardrails=["max_drop"])
    assert gap.field == field
    assert known in gap.message


def test_everything_missing_is_told_at_once_with_its_line() -> None:
    _, gaps = judge(draft(owner="", claim__min_effect="0", plan__strategy="tbd"))
    assert [gap.field for gap in gaps] == ["owner", "claim.min_effect", "plan.strategy"]
    error = incomplete("H-SEG-001", gaps)
    assert isinstance(error, IncompleteHypothesis)
    assert "line 12, claim.min_effect: is 0" in str(error)
    assert "hypothesis-check H-SEG-001" in error.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n",
        "TODO",
        "- TODO: ask Ana about it",
        "> tbd",
        "**...**",
        "<!-- a long comment that says a lot of things -->",
        "<Why the change should help: what the present champion can't express, and what the new one can.>",
        "We wrote something,\nbut left <Why the change should help: what the present champion can't express, "
        "and what the new one can.>",
        "Yes.",
    ],
)
def test_an_unfilled_section_is_not_filled(text: str) -> None:
    body = BODY.replace("Some words on mechanism.", text)
    assert fields(Draft(FRONT, body, "")) == ["Mechanism"]


def test_sections_are_there_once_and_may_be_joined_by_others() -> None:
    assert fields(Draft(FRONT, BODY.replace("## Mechanism", "## Machinery"), "")) == ["Mechanism"]
    assert fields(Draft(FRONT, BODY + "\n\n## Claim\n\nAnother claim, a weaker one.", "")) == ["Claim"]
    assert fields(Draft(FRONT, BODY + "\n\n## Literature\n\n", "")) == []


def test_a_heading_in_a_fence_or_a_comment_is_text() -> None:
    body = "## A\n```\n## B\n```\n<!--\n## C\n-->\n~~~~\n```\n## D\n~~~~\n## E ##\nlast"
    assert [(title, line) for title, _, line in sections_of(body)] == [("A", 1), ("E", 12)]


def test_the_template_fills_nothing() -> None:
    text = without_outcome(TEMPLATE)
    _, front, body = text.split("---\n", 2)
    assert set(SECTIONS) <= {title for title, _, _ in sections_of(body)}
    assert fields(Draft(FRONT, body, "")) == list(SECTIONS)
    assert all(f"{name}:" in front for name in FRONT)


def test_a_filled_template_keeps_awkward_texts_as_they_are() -> None:
    title = 'Price: "nearer" \\1 #1 <b>'
    text = filled_template("H-SEG-001", title=title, owner="Ana", problem="homes", parent="H-TOP-000")
    assert 'title: "Price: \\"nearer\\" \\\\1 #1 <b>"' in text
    assert 'parent: "H-TOP-000"' in text
    with pytest.raises(InvalidInput, match="one line"):
        filled_template("H-SEG-001", title="a\nid: H-EVIL-666")


@pytest.mark.parametrize(
    "bad", ["", "../H-SEG-001", "H-SEG-001/..", "h-seg-001", "H-SEG-01", "H-SEG-001\n", "H--001", "H-É-001", "H-A-٠٠١"]
)
def test_what_is_no_id_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput, match="H-SEG-001"):
        valid_id(bad)


def test_options_that_disagree_are_named_one_by_one() -> None:
    asked = {"id": "H-SEG-001", "change_type": "architecture", "problem": "homes"}
    plan = {"strategy": "segmented_router", "feature_set_version": "v2.0", "dataset_version": "dof-1"}
    assert made().agrees_with(**asked, **plan) == ()
    assert made().agrees_with(**asked, router_mode="segment_only") == ()  # the plan leaves it free
    for name, value in [*asked.items(), *plan.items()]:
        (said,) = made().agrees_with(**{**asked, **plan, name: "other"})
        assert "'other'" in said
        assert repr(value) in said
    assert made(plan__router_mode="segment_only").agrees_with(**asked, router_mode="segment_plus_tier")


def test_any_dataset_agrees_with_all_and_a_list_with_its_own() -> None:
    asked = {"id": "H-SEG-001", "change_type": "architecture", "problem": "homes"}
    free = made(plan__dataset_version="any", plan__dataset_reason="It holds on every one of them.")
    assert free.agrees_with(**asked, dataset_version="whatever") == ()
    listed = made(plan__dataset_version=["a", "b"])
    assert listed.agrees_with(**asked, dataset_version="b") == ()
    assert "'a' or 'b'" in listed.agrees_with(**asked, dataset_version="c")[0]


def test_lineage_goes_up_to_the_root_and_refuses_circles() -> None:
    assert lineage({"C": "B", "B": "A", "A": ""}, "C") == ("C", "B", "A")
    with pytest.raises(InvalidInput, match="C -> B -> C"):
        lineage({"C": "B", "B": "C"}, "C")
    with pytest.raises(UnknownName, match="no hypothesis 'A'"):
        lineage({"B": "A"}, "B")


DOCUMENT = f"---\nid: H-SEG-001\n---\n\n## Outcome\n\n{BEGIN}\nNot tested yet.\n{END}\n"
ENTRY = OutcomeEntry("P-1", "2026-01-01T00:00:00Z", "dof-1", "supported", "mdape fell by 7 % [5 %, 9 %]")

REWRITES: list[Callable[[str], str]] = [
    lambda t: t.replace("\n", "\r\n"),
    lambda t: t.replace("\n", "  \n"),
    lambda t: "\ufeff" + t,
    lambda t: t + "\n\n\n",
    lambda t: with_outcome(t, ENTRY),
]


@pytest.mark.parametrize("rewrite", REWRITES)
def test_the_digest_does_not_see_line_endings_blanks_and_the_outcome(rewrite: Callable[[str], str]) -> None:
    assert content_digest(rewrite(DOCUMENT)) == content_digest(DOCUMENT)


@given(st.integers(0, len(DOCUMENT) - 1), st.sampled_from("xZ7#"))
def test_the_digest_sees_every_letter_outside_the_outcome(at: int, letter: str) -> None:
    changed = DOCUMENT[:at] + letter + DOCUMENT[at:]
    try:
        digest = content_digest(changed)
    except InvalidInput:  # the letter broke a mark
        return
    inside = DOCUMENT.index(BEGIN) + len(BEGIN) <= at <= DOCUMENT.index(END)
    assert (digest == content_digest(DOCUMENT)) == inside


@pytest.mark.parametrize(
    "text",
    ["no marks", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}\n{BEGIN}{END}"],
)
def test_marks_that_could_hide_a_text_are_refused(text: str) -> None:
    for ask in (content_digest, outcomes, without_outcome):
        with pytest.raises(InvalidInput, match="once each"):
            ask(text)


def test_outcomes_add_up_one_line_per_proposal() -> None:
    second = OutcomeEntry("P-2", "2026-02-01T00:00:00Z", "dof-2", "refuted", "no change")
    text = with_outcome(with_outcome(DOCUMENT, second), ENTRY)
    assert outcomes(text) == (ENTRY, second)
    assert "**refuted** by proposal P-2" in text
    assert with_outcome(text, ENTRY) == text
    corrected = OutcomeEntry("P-2", "2026-02-01T00:00:00Z", "dof-2", "inconclusive", "too few rows")
    assert outcomes(with_outcome(text, corrected)) == (ENTRY, corrected)
    assert outcomes(DOCUMENT) == ()
    assert "\r\n| P-1" in with_outcome(DOCUMENT.replace("\n", "\r\n"), ENTRY)
    with pytest.raises(InvalidInput, match="supported, refuted, inconclusive"):
        OutcomeEntry("P-1", "2026", "d", "great", "")  # type: ignore[arg-type]


@given(st.text(max_size=60))
def test_what_was_observed_comes_back_and_breaks_nothing(said: str) -> None:
    plain = " ".join(said.split())
    text = with_outcome(DOCUMENT, OutcomeEntry("P-1", "2026", "dof|1\\", "supported", said))
    (back,) = outcomes(text)
    assert back.dataset_version == "dof|1\\"
    assert back.observed == plain.replace("<!--", "‹!--").replace("-->", "--›")
    assert without_outcome(text) == without_outcome(DOCUMENT)


GATES = (
    GateSpec("max_drop", "max_drop", ("promotion",), "ppe10", "absolute", "segments", {"promotion": 0.02}),
    GateSpec("floor", "floor", ("promotion",), "ppe10", "share", "overall", {"promotion": 0.2}),
    GateSpec("no_alerts", "no_new_fairness_alerts", ("promotion",), tolerances={"bias": {"promotion": 0.05}}),
    GateSpec("served", "servability", ("champion_trial",), thresholds={"champion_trial": 400}),
    GateSpec("either", "one_of", ("promotion",)),
)


@pytest.mark.parametrize(
    ("name", "limit", "unit", "field"),
    [
        ("max_drop", "0.99", "absolute", "limit"),
        ("max_drop", "0.02", "relative", "unit"),
        ("max_drop", "0.01", "absolute", ""),
        ("floor", "0.1", "absolute", "limit"),
        ("floor", "0.3", "absolute", ""),
        ("no_alerts", "1", "absolute", "limit"),
        ("no_alerts", "0", "absolute", ""),
        ("served", "100", "absolute", "name"),
        ("either", "0.1", "absolute", "name"),
    ],
)
def test_a_guardrail_may_be_tighter_than_the_policy_and_never_looser(
    name: str, limit: str, unit: str, field: str
) -> None:
    rails = [{"name": name, "limit": limit, "unit": unit}]
    found = fields(draft(guardrails=rails), guardrails=GATES)
    assert found == ([f"guardrails[0].{field}"] if field else [])
