"""How things stand, as alert rules ask: of tasks, deliveries, facts and events. Nothing is written here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from jarvis.memory.instants import from_micros, maybe_instant, to_micros
from jarvis.memory.reader import Reads
from jarvis.memory.statements import load

_SQL = load("health")
MOST_TASKS = 10_000
MOST_EVENTS = 500
LARGEST_PAYLOAD = 16_384  # characters of an event's that a rule can look into


class TaskHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a task is doing. Instants are UTC."""

    name: str
    enabled: bool
    pause_reason: str
    created_at: datetime
    failures: int  # runs in a row that failed
    next_run_at: datetime | None
    last_state: str | None  # of the last run that started
    last_run_at: datetime | None
    last_reason: str
    last_success_at: datetime | None  # when it ended


class Unsent(msgspec.Struct, frozen=True):
    """Deliveries to one channel in one state."""

    channel: str
    state: str
    count: int
    oldest: datetime


class HealthTable:
    """Read how things stand."""

    def __init__(self, database: Reads) -> None:
        self._database = database

    def tasks(self, name: str | None = None, *, failures: int = 0) -> list[TaskHealth]:
        """Tasks by name, those with at least so many failures in a row; at most MOST_TASKS of them."""
        row = {"name": name, "failures": failures, "limit": MOST_TASKS}
        return [
            TaskHealth(
                name=found[0],
                enabled=bool(found[1]),
                pause_reason=found[2] or "",
                created_at=from_micros(found[3]),
                failures=found[4],
                next_run_at=maybe_instant(found[5]) if found[1] else None,
                last_state=found[6],
                last_run_at=maybe_instant(found[7]),
                last_reason=found[8] or "",
                last_success_at=maybe_instant(found[9]),
            )
            for found in self._database.rows(_SQL["tasks"], row)
        ]

    def unsent(self, since: datetime, until: datetime, channel: str | None = None) -> list[Unsent]:
        """Deliveries made in that time which have not arrived for sure, by channel and state."""
        row = {"since": to_micros(since), "until": to_micros(until), "channel": channel}
        rows = self._database.rows(_SQL["unsent"], row)
        return [Unsent(channel, state, count, from_micros(oldest)) for channel, state, count, oldest in rows]

    def facts(self) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, datetime]]]:
        """Every fact, by category and key: its value as JSON, null for one that is none; and when it was set."""
        values: dict[str, dict[str, Any]] = {}
        updated: dict[str, dict[str, datetime]] = {}
        for category, key, value, at in self._database.rows(_SQL["facts"]):
            values.setdefault(category, {})[key] = msgspec.Raw(value.encode())
            updated.setdefault(category, {})[key] = from_micros(at)
        return values, updated

    def events(self) -> list[dict[str, Any]]:
        """The newest events, newest first; the payload of a large one is null."""
        rows = self._database.rows(_SQL["events"], {"limit": MOST_EVENTS, "largest": LARGEST_PAYLOAD})
        return [
            {
                "id": row[0],
                "source": row[1],
                "event_type": row[2],
                "status": row[3],
                "received_at": from_micros(row[4]),
                "payload": msgspec.Raw(row[5].encode()),
            }
            for row in rows
        ]
