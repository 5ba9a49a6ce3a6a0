"""One rich proposal, in each state that a reader meets, and a comparison with golden files.

`UPDATE_GOLDEN=1 python -m pytest tests/reports` writes the golden files anew; read the difference before you keep it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ds_workflow.reports.proposal import Context
from registry.records import Decision, Evidence, GateResult, HypothesisRef, Proposal, VersionRef, digest_of

GOLDEN = Path(__file__).parent / "golden"
SEGMENTS = {"SINGLE_FAMILY": 21340, "WALKUP": 17002, "ELEVATOR": 19988, "SMALL_MULTI": 2182}


def _metric(
    champion: float | None, challenger: float, half: float, *, greater: bool, title: str, unit: str
) -> dict[str, Any]:
    difference = None if champion is None else round(challenger - champion, 6)
    interval = None if difference is None else [round(difference - half, 6), round(difference + half, 6)]
    return {
        "champion": champion,
        "challenger": challenger,
        "difference": difference,
        "interval": interval,
        "unit": unit,
        "greater_is_better": greater,
        "title": title,
    }


def _pair(mdape: tuple[float, float, float], ppe10: tuple[float, float, float]) -> dict[str, Any]:
    return {
        "mdape": _metric(*mdape, greater=False, title="Median absolute percentage error", unit="share"),
        "ppe10": _metric(*ppe10, greater=True, title="Share of predictions within 10 % of the price", unit="share"),
    }


def summary() -> dict[str, Any]:
    """A summary in the shape that the arena writes."""
    figures = {
        "SINGLE_FAMILY": ((0.1291, 0.1204, 0.0031), (0.4012, 0.4268, 0.0075)),
        "WALKUP": ((0.2037, 0.1967, 0.0058), (0.2719, 0.2801, 0.0094)),
        "ELEVATOR": ((0.2291, 0.2302, 0.0049), (0.2433, 0.2429, 0.0081)),
        "SMALL_MULTI": ((0.2334, 0.2489, 0.0172), (0.2561, 0.2390, 0.0231)),
    }
    tiers = {"Q1 lowest": (0.291, 0.283, 14980), "Q2": (0.158, 0.151, 15201), "Q3": (0.134, 0.127, 15177)}
    tiers["Q4 highest"] = (0.172, 0.166, 15154)
    months = [f"{2023 + (8 + k) // 12}-{(8 + k) % 12 + 1:02d}" for k in range(16)]
    return {
        "order": ["mdape", "ppe10", "mape", "r2"],
        "overall": {
            **_pair((0.1741, 0.1672, 0.0023), (0.3182, 0.3309, 0.0051)),
            "mape": _metric(
                0.4123, 0.3987, 0.0151, greater=False, title="Mean absolute percentage error", unit="share"
            ),
            "r2": _metric(0.6412, 0.6603, 0.0122, greater=True, title="Coefficient of determination", unit="share"),
            "rmse_log": _metric(
                0.5127,
                0.5049,
                0.0042,
                greater=False,
                title="Root mean squared error of the log price",
                unit="log price",
            ),
            "bias": _metric(
                -0.0213,
                -0.0121,
                0.0021,
                greater=False,
                title="Median signed percentage error (above 0: over-valued)",
                unit="share",
            ),
            "interval_coverage": _metric(
                0.7812,
                0.7987,
                0.0031,
                greater=True,
                title="Share of prices inside the prediction interval",
                unit="share",
            ),
        },
        "segments": {
            name: {"rows": SEGMENTS[name], "major": SEGMENTS[name] >= 5000, "metrics": _pair(*figures[name])}
            for name in SEGMENTS
        },
        "slices": {
            "price_tier": {
                name: {
                    "rows": rows,
                    "metrics": {
                        "mdape": _metric(
                            a, b, 0.004, greater=False, title="Median absolute percentage error", unit="share"
                        )
                    },
                }
                for name, (a, b, rows) in tiers.items()
            }
        },
        "residuals": [
            {
                "month": month,
                "rows": 3300 + (k * 733) % 1500,
                "champion": None if k == 6 else round(-0.012 - 0.0011 * k + 0.006 * ((k * 5) % 4 - 1.5), 5),
                "challenger": round(-0.004 - 0.0007 * k + 0.004 * ((k * 3) % 5 - 2), 5),
            }
            for k, month in enumerate(months)
        ],
        "champion_trial": {
            "fit": True,
            "checks": [
                {
                    "name": "leakage",
                    "status": "pass",
                    "note": "No input follows the target beyond what history allows.",
                },
                {"name": "servability", "status": "pass", "note": "Loads by digest and answers the sample in 41 ms."},
                {"name": "fairness", "status": "inconclusive", "note": "Group gaps lie within what 900 rows can tell."},
            ],
        },
        "holdout": {"digest": digest_of("holdout"), "rows": 60512, "from": "2023-08-25", "to": "2024-12-31", "uses": 3},
        "reference": "champion",
        "labels": {"champion": "v1 · global · v1.0", "challenger": "v2 · segmented_router · v2.0"},
        "notes": [
            "Intervals: 2,000 cluster resamples by building, seed 7.",
            "Weights from the fixed reference population.",
        ],
    }


def _gates(small: GateResult) -> tuple[GateResult, ...]:
    drop = "drop at most 2 points"
    return (
        GateResult(
            "weighted_segment_mdape_improvement",
            "pass",
            0.0612,
            (0.0521, 0.0704),
            "at least 5 % relative",
            60512,
            "The weighted segment error falls by 6.12 %, and the whole interval lies above 5 %.",
            p_value=0.0004,
            p_adjusted=0.0012,
        ),
        GateResult(
            "max_major_segment_ppe10_drop", "pass", -0.0256, (-0.0331, -0.0181), drop, 21340, segment="SINGLE_FAMILY"
        ),
        GateResult("max_major_segment_ppe10_drop", "pass", -0.0082, (-0.0176, 0.0012), drop, 17002, segment="WALKUP"),
        GateResult("max_major_segment_ppe10_drop", "pass", 0.0004, (-0.0077, 0.0085), drop, 19988, segment="ELEVATOR"),
        small,
        GateResult(
            "major_segment_ppe10_floor", "pass", 0.2429, (0.2371, 0.2488), "at least 24 %", 19988, segment="ELEVATOR"
        ),
        GateResult("leakage", "pass", 0.0, None, "no leaking input", 60512, "No input follows the target."),
        GateResult("servability", "pass", 41.0, None, "answers within 200 ms", 100, "100 rows answered in 41 ms."),
        GateResult("beats_naive_baseline", "pass", 0.1672, (0.1650, 0.1695), "error below 31.2 %", 60512, ""),
    )


SMALL_UNSURE = GateResult(
    "max_major_segment_ppe10_drop",
    "inconclusive",
    0.0171,
    (-0.006, 0.0402),
    "drop at most 2 points",
    2182,
    "The interval reaches from a gain of 0.6 to a loss of 4.0 points, so the margin of 2 points lies inside it.",
    segment="SMALL_MULTI",
    rows_needed=5230,
)
SMALL_PASS = replace(SMALL_UNSURE, status="pass", observed=-0.011, interval=(-0.03, 0.008), note="", rows_needed=None)


def build(verdict: str = "inconclusive", **changes: Any) -> Proposal:
    """The example, with the given verdict and changes."""
    evidence = Evidence(
        problem="nyc_sales",
        kind="promotion",
        challenger=VersionRef(2, digest_of("challenger")),
        champion=VersionRef(1, digest_of("champion")),
        holdout_digest=digest_of("holdout"),
        policy_digest=digest_of("policy"),
        hypothesis_digest=digest_of("hypothesis"),
        verdict=verdict,  # type: ignore[arg-type]
        bundle_digest=digest_of("bundle"),
    )
    gates = _gates(SMALL_PASS if verdict == "pass" else SMALL_UNSURE)
    if verdict == "fail":
        gates = (replace(gates[0], status="fail", observed=0.0231, interval=(0.011, 0.035), note=""), *gates[1:])
    if verdict == "invalid":
        gates = (replace(gates[0], status="invalid", observed=None, interval=None, note="12 rows twice."), *gates[1:])
    values: dict[str, Any] = {
        "id": f"P-20260131T120000123456-{evidence.digest[:8]}",
        "kind": "promotion",
        "problem": "nyc_sales",
        "evidence": evidence,
        "created_at": "2026-01-31T12:00:00.123456Z",
        "expires_at": "2026-02-14T12:00:00.123456Z",
        "owner": "ana",
        "gates": gates,
        "hypothesis": HypothesisRef("H-SEG-001", digest_of("hypothesis"), "inconclusive"),
        "summary": summary(),
    }
    return Proposal(**{**values, **changes})


def decided(disposition: str = "approved", effect: str = "applied", *, solo: bool = False, **changes: Any) -> Proposal:
    """The passing example after a decision."""
    return build(
        "pass",
        disposition=disposition,
        effect=effect,
        decided_by="ana" if solo else "ben",
        decided_at="2026-02-01T09:30:00.000000Z",
        reason="Better in three of four segments and nowhere worse.",
        self_approved=solo,
        **{"hypothesis": HypothesisRef("H-SEG-001", digest_of("hypothesis"), "supported"), **changes},
    )


CONTEXT = Context(
    problem_title="Sale prices of New York City homes",
    hypothesis_title="One model per building kind lowers the error",
    hypothesis_claim="mdape over all rows falls by at least 5 % (relative)",
)


@pytest.fixture(name="build")
def build_fixture() -> Callable[..., Proposal]:
    """The builder of the example proposal."""
    return build


@pytest.fixture(name="decided")
def decided_fixture() -> Callable[..., Proposal]:
    """The builder of a decided example proposal."""
    return decided


@pytest.fixture
def context() -> Context:
    """What the pages say beside the proposal."""
    return CONTEXT


@pytest.fixture
def decision() -> Decision:
    """The decision on the example."""
    return Decision("P", "approve", "ana", "2026-02-01T09:30:00.000000Z", "better", digest_of("e"), True)


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares text with a file under golden/, or writes it when UPDATE_GOLDEN=1."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.write_text(text, encoding="utf-8")
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        if text != kept:
            lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "now", lineterm="", n=1)
            shown = "\n".join(line[:200] for line in list(lines)[:40])
            pytest.fail(f"{name} has changed; if that is meant, run with UPDATE_GOLDEN=1.\n{shown}")

    return check
