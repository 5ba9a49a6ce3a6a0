"""Incidents: opened once per cause, counted while they last, closed with what was done."""

from __future__ import annotations

from pathlib import Path

import pytest

from ds_workflow.adapters.incidents import Incidents
from ds_workflow.errors import InvalidInput, UnknownName


def test_an_incident_is_opened_once_per_cause(tmp_path: Path) -> None:
    book = Incidents(tmp_path)
    assert book.listed() == []
    first = book.note("nyc_sales", "swap", "version 3 can't be loaded", at="t1", by="serving")
    again = book.note("nyc_sales", "swap", "still not", at="t2", by="serving")
    assert (first.id, first.times) == ("I-00001", 1)
    assert (again.id, again.times, again.opened_at, again.last_at, again.detail) == (
        "I-00001",
        2,
        "t1",
        "t2",
        "still not",
    )
    other = book.note("nyc_sales", "quick way", "differs", at="t3", by="serving", severity="warn")
    elsewhere = book.note("adult_income", "swap", "gone", at="t3", by="serving")
    assert [one.id for one in book.listed()] == ["I-00001", other.id, elsewhere.id]
    assert [one.cause for one in book.listed("nyc_sales")] == ["swap", "quick way"]


def test_a_closed_cause_that_comes_back_is_a_new_incident(tmp_path: Path) -> None:
    book = Incidents(tmp_path)
    first = book.note("p", "swap", "no", at="t1", by="serving")
    closed = book.close(first.id, at="t2", by="ana", resolution="restored the files")
    assert (closed.closed_at, closed.closed_by, closed.resolution) == ("t2", "ana", "restored the files")
    assert book.close(first.id, at="t9", by="ben", resolution="again").closed_by == "ana"  # stays as it was
    second = book.note("p", "swap", "again", at="t3", by="serving")
    assert second.id != first.id
    assert [one.id for one in book.listed(only_open=True)] == [second.id]
    book.settle("p", "swap", at="t4", by="serving", resolution="loaded")
    book.settle("p", "swap", at="t5", by="serving", resolution="nothing to do")
    assert book.listed(only_open=True) == []


def test_closing_needs_a_name_and_what_was_done(tmp_path: Path) -> None:
    book = Incidents(tmp_path)
    found = book.note("p", "swap", "no", at="t1", by="serving")
    with pytest.raises(InvalidInput, match="what was done"):
        book.close(found.id, at="t2", by="ana", resolution=" ")
    with pytest.raises(UnknownName, match="I-00001"):
        book.close("I-00007", at="t2", by="ana", resolution="done")


def test_one_that_repeats_each_second_does_not_fill_the_disk(tmp_path: Path) -> None:
    book = Incidents(tmp_path)
    for number in range(70):
        found = book.note("p", "swap", f"no {number}", at=f"t{number:03d}", by="serving")
    assert found.times == 50
