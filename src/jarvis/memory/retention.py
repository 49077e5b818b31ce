"""What is past its retention goes: runs with all of theirs, digests, absences, history, events, incidents."""

from __future__ import annotations

from datetime import datetime

from jarvis.memory.instants import to_micros
from jarvis.memory.sqlite import Database
from jarvis.memory.statements import load

_SQL = load("retention")


def prune(database: Database, before: datetime, after: int, limit: int) -> tuple[int, int | None]:
    """Take away what ended `before`, of at most `limit` runs with ids above `after`: how many, and the last id seen.

    None for that once all are seen. Runs are recorded in the order of their ids, so a sweep ends at the first that
    is recent. Each task keeps its newest row, however old, and what is open stays. Deliveries, attempts and output
    go with their run. Of the memory's history, and of events, as many of the oldest are looked at. Nobody waits for
    the disk's sync.
    """
    window = {"before": to_micros(before), "after": after, "limit": limit}
    with database.transaction(durable=False):
        database.change(_SQL["changes"], window)
        recent = database.value(_SQL["first_recent"], window)
        last = database.value(_SQL["last_of_window"], window)
        upto = last if recent is None else recent - 1
        gone = database.change(_SQL["runs"], {**window, "upto": upto}) if upto is not None else 0
        if recent is not None or last is None:
            database.change(_SQL["absences"], window)
            database.change(_SQL["digests"], window)
            database.change(_SQL["incidents"], window)
            database.change(_SQL["events"], window)
            return gone, None
        return gone, last
