"""What the code assistant is measured by, defined once: SQL, experiments, pages and documents all read it here.

A metric is a ratio of two sums over the rows of one view of the warehouse: `suggestions` (one row per suggestion
shown) or `sessions` (one row per session). A named query writes `{{ acceptance_rate }}` for the ratio of the rows at
hand, and `{{ acceptance_rate.numerator }}` or `.denominator` for what one row adds to either sum; an experiment sums
the same two expressions by developer. So a figure can't mean one thing on a page and another in an experiment.

Every expression is plain SQL that DuckDB and PostgreSQL read alike. Flags in the views are 1, 0 or, where the thing
never happened, null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ds_workflow.errors import InvalidInput, UnknownName

Grain = Literal["suggestions", "sessions"]


@dataclass(frozen=True)
class ProductMetric:
    """One metric. `unit` is `share`, `ms`, `minutes`, `tokens` or `per session`; `margin` is what a guardrail may lose
    at most, in the unit, before a change is stopped. `owner` is the role that answers for it."""

    name: str
    title: str
    question: str
    formula: str
    unit: str
    owner: str
    grain: Grain
    numerator: str
    denominator: str
    greater_is_better: bool = True
    margin: float | None = None

    def __post_init__(self) -> None:
        for part in ("name", "title", "question", "formula", "unit", "owner", "numerator", "denominator"):
            if not getattr(self, part).strip():
                raise InvalidInput(f"Product metric '{self.name}' has no {part}.")
        if self.margin is not None and self.margin <= 0:
            raise InvalidInput(f"Product metric '{self.name}': a guardrail's margin must be above 0.")

    @property
    def guardrail(self) -> bool:
        """Whether a change that loses more than `margin` of it is stopped."""
        return self.margin is not None

    @property
    def sql(self) -> str:
        """The ratio over the rows at hand, as an SQL aggregate; null where the denominator is 0."""
        return f"(cast(sum({self.numerator}) as double precision) / nullif(sum({self.denominator}), 0))"


_PRODUCT, _QUALITY, _PLATFORM = "assistant product", "model quality", "serving platform"
_METRICS = (
    ProductMetric(
        "acceptance_rate",
        "Acceptance rate",
        "How often do developers take what is suggested?",
        "accepted suggestions / shown suggestions",
        "share",
        _PRODUCT,
        "suggestions",
        "accepted",
        "1",
    ),
    ProductMetric(
        "useful_rate",
        "Useful rate",
        "How often is a suggestion taken and its tests pass?",
        "accepted suggestions whose tests passed / shown suggestions",
        "share",
        _PRODUCT,
        "suggestions",
        "coalesce(tests_passed, 0)",
        "1",
    ),
    ProductMetric(
        "edit_rate",
        "Edit rate",
        "How often is what was taken changed afterwards?",
        "edited suggestions / accepted suggestions",
        "share",
        _QUALITY,
        "suggestions",
        "case when accepted = 1 then edited else 0 end",
        "accepted",
        greater_is_better=False,
    ),
    ProductMetric(
        "rewritten_share",
        "Rewritten share",
        "How much of what was taken is rewritten?",
        "tokens edited / tokens accepted",
        "share",
        _QUALITY,
        "suggestions",
        "case when accepted = 1 then edit_distance else 0 end",
        "case when accepted = 1 then suggestion_length else 0 end",
        greater_is_better=False,
    ),
    ProductMetric(
        "compile_rate",
        "Compile rate",
        "How often does the code with a suggestion compile?",
        "compiled / attempts to compile",
        "share",
        _QUALITY,
        "suggestions",
        "coalesce(compiled, 0)",
        "case when compiled is null then 0 else 1 end",
        margin=0.01,
    ),
    ProductMetric(
        "test_pass_rate",
        "Test pass rate",
        "How often do the tests pass on what compiled?",
        "passed / test runs",
        "share",
        _QUALITY,
        "suggestions",
        "coalesce(tests_passed, 0)",
        "case when tests_passed is null then 0 else 1 end",
        margin=0.01,
    ),
    ProductMetric(
        "hallucination_rate",
        "Hallucination rate",
        "How often does a suggestion name what does not exist?",
        "hallucinations / suggestions reviewed",
        "share",
        _QUALITY,
        "suggestions",
        "coalesce(hallucination, 0)",
        "case when hallucination is null then 0 else 1 end",
        greater_is_better=False,
        margin=0.005,
    ),
    ProductMetric(
        "mean_latency",
        "Mean latency",
        "How long does a developer wait?",
        "sum of milliseconds from request to suggestion / shown suggestions",
        "ms",
        _PLATFORM,
        "suggestions",
        "latency_ms",
        "1",
        greater_is_better=False,
        margin=50.0,
    ),
    ProductMetric(
        "slow_share",
        "Slow share",
        "How many suggestions come too late to be of use?",
        "suggestions above 1,000 ms / shown suggestions",
        "share",
        _PLATFORM,
        "suggestions",
        "case when latency_ms > 1000 then 1 else 0 end",
        "1",
        greater_is_better=False,
        margin=0.02,
    ),
    ProductMetric(
        "accepted_per_session",
        "Accepted per session",
        "How much does a session get out of the assistant?",
        "accepted suggestions / sessions",
        "per session",
        _PRODUCT,
        "sessions",
        "accepted",
        "1",
    ),
    ProductMetric(
        "minutes_to_pass",
        "Minutes to the first passing test",
        "How long until the first test passes, in sessions where one does?",
        "minutes from the first suggestion to the first passing test / sessions with a passing test",
        "minutes",
        _PRODUCT,
        "sessions",
        "coalesce(minutes_to_pass, 0)",
        "case when minutes_to_pass is null then 0 else 1 end",
        greater_is_better=False,
    ),
)
PRODUCT_METRICS: Mapping[str, ProductMetric] = MappingProxyType({m.name: m for m in _METRICS})


def product_metric(name: str) -> ProductMetric:
    """The metric of that name; UnknownName lists the known ones."""
    if name not in PRODUCT_METRICS:
        raise UnknownName("product metric", name, PRODUCT_METRICS)
    return PRODUCT_METRICS[name]
