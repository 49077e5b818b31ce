"""The `delegations` table: what was handed to whom, and until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from jarvis.errors import NotFound
from jarvis.memory.changes import Change, ChangeTable
from jarvis.memory.checked import day, line, one_of, text
from jarvis.memory.instants import from_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load

_SQL = load("delegations")
PRIORITIES = ("low", "medium", "high", "critical")
STATUSES = ("active", "completed", "cancelled")
_CHECKS: dict[str, Callable[[object], Any]] = {
    "task": lambda value: line("a delegation's task", value),
    "delegated_to": lambda value: line("who a task is delegated to", value),
    "due_date": lambda value: day("a delegation's due date", value),
    "priority": lambda value: one_of("a delegation's priority", value, PRIORITIES),
    "status": lambda value: one_of("a delegation's status", value, STATUSES),
    "notes": lambda value: text("a delegation's notes", value),
}


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
    """Add, read, change and delete delegations."""

    def __init__(self, database: Database, changes: ChangeTable) -> None:
        self._database = database
        self._changes = changes

    def add(
        self,
        task: str,
        delegated_to: str,
        *,
        due_date: date | str | None = None,
        priority: str = "medium",
        notes: str = "",
        now: datetime | None = None,
    ) -> Delegation:
        """Store a new one, active. Text as `due_date` is read as YYYY-MM-DD."""
        row = _checked(task=task, delegated_to=delegated_to, due_date=due_date, priority=priority, notes=notes)
        with self._changes.signed(now) as at:
            return _decode(self._database.rows(_SQL["insert"], {**row, "now": at})[0])

    def get(self, delegation_id: int) -> Delegation:
        """The delegation with that id."""
        row = self._database.row(_SQL["get"], (delegation_id,))
        if row is None:
            raise NotFound(f"no delegation has the id {delegation_id}: see `jarvis delegation list`")
        return _decode(row)

    def edit(
        self,
        delegation_id: int,
        *,
        task: str | UnsetType = UNSET,
        delegated_to: str | UnsetType = UNSET,
        due_date: date | str | UnsetType | None = UNSET,
        priority: str | UnsetType = UNSET,
        status: str | UnsetType = UNSET,
        notes: str | UnsetType = UNSET,
        now: datetime | None = None,
    ) -> Delegation:
        """Change what is given; None as `due_date` takes it away. What is so already changes nothing, `updated_at`
        included."""
        given = _checked(
            task=task, delegated_to=delegated_to, due_date=due_date, priority=priority, status=status, notes=notes
        )
        with self._changes.signed(now) as at:
            row = {**msgspec.structs.asdict(self.get(delegation_id)), **given}
            row["due_date"] = _CHECKS["due_date"](row["due_date"])
            self._database.change(_SQL["edit"], {**row, "now": at})
            return self.get(delegation_id)

    def set_status(self, delegation_id: int, status: str, now: datetime | None = None) -> Delegation:
        """Change its status. The same status again changes nothing, `updated_at` included."""
        return self.edit(delegation_id, status=status, now=now)

    def delete(self, delegation_id: int, now: datetime | None = None) -> bool:
        """Forget it; False if there was none. Its history stays, and `undo` brings it back."""
        with self._changes.signed(now):
            return self._database.change(_SQL["delete"], (delegation_id,)) == 1

    def history(self, delegation_id: int, limit: int | None = 50) -> list[Change]:
        """What it was and who changed it, newest first; also of one that is deleted."""
        return self._changes.of_row("delegation", str(delegation_id), limit)

    def undo(self, change_id: int | None = None, now: datetime | None = None) -> Change:
        """Take back this author's last change of a delegation; see ChangeTable.undo."""
        return self._changes.undo(change_id, noun="delegation", now=now)

    def list(self, status: str | None = None) -> list[Delegation]:
        """All of them, or those of one status; the first due first, those without a date last."""
        wanted = status if status is None else one_of("a delegation's status", status, STATUSES)
        return [_decode(row) for row in self._database.rows(_SQL["list"], {"status": wanted})]


def _checked(**given: object) -> dict[str, Any]:
    """What is given, as it is stored."""
    return {name: _CHECKS[name](value) for name, value in given.items() if value is not UNSET}


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
