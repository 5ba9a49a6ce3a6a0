"""The named queries: headings that are true, the same answers from PostgreSQL, and answers that pandas confirms."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ds_workflow.adapters.telemetry import catalog
from ds_workflow.adapters.telemetry.database import Database
from ds_workflow.adapters.telemetry.warehouse import Table, Warehouse
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.errors import InvalidInput, UnknownName

NARROW = Filters(date(2025, 2, 3), date(2025, 5, 11), segment="intermediate")


@pytest.fixture(scope="module")
def answers(filled: Warehouse) -> dict[str, Table]:
    with filled.session(keep=True) as session:
        return {name: session.ask(catalog.named(name).sql) for name in catalog.names()}


def test_there_are_enough_questions() -> None:
    assert len(catalog.names()) >= 24
    assert len({catalog.named(name).question for name in catalog.names()}) == len(catalog.names())


@pytest.mark.parametrize("name", catalog.names())
def test_a_heading_names_the_columns_that_come(name: str, answers: dict[str, Table]) -> None:
    assert list(answers[name].columns) == list(catalog.named(name).columns)
    assert catalog.named(name).grain and catalog.named(name).question.endswith("?")


def test_nearly_every_query_finds_something(answers: dict[str, Table]) -> None:
    assert {name for name, found in answers.items() if not found.rows} <= {"latency_outliers", "developer_outliers"}


def close(one: Any, two: Any) -> bool:
    if isinstance(one, int | float) and isinstance(two, int | float):
        return math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == two)


def test_postgresql_answers_the_same(filled: Warehouse, postgres_url: str) -> None:
    database = Database(postgres_url)
    assert database.load(filled, say=lambda _: None) == filled.batches()[0]["accepted"]
    assert database.load(filled, say=lambda _: None) == 0, "a batch is copied once"
    assert database.state == filled.batches()[0]["batch"]
    for filters in (Filters(), NARROW):
        with filled.session(filters, keep=True) as ours, database.session(filters, keep=True) as theirs:
            for name in catalog.names():
                sql = catalog.named(name).sql
                one, two = ours.ask(sql), theirs.ask(sql)
                assert one.columns == two.columns, name
                assert len(one.rows) == len(two.rows), name
                for row, other in zip(one.rows, two.rows, strict=True):
                    assert all(map(close, row, other)), (name, row, other)


# --- held against pandas, on the rows that the events were made from --------------------------------------------------


def test_the_suggestions_come_back_out_of_their_events(filled: Warehouse, rows: pd.DataFrame) -> None:
    with filled.session() as session:
        found = pd.DataFrame(session.ask("select * from suggestions").records()).set_index("suggestion_id")
    wanted = rows.set_index(rows["session_id"].astype(str) + "-" + rows["suggestion_id"].astype(str))
    found = found.loc[wanted.index]
    for name in ("latency_ms", "prompt_length", "suggestion_length", "accepted", "edited", "hallucination"):
        assert (found[name].astype(float) == wanted[name].astype(float)).all(), name
    assert (found["edit_distance"] == wanted["edit_distance"].fillna(0)).all()
    taken = wanted["accepted"].to_numpy(bool)
    assert (found["compiled"][taken] == wanted["compiled"][taken].astype(float)).all()
    assert found["compiled"][~taken].isna().all()
    built = taken & wanted["compiled"].fillna(False).to_numpy(bool)
    assert (found["tests_passed"][built] == wanted["tests_passed"][built].astype(float)).all()
    assert found["tests_passed"][~built].isna().all()
    assert (found["error_type"][taken] == wanted["error_type"][taken].astype(str)).all()


def test_rates_by_model_and_their_errors(answers: dict[str, Table], rows: pd.DataFrame) -> None:
    for found in answers["acceptance_by_model"].records():
        mine = rows[rows["model_version"] == found["model_version"]]
        by = mine.groupby("developer_id")["accepted"].agg(["sum", "count"])
        rate = mine["accepted"].mean()
        # a ratio of means is a regression through the origin, weighted: its residuals give the error
        off = by["sum"] - rate * by["count"]
        error = math.sqrt((off**2).sum() * len(by) / (len(by) - 1)) / by["count"].sum()
        assert (found["developers"], found["shown"]) == (len(by), len(mine))
        assert found["acceptance_rate"] == pytest.approx(rate)
        assert (found["high"] - found["acceptance_rate"]) / 1.96 == pytest.approx(error)


def test_latency_percentiles(answers: dict[str, Table], rows: pd.DataFrame) -> None:
    for found in answers["latency_percentiles"].records():
        mine = rows.loc[rows["model_version"] == found["model_version"], "latency_ms"]
        wanted = np.percentile(mine, [50, 90, 95, 99])
        assert [found[p] for p in ("p50", "p90", "p95", "p99")] == pytest.approx(list(wanted))
        assert found["slow_share"] == pytest.approx((mine > 1000).mean())


def test_a_funnel_only_narrows(answers: dict[str, Table], rows: pd.DataFrame) -> None:
    for model, mine in rows.groupby("model_version", observed=True):
        steps = [r["suggestions"] for r in answers["funnel"].records() if r["model_version"] == model]
        passed = (mine["tests_passed"].fillna(False) & mine["compiled"].fillna(False)).sum()
        assert steps == [len(mine), mine["accepted"].sum(), mine["compiled"].fillna(False).sum(), passed]
        assert steps == sorted(steps, reverse=True)


def test_retention_counts_who_comes_back(answers: dict[str, Table], rows: pd.DataFrame) -> None:
    week = rows["shown_at"].dt.to_period("W").dt.start_time.dt.date
    seen = rows.assign(week=week).groupby("developer_id")["week"].agg(set)
    first = seen.map(min)
    found = answers["retention"].records()
    for r in found:
        cohort = [w for w, f in zip(seen, first, strict=True) if f == r["first_week"]]
        at = r["first_week"] + pd.Timedelta(weeks=r["weeks_since"]).to_pytimedelta()
        assert (r["began"], r["active"]) == (len(cohort), sum(at in weeks for weeks in cohort))
        assert r["returned"] >= r["retention"]
    assert sum(r["began"] for r in found if r["weeks_since"] == 0) == rows["developer_id"].nunique()


def test_rolling_shares_and_empty_days(answers: dict[str, Table], rows: pd.DataFrame) -> None:
    days = rows.set_index("shown_at")["accepted"].resample("D").agg(["sum", "count"])
    wanted = days["sum"].rolling(7, min_periods=1).sum() / days["count"].rolling(7, min_periods=1).sum()
    found = answers["acceptance_rolling"].records()
    assert len(found) == len(days)
    assert [r["last_7_days"] for r in found] == pytest.approx(list(wanted))
    assert sum(r["last_28_days"] is None for r in found) == 27


def test_movers_add_up_to_what_moved(answers: dict[str, Table], rows: pd.DataFrame) -> None:
    middle = rows["shown_at"].min() + (rows["shown_at"].max() - rows["shown_at"].min()) / 2
    late = rows["shown_at"] >= middle
    change = rows.loc[late, "accepted"].mean() - rows.loc[~late, "accepted"].mean()
    found = answers["acceptance_movers"].records()
    assert sum(r["by_rate"] + r["by_mix"] for r in found) == pytest.approx(change)


def test_refusals_in_a_row(answers: dict[str, Table], rows: pd.DataFrame) -> None:
    def longest(flags: pd.Series[Any]) -> int:
        refused = (~flags.to_numpy(bool)).astype(int)
        return max(map(len, "".join(map(str, refused)).split("0")))

    by = rows.groupby("session_id").agg(longest=("accepted", longest), segment=("developer_segment", "first"))
    for segment, mine in by.groupby("segment", observed=True):
        told = [r for r in answers["refusal_streaks"].records() if r["developer_segment"] == segment]
        assert max(r["longest"] for r in told) == mine["longest"].max()
        with_streak = sum(round(r["with_streak"] * r["sessions"]) for r in told)
        assert with_streak == (mine["longest"] >= 5).sum()


def test_a_simulated_log_is_whole(answers: dict[str, Table]) -> None:
    assert {r["rule"]: r["broken"] for r in answers["event_quality"].records()} == dict.fromkeys(
        answers["event_quality"].column("rule"), 0
    )


# --- filters ---------------------------------------------------------------------------------------------------------


def test_filters_cut_by_the_day_of_the_suggestion(filled: Warehouse, rows: pd.DataFrame) -> None:
    with filled.session(NARROW) as session:
        found = session.ask("select count(*), sum(accepted), max(shown_at) from suggestions").rows[0]
    day = rows["shown_at"].dt.date
    mine = rows[(rows["developer_segment"] == "intermediate") & (day >= NARROW.first) & (day <= NARROW.last)]
    assert found == (len(mine), mine["accepted"].sum(), mine["shown_at"].max())


@pytest.mark.parametrize(
    "given",
    [
        {"language": "cobol"},
        {"segment": "wizard"},
        {"version": "x'; drop table events; --"},
        {"from": "yesterday"},
        {"from": "2025-03-02", "to": "2025-03-01"},
    ],
)
def test_a_filter_that_can_not_be_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        Filters.of(given)


def test_filters_survive_an_address() -> None:
    assert Filters.of({k: str(v) for k, v in NARROW.to_dict().items()}) == NARROW


# --- the files -------------------------------------------------------------------------------------------------------


def test_an_unknown_query_lists_the_known() -> None:
    with pytest.raises(UnknownName, match="acceptance_by_model"):
        catalog.named("nonsense")


HEADING = "-- question: Why?\n-- grain: one row\n-- columns:\n--   n  a number\n"


@pytest.mark.parametrize("part", ["question", "grain", "columns"])
def test_a_query_without_a_whole_heading_is_refused(part: str) -> None:
    text = "\n".join(line for line in HEADING.splitlines() if part not in line)
    with pytest.raises(InvalidInput, match=part):
        catalog.parse("broken", f"{text}\nselect 1 as n\n")


def test_metrics_in_braces_become_their_definition() -> None:
    parsed = catalog.parse("x", f"{HEADING}select {{{{ acceptance_rate }}}} as n from suggestions\n")
    assert parsed.metrics == ("acceptance_rate",)
    assert parsed.sql == (
        "select (cast(sum(accepted) as double precision) / nullif(sum(1), 0)) as n from suggestions\n"
    )
    with pytest.raises(UnknownName, match="happiness"):
        catalog.parse("x", f"{HEADING}select {{{{ happiness }}}} as n\n")
    with pytest.raises(InvalidInput, match="has no 'half'"):
        catalog.parse("x", f"{HEADING}select {{{{ acceptance_rate.half }}}} as n\n")
