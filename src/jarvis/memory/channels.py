"""How each channel did: read from the outbox, which has the one truth of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from jarvis.memory.instants import from_micros, maybe_instant
from jarvis.memory.reader import Reads
from jarvis.memory.statements import load

_SQL = load("channels")


class Fault(NamedTuple):
    """A delivery that did not arrive for sure."""

    at: datetime
    delivery: int
    state: str
    reason: str


class Record(NamedTuple):
    """What one channel came to so far."""

    sent_at: datetime | None
    fault: Fault | None
    waiting: int


def record_of(database: Reads, channel: str) -> Record:
    """When a channel last sent, when it last did not and why, and how much waits for it."""
    sent_at = maybe_instant(database.value(_SQL["last_sent"], (channel,)))
    row = database.row(_SQL["last_unsent"], (channel,))
    fault = None if row is None else Fault(from_micros(row[0]), *row[1:])
    return Record(sent_at, fault, database.value(_SQL["waiting"], (channel,)))
