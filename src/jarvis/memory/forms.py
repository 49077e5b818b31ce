"""Texts of a task's own, kept beside the deliveries that they are for until they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from jarvis.memory.instants import from_micros, to_micros
from jarvis.memory.sqlite import Database
from jarvis.memory.statements import load
from jarvis.scheduler.model import Form

_SQL = load("forms")
_MOST_FACTS = 256 * 1024  # bytes of JSON; what a handler returned may be larger, and is left out then


class FormTable:
    """The `delivery_forms` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, templates: Mapping[str, str], ids: Iterable[tuple[str, int]], facts: Mapping[str, Any]) -> None:
        """Keep the template of each channel that has one, for its delivery (channel, id)."""
        kept = _encoded(facts)
        for channel, delivery_id in ids:
            if channel in templates:
                row = {"delivery_id": delivery_id, "template": templates[channel], "facts": kept}
                self._database.change(_SQL["insert"], row)

    def of(self, delivery_id: int) -> Form | None:
        """The form of a delivery, if it has one."""
        row = self._database.row(_SQL["of"], (delivery_id,))
        return None if row is None else Form(row[0], msgspec.json.decode(row[1]))

    def previous(self, task_id: int, due_at: datetime) -> dict[str, Any] | None:
        """The run of a task that ended before, as a template may speak of it."""
        row = self._database.row(_SQL["previous"], {"task_id": task_id, "due_at": to_micros(due_at)})
        if row is None:
            return None
        return {"id": row[0], "state": row[1], "reason": row[2], "due_at": from_micros(row[3]).isoformat()}


def _encoded(facts: Mapping[str, Any]) -> str:
    """As JSON; `data` is None where it is too much."""
    encoded = msgspec.json.encode(facts)
    if len(encoded) > _MOST_FACTS:
        encoded = msgspec.json.encode({**facts, "data": None})
    return encoded.decode()
