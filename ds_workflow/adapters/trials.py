"""Trials of challengers in traffic, in a file of their own; and the switch that ends all of them at once.

Started, ramped and stopped are lines that are only added. The switch is a file beside it: whoever can write there can
throw it, without the arena, MLflow or this program.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from ds_workflow.adapters.sqlite_file import SqliteFile
from ds_workflow.domain.traffic import Trial
from ds_workflow.errors import StateConflict, UnknownName

FILE, SWITCH = "trials.db", "TRIALS_OFF"

_schema = sa.MetaData()
_lines = sa.Table(
    "lines",
    _schema,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("trial", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, sa.CheckConstraint("kind IN ('started', 'share', 'stopped')"), nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # the whole trial when started, the reason when stopped
)


class Trials:
    """The trials of a store."""

    def __init__(self, store: Path) -> None:
        self._file = SqliteFile(store / FILE, _schema)
        self.switch = store / SWITCH

    def start(self, trial: Trial) -> Trial:
        """Keep a new one. StateConflict while another of the problem runs."""
        with self._file.writing() as connection:
            for other in _read(connection):
                if other.problem == trial.problem and other.running:
                    raise StateConflict(
                        f"{other.id} runs already with version {other.challenger.version}; one runs at a time.",
                        hint=f"Stop it first: traffic-stop {other.id}.",
                    )
            body = json.dumps(trial.to_dict())
            _add(connection, trial, "started", at=trial.started_at, by=trial.started_by, body=body)
            return trial

    def ramp(self, ident: str, share: float, *, at: str, by: str) -> Trial:
        """Raise the share. StateConflict when it is stopped or the share is no larger."""
        with self._file.writing() as connection:
            trial = _require_running(_read(connection), ident)
            if share < trial.share:
                raise StateConflict(
                    f"{ident} has a share of {trial.share:g}; a share only grows, so that no unit changes sides.",
                    hint="Stop it, and start another one.",
                )
            if share > trial.share:
                _add(connection, replace(trial, share=share), "share", at=at, by=by, body="")
            return _find(_read(connection), ident)

    def stop(self, ident: str, *, at: str, by: str, reason: str) -> Trial:
        """End it; one that has ended stays as it is."""
        with self._file.writing() as connection:
            trial = _find(_read(connection), ident)
            if trial.running:
                _add(connection, trial, "stopped", at=at, by=by, body=reason)
            return _find(_read(connection), ident)

    def listed(self, problem: str) -> list[Trial]:
        """All of a problem, oldest first."""
        if not self._file.exists():
            return []
        with self._file.reading() as connection:
            return [trial for trial in _read(connection) if trial.problem == problem]

    def find(self, ident: str) -> Trial:
        """One. UnknownName with the known ones."""
        with self._file.reading() as connection:
            return _find(_read(connection), ident)

    def running(self, problem: str) -> Trial | None:
        """The one that runs, whatever the switch says."""
        return next((trial for trial in self.listed(problem) if trial.running), None)

    def shares(self, ident: str) -> list[tuple[str, float]]:
        """Every share it had, with the time from which on."""
        with self._file.reading() as connection:
            query = _lines.select().where(_lines.c.trial == ident, _lines.c.kind != "stopped").order_by(_lines.c.seq)
            return [(row.at, row.share) for row in connection.execute(query)]

    def throw_switch(self, *, at: str, by: str, reason: str) -> None:
        """From now on only champions answer, in every process, whatever runs."""
        self.switch.parent.mkdir(parents=True, exist_ok=True)
        self.switch.write_text(json.dumps({"at": at, "by": by, "reason": reason}) + "\n", "utf-8")

    def lift_switch(self) -> bool:
        """Let trials run again; whether there was anything to lift."""
        there = self.switch.exists()
        self.switch.unlink(missing_ok=True)
        return there


def _add(connection: sa.Connection, trial: Trial, kind: str, **told: str) -> None:
    connection.execute(_lines.insert().values(trial=trial.id, kind=kind, share=trial.share, **told))


def _read(connection: sa.Connection) -> list[Trial]:
    found: dict[str, Trial] = {}
    for row in connection.execute(_lines.select().order_by(_lines.c.seq)):
        if row.kind == "started":
            found[row.trial] = Trial.from_dict(json.loads(row.body))
        elif row.kind == "share":
            found[row.trial] = replace(found[row.trial], share=row.share)
        else:
            found[row.trial] = replace(found[row.trial], stopped_at=row.at, stopped_by=row.by, reason=row.body)
    return list(found.values())


def _find(trials: Sequence[Trial], ident: str) -> Trial:
    for trial in trials:
        if trial.id == ident:
            return trial
    raise UnknownName("trial", ident, (trial.id for trial in trials))


def _require_running(trials: Sequence[Trial], ident: str) -> Trial:
    trial = _find(trials, ident)
    if not trial.running:
        raise StateConflict(f"{ident} was stopped at {trial.stopped_at} by {trial.stopped_by}: {trial.reason}.")
    return trial
