"""What is stored is hashed as it is, and that shows no less than reading every value does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from registry import chain, laws, offline, signing
from registry.memory import MemoryLedger, MemoryVersions
from registry.records import Event, canonical_json
from registry.sql_ledger import SqlLedger
from registry.stored import Links, StoredEvent, event_of, lines, standing_of, values_of

Rows = list[StoredEvent]
AT = "2026-01-31T12:00:00.000000Z"


def told(count: int = 11) -> Rows:
    """A sound chain, with what JSON writes in more than one way."""
    rows, last = [], None
    for n in range(count):
        body = {"n": n, "said": 'ä "quoted", \\ and \u2028', "of": [1, 2.5, None, {"b": 1, "a": ""}], "é": True}
        last = Event.after(last, at=AT, kind="note", subject=f'x "{n}"', body=body)
        rows.append(StoredEvent(**{**vars(last), "body": canonical_json(body)}))
    return rows


def walked(rows: Rows, *, size: int) -> list[str]:
    """What a walk by pages of that size finds."""
    walk = Links()
    return [wrong for at in range(0, len(rows), size) for wrong in walk.page(rows[at : at + size])[0]]


def one_by_one(rows: Rows) -> list[str]:
    """The law: numbers go up by one, each event names the hash before, and its hash is of its value."""
    wrong, seq, link = [], 0, "0" * 64
    for row in rows:
        value = {**row._asdict(), "body": json.loads(row.body)}
        kept = value.pop("hash")
        wrong += [f"{row.seq} is not after {seq}"] if row.seq != seq + 1 else []
        wrong += [f"{row.seq} follows another"] if row.previous != link else []
        made = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        wrong += [f"{row.seq} was edited"] if sha256(made.encode()).hexdigest() != kept else []
        seq, link = row.seq, row.hash
    return wrong


def edit(rows: Rows, field: str, value: Any, at: int) -> None:
    rows[at] = rows[at]._replace(**{field: value})


def swap(rows: Rows, at: int) -> None:
    rows[at], rows[at + 1] = rows[at + 1], rows[at]


def renumber(rows: Rows, at: int) -> None:
    """Two events in each other's place, under the number of the place."""
    one, other = rows[at : at + 2]
    rows[at], rows[at + 1] = other._replace(seq=one.seq), one._replace(seq=other.seq)


def put_in(rows: Rows, at: int) -> None:
    rows.insert(at, rows[at])


def twice(rows: Rows, at: int) -> None:
    """A body that names a key twice, which readers may read in two ways, under the hash of its very text."""
    row = rows[at]
    body = row.body.replace('{"n":', '{"n":99,"n":', 1)
    whole = next(iter(lines([row]))).replace(f',"hash":"{row.hash}"', "").replace(row.body, body)
    rows[at] = row._replace(body=body, hash=sha256(whole.encode()).hexdigest())


HARMS: dict[str, Callable[[Rows, int], object]] = {
    **{f"edit {name}": lambda rows, at, name=name, value=value: edit(rows, name, value, at)  # type: ignore[misc]
       for name, value in (("at", "2027"), ("kind", "other"), ("subject", "x"), ("body", '{"n":1}'),
                           ("previous", "f" * 64), ("hash", "e" * 64))},
    "swap": swap, "renumber": renumber, "put in": put_in, "take out": lambda rows, at: rows.pop(at), "twice": twice,
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_every_harm_shows_whatever_page_it_falls_on(harm: str) -> None:
    assert walked(told(), size=4) == []
    for at in (0, 3, 4, 5, 9):
        rows = told()
        HARMS[harm](rows, at)
        found = [walked(rows, size=size) for size in (1, 2, 4, 5, 100)]
        assert found[0]
        assert len(found[0]) == len(one_by_one(rows))
        assert all(one == found[0] for one in found[1:]), "a page of another size says the same"


def test_a_body_written_in_another_way_is_still_its_value() -> None:
    """Blanks and the order of keys change no value; who reads it reads what was hashed."""
    rows = told()
    rows[5] = rows[5]._replace(body=json.dumps(json.loads(rows[5].body)))
    assert walked(rows, size=4) == one_by_one(rows) == []
    _, texts, _ = Links().page(rows)
    assert [row.body for row in texts] == [row.body for row in told()]
    assert [json.loads(line) for line in lines(rows)] == [json.loads(line) for line in lines(told())]


@pytest.mark.parametrize(
    "body", ["[1]", "{", "NaN", '{"n":NaN}', "[" * 100_000, '{"n":"\\ud800"}', b'{"n":1}', None, 7],
    ids=["list", "half", "nan", "nan within", "deep", "surrogate", "bytes", "null", "number"],
)  # fmt: skip
def test_what_no_ledger_writes_is_an_edit_and_no_accident(body: Any) -> None:
    rows = told()
    rows[5] = rows[5]._replace(body=body)
    for size in (1, 4, 100):
        (said,) = walked(rows, size=size)
        assert "Event 6 " in said
        assert "was edited" in said
    assert len([json.loads(line) for line in lines(rows)]) == len(rows), "an export of it can be read, and says so too"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(VALUES, min_size=1, max_size=5), st.data())
