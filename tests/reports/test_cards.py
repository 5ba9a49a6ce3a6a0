"""Run card, model card and data quality: whole, inert, and plain about what was not measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import pytest

from ds_workflow.domain.problem import Column, Feature, FeatureSet, Problem, Split
from ds_workflow.domain.scorecard import Intervals, Scorecard
from ds_workflow.domain.snapshot import held_out
from ds_workflow.reports import model_card, quality, run_card
from ds_workflow.reports.annex import Annex
from registry.records import Lineage, ModelVersion, Proposal, SnapshotRecord, digest_of

EVIL = "<script>alert(1)</script>|`"

PROBLEM = Problem(
    name="homes",
    title="Prices of homes",
    task="regression",
    target="price",
    target_unit="USD",
    row_id="row_id",
    time_column="sold_on",
    cluster_column="building",
    segment_column="kind",
    segments=("HOUSE", "FLAT", "OTHER"),
    columns=(Column("price", "number", "what was paid"), Column("area", "number", "floor area", "sq ft")),
    features=(Feature("area", "floor area", "request"), Feature("block_median", "median of the block", "as_of")),
    feature_sets=(FeatureSet("v1.0", ("area", "block_median"), "baseline"),),
    forbidden={"price_tier": "it is cut from the target"},
    sensitive=("ethnicity",),
    metrics=("ppe10", "mdape", "r2", "interval_coverage"),
    primary_metric="mdape",
    strategies=("global",),
    source="an office of records",
    licence="public",
    intended_use="A first figure for a person who knows the market.",
    limits="Not for lending decisions.",
)
LINEAGE = Lineage(
    problem="homes",
    dataset_version="2024-12",
    dataset_digest=digest_of("data"),
    holdout_digest=digest_of("holdout"),
    feature_set_version="v1.0",
    strategy="global",
    change_type="feature",
    change_summary="Adds the block's median.",
    owner="ana",
    seed=42,
    git_commit="0" * 40,
    hypothesis_id="H-1",
    hypothesis_digest=digest_of("h"),
)
SNAPSHOT = SnapshotRecord(
    problem="homes",
    dataset_version="2024-12",
    digest=digest_of("data"),
    holdout_digest=digest_of("holdout"),
    rows=302560,
    columns=("price", "area"),
    first="2019-01-01",
    last="2024-12-31",
    holdout_from="2023-08-25",
    holdout_rows=60512,
    source="an office of records",
    licence="public",
    created_at="2026-01-01T00:00:00.000000Z",
    dropped={"no price": 91000, "twice": 12},
)
CARD = Scorecard(
    rows=60512,
    overall={"ppe10": 0.3309, "mdape": 0.1672, "r2": 0.66},
    segments={"HOUSE": {"rows": 40000, "ppe10": 0.4, "mdape": 0.12}, "FLAT": {"rows": 20512, "ppe10": 0.24}},
    missing={"interval_coverage": "the model gives no intervals"},
    intervals=Intervals(
        level=0.95,
        resamples=600,
        clusters=34989,
        primary="mdape",
        overall={"ppe10": (0.3271, 0.3346), "mdape": (0.1655, 0.169)},
        segments={"HOUSE": (0.1184, 0.1217)},
    ),
)
VERSION = ModelVersion(
    "homes", 2, digest_of("m"), "run-1", LINEAGE, "2026-01-02T00:00:00.000000Z", description="global"
)


def card(**changes: object) -> run_card.RunCard:
    made = run_card.of(
        PROBLEM,
        LINEAGE,
        CARD,
        record=SNAPSHOT,
        params={"max_depth": 8, "eta": 0.05, "early": True},
        importances={"area": 0.31, "block_median": 0.69},
        importance_kind="total gain of the trees",
        shap={"area": 0.11, "block_median": 0.27},
        shap_unit="log price",
        environment={"python": "3.11.2", "xgboost": "3.2.0"},
        run_id="run-1",
        version=2,
        digest=digest_of("m"),
        seconds=12.34,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_golden(golden: Callable[[str, str], None], decided: Callable[..., Proposal]) -> None:
    golden("run_card.md", run_card.markdown(card()))
    golden("run_card.html", run_card.html(card()))
    segments = {k: dict(v) for k, v in CARD.segments.items()}
    rows = {"HOUSE": 40000, "FLAT": 20512}
    made = model_card.markdown(
        PROBLEM,
        VERSION,
        metrics=CARD.overall,
        segments=segments,
        segment_rows=rows,
        dataset=SNAPSHOT,
        proposal=decided(),
        intervals=CARD.intervals,
    )
    golden("model_card.md", made)


def test_the_run_card_holds_every_fact() -> None:
    text, page = run_card.markdown(card()), run_card.html(card())
    for face in (text, page):
        for fact in (
            "run-1",
            "0" * 40,
            "H-1",
            "2024-12",
            "max_depth",
            "xgboost",
            "the model gives no intervals",
            "302,560",
        ):
            assert fact in face
        for figure in ("33.09", "16.72", "0.66"):
            assert figure in face
    assert run_card.documents(card()) == {"run_card.md": text, "run_card.html": page}


def test_a_metric_or_segment_that_was_not_measured_says_so() -> None:
    line = next(row for row in run_card.markdown(card()).splitlines() if row.startswith("| FLAT"))
    assert "NOT PROVIDED" in line
    whole = model_card.markdown(PROBLEM, VERSION, metrics={"mdape": 0.2})
    assert whole.count("NOT PROVIDED") >= 3 + 3 * len(PROBLEM.metrics)
    for segment in PROBLEM.segments:
        assert f"| {segment} " in whole
    assert "nan" not in model_card.markdown(PROBLEM, VERSION, metrics={"mdape": float("nan")}).lower()


def test_intervals_stand_beside_their_figures_and_nowhere_else() -> None:
    text, page = run_card.markdown(card()), run_card.html(card())
    assert "| Median absolute percentage error | 16.72 % | \\[16.55, 16.90\\] % |" in text
    assert "12.00 % \\[11.84, 12.17\\] %" in text, "the primary metric of a segment"
    assert "40.00 % |" in text, "another metric of a segment has none"
    assert "600 resamples of 34,989 clusters" in text and "600 resamples of 34,989 clusters" in page
    assert "[32.71, 33.46]" in page
    plain = run_card.markdown(card(intervals={}, segment_intervals={}, interval_words=""))
    assert "| Metric | Figure |\n" in plain and "Interval" not in plain
    rows = {"train": 1, "holdout": 1}
    said = run_card.summary(problem="homes", version=2, digest="d", run_id="r", card=CARD, rows=rows, seconds=1)
    first, low, high = said.splitlines()[6:9]
    assert "33.09 %" in first and "32.71 %" in low and "33.46 %" in high
    whole = model_card.markdown(PROBLEM, VERSION, metrics=CARD.overall, intervals=CARD.intervals)
    assert "16.72 % | \\[16.55, 16.90\\] % |" in whole
    assert "| 0.66 | NOT PROVIDED |" in whole, "a figure without an interval says so"


def test_the_model_card_says_use_limits_and_what_is_never_an_input() -> None:
    whole = model_card.markdown(PROBLEM, VERSION, metrics={})
    for words in (PROBLEM.intended_use, PROBLEM.limits, "it is cut from the target", "it is the target", "sensitive"):
        assert words in whole
    assert VERSION.digest in whole


def test_the_model_card_shows_the_groups_that_the_run_measured() -> None:
    one = {"column": "sex", "metric": "tpr", "high": "men", "low": "women", "difference": 0.1401,
           "interval": [0.0702, 0.21]}  # fmt: skip
    whole = model_card.markdown(PROBLEM, VERSION, metrics={}, fairness={"differences": [one]})
    part = whole.split("## Fairness")[1].split("## Under stress")[0]
    assert "men over women | +14.01 pp |" in part and "+7.02" in part and "NOT PROVIDED" not in part
    none = model_card.markdown(PROBLEM, VERSION, metrics={}, fairness={"differences": []})
    assert "NOT PROVIDED" in none.split("## Fairness")[1].split("## Under stress")[0]


def test_a_self_approved_version_carries_the_stamp(decided: Callable[..., Proposal]) -> None:
    assert "SELF-APPROVED" in model_card.markdown(PROBLEM, VERSION, metrics={}, proposal=decided(solo=True))
    assert "SELF-APPROVED" not in model_card.markdown(PROBLEM, VERSION, metrics={}, proposal=decided())


def test_importances_are_called_what_the_estimator_says_they_are() -> None:
    for said in (run_card.markdown(card()), run_card.html(card())):
        assert "Feature importances, shares (total gain of the trees)" in said
    open_ = card(importance_kind=run_card.RunCard.importance_kind)
    assert "(as the estimator measures them)" in run_card.markdown(open_) and "gain" not in run_card.html(open_)


def test_a_gap_between_groups_is_told_of_all_rows_alone() -> None:
    gap = {"equal_opportunity_gap": 0.0831, "roc_auc": 0.8}
    scored = Scorecard(90, gap, {"HOUSE": {"rows": 50, **gap}, "FLAT": {"rows": 40, **gap}})
    made = run_card.of(PROBLEM, LINEAGE, scored, record=None, params={}, importances={}, shap={}, environment={})
    assert made.metrics["equal_opportunity_gap"] == 0.0831
    assert made.segments == {"HOUSE": {"roc_auc": 0.8}, "FLAT": {"roc_auc": 0.8}}
    rows = {"train": 1, "holdout": 1}
    said = run_card.summary(problem="x", version=1, digest="d", run_id="r", card=scored, rows=rows, seconds=1)
    assert said.count("8.31 %") == 1 and "NOT PROVIDED" not in said


def test_wide_tables_scroll_in_a_box_of_their_own() -> None:
    page = run_card.html(card(annexes=[Annex("Odds", "| a | b |\n| --- | --- |\n| x | y |\n", {})]))
    assert page.count("<table") == page.count('<div class="scroll" tabindex="0"><table') > 5
    assert page.count("</table></div>") == page.count("</table>")


def test_texts_of_strangers_are_inert() -> None:
    evil = card(
        title=EVIL,
        run_id=EVIL,
        facts={EVIL: EVIL},
        data={EVIL: EVIL},
        features=[EVIL],
        params={EVIL: EVIL},
        segments={EVIL: {"mdape": 0.1}},
        importances={EVIL: 0.1},
        environment={EVIL: EVIL},
        caveats=[EVIL],
    )
    assert "<script" not in run_card.html(evil)
    tables = [line for line in run_card.markdown(evil).splitlines() if line.startswith("|")]
    assert all(line.endswith(" |") for line in tables)


def test_the_pictures_of_the_card_are_well_formed() -> None:
    page = run_card.html(card())
    pictures = page.split("<svg")[1:]
    assert len(pictures) == 8
    for picture in pictures:
        ET.fromstring("<svg" + picture.split("</svg>")[0] + "</svg>")  # noqa: S314  our own text


def test_the_summary_of_a_training_names_all_segments() -> None:
    rows = {"train": 242048, "holdout": 60512}
    text = run_card.summary(problem="homes", version=2, digest="d" * 64, run_id="r", card=CARD, rows=rows, seconds=9.87)
    assert "v2" in text
    assert "242,048 train" in text
    for name in ("all rows", "HOUSE", "FLAT", "interval_coverage was not measured"):
        assert name in text


QUALITY = {
    "problem": "homes",
    "dataset_version": "2024-12",
    "digest": "ab" * 32,
    "rows": 900,
    "columns": 14,
    "from": "2019-01-01",
    "to": "2024-12-31",
    "dropped": {"twice": 20, "no price": 80},
    "holdout": {
        "digest": "cd" * 32,
        "rows": 180,
        "from": "2023-08-25",
        "words": "180 rows held out, from 2023-08-25 on",
    },
}


def test_rows_without_dates_are_said_to_have_none() -> None:
    undated = replace(PROBLEM, time_column="", split=Split("hash"))
    record = replace(SNAPSHOT, first="", last="", holdout_from="")
    by_hash = f"{record.holdout_rows:,} rows held out, by hash of building"
    text = model_card.markdown(undated, VERSION, metrics={}, dataset=record)
    assert "| Dates | no dates |" in text
    assert f"| Holdout | {by_hash} |" in text
    assert held_out(PROBLEM, SNAPSHOT, Split("stratified")).endswith("alike with and without a row of class 1")
    assert held_out(PROBLEM, SNAPSHOT).endswith(f"from {SNAPSHOT.holdout_from} on")
    said = quality.text({**QUALITY, "from": "", "to": "", "holdout": {"digest": "cd" * 32, "words": by_hash}})
    assert f"no dates, digest {'ab' * 32}\n{by_hash}, digest {'cd' * 32}\n" in said


def test_a_card_without_a_run_id_says_nothing_of_one() -> None:
    unnamed = replace(card(), run_id="")
    assert "\nRun " not in run_card.markdown(unnamed)
    assert "Run card ·" not in run_card.html(unnamed)
    assert "Run `run-1`." in run_card.markdown(card())


def test_quality_counts_what_was_dropped_the_most_first() -> None:
    text = quality.text(QUALITY)
    assert "900 rows of 1,000 read" in text
    assert text.index("no price") < text.index("twice")
    assert "8.00 %" in text


@pytest.mark.parametrize("rows", [0, 5])
def test_quality_of_nothing_dropped_and_of_nothing_at_all(rows: int) -> None:
    text = quality.text({**QUALITY, "rows": rows, "dropped": {}})
    assert f"{rows} rows of {rows} read" in text
    assert "dropped" not in text
