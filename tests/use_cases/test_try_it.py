"""Asking a model by hand: words and days, as the problem's declaration alone says."""

from __future__ import annotations

import re
from threading import Lock
from typing import Any

import numpy as np
import pytest

from ds_workflow import plugins
from ds_workflow.adapters import models, scorer
from ds_workflow.adapters.row_reader import reader
from ds_workflow.domain.strategy import StrategyOptions
from ds_workflow.use_cases import try_it
from ds_workflow.use_cases.predict import Answerer
from registry.records import Lineage, ModelVersion


def answerer(name: str, *, rows: int, feature_set: str, strategy: str) -> Answerer:
    """A model of a problem, fitted on simulated rows, as an answerer."""
    plugin = plugins.load("problems", name)
    problem = plugin.PROBLEM
    table, _ = plugin.clean(plugin.simulate(rows=rows, seed=5))
    featurizer = plugin.featurizer(feature_set, seed=5)
    target = table[problem.target].to_numpy(dtype=np.float64)
    features = featurizer.fit_transform(table, target)
    build = plugins.load("strategies", strategy).build
    estimator = build(problem, StrategyOptions(seed=5), problem.feature_set(feature_set).features)
    model = models.assemble(featurizer, estimator.fit(features, target))
    lineage = Lineage(name, "d", "a", "b", feature_set, strategy, "data", "x", "ana", 5, "c", "BASELINE", "BASELINE")
    version = ModelVersion(name, 1, "d" * 64, "run", lineage, "2026-01-01T00:00:00.000000Z")
    return Answerer(problem, version, model, scorer.pipeline(problem, model), reader(problem), "pipeline", "", Lock())


def asked(found: Answerer, **form: str) -> try_it.Answer:
    answer, errors = try_it.ask(found, try_it.row_of(found.problem, form))
    assert not errors and answer is not None
    return answer


@pytest.mark.parametrize("name", plugins.names("problems"))
def test_the_form_of_every_problem_holds_its_inputs(name: str) -> None:
    problem = plugins.load("problems", name).PROBLEM
    fields = try_it.fields(problem)
    assert {f.name for f in fields} == {c.name for c in problem.inputs}
    required = [f.required for f in fields]
    assert required == sorted(required, reverse=True), "what must be given comes first"
    row = try_it.row_of(problem, {f.name: f.example for f in fields})
    assert row == {c.name: c.example for c in problem.inputs if c.example not in (None, "")}


def test_numbers_are_read_and_what_is_none_stays_text() -> None:
    problem = plugins.load("problems", "adult_income").PROBLEM
    sent = {"age": " 39 ", "hours_per_week": "4e1", "capital_gain": "nan", "capital_loss": "1_000x", "education": ""}
    row = try_it.row_of(problem, sent)
    assert row["age"] == 39 and row["hours_per_week"] == 40
    assert np.isnan(row["capital_gain"]) and row["capital_loss"] == "1_000x"
    assert "education" not in row


def test_the_words_that_moved_an_answer_are_marked_and_add_up() -> None:
    found = answerer("movie_reviews", rows=1_200, feature_set="v1.0", strategy="text")
    answer = asked(found, text="A wonderful film. The ending is awful & <b>boring</b>!")
    assert "&lt;b&gt;" in answer.text and "<b>" not in answer.text
    marked = {w.lower(): way for way, w in re.findall(r'<mark class="(up|down)\d" title="[^"]+">([^<]+)<', answer.text)}
    for reason in answer.reasons:
        if reason.feature in marked:
            assert marked[reason.feature] == ("up" if reason.value > 0 else "down")
    model: Any = found.model
    row = model["features"].transform(try_it.check_rows(found.problem, [{"text": "A wonderful film."}])[0])
    words = dict(model["model"].explain_words(row, top=99)[0])
    odds = model["model"].intercept_ + sum(words.values())
    value = asked(found, text="A wonderful film.").value
    assert value == pytest.approx(1 / (1 + np.exp(-odds)), rel=1e-6)


def test_a_forecast_shows_its_whole_day() -> None:
    found = answerer("taxi_demand", rows=30_000, feature_set="v1.0", strategy="seasonal_naive")
    example = {c.name: str(c.example) for c in found.problem.inputs}
    answer = asked(found, **example)
    drawn = answer.pictures.split("<figure>")[1]
    assert f"Zone {example['zone']} on {example['day']}, by hour" in drawn
    hints = re.findall(r"<title>(\d+): ([\d.,]+)", drawn.partition('<div class="narrow">')[0])
    assert [int(hour) for hour, _ in hints] == list(range(24))
    assert float(hints[int(example["hour"])][1].replace(",", "")) == pytest.approx(answer.value, rel=1e-3)
