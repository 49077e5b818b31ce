"""The `absences` table: stretches of time in which no daemon could see what came due, and why."""

from __future__ import annotations

from datetime import datetime

from jarvis.memory.instants import from_micros, to_micros
from jarvis.memory.sqlite import Database
from jarvis.memory.statements import load
from jarvis.scheduler.clockwatch import Absence

_SQL = load("absences")


class AbsenceTable:
    """Facts about the machine and the daemon, kept for `jarvis why`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, absence: Absence) -> None:
        """Keep one."""
        row = {
            "kind": absence.kind,
            "since": to_micros(absence.since),
            "until": to_micros(absence.until),
            "detail": absence.detail,
        }
        self._database.change(_SQL["insert"], row)

    def between(self, since: datetime, until: datetime) -> list[Absence]:
        """Those that touch since..until, the earliest first."""
        rows = self._database.rows(_SQL["between"], {"since": to_micros(since), "until": to_micros(until)})
        return [
            Absence(kind=kind, since=from_micros(start), until=from_micros(end), detail=detail)
            for kind, start, end, detail in rows
        ]
