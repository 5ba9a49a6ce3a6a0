"""An export of the whole ledger: every event and row as JSON lines, and the program that checks them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from registry import chain, offline
from registry.ports import Ledger
from registry.records import Event, canonical_json
from registry.verifying import PAGE

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
    """Write the zip; how many events it holds, and its head. Whatever is written meanwhile is left out."""
    with ledger.transaction():
        last = ledger.head()
        problems = ledger.problems()
        rows: dict[str, Iterable[Any]] = {
            offline.PROPOSALS: reversed(ledger.proposals()),
            offline.DECISIONS: ledger.decisions(),
            offline.MOVES: [move for problem in problems for move in ledger.moves(problem)],
            offline.SIGNATURES: ledger.signatures(),
            **dict(zip(offline.RECORDS, (ledger.locks(), ledger.snapshots(), ledger.holdout_uses()), strict=True)),
        }
        head = chain.head_text(last) if last else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            manifest = {"format": offline.FORMAT, "made_at": at, "head": head, "heads": dict(heads)}
            _add(archive, offline.MANIFEST, [canonical_json(manifest)])
            _add(archive, offline.EVENTS, (canonical_json(asdict(event)) for event in events(ledger)))
            for name, records in rows.items():
                _add(archive, name, (canonical_json(asdict(record)) for record in records))
            _add(archive, "verify.py", [Path(offline.__file__).read_text("utf-8").rstrip("\n")])
            _add(archive, "README.txt", [_README.format(at=at).rstrip("\n")])
    return (last.seq if last else 0), head


def events(ledger: Ledger, after: int = 0) -> Iterator[Event]:
    """The chain, page by page."""
    while page := ledger.events(after=after, limit=PAGE):
        yield from page
        after = page[-1].seq


def _add(archive: zipfile.ZipFile, name: str, lines: Iterable[str]) -> None:
    info = zipfile.ZipInfo(name, _WHEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as file:
        for line in lines:
            file.write(f"{line}\n".encode())
