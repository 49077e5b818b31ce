"""The `delegations` table: what was handed to whom, and until when."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from jarvis.errors import NotFound
from jarvis.memory.checked import day, line, one_of, text
from jarvis.memory.instants import from_micros, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load

_SQL = load("delegations")
PRIORITIES = ("low", "medium", "high", "critical")
STATUSES = ("active", "completed", "cancelled")


class Delegation(msgspec.Struct, frozen=True, kw_only=True):
    """Something another person does. `due_date` is a day of the user's calendar; instants are UTC."""

    id: int
    task: str
    delegated_to: str
    due_date: date | None
    priority: str
    status: str
    notes: str
    created_at: datetime
    updated_at: datetime


class DelegationTable:
    """Add, read and settle delegations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        task: str,
        delegated_to: str,
        *,
        due_date: date | str | None = None,
        priority: str = "medium",
        notes: str = "",
        now: datetime,
    ) -> Delegation:
        """Store a new one, active. Text as `due_date` is read as YYYY-MM-DD."""
        row = {
            "task": line("a delegation's task", task),
            "delegated_to": line("who a task is delegated to", delegated_to),
            "due_date": day("a delegation's due date", due_date),
            "priority": one_of("a delegation's priority", priority, PRIORITIES),
            "notes": text("a delegation's notes", notes),
            "now": to_micros(now),
        }
        with self._database.transaction():
            return _decode(self._database.rows(_SQL["insert"], row)[0])

    def get(self, delegation_id: int) -> Delegation:
        """The delegation with that id."""
        row = self._database.row(_SQL["get"], (delegation_id,))
        if row is None:
            raise NotFound(f"no delegation has the id {delegation_id}: see `jarvis delegation list`")
        return _decode(row)

    def set_status(self, delegation_id: int, status: str, now: datetime) -> Delegation:
        """Change its status. The same status again changes nothing, `updated_at` included."""
        row = {"id": delegation_id, "status": one_of("a delegation's status", status, STATUSES), "now": to_micros(now)}
        with self._database.transaction():
            self._database.change(_SQL["set_status"], row)
            return self.get(delegation_id)

    def list(self, status: str | None = None) -> list[Delegation]:
        """All of them, or those of one status; the first due first, those without a date last."""
        wanted = status if status is None else one_of("a delegation's status", status, STATUSES)
        return [_decode(row) for row in self._database.rows(_SQL["list"], {"status": wanted})]


def _decode(row: Row) -> Delegation:
    return Delegation(
        id=row[0],
        task=row[1],
        delegated_to=row[2],
        due_date=None if row[3] is None else date.fromisoformat(row[3]),  # the table's CHECK keeps out others
        priority=row[4],
        status=row[5],
        notes=row[6],
        created_at=from_micros(row[7]),
        updated_at=from_micros(row[8]),
    )