def test_texts_are_their_values_only_one_by_one(values: list[Any], data: st.DataObject) -> None:
    texts = [canonical_json(value) for value in values]
    assert values_of(texts) == values
    whole = ",".join(texts)  # the same list cut elsewhere: no text is a value of its own then, or none is its one text
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=len(texts) - 1, max_size=len(texts) - 1)))
    ends = [0, *cuts, len(whole)]
    other = [whole[a:b].strip(",") for a, b in pairwise(ends)]
    found = values_of(other)
    assert found is None or [canonical_json(value) for value in found] == other


@pytest.mark.parametrize(
    "texts",
    [['{"a":1} '], [' {"a":1}'], ['{"b":1,"a":2}'], ['{"a":1,"a":1}'], ['{"a": 1}'], ['"\\u00e9"'], ["1.50"], ["1e2"],
     ['{"a":"x"},{"b":1}', '{"c":[{}', "{}]}"], ["1", ""]],
)  # fmt: skip
def test_a_text_that_is_not_the_one_of_its_value_is_not_taken_for_it(texts: list[str]) -> None:
    assert values_of(texts) is None


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def lived(request: pytest.FixtureRequest, make_bench: Any, tmp_path: Path) -> Any:
    """Champions, a rejection and an open proposal in each kind of ledger."""
    if request.param == "postgresql":
        bench = request.getfixturevalue("served")
    else:
        ledger = MemoryLedger() if request.param == "memory" else SqlLedger.at(tmp_path / "arena.db")
        bench = make_bench(MemoryVersions(tmp_path / "versions"), ledger, tmp_path)
    bench.promote()
    bench.promote(3.0)
    bench.registry().reject(bench.propose(bench.candidate(4.0)).id, by="ada", reason='no "never" \u2028 é')
    bench.propose(bench.candidate(5.0))
    return bench


def test_a_row_is_put_together_as_its_record_is_written(lived: Any) -> None:
    ledger, newest = lived.ledger, lived.ledger.proposals()
    assert list(ledger.stored_proposals()) == [chain.stored(proposal) for proposal in reversed(newest)]
    approved = {standing_of(p) for p in newest if p.disposition == "approved"}
    assert len(approved) == 2
    assert set(ledger.approved("toy_prices")) == approved
    events = ledger.events()
    rows = [StoredEvent(*row) for page in ledger.stored_events() for row in page]
    assert [event_of(row) for row in rows] == events
    assert [row[0] for page in ledger.stored_events(after=5) for row in page] == [e.seq for e in events[5:]]


def test_an_export_holds_every_record_whatever_is_in_its_words(lived: Any, tmp_path: Path) -> None:
    lived.registry().export(tmp_path / "ledger.zip", at=AT)
    parts = offline.read(tmp_path / "ledger.zip")
    assert offline.check(parts) == (len(lived.ledger.events()), [])
    assert [json.loads(line) for line in parts[offline.EVENTS]] == [vars(event) for event in lived.ledger.events()]
    records = [json.loads(canonical_json(asdict(p))) for p in reversed(lived.ledger.proposals())]
    assert [json.loads(line) for line in parts[offline.PROPOSALS]] == records
    assert sorted(file.name for file in tmp_path.glob("ledger*")) == ["ledger.zip"]


def test_postgresql_keeps_the_rows_until_they_are_asked(served: Any) -> None:
    """A cursor of the server's: the client holds a page, however long the chain."""
    served.promote()
    with served.ledger.reading():
        pages = served.ledger.stored_events()
        assert len(next(pages)) > 5
        cursors = sa.text("SELECT count(*) FROM pg_cursors WHERE statement LIKE '%events%'")
        assert served.ledger._open.connection.execute(cursors).scalar() == 1
        pages.close()


def test_the_program_in_the_export_knows_the_words_of_the_chain() -> None:
    assert laws.SIGNED == chain.SIGNED
    assert (laws.KEY_ADDED, laws.KEY_REVOKED) == (signing.KEY_ADDED, signing.KEY_REVOKED)
    assert list(offline.ROWS.values()) == [chain.DECISION, chain.MOVE, chain.LOCK, chain.SNAPSHOT, chain.HOLDOUT]
