"""The `webhook_events` table: facts that arrived as files in the inbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import msgspec

from jarvis.errors import NotFound
from jarvis.memory.instants import from_micros, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.scheduler.model import Event

_SQL = load("events")
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1  # what an integer column holds


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that arrived. `file_mtime` is in nanoseconds since 1970, `digest` the content's SHA-256."""

    id: int
    source: str
    event_type: str
    payload: Any
    event_id: str | None
    file_name: str
    file_mtime: int
    digest: str
    status: str
    received_at: datetime


class EventTable:
    """Take in each file once, and read what came."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        source: str,
        event_type: str,
        payload: Any,
        *,
        file_name: str,
        file_mtime: int,
        digest: str,
        now: datetime,
        event_id: str | None = None,
    ) -> bool:
        """Store an event. False if its content, or its `event_id` from this source, came before: nothing changes.

        A `msgspec.Raw` payload is kept to the letter. A time beyond the column's range is kept as its end.
        """
        row = {
            "source": source,
            "event_type": event_type,
            "payload": msgspec.json.encode(payload).decode(),
            "event_id": event_id,
            "file_name": file_name,
            "file_mtime": _kept_mtime(file_mtime),
            "digest": digest,
            "now": to_micros(now),
        }
        with self._database.transaction():
            stored = self._database.change(_SQL["insert"], row) == 1
            if stored:
                self._database.announce()
            return stored

    def emit(self, source: str, event_type: str, payload: Any, now: datetime) -> int:
        """Store an event that no file brought, and wake the daemons. Its id."""
        with self._database.transaction():
            text = msgspec.json.encode(payload)
            digest = sha256(token_bytes(16) + text).hexdigest()  # the same said twice has happened twice
            self.add(source, event_type, msgspec.Raw(text), file_name="", file_mtime=0, digest=digest, now=now)
            return self._database.last_id()

    def any_pending(self) -> bool:
        """Whether any event waits to be given to the tasks it concerns."""
        return bool(self._database.value(_SQL["any_pending"]))

    def pending(self, limit: int) -> Sequence[Event]:
        """The events that wait, in the order in which they came, without their payloads, which may be long."""
        return [
            Event(id=row[0], source=row[1], event_type=row[2], payload=None, received_at=from_micros(row[3]))
            for row in self._database.rows(_SQL["pending"], (limit,))
        ]

    def payload(self, event_id: int) -> str:
        """The payload of an event as its JSON text."""
        return str(self._database.value(_SQL["payload"], (event_id,)))

    def twin(self, digest: str, source: str, event_id: str | None) -> WebhookEvent | None:
        """The event that stands in the way of such a one, without its payload."""
        row = self._database.row(_SQL["twin"], {"digest": digest, "source": source, "event_id": event_id})
        return None if row is None else _decode(row)

    def get(self, event_id: int) -> WebhookEvent:
        """One event by its number here. NotFound if there is none."""
        row = self._database.row(_SQL["one"], (event_id,))
        if row is None:
            raise NotFound(f"no event has the id {event_id}: see `jarvis inbox list`")
        return _decode(row)

    def list(self, limit: int | None = 50, *, source: str | None = None) -> list[WebhookEvent]:
        """What arrived, newest first; `limit=None` for all of it."""
        rows = self._database.rows(_SQL["newest"], {"source": source, "limit": -1 if limit is None else limit})
        return [_decode(row) for row in rows]


def _kept_mtime(nanoseconds: int) -> int:
    """A time of change as it is kept: one beyond the column's range as its end."""
    return min(max(nanoseconds, _LEAST), _MOST)


def _decode(row: Row) -> WebhookEvent:
    return WebhookEvent(
        id=row[0],
        source=row[1],
        event_type=row[2],
        payload=msgspec.json.decode(row[3]),
        event_id=row[4],
        file_name=row[5],
        file_mtime=row[6],
        digest=row[7],
        status=row[8],
        received_at=from_micros(row[9]),
    )
