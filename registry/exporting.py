"""An export of the whole ledger: every event and row as JSON lines, and the program that checks them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from registry import chain, offline
from registry.ports import Ledger
from registry.records import canonical_json
from registry.stored import lines

_WHEN = (1980, 1, 1, 0, 0, 0)  # zip's first day: the same ledger gives the same bytes
_README = """An export of a ledger of decisions, made at {at}.

events.jsonl       every event, each holding the SHA-256 of itself and of the one before
proposals.jsonl    decisions.jsonl    moves.jsonl    signatures.jsonl    locks.jsonl    snapshots.jsonl    uses.jsonl:
                   the rows that the events tell of
manifest.json      the head of the chain, and the heads kept on the registered models

Check it, with Python 3.11 or newer and nothing else:

    python verify.py THIS.zip --head 'SEQ HASH'

where --head is a head that you wrote down or were sent before, if you have one. Without a head from outside, an end
that was cut off together with its traces can't be told from a ledger that ended there.
"""


def write(path: Path, ledger: Ledger, *, heads: Mapping[str, str], at: str) -> tuple[int, str]:
    """Write the zip; how many events it holds, and its head. Whatever is written meanwhile is left out.

    Events and proposals go through memory a page at a time.
    """
    with ledger.reading():
        last = ledger.head()
        moves = [move for problem in ledger.problems() for move in ledger.moves(problem)]
        rows: dict[str, Iterable[Any]] = {
            offline.DECISIONS: ledger.decisions(),
            offline.MOVES: moves,
            offline.SIGNATURES: ledger.signatures(),
            **dict(zip(offline.RECORDS, (ledger.locks(), ledger.snapshots(), ledger.holdout_uses()), strict=True)),
        }
        head = chain.head_text(last) if last else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.part")
        try:
            with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
                manifest = {"format": offline.FORMAT, "made_at": at, "head": head, "heads": dict(heads)}
                _add(archive, offline.MANIFEST, [canonical_json(manifest)])
                _add(archive, offline.EVENTS, (line for page in ledger.stored_events() for line in lines(page)))
                _add(archive, offline.PROPOSALS, (stored.text for stored in ledger.stored_proposals()))
                for name, records in rows.items():
                    _add(archive, name, (canonical_json(asdict(record)) for record in records))
                _add(archive, "verify.py", [Path(offline.__file__).read_text("utf-8").rstrip("\n")])
                _add(archive, "README.txt", [_README.format(at=at).rstrip("\n")])
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return (last.seq if last else 0), head


def _add(archive: zipfile.ZipFile, name: str, texts: Iterable[str]) -> None:
    info = zipfile.ZipInfo(name, _WHEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as file:
        for some in _batched(texts):
            file.write("".join(f"{text}\n" for text in some).encode())


def _batched(texts: Iterable[str]) -> Iterator[list[str]]:
    """A few hundred at a time: a write of its own for each line takes longer than the line."""
    waiting = iter(texts)
    while some := list(islice(waiting, 500)):
        yield some
