"""Watching custody from outside the commands: a look, and an incident for what is out of it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters.incidents import Incidents
from ds_workflow.domain import strict_json
from ds_workflow.errors import InvalidInput
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Custody

CAUSE = "custody"
FRESH_SECONDS = 300  # a delivery older or newer than this is refused
SECRET = "DS_WORKFLOW_WEBHOOK_SECRET"  # noqa: S105 - the name of the variable that holds it


def look(work: Workspace, *, by: str) -> Custody:
    """Compare alias and bytes with the pointer log; drift and a registry that is down open an incident, custody closes
    it. A decision that is just being applied is neither."""
    name = work.problem.name
    state = work.registry.custody(name)
    if state.status == "drifted" and work.registry.half_applied(name) is not None:
        return state
    book, at = Incidents(work.settings.store), utc_text(work.clock())
    if state.status in ("drifted", "unknown"):
        book.note(name, CAUSE, f"Custody is {state.status}. {state.detail}", at=at, by=by)
    else:
        book.settle(name, CAUSE, at=at, by=by, resolution=f"custody is {state.status} again")
    return state


@dataclass(frozen=True)
class Delivery:
    """What MLflow sends along with a webhook (Standard Webhooks): its id, when, and the signature."""

    ident: str
    timestamp: str
    signature: str

    def require_genuine(self, body: bytes, *, secret: str, now: datetime) -> None:
        """Raise Forged unless the secret's holder signed these bytes, less than five minutes ago."""
        if not self.timestamp.isdecimal() or abs(now.timestamp() - int(self.timestamp[:15])) > FRESH_SECONDS:
            raise Forged("The delivery is not of these minutes.", hint="Set both clocks by the same source.")
        signed = f"{self.ident}.{self.timestamp}.".encode() + body
        wanted = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
        version, _, text = self.signature.partition(",")
        try:
            given = b64decode(text, validate=True)
        except ValueError:
            given = b""
        if version != "v1" or not hmac.compare_digest(given, wanted):
            raise Forged("The signature does not fit.", hint=f"MLflow's webhook needs the secret of {SECRET}.")


class Forged(InvalidInput):
    """A delivery that the holder of the secret did not send."""


def model_of(body: bytes) -> str:
    """The registered model that a delivery is about. Raises InvalidInput for what MLflow would not send."""
    try:
        sent: Any = strict_json.loads(body)
        name = sent["data"]["name"]
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise InvalidInput("The body is no delivery of MLflow's: it has no data.name.") from error
    if not isinstance(name, str):
        raise InvalidInput("The body is no delivery of MLflow's: data.name is no text.")
    return name
