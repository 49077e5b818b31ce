"""The `decisions` table: what was decided, and whether it has been carried out."""

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

_SQL = load("decisions")
STATUSES = ("pending_execution", "in_progress", "completed", "deferred", "cancelled")
_CHECKS: dict[str, Callable[[object], Any]] = {
    "title": lambda value: line("a decision's title", value),
    "description": lambda value: text("a decision's description", value),
    "owner": lambda value: line("a decision's owner", value, empty=True),
    "status": lambda value: one_of("a decision's status", value, STATUSES),
    "follow_up_date": lambda value: day("a decision's follow-up date", value),
}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Something decided. `follow_up_date` is a day of the user's calendar; instants are UTC."""

    id: int
    title: str
    description: str
    owner: str
    status: str
    follow_up_date: date | None
    created_at: datetime
    updated_at: datetime


class DecisionTable:
    """Add, read, change and delete decisions."""

    def __init__(self, database: Database, changes: ChangeTable) -> None:
        self._database = database
        self._changes = changes

    def add(
        self,
        title: str,
        *,
        description: str = "",
        owner: str = "",
        follow_up_date: date | str | None = None,
        now: datetime | None = None,
    ) -> Decision:
        """Store a new one, not yet carried out. Text as `follow_up_date` is read as YYYY-MM-DD."""
        row = _checked(title=title, description=description, owner=owner, follow_up_date=follow_up_date)
        with self._changes.signed(now) as at:
            return _decode(self._database.rows(_SQL["insert"], {**row, "now": at})[0])

    def get(self, decision_id: int) -> Decision:
        """The decision with that id."""
        row = self._database.row(_SQL["get"], (decision_id,))
        if row is None:
            raise NotFound(f"no decision has the id {decision_id}: see `jarvis decision list`")
        return _decode(row)

    def edit(
        self,
        decision_id: int,
        *,
        title: str | UnsetType = UNSET,
        description: str | UnsetType = UNSET,
        owner: str | UnsetType = UNSET,
        status: str | UnsetType = UNSET,
        follow_up_date: date | str | UnsetType | None = UNSET,
        now: datetime | None = None,
    ) -> Decision:
        """Change what is given; None as `follow_up_date` takes it away. What is so already changes nothing,
        `updated_at` included."""
        given = _checked(
            title=title, description=description, owner=owner, status=status, follow_up_date=follow_up_date
        )
        with self._changes.signed(now) as at:
            row = {**msgspec.structs.asdict(self.get(decision_id)), **given}
            row["follow_up_date"] = _CHECKS["follow_up_date"](row["follow_up_date"])
            self._database.change(_SQL["edit"], {**row, "now": at})
            return self.get(decision_id)

    def set_status(self, decision_id: int, status: str, now: datetime | None = None) -> Decision:
        """Change its status. The same status again changes nothing, `updated_at` included."""
        return self.edit(decision_id, status=status, now=now)

    def delete(self, decision_id: int, now: datetime | None = None) -> bool:
        """Forget it; False if there was none. Its history stays, and `undo` brings it back."""
        with self._changes.signed(now):
            return self._database.change(_SQL["delete"], (decision_id,)) == 1

    def history(self, decision_id: int, limit: int | None = 50) -> list[Change]:
        """What it was and who changed it, newest first; also of one that is deleted."""
        return self._changes.of_row("decision", str(decision_id), limit)

    def undo(self, change_id: int | None = None, now: datetime | None = None) -> Change:
        """Take back this author's last change of a decision; see ChangeTable.undo."""
        return self._changes.undo(change_id, noun="decision", now=now)

    def list(self, status: str | None = None) -> list[Decision]:
        """All of them, or those of one status, oldest first."""
        wanted = status if status is None else one_of("a decision's status", status, STATUSES)
        return [_decode(row) for row in self._database.rows(_SQL["list"], {"status": wanted})]


def _checked(**given: object) -> dict[str, Any]:
    """What is given, as it is stored."""
    return {name: _CHECKS[name](value) for name, value in given.items() if value is not UNSET}


def _decode(row: Row) -> Decision:
    return Decision(
        id=row[0],
        title=row[1],
        description=row[2],
        owner=row[3],
        status=row[4],
        follow_up_date=None if row[5] is None else date.fromisoformat(row[5]),  # the table's CHECK keeps out others
        created_at=from_micros(row[6]),
        updated_at=from_micros(row[7]),
    )
