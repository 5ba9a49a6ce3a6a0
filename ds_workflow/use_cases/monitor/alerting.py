"""Telling people outside: what the daily check found, once per change, and whatever else is asked to be sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import alerts
from ds_workflow.adapters.alerts import Message, Outbox
from ds_workflow.errors import InvalidInput, SourceUnavailable
from registry.records import utc_text

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace

HEALTHY = "healthy"


def tell_daily(work: Workspace, screen: Mapping[str, Any]) -> list[str]:
    """Send one problem's daily screen (as `Daily.to_dict`) where its status asks for it; what was done, in words.

    The same findings are told again only after `repeat_hours`; when all is healthy again, that is told once. Raises
    InvalidInput for a configuration that can't be read, SourceUnavailable when a channel does not take it.
    """
    told = alerts.load(work.settings.root, os.environ)
    if not told.channels:
        return ["nobody is told: there is no config/alerts.yaml with a channel"]
    problem, status = str(screen["problem"]), str(screen["status"])
    bad = [c for c in screen["checks"] if c["status"] != HEALTHY]
    key = " ".join([status, *sorted(f"{c['name']}={c['status']}" for c in bad)])
    lines = [f"{c['status']}: {c['name']}: {c['detail']}" for c in bad] or ["Every check is healthy again."]
    if screen["next"]:
        lines += ["", "Next:", *(f"{n}. {step}" for n, step in enumerate(screen["next"], start=1))]
    facts = {"kind": "daily", **{name: screen[name] for name in ("problem", "status", "at", "checks", "next")}}
    message = Message(f"{problem} is {status}", "\n".join(lines), facts)
    outbox, now = Outbox(work.settings.store), work.clock()
    done, failed = [], []
    for channel in told.channels:
        last = outbox.last(problem, channel.name)
        if not _due(status, key, last, now, told):
            done.append(f"{problem}: {channel.name} has been told already" if last else f"{problem}: nothing to tell")
            continue
        try:
            channel.send(message)
        except SourceUnavailable as error:
            failed.append(str(error))
            continue
        outbox.note(problem, channel.name, key, at=utc_text(now))
        done.append(f"{problem}: told by {channel.name}")
    if failed:
        raise SourceUnavailable(" ".join(failed), hint="See config/alerts.yaml; what was sent is not sent again.")
    return done


def _due(status: str, key: str, last: tuple[str, str] | None, now: datetime, told: alerts.Alerts) -> bool:
    """Whether a status is told now, given what was told last (time, key)."""
    if not told.wants(status):
        return last is not None and not last[1].startswith(HEALTHY) and status == HEALTHY
    if last is None or last[1] != key:
        return True
    return now - datetime.fromisoformat(last[0]) >= timedelta(hours=told.repeat_hours)


def tell(work: Workspace, title: str, text: str, facts: Mapping[str, Any]) -> list[str]:
    """Send a text through every channel. Raises as `tell_daily`; every channel is tried."""
    told = alerts.load(work.settings.root, os.environ)
    if not told.channels:
        return ["nobody is told: there is no config/alerts.yaml with a channel"]
    done, failed = [], []
    for channel in told.channels:
        try:
            channel.send(Message(title, text, facts))
            done.append(f"told by {channel.name}")
        except SourceUnavailable as error:
            failed.append(str(error))
    if failed:
        raise SourceUnavailable(" ".join(failed), hint="See config/alerts.yaml.")
    return done


def test(work: Workspace) -> list[str]:
    """Send a test message. Raises InvalidInput where no channel is configured."""
    if not alerts.load(work.settings.root, os.environ).channels:
        raise InvalidInput(
            f"There is no channel in {work.settings.root / 'config' / 'alerts.yaml'}.",
            hint="Write webhook: {url_env: NAME} or email: {host: ..., sender: ..., to: [...]} into it.",
        )
    at = utc_text(work.clock())
    return tell(work, "A test of the alerts", f"Sent at {at}. Nothing is wrong.", {"kind": "test", "at": at})
