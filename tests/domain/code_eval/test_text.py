"""Prompts, requirements, likeness of texts and families of errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from ds_workflow.domain.code_eval.tasks import Task
from ds_workflow.domain.code_eval.text import error_family, prompt_complexity, prose, requirements, similarities

PROMPT = '''def pick(values, n=1, *, strict):
    """Pick the n largest values, in descending order.

    The list must not be changed. Raise ValueError when n is negative.
    >>> pick([1, 3, 2], 2)
    [3, 2]
    """
'''
TASK = Task("t", PROMPT, ("pick",), "")


def test_requirements_are_the_sentences_that_demand() -> None:
    assert requirements(TASK) == (
        "Pick the n largest values, in descending order.",
        "The list must not be changed.",
        "Raise ValueError when n is negative.",
    )
    assert requirements(Task("t", "The sky was blue that day.", ("f",), "")) == ()


def test_a_prompt_is_measured_without_its_examples() -> None:
    found = prompt_complexity(TASK)
    assert (found.words, found.sentences, found.requirements) == (20, 3, 3)
    assert (found.bounds, found.examples, found.parameters) == (2, 1, 3)
    assert found.words_per_sentence == pytest.approx(20 / 3, abs=0.005)
    assert prose(TASK).startswith("Pick the n")


def test_a_longer_prompt_is_more_complex_and_an_empty_one_is_nothing() -> None:
    more = Task("t", PROMPT.replace("    >>>", "    Never return more than ten values.\n    >>>", 1), ("pick",), "")
    assert prompt_complexity(more).requirements == prompt_complexity(TASK).requirements + 1
    nothing = prompt_complexity(Task("t", "", ("f",), "", "def f(a, b): pass"))
    assert (nothing.words, nothing.sentences, nothing.parameters) == (0, 0, 2)


def test_similarity_is_the_cosine_of_tfidf() -> None:
    prompts = ["sort the list", "add two numbers"]
    codes = ["def f(x): return sorted(x)", "def add(a, b): return a + b"]
    references = ["def f(x): return sorted(x)", "def plus(a, b): return a - b"]
    found = similarities(prompts, codes, references)
    table = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    table.fit({*prompts, *codes, *references})
    expected = cosine_similarity(table.transform(codes), table.transform(references)).diagonal()
    np.testing.assert_allclose(found.code_reference, expected)
    assert found.code_reference[0] == pytest.approx(1.0)
    assert found.prompt_code[0] > found.prompt_code[1] or found.prompt_code[1] > 0


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_any_text_has_a_similarity_between_0_and_1(texts: list[str]) -> None:
    found = similarities(texts, texts[::-1], texts)
    assert ((found.prompt_code >= 0) & (found.prompt_code <= 1)).all()
    mirrored = similarities(texts[::-1], texts, texts[::-1])
    np.testing.assert_allclose(found.prompt_code, mirrored.prompt_code)


@pytest.mark.parametrize(
    ("message", "family"),
    [
        ("KeyError: 'a'", "lookup"),
        ("IndexError: list index out of range", "lookup"),
        ("ZeroDivisionError", "arithmetic"),
        ("UnicodeDecodeError: 'utf-8' codec can't decode", "value"),
        ("ModuleNotFoundError: No module named 'KeyError'", "import"),
        ("Traceback (most recent call last):\n  ...\nValueError: x\n\nDuring handling ...\nTypeError: y", "type"),
        ("json.decoder.JSONDecodeError: Expecting value", "other"),
        ("UnboundLocalError: x", "name"),
        ("RecursionError: maximum recursion depth exceeded", "recursion"),
        ("FileNotFoundError: nothing there", "system"),
        ("it does not work", "unknown"),
        ("  ", ""),
    ],
)
def test_an_error_belongs_to_the_family_of_its_type(message: str, family: str) -> None:
    assert error_family(message) == family
