"""Results that an arena proposal can cite, kept in the workspace and read back whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import experiment_records
from ds_workflow.adapters.experiment_records import Kept, of_file
from ds_workflow.errors import StateConflict
from registry.records import digest_of, utc_text

__all__ = ["Kept", "intact", "keep", "load", "of_file"]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_workflow.workspace import Workspace


def keep(
    work: Workspace,
    name: str,
    *,
    kind: str,
    source: Mapping[str, Any],
    result: Mapping[str, Any],
    page: str,
    ask: Mapping[str, Any] | None = None,
    sql: str = "",
) -> Kept:
    """Write the result and its page under experiments/. The same name with another result is refused; the same result
    again is a no-op. `ask` is what was asked of the source, so that it can be asked again; `sql` is what added the
    figures up, which the digest leaves out (one result may be added up in several ways)."""
    body = {"kind": kind, "source": dict(source), "ask": dict(ask or {}), "result": dict(result)}
    body |= {"sql": sql} if sql else {}
    at = utc_text(work.clock())
    return experiment_records.keep(work.settings.root, name, body, page=page, at=at, commit=work.commit)


def load(work: Workspace, name: str) -> dict[str, Any]:
    """A kept result whose digest still is that of its content. Raises UnknownName with the known ones, StateConflict
    for a file that was changed after it was kept."""
    body = experiment_records.read(work.settings.root, name)
    if not intact(body):
        raise StateConflict(
            f"{name}.json was changed after it was kept: its digest is another.",
            hint="Analyse again and keep it under a new name.",
        )
    return body


def intact(body: Mapping[str, Any]) -> bool:
    """Whether a record is as it was kept, by this command or by `traffic-result`."""
    trial = digest_of({key: body[key] for key in ("kind", "trial", "result") if key in body})
    return body.get("digest") in {experiment_records.digest_of(body), trial}
