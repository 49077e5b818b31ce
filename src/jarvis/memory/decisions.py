"""The `decisions` table: what was decided, and whether it has been carried out."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from jarvis.errors import NotFound
from jarvis.memory.checked import day, line, one_of, text
from jarvis.memory.instants import from_micros, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load

_SQL = load("decisions")
STATUSES = ("pending_execution", "in_progress", "completed", "deferred", "cancelled")


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
    """Add, read and settle decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        title: str,
        *,
        description: str = "",
        owner: str = "",
        follow_up_date: date | str | None = None,
        now: datetime,
    ) -> Decision:
        """Store a new one, not yet carried out. Text as `follow_up_date` is read as YYYY-MM-DD."""
        row = {
            "title": line("a decision's title", title),
            "description": text("a decision's description", description),
            "owner": line("a decision's owner", owner, empty=True),
            "follow_up_date": day("a decision's follow-up date", follow_up_date),
            "now": to_micros(now),
        }
        with self._database.transaction():
            return _decode(self._database.rows(_SQL["insert"], row)[0])

    def get(self, decision_id: int) -> Decision:
        """The decision with that id."""
        row = self._database.row(_SQL["get"], (decision_id,))
        if row is None:
            raise NotFound(f"no decision has the id {decision_id}: see `jarvis decision list`")
        return _decode(row)

    def set_status(self, decision_id: int, status: str, now: datetime) -> Decision:
        """Change its status. The same status again changes nothing, `updated_at` included."""
        row = {"id": decision_id, "status": one_of("a decision's status", status, STATUSES), "now": to_micros(now)}
        with self._database.transaction():
            self._database.change(_SQL["set_status"], row)
            return self.get(decision_id)

    def list(self, status: str | None = None) -> list[Decision]:
        """All of them, or those of one status, oldest first."""
        wanted = status if status is None else one_of("a decision's status", status, STATUSES)
        return [_decode(row) for row in self._database.rows(_SQL["list"], {"status": wanted})]


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
