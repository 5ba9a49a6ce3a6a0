"""An export of the whole ledger: every event and row as JSON lines, and the program that checks them."""

from __future__ import annotations

import ast
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from registry import chain, laws, offline
from registry.errors import Unreadable
from registry.ports import Ledger
from registry.records import canonical_json
from registry.stored import lines

_WHEN = (1980, 1, 1, 0, 0, 0)  # zip's first day: the same ledger gives the same bytes
_README = """An export of a ledger of decisions, made at {at}.

events.jsonl       every event, each holding the SHA-256 of itself and of the one before
proposals.jsonl    decisions.jsonl    moves.jsonl    signatures.jsonl    locks.jsonl    snapshots.jsonl    uses.jsonl
accounts.jsonl     tokens.jsonl:      the rows that the events tell of; of passwords and tokens a digest
manifest.json      the head of the chain, the heads kept on the registered models, and what could not be read

Check it, with Python 3.11 or newer and nothing else:

    python verify.py THIS.zip --head 'SEQ HASH' --key NAME=HEX

--head is a head that you wrote down or were sent before. Without one from outside, an end that was cut off together
with its traces can't be told from a ledger that ended there. --key is the public key that a person gave to you, not to
this ledger; repeat it for each. Without it, whoever wrote the chain anew may have put in keys of their own.

This verify.py comes from whoever is being checked. Bring your own, of a release that you trust; its SHA-256 here is
{digest}
"""


@cache
def program() -> str:
    """The program that checks an export, in one file: the laws and the check, which import nothing of ours."""
    docs, imports, bodies = [], [], []
    for source in (laws, offline):
        text = Path(str(source.__file__)).read_text("utf-8")
        tree = ast.parse(text)
        rows, last = text.splitlines(keepends=True), 0
        for node in tree.body:
            if isinstance(node, ast.Expr) and not last:
                docs.append("".join(rows[: node.end_lineno]))
            elif not isinstance(node, ast.Import | ast.ImportFrom):
                break
            elif getattr(node, "module", "") != laws.__name__:
                imports += [row.strip() for row in rows[node.lineno - 1 : node.end_lineno]]
            last = node.end_lineno or last
        bodies.append("".join(rows[last:]).strip("\n"))
    future, *rest = sorted(set(imports), key=lambda line: (not line.startswith("from __future__"), line))
    plain = sorted(line for line in rest if line.startswith("import "))
    named: dict[str, set[str]] = {}
    for line in (line for line in rest if line.startswith("from ")):
        module, _, names = line.removeprefix("from ").partition(" import ")
        named.setdefault(module, set()).update(names.split(", "))
    lines = [*plain, *(f"from {module} import {', '.join(sorted(named[module]))}" for module in sorted(named))]
    return "\n".join([docs[1].rstrip("\n"), "", future, "", *lines, "", *bodies[0].split("\n"), "", "", bodies[1], ""])


def program_digest() -> str:
    """SHA-256 of it, in hex."""
    return sha256(program().encode()).hexdigest()


def publish(folder: Path) -> tuple[Path, Path]:
    """Write the program, and its digest as `sha256sum -c` reads it, where people take their own copy from."""
    path, said = folder / "verify.py", folder / "verify.py.sha256"
    path.write_text(program(), "utf-8")
    said.write_text(f"{program_digest()}  verify.py\n", "utf-8")
    return path, said


def write(
    path: Path, ledger: Ledger, *, heads: Mapping[str, str], at: str, faults: list[str], unread: str = ""
) -> tuple[int, str]:
    """Write the zip; how many events it holds, and its head. Whatever is written meanwhile is left out.

    Events and proposals go through memory a page at a time. `unread` says why there are no `heads`, if they could not
    be read. Rows that no record can be made of are left out, and told in `faults` and in the zip.
    """
    manifest = {"made_at": at, "heads": dict(heads), "heads_unread": unread}
    try:
        return _write(path, ledger, manifest, faults)
    except Unreadable:
        faults.clear()
        return _write(path, ledger, manifest, faults, any_text=True)


def _write(
    path: Path, ledger: Ledger, manifest: dict[str, Any], faults: list[str], *, any_text: bool = False
) -> tuple[int, str]:
    with ledger.reading(faults=faults, any_text=any_text):
        last = ledger.head()
        moves = [asdict(move) for problem in ledger.problems() for move in ledger.moves(problem)]
        accounts, tokens = ledger.people()
        rows: dict[str, Iterable[Any]] = {
            offline.DECISIONS: map(vars, ledger.decisions()),
            offline.MOVES: moves,
            offline.SIGNATURES: map(vars, ledger.signatures()),
            offline.ACCOUNTS: accounts,
            offline.TOKENS: tokens,
        }
        records: tuple[list[Any], ...] = (ledger.locks(), ledger.snapshots(), ledger.holdout_uses())
        rows |= {name: map(vars, found) for name, found in zip(offline.RECORDS, records, strict=True)}
        head = chain.head_text(last) if last else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.part")
        try:
            with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
                _add(archive, offline.EVENTS, (line for page in ledger.stored_events() for line in lines(page)))
                _add(archive, offline.PROPOSALS, _proposals(ledger, faults))
                for name, found in rows.items():
                    _add(archive, name, map(canonical_json, found))
                lacks = [told.encode(errors="backslashreplace").decode() for told in faults]
                told = {"format": offline.FORMAT, "head": head, "unreadable": lacks, **manifest}
                _add(archive, offline.MANIFEST, [canonical_json(told)])
                _add(archive, "verify.py", [program().rstrip("\n")])
                digest = program_digest()
                _add(archive, "README.txt", [_README.format(at=manifest["made_at"], digest=digest).rstrip("\n")])
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return (last.seq if last else 0), head


def _proposals(ledger: Ledger, faults: list[str]) -> Iterator[str]:
    for stored in ledger.stored_proposals():
        if not stored.body["evidence_digest"]:  # a column that the record has no place for
            faults.append(f"The row of proposal '{stored.id}' can't be read: its evidence_digest is not that it binds.")
        yield stored.text


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


if __name__ == "__main__":  # python -m registry.exporting docs/reference
    publish(Path(sys.argv[1]))
