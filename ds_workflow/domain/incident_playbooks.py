"""What to do about an incident, step by step, by its cause. Steps name commands that exist; a person does them."""

from __future__ import annotations

from collections.abc import Mapping

_GENERAL = (
    "Acknowledge it, so that others know who is on it: incident-ack",
    "Find out since when: incidents --all, and the Monitoring page's charts",
    "Mend the cause, or roll back: arena-rollback",
    "Look again: daily",
    "Close it with what was done: incident-close",
)

PLAYBOOKS: Mapping[str, tuple[str, ...]] = {
    "performance": (
        "Acknowledge it: incident-ack",
        "See which segments and since when: monitor-performance, then its page",
        "See whether the inputs moved: monitor-inputs --input FILE",
        "If answers do harm now, put the former champion back: arena-rollback --reason ... --by ...",
        "Fill the drafted hypothesis and check it: hypothesis-check",
        "Train a candidate for it and let the arena compare: train-candidate, arena-propose",
        "Close it with what was done: incident-close",
    ),
    "drift": (
        "Acknowledge it: incident-ack",
        "Read the drift page: a changed unit, code or source shows as values out of range",
        "If the sender changed, have it put right, and look again: monitor-inputs --input FILE",
        "If the world changed, freeze newer rows: data-snapshot",
        "Fill the drafted hypothesis and train on the newer rows: hypothesis-check, train-candidate",
        "Close it with what was done: incident-close",
    ),
    "inputs": (
        "Acknowledge it: incident-ack",
        "See which rows and columns, and since when: monitor-inputs --input FILE, then its page",
        "Refused rows or values out of range: a unit, a code or a source has changed; have the sender put it right",
        "If answers do harm now, put the former champion back: arena-rollback --reason ... --by ...",
        "Look again: monitor-inputs --input FILE; a healthy look closes it by itself",
        "Close it with what was done: incident-close",
    ),
    "service": (
        "Acknowledge it: incident-ack",
        "See how many requests and which: the Monitoring page, and GET /metrics",
        "See the service's log of that time; restart the service if it is stuck",
        "Take challengers out of the traffic: traffic-kill",
        "Close it with what was done: incident-close",
    ),
    "swap": (
        "Acknowledge it: incident-ack",
        "See why the decided version can't be loaded: arena-status, arena-verify",
        "Restore the artifacts from their backup, or roll back: arena-rollback",
        "Close it with what was done: incident-close",
    ),
    "custody": (
        "Acknowledge it: incident-ack",
        "See what stands where: arena-status",
        "Find out who moved it: the registry's pages and its server's log",
        "Put the decided champion back: arena-restore; or try what stands there after the fact: arena-adopt",
        "Where its version or files are gone: a backup, or arena-rollback",
        "It closes by itself when custody is back; the service looks once a minute",
    ),
    "challenger": (
        "Acknowledge it: incident-ack",
        "Take the challenger out of the traffic: traffic-stop, or traffic-kill at once",
        "Read what failed, and close its proposal with a reason: arena-reject",
        "Close it with what was done: incident-close",
    ),
}  # fmt: skip


def steps_of(cause: str) -> tuple[str, ...]:
    """The steps for a cause; `agent: performance` is about performance. Every cause has some."""
    about = cause.rpartition(":")[2].strip()
    return PLAYBOOKS.get(about, PLAYBOOKS.get(cause, _GENERAL))
